use serde_json::json;

use super::*;
use crate::fake::{self, Fake};

fn about(name: &str) -> Regarding {
    Regarding {
        api_version: "carto.run/v1alpha1",
        kind: "Workload",
        namespace: "team".into(),
        name: name.into(),
        uid: format!("uid-of-{name}").into(),
        resource_version: "7".into(),
    }
}

fn applied(message: &str) -> EventRecord {
    EventRecord {
        reason: "StampedObjectApplied",
        message: message.to_owned(),
        component: "Workload",
    }
}

fn start() -> (Recorder, Fake, Arc<Metrics>) {
    let (client, fake) = fake::client();
    let metrics = Arc::new(Metrics::default());
    let wire = Wire::new(client, Arc::clone(&metrics), Duration::from_secs(5));
    let (recorder, writers) = Recorder::new(&wire, &metrics, Box::new(|| false));
    for writer in writers {
        tokio::spawn(writer);
    }
    (recorder, fake, metrics)
}

const EVENTS: &str = "/api/v1/namespaces/team/events";

#[tokio::test(start_paused = true)]
async fn an_event_reads_like_one_of_client_go() {
    let (recorder, mut fake, _) = start();
    recorder.record(
        about("app"),
        vec![applied("Created object [images.kpack.io/app]")],
    );
    let exchange = fake.expect(Method::POST, EVENTS).await;
    let event = &exchange.body;
    assert_eq!(event["involvedObject"]["kind"], "Workload");
    assert_eq!(event["involvedObject"]["uid"], "uid-of-app");
    assert_eq!(event["message"], "Created object [images.kpack.io/app]");
    assert_eq!(event["source"]["component"], "Workload");
    assert_eq!(
        (&event["type"], &event["count"]),
        (&json!("Normal"), &json!(1))
    );
    assert!(
        event["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("app.")
    );
    assert_eq!(
        event["firstTimestamp"].as_str().unwrap().len(),
        "2026-01-01T00:00:00Z".len()
    );
}

#[tokio::test(start_paused = true)]
async fn identical_events_raise_a_count() {
    let (recorder, mut fake, _) = start();
    recorder.record(about("app"), vec![applied("Patched"), applied("Patched")]);
    let first = fake.expect(Method::POST, EVENTS).await;
    let name = first.body["metadata"]["name"].as_str().unwrap().to_owned();
    first.json(&json!({}));
    let second = fake
        .expect(Method::PATCH, &format!("{EVENTS}/{name}"))
        .await;
    assert_eq!(second.body["count"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_expired_series_begins_anew() {
    let (recorder, mut fake, _) = start();
    recorder.record(about("app"), vec![applied("x"), applied("x"), applied("x")]);
    fake.expect(Method::POST, EVENTS).await.json(&json!({}));
    fake.expect(Method::PATCH, EVENTS)
        .await
        .fail(404, "NotFound", "gone");
    let anew = fake.expect(Method::POST, EVENTS).await;
    let name = anew.body["metadata"]["name"].as_str().unwrap().to_owned();
    anew.json(&json!({}));
    let third = fake
        .expect(Method::PATCH, &format!("{EVENTS}/{name}"))
        .await;
    assert_eq!(third.body["count"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_api_delays_events_and_a_refusal_drops_them() {
    let (recorder, mut fake, metrics) = start();
    recorder.record(about("app"), vec![applied("a"), applied("b")]);
    fake.next().await.fail(503, "ServiceUnavailable", "later");
    let again = fake.next().await;
    assert_eq!(again.body["message"], "a");
    again.fail(403, "Forbidden", "namespace is being terminated");
    let next = fake.next().await;
    assert_eq!(next.body["message"], "b");
    next.json(&json!({}));
    while recorder.pending() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(metrics.snapshot().events_dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn many_similar_events_are_combined() {
    let (recorder, mut fake, _) = start();
    let records = (0..SIMILAR_MAX + 2)
        .map(|n| applied(&format!("Created {n}")))
        .collect();
    recorder.record(about("app"), records);
    for _ in 0..SIMILAR_MAX {
        fake.expect(Method::POST, EVENTS).await.json(&json!({}));
    }
    let combined = fake.expect(Method::POST, EVENTS).await;
    let message = combined.body["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("(combined from similar events): Created "),
        "{message}"
    );
    combined.json(&json!({}));
    assert_eq!(fake.expect(Method::PATCH, EVENTS).await.body["count"], 2);
}

#[test]
fn a_crowd_says_once_what_has_one_reason() {
    let output = |n: usize| EventRecord {
        reason: "ResourceOutputChanged",
        message: format!("[{n}] found a new output in [x/{n}]"),
        component: "Workload",
    };
    let said = joined(vec![applied("a"), output(1), applied("b"), output(2)]);
    let messages: Vec<&str> = said.iter().map(|one| one.message.as_str()).collect();
    let outputs = "[1] found a new output in [x/1]; [2] found a new output in [x/2]";
    assert_eq!(messages, ["a", outputs, "b"]);
    let many = joined((0..100).map(output).collect());
    assert!(many.len() > 1 && many.iter().all(|one| one.message.len() <= JOINED_MAX_BYTES));
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_drops_and_counts() {
    let (recorder, _fake, metrics) = start();
    for _ in 0..PENDING_MAX {
        recorder.record(about("app"), vec![applied("x")]);
    }
    recorder.record(about("app"), vec![applied("y")]);
    assert_eq!(metrics.snapshot().events_dropped, 1);
}

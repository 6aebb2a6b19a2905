use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{self, Fake};
use crate::metrics::Metrics;

const SILENCE: Duration = Duration::from_secs(200);

/// Writes down what it is told.
#[derive(Default)]
struct Diary {
    entries: Mutex<Vec<String>>,
    /// What it knows already.
    known: Mutex<Option<String>>,
    recovered: AtomicU64,
}

impl Diary {
    fn note(&self, entry: String) {
        self.entries.lock().unwrap().push(entry);
    }

    async fn has(&self, expect: &[&str]) {
        for _ in 0..10_000 {
            if *self.entries.lock().unwrap() == expect {
                return;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!(
            "expected {expect:?}, got {:?}",
            self.entries.lock().unwrap()
        );
    }
}

impl Sink for Diary {
    type Item = String;

    const ECHOES: bool = true;

    fn knows(&self, object: &Glance<'_>) -> bool {
        let known = self.known.lock().unwrap();
        *known == Some(format!("{}@{}", object.name, object.version))
    }

    fn decode(&self, object: Live) -> Option<String> {
        let text = |pointer: &str| {
            object
                .object()
                .pointer(pointer)?
                .as_str()
                .map(str::to_owned)
        };
        Some(format!(
            "{}@{}",
            text("/metadata/name")?,
            text("/metadata/resourceVersion")?
        ))
    }

    fn list_begins(&self) -> u64 {
        0
    }

    fn listed(&self, _: u64, items: Vec<String>) {
        self.note(format!("listed {}", items.join(" ")));
    }

    fn changed(&self, item: String, _: Instant) {
        self.note(format!("changed {item}"));
    }

    fn deleted(&self, item: String, _: Instant) {
        self.note(format!("deleted {item}"));
    }

    fn recovered(&self) {
        self.recovered.fetch_add(1, Ordering::Relaxed);
    }
}

struct Scene {
    fake: Fake,
    diary: Arc<Diary>,
    control: Arc<Control>,
    cancel: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn start() -> Scene {
    let (client, fake) = fake::client();
    let wire = Wire::new(
        client,
        Arc::new(Metrics::default()),
        Duration::from_secs(30),
    );
    let target = Target {
        group: "kpack.io".into(),
        version: "v1alpha2".into(),
        plural: "images".into(),
        kind: "Image".into(),
        namespace: None,
        selector: Some("carto.run/resource-name".into()),
        detail: Detail::Full,
    };
    let (diary, control) = (Arc::new(Diary::default()), Arc::new(Control::new()));
    let cancel = CancellationToken::new();
    tokio::spawn(run(
        wire,
        target,
        Arc::clone(&diary),
        Arc::clone(&control),
        SILENCE,
        cancel.clone(),
    ));
    Scene {
        fake,
        diary,
        control,
        cancel,
    }
}

fn image(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": version}})
}

fn list(version: &str, items: &[Value]) -> Value {
    json!({"metadata": {"resourceVersion": version}, "items": items})
}

const LIST: &str = "/apis/kpack.io/v1alpha2/images?limit=500";
const WATCH: &str = "/apis/kpack.io/v1alpha2/images?watch=1";

impl Scene {
    async fn answer_list(&mut self, version: &str, items: &[Value]) {
        self.fake
            .expect(Method::GET, LIST)
            .await
            .json(&list(version, items));
    }

    async fn open_watch(&mut self, from: &str) -> fake::Stream {
        let exchange = self.fake.expect(Method::GET, WATCH).await;
        assert!(
            exchange.uri.contains(&format!("resourceVersion={from}&")),
            "{}",
            exchange.uri
        );
        assert!(exchange.uri.contains("allowWatchBookmarks=true"));
        assert!(
            exchange
                .uri
                .ends_with("labelSelector=carto.run%2Fresource-name")
        );
        exchange.stream()
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_followed_by_changes() {
    let mut scene = start();
    scene.answer_list("5", &[image("a", "3")]).await;
    let stream = scene.open_watch("5").await;
    stream.event("MODIFIED", &image("a", "6"));
    stream.bytes("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",");
    stream.bytes("\"resourceVersion\":\"7\"}}}\n");
    scene
        .diary
        .has(&["listed a@3", "changed a@6", "deleted a@7"])
        .await;
    assert!(scene.control.is_synced());
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_what_is_known_is_passed_over_but_never_an_end() {
    let mut scene = start();
    scene.answer_list("5", &[]).await;
    *scene.diary.known.lock().unwrap() = Some("a@8".to_owned());
    let stream = scene.open_watch("5").await;
    stream.event("MODIFIED", &image("a", "7"));
    stream.event("DELETED", &image("a", "8"));
    stream.event("ADDED", &image("b", "7"));
    stream.event("ADDED", &image("a", "8"));
    drop(stream);
    // The position has moved on over what was passed over, too.
    scene.open_watch("8").await;
    scene
        .diary
        .has(&["listed ", "changed a@7", "deleted a@8", "changed b@7"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let mut scene = start();
    let first = scene.fake.expect(Method::GET, LIST).await;
    first.json(
        &json!({"metadata": {"resourceVersion": "5", "continue": "t/1"},
        "items": [image("a", "1")]}),
    );
    let second = scene
        .fake
        .expect(Method::GET, &format!("{LIST}&continue=t%2F1"))
        .await;
    second.json(&list("5", &[image("b", "2")]));
    scene.open_watch("5").await;
    scene.diary.has(&["listed a@1 b@2"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_watch_resumes_where_it_was() {
    let mut scene = start();
    scene.answer_list("5", &[]).await;
    let stream = scene.open_watch("5").await;
    stream.event("BOOKMARK", &image("", "90"));
    stream.event("ADDED", &image("b", "91"));
    drop(stream);
    scene.open_watch("91").await;
    scene.diary.has(&["listed ", "changed b@91"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_resumes_where_it_was() {
    let mut scene = start();
    scene.answer_list("5", &[]).await;
    scene.fake.expect(Method::GET, WATCH).await.break_off();
    scene.open_watch("5").await;
    assert!(scene.control.is_synced(), "what is known stays known");
}

#[tokio::test(start_paused = true)]
async fn an_expired_position_lists_again() {
    let mut scene = start();
    scene.answer_list("5", &[image("a", "3")]).await;
    let stream = scene.open_watch("5").await;
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
    stream.event("ERROR", &gone);
    scene.answer_list("50", &[image("b", "40")]).await;
    scene.open_watch("50").await;
    scene.diary.has(&["listed a@3", "listed b@40"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_falls_silent_past_its_bookmarks_is_opened_again() {
    let mut scene = start();
    scene.answer_list("5", &[]).await;
    let stream = scene.open_watch("5").await;
    stream.event("BOOKMARK", &image("", "60"));
    let before = Instant::now();
    let again = scene.open_watch("60").await;
    assert!(before.elapsed() >= SILENCE);
    assert!(before.elapsed() < SILENCE * 2);
    drop((stream, again));
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_list_is_reported_and_tried_again_on_a_hint() {
    let mut scene = start();
    scene
        .fake
        .expect(Method::GET, LIST)
        .await
        .fail(403, "Forbidden", "images is forbidden");
    let progress = scene.control.settled().await;
    assert_eq!(progress.failure.unwrap().message, "images is forbidden");
    assert!(!scene.control.is_synced());
    for _ in 0..8 {
        scene
            .fake
            .expect(Method::GET, LIST)
            .await
            .fail(403, "Forbidden", "images is forbidden");
    }
    let before = Instant::now();
    scene.control.hint();
    scene.answer_list("5", &[]).await;
    assert!(before.elapsed() < Duration::from_secs(1));
    scene.open_watch("5").await;
    assert!(scene.control.is_synced());
    assert_eq!(
        scene.diary.recovered.load(Ordering::Relaxed),
        0,
        "the hint begins afresh"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wanted_list_begins_after_it_was_asked_for() {
    let mut scene = start();
    let first = scene.fake.expect(Method::GET, LIST).await;
    let control = Arc::clone(&scene.control);
    let asked = tokio::spawn(async move { control.list_again().await.listed });
    tokio::time::sleep(Duration::from_millis(1)).await;
    first.json(&list("5", &[]));
    scene.fake.expect(Method::GET, WATCH).await.break_off();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!asked.is_finished(), "the first list began before");
    // The watch fails to open; once it is open, the list that is wanted comes first.
    let _stream = scene.open_watch("5").await;
    scene.answer_list("8", &[]).await;
    assert_eq!(asked.await.unwrap(), 2);
    scene.open_watch("8").await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_api_is_tried_with_backoff_for_ever() {
    let mut scene = start();
    let before = Instant::now();
    for _ in 0..20 {
        scene.fake.expect(Method::GET, LIST).await.break_off();
    }
    let waited = before.elapsed();
    assert!(
        waited > Duration::from_mins(1) && waited < Duration::from_mins(10),
        "{waited:?}"
    );
    scene.answer_list("5", &[]).await;
    scene.open_watch("5").await;
    assert_eq!(scene.diary.recovered.load(Ordering::Relaxed), 1);
}

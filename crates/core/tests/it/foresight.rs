//! What is rendered while a request is under way: it is used where it fits, and nothing else is.

use std::sync::Arc;

use carto_core::key::OwnerKind;
use carto_core::realize::{Observed, Outcome, Realization, Reply, Request, Step};
use serde_json::{Value, json};

use crate::build::{chain, object, resource, stamps_config_map, template, with};
use crate::cluster::{Cluster, key};
use crate::drive::workload_key;

/// A source that stamps what it gives, and an image and an app made of that.
fn cluster() -> Cluster {
    let cluster = Cluster::new();
    cluster.put(template(
        "ClusterSourceTemplate",
        "source",
        stamps_config_map(
            "w-source",
            json!({"url": "$(workload.spec.source.git.url)$", "revision": "main"}),
        ),
        json!({"urlPath": ".data.url", "revisionPath": ".data.revision"}),
    ));
    cluster.put(template(
        "ClusterImageTemplate",
        "image",
        stamps_config_map("w-image", json!({"image": "built from $(source.url)$"})),
        json!({"imagePath": ".data.image"}),
    ));
    cluster.put(template(
        "ClusterTemplate",
        "app",
        stamps_config_map("w-app", json!({"runs": "$(image)$"})),
        json!({}),
    ));
    cluster.put(chain(
        "chain",
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("source", "source")]
            ),
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("image", "image")]
            ),
        ]),
    ));
    let mut workload = object(
        "Workload",
        "w",
        json!({"source": {"git": {"url": "https://git"}}}),
    );
    workload["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(workload);
    // The chain says that it is ready.
    cluster.pass(&key("carto.run/v1alpha1", "ClusterSupplyChain", "chain"));
    cluster
}

/// Runs a pass to its end; returns what was applied and how it ended. `answer` may change what the server says of an
/// object.
fn pass(cluster: &Cluster, ahead: bool, answer: impl Fn(&mut Value)) -> (Vec<Value>, Outcome) {
    let observed = Observed {
        owner: Arc::new(cluster.get(&workload_key()).unwrap()),
        now: cluster.now(),
        index: Arc::new(cluster.clone()),
    };
    let mut pass = Realization::new(OwnerKind::Workload, observed);
    let mut applied = Vec::new();
    let mut reply = None;
    for _ in 0..100 {
        let request = match pass.resume(reply.take()) {
            Step::Do(request) => request,
            Step::Done(outcome) => return (applied, *outcome),
        };
        if let Request::Apply { object, .. } = &request {
            applied.push(Value::clone(object));
        }
        if ahead {
            pass.meanwhile();
        }
        reply = cluster.perform(request);
        if let Some(Reply::Applied { object, row, .. }) = &mut reply {
            let mut whole = object.whole();
            answer(&mut whole);
            *object = whole.into();
            *row = None;
        }
    }
    panic!("the pass does not end");
}

#[test]
fn what_was_foreseen_is_what_would_have_been_done() {
    let (without, with) = (cluster(), cluster());
    let one = pass(&without, false, |_| {});
    let other = pass(&with, true, |_| {});
    assert_eq!(one.0.len(), 3);
    assert_eq!(one.0[2]["data"]["runs"], "built from https://git");
    assert_eq!(one, other);
}

#[test]
fn a_server_that_answers_otherwise_is_believed() {
    let rewrite = |object: &mut Value| {
        if object["metadata"]["name"] == "w-source" {
            object["data"]["url"] = "https://mirror".into();
        }
    };
    let (without, with) = (cluster(), cluster());
    let one = pass(&without, false, rewrite);
    let other = pass(&with, true, rewrite);
    assert_eq!(other.0[1]["data"]["image"], "built from https://mirror");
    assert_eq!(one, other);
}

#[test]
fn an_output_that_the_server_takes_away_is_waited_for() {
    let take = |object: &mut Value| {
        if object["metadata"]["name"] == "w-source" {
            object["data"].as_object_mut().unwrap().remove("url");
        }
    };
    let (without, with) = (cluster(), cluster());
    let one = pass(&without, false, take);
    let other = pass(&with, true, take);
    assert_eq!(other.0.len(), 1, "the image has no source yet");
    assert_eq!(one, other);
}

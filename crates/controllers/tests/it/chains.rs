//! What a convergence costs, and what it does not.

use carto_controllers::metrics::Verb;
use serde_json::json;

use crate::home::{Home, everywhere};

/// A chain of four objects whose outputs exist as soon as the object does.
async fn ready_chain(home: &Home) {
    home.trust_default_account().await;
    let thing = |name: &str, spec: serde_json::Value| {
        json!({"apiVersion": "test.carto.run/v1", "kind": "Thing",
            "metadata": {"name": format!("$(workload.metadata.name)$-{name}")}, "spec": spec})
    };
    home.template(
        "ClusterSourceTemplate",
        "source",
        json!({
        "urlPath": ".spec.url", "revisionPath": ".spec.revision",
        "template": thing("source", json!({"url": "$(workload.spec.source.git.url)$",
            "revision": "$(workload.spec.source.git.ref.commit)$"}))}),
    )
    .await;
    home.template(
        "ClusterImageTemplate",
        "image",
        json!({
        "imagePath": ".spec.image",
        "template": thing("image", json!({"image": "registry/app:$(source.revision)$"}))}),
    )
    .await;
    home.template(
        "ClusterConfigTemplate",
        "config",
        json!({
        "configPath": ".data.config",
        "template": {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "$(workload.metadata.name)$-config"},
            "data": {"config": "config of $(image)$"}}}),
    )
    .await;
    home.template(
        "ClusterTemplate",
        "app",
        json!({
        "template": thing("app", json!({"config": "$(config)$"}))}),
    )
    .await;
    home.chain(&[
        ("source", "ClusterSourceTemplate", json!({})),
        (
            "image",
            "ClusterImageTemplate",
            json!({"sources": [{"name": "s", "resource": "source"}]}),
        ),
        (
            "config",
            "ClusterConfigTemplate",
            json!({"images": [{"name": "i", "resource": "image"}]}),
        ),
        (
            "app",
            "ClusterTemplate",
            json!({"configs": [{"name": "c", "resource": "config"}]}),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_ready_objects_cost_four_applies_and_one_status() {
    everywhere("four-ready", async |home| {
        ready_chain(&home).await;
        let controllers = home.controllers().await;
        home.quiet(&controllers).await;
        let before = controllers.metrics();
        home.workload("app", "one").await;
        home.until_condition("app", "Ready", "True Ready").await;
        let after = home.quiet(&controllers).await;
        let cost = |verb| after.requests_for(verb) - before.requests_for(verb);
        assert_eq!((cost(Verb::Apply), cost(Verb::Status)), (4, 1), "{after:?}");
        assert_eq!(
            (cost(Verb::Get), cost(Verb::Create), cost(Verb::Delete)),
            (0, 0, 0),
            "{after:?}"
        );
        let app = home
            .get(&home.thing("app-app"))
            .await
            .expect("the last object");
        assert_eq!(app["spec"]["config"], "config of registry/app:one");

        // A change crosses all four in one pass.
        let before = controllers.metrics();
        home.workload("app", "two").await;
        home.until("the change arrived", async || {
            let app = home.get(&home.thing("app-app")).await.unwrap_or_default();
            app["spec"]["config"] == "config of registry/app:two"
        })
        .await;
        let after = home.quiet(&controllers).await;
        assert_eq!(after.writes() - before.writes(), 5, "{after:?}");
        controllers.stop().await;

        // Who starts anew finds that all is done.
        let controllers = home.controllers().await;
        let after = home.quiet(&controllers).await;
        assert_eq!(after.writes(), 0, "{after:?}");
        assert_eq!(
            (
                after.requests_for(Verb::Event),
                after.requests_for(Verb::Get)
            ),
            (0, 0),
            "{after:?}"
        );
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_repaired_and_foreign_fields_are_left_alone() {
    everywhere("drift", async |home| {
        ready_chain(&home).await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        home.quiet(&controllers).await;
        let drift = json!({"metadata": {"annotations": {"somebody": "else"}},
            "spec": {"image": "evil", "replicas": 3}});
        home.merge(&home.thing("app-image"), &drift).await;
        home.until("the image is restored", async || {
            let image = home.get(&home.thing("app-image")).await.unwrap_or_default();
            image["spec"]["image"] == "registry/app:one"
        })
        .await;
        let image = home.get(&home.thing("app-image")).await.unwrap();
        assert_eq!(image["spec"]["replicas"], 3);
        assert_eq!(image["metadata"]["annotations"]["somebody"], "else");
        home.quiet(&controllers).await;
        let before = controllers.metrics();
        home.merge(&home.thing("app-image"), &json!({"spec": {"replicas": 4}}))
            .await;
        let after = home.quiet(&controllers).await;
        assert_eq!(
            after.writes(),
            before.writes(),
            "nobody minds the fields of others"
        );
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_moves_the_chain_on_in_one_hop() {
    everywhere("hop", async |home| {
        ready_chain(&home).await;
        home.template(
            "ClusterSourceTemplate",
            "source",
            json!({
            "urlPath": ".status.url", "revisionPath": ".status.revision",
            "template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"name": "$(workload.metadata.name)$-source"},
                "spec": {"url": "$(workload.spec.source.git.url)$"}}}),
        )
        .await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "ResourcesSubmitted", "Unknown MissingValueAtPath")
            .await;
        home.quiet(&controllers).await;
        let before = controllers.metrics();
        let status = format!("{}/status", home.thing("app-source"));
        home.merge(&status, &json!({"status": {"url": "u", "revision": "r1"}}))
            .await;
        home.until_condition("app", "Ready", "True Ready").await;
        let after = home.quiet(&controllers).await;
        assert_eq!(
            after.writes() - before.writes(),
            4,
            "three objects and the status: {after:?}"
        );
        assert!(after.hops.count() > before.hops.count());
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_what_happened() {
    everywhere("events", async |home| {
        ready_chain(&home).await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        home.quiet(&controllers).await;
        let list = home.get(&home.path("/api/v1", "events")).await.unwrap();
        let about = |reason: &str, text: &str| {
            list["items"].as_array().unwrap().iter().any(|event| {
                event["reason"] == reason
                    && event["message"] == text
                    && event["involvedObject"]["name"] == "app"
                    && event["source"]["component"] == "Workload"
            })
        };
        assert!(
            about(
                "StampedObjectApplied",
                "Created object [things.test.carto.run/app-source]"
            ),
            "{list}"
        );
        assert!(
            about(
                "ResourceOutputChanged",
                "[image] found a new output in [things.test.carto.run/app-image]"
            ),
            "{list}"
        );
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

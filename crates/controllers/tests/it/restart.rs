//! Whoever starts anew finds in the cluster that all is done, whatever the server made of what was sent.

use carto_controllers::metrics::{Snapshot, Verb};
use serde_json::{Value, json};

use crate::home::{Home, everywhere};

/// Objects that a server does not keep as they were sent.
fn rewritten() -> Vec<(&'static str, Value)> {
    let name = |suffix: &str| json!({"name": format!("$(workload.metadata.name)$-{suffix}"), "annotations": {}});
    vec![
        (
            "secret",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": name("secret"),
                "stringData": {"password": "plain"}, "data": {"key": "dmFsdWU="}}),
        ),
        (
            "deployment",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name("deployment"),
            "spec": {
                "selector": {"matchLabels": {"app": "$(workload.metadata.name)$"}},
                "template": {
                    "metadata": {"labels": {"app": "$(workload.metadata.name)$"}, "creationTimestamp": null},
                    "spec": {"volumes": [], "containers": [{"name": "app", "image": "registry/app",
                        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                        "ports": [{"containerPort": 8080}],
                        "env": [{"name": "EMPTY", "value": ""}, {"name": "B"}]}]}
                }
            }}),
        ),
        (
            "service",
            json!({"apiVersion": "v1", "kind": "Service", "metadata": name("service"),
                "spec": {"selector": {"app": "$(workload.metadata.name)$"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
        ),
        (
            "map",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name("map"),
                "data": {"a": "b", "empty": ""}}),
        ),
        (
            "thing",
            json!({"apiVersion": "test.carto.run/v1", "kind": "Thing", "metadata": name("thing"),
                "spec": {"none": null, "nothing": {}, "list": [3, 1, 2], "number": 1.0}}),
        ),
    ]
}

async fn chain(home: &Home) {
    home.trust_default_account().await;
    let resources = rewritten();
    for (name, template) in &resources {
        home.template("ClusterTemplate", name, json!({"template": template}))
            .await;
    }
    let resources: Vec<_> = resources
        .iter()
        .map(|(name, _)| (*name, "ClusterTemplate", json!({})))
        .collect();
    home.chain(&resources).await;
}

/// What a set of controllers asked of the API beyond finding out what there is.
fn asked(of: &Snapshot) -> [u64; 3] {
    [
        of.writes(),
        of.requests_for(Verb::Get),
        of.requests_for(Verb::Event),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_asks_for_nothing_although_the_server_rewrites_values() {
    everywhere("rewritten", async |home| {
        chain(&home).await;
        let controllers = home.controllers().await;
        home.workload("app", "one").await;
        home.until_condition(
            "app",
            "ResourcesSubmitted",
            "True ResourceSubmissionComplete",
        )
        .await;
        home.quiet(&controllers).await;
        controllers.stop().await;

        let controllers = home.controllers().await;
        let after = home.quiet(&controllers).await;
        assert!(after.reconciles > 0);
        assert_eq!(asked(&after), [0, 0, 0], "{after:?}");

        // A pass for another reason asks for nothing either.
        let uri = home.workload_path("app");
        home.merge(
            &uri,
            &json!({"metadata": {"annotations": {"somebody": "else"}}}),
        )
        .await;
        home.until("the pass is over", async || {
            controllers.metrics().reconciles > after.reconciles && controllers.is_idle()
        })
        .await;
        let later = controllers.metrics();
        assert_eq!(asked(&later), [0, 0, 0], "{later:?}");
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_made_while_nobody_looked_is_undone() {
    everywhere("unseen-drift", async |home| {
        chain(&home).await;
        let controllers = home.controllers().await;
        home.workload("app", "one").await;
        home.until_condition(
            "app",
            "ResourcesSubmitted",
            "True ResourceSubmissionComplete",
        )
        .await;
        home.quiet(&controllers).await;
        controllers.stop().await;

        let secret = home.path("/api/v1", "secrets/app-secret");
        home.merge(&secret, &json!({"data": {"key": "b3RoZXI="}}))
            .await;
        let deployment = home.path("/apis/apps/v1", "deployments/app-deployment");
        home.merge(
            &deployment,
            &json!({"spec": {"selector": {"matchLabels": {"app": "app"}}, "template":
            {"spec": {"containers": [{"name": "app", "image": "evil"}]}}}}),
        )
        .await;

        let controllers = home.controllers().await;
        home.until("both are restored", async || {
            let secret = home.get(&secret).await.unwrap_or_default();
            let deployment = home.get(&deployment).await.unwrap_or_default();
            secret["data"]["key"] == "dmFsdWU="
                && deployment.pointer("/spec/template/spec/containers/0/image")
                    == Some(&json!("registry/app"))
        })
        .await;
        let after = home.quiet(&controllers).await;
        assert_eq!(after.requests_for(Verb::Apply), 2, "{after:?}");
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

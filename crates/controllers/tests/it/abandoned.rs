//! What a gone owner leaves behind and Kubernetes does not collect.

use carto_controllers::metrics::Verb;
use serde_json::json;

use crate::home::{Home, everywhere};

const GLOBAL: &str = "/apis/test.carto.run/v1/globals";

/// A chain that stamps an object without a namespace, as an account that may.
async fn globals(home: &Home) -> String {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    home.put(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "globals.test.carto.run"},
        "spec": {"group": "test.carto.run", "scope": "Cluster",
            "names": {"kind": "Global", "plural": "globals"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": anything}}]},
    }))
    .await;
    home.until("the kind is served", async || {
        home.get(GLOBAL).await.is_some()
    })
    .await;
    home.put(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": home.cluster_name("globals")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": home.name}],
    }))
    .await;
    let name = home.cluster_name("$(workload.metadata.name)$");
    home.template(
        "ClusterTemplate",
        "only",
        json!({"template": {"apiVersion": "test.carto.run/v1", "kind": "Global", "metadata": {"name": name}, "spec": {"a": "b"}}}),
    )
    .await;
    home.chain(&[("only", "ClusterTemplate", json!({}))]).await;
    format!("{GLOBAL}/{}", home.cluster_name("app"))
}

async fn clear(home: Home) {
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    home.delete(&format!("{bindings}/{}", home.cluster_name("globals")))
        .await;
    home.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/globals.test.carto.run")
        .await;
    home.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_without_a_namespace_goes_with_its_owner() {
    everywhere("goes-along", async |home| {
        let object = globals(&home).await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        home.delete(&home.workload_path("app")).await;
        home.until("the object is gone", async || {
            home.get(&object).await.is_none()
        })
        .await;
        home.quiet(&controllers).await;
        controllers.stop().await;
        clear(home).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_too_when_the_owner_went_while_nobody_looked() {
    everywhere("goes-later", async |home| {
        let object = globals(&home).await;
        home.workload("app", "one").await;
        home.workload("other", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        home.until_condition("other", "Ready", "True Ready").await;
        controllers.stop().await;
        home.delete(&home.workload_path("app")).await;

        let controllers = home.controllers().await;
        home.until("the object is gone", async || {
            home.get(&object).await.is_none()
        })
        .await;
        let after = home.quiet(&controllers).await;
        assert_eq!(
            after.requests_for(Verb::Delete),
            1,
            "the other's stays: {after:?}"
        );
        controllers.stop().await;
        clear(home).await;
    })
    .await;
}

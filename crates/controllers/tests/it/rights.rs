//! What accounts may not do, and what happens when they may.

use serde_json::{Value, json};

use crate::home::{Home, everywhere};

async fn one_step(home: &Home) {
    home.template(
        "ClusterTemplate",
        "only",
        json!({
        "template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
            "metadata": {"name": "$(workload.metadata.name)$"}, "spec": {"a": "b"}}}),
    )
    .await;
    home.chain(&[("only", "ClusterTemplate", json!({}))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_granted_later_is_noticed_at_once() {
    everywhere("granted-later", async |home| {
        one_step(&home).await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition(
            "app",
            "ResourcesSubmitted",
            "False TemplateRejectedByAPIServer",
        )
        .await;
        let told = home.condition("app", "ResourcesSubmitted").await;
        assert!(told.contains("forbidden"), "{told}");
        let before = home.quiet(&controllers).await;
        home.trust_default_account().await;
        home.until_condition("app", "Ready", "True Ready").await;
        let after = home.quiet(&controllers).await;
        assert!(
            after.requests_total() - before.requests_total() < 20,
            "{after:?}"
        );
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_edited_later_is_noticed_too() {
    everywhere("edited-role", async |home| {
        one_step(&home).await;
        let role = |verbs: Value| {
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "stamper"},
                "rules": [{"apiGroups": ["test.carto.run"], "resources": ["things"], "verbs": verbs}]})
        };
        home.put(&role(json!(["get"]))).await;
        home.put(
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "stamper"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "stamper"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": home.name}]}),
        )
        .await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition(
            "app",
            "ResourcesSubmitted",
            "False TemplateRejectedByAPIServer",
        )
        .await;
        home.put(&role(json!(["get", "create", "patch"]))).await;
        home.until_condition("app", "Ready", "True Ready").await;
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_role_that_is_edited_or_bound_later_is_noticed_too() {
    everywhere("cluster-role", async |home| {
        one_step(&home).await;
        let role = |verbs: Value| {
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": home.name},
                "rules": [{"apiGroups": ["test.carto.run"], "resources": ["things"], "verbs": verbs}]})
        };
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": home.name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": home.name},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io",
                "name": format!("system:serviceaccounts:{}", home.name)}]});
        home.put(&role(json!(["get"]))).await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        let refused = "False TemplateRejectedByAPIServer";
        home.until_condition("app", "ResourcesSubmitted", refused).await;
        home.put(&binding).await;
        home.quiet(&controllers).await;
        home.until_condition("app", "ResourcesSubmitted", refused).await;
        home.put(&role(json!(["get", "create", "patch"]))).await;
        home.until_condition("app", "Ready", "True Ready").await;
        controllers.stop().await;
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for plural in ["clusterroles", "clusterrolebindings"] {
            home.delete(&format!("{rbac}/{plural}/{}", home.name)).await;
        }
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_comes_later_is_noticed() {
    everywhere("late-account", async |home| {
        one_step(&home).await;
        home.put(
            &json!({"apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": "app", "labels": {"test": home.name}},
            "spec": {"serviceAccountName": "builder"}}),
        )
        .await;
        let controllers = home.controllers().await;
        home.until_condition("app", "ResourcesSubmitted", "False ServiceAccountError")
            .await;
        home.put(
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "builder"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "builder", "namespace": home.name}]}),
        )
        .await;
        home.put(
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}}),
        )
        .await;
        home.until_condition("app", "Ready", "True Ready").await;
        let thing = home.get(&home.thing("app")).await.unwrap();
        let managers = thing["metadata"]["managedFields"].to_string();
        assert!(managers.contains("\"manager\":\"carto\""), "{managers}");
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

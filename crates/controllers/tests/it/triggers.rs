//! Whatever an outcome depends on wakes those concerned; nothing is polled.

use std::time::Duration;

use carto_controllers::{Config, LeaderElection};
use serde_json::json;

use crate::home::{Home, everywhere};

async fn step(home: &Home, kind: &str) {
    home.template(
        "ClusterTemplate",
        "only",
        json!({
        "template": {"apiVersion": "test.carto.run/v1", "kind": kind,
            "metadata": {"name": "$(workload.metadata.name)$"}, "spec": {"a": "b"}}}),
    )
    .await;
    home.chain(&[("only", "ClusterTemplate", json!({}))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_cluster_gets_no_requests() {
    everywhere("idle", async |home| {
        home.trust_default_account().await;
        step(&home, "Thing").await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        let before = home.quiet(&controllers).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(controllers.metrics().requests, before.requests);
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_and_its_template_may_come_last() {
    everywhere("chain-last", async |home| {
        home.trust_default_account().await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "SupplyChainReady", "False SupplyChainNotFound")
            .await;
        home.chain(&[("only", "ClusterTemplate", json!({}))]).await;
        home.until_condition("app", "SupplyChainReady", "False TemplatesNotFound")
            .await;
        step(&home, "Thing").await;
        home.until_condition("app", "Ready", "True Ready").await;
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_installed_later_is_noticed() {
    everywhere("late-kind", async |home| {
        home.trust_default_account().await;
        step(&home, "Late").await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition(
            "app",
            "ResourcesSubmitted",
            "False TemplateRejectedByAPIServer",
        )
        .await;
        let told = home.condition("app", "ResourcesSubmitted").await;
        assert!(
            told.contains("no matches for kind \"Late\" in version \"test.carto.run/v1\""),
            "{told}"
        );
        let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        home.put(&json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "lates.test.carto.run"},
            "spec": {"group": "test.carto.run", "scope": "Namespaced",
                "names": {"kind": "Late", "plural": "lates"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": anything}}]},
        }))
        .await;
        home.until_condition("app", "Ready", "True Ready").await;
        controllers.stop().await;
        let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        home.delete(&format!("{crds}/lates.test.carto.run")).await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_somebody_deletes_comes_back() {
    everywhere("comes-back", async |home| {
        home.trust_default_account().await;
        step(&home, "Thing").await;
        home.workload("app", "one").await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        let uid = home.get(&home.thing("app")).await.unwrap()["metadata"]["uid"].clone();
        home.delete(&home.thing("app")).await;
        home.until("there is another", async || {
            home.get(&home.thing("app"))
                .await
                .is_some_and(|thing| thing["metadata"]["uid"] != uid)
        })
        .await;
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_takes_over_and_finds_all_done() {
    everywhere("takes-over", async |home| {
        home.trust_default_account().await;
        step(&home, "Thing").await;
        let lease = |identity: &str| Config {
            leader_election: Some(LeaderElection {
                duration: Duration::from_secs(3),
                ..LeaderElection::new(&home.name, "lease", identity)
            }),
            ..Config::default()
        };
        let first = home.controllers_with(lease("first")).await;
        home.workload("app", "one").await;
        home.until_condition("app", "Ready", "True Ready").await;
        let second = home.controllers_with(lease("second")).await;
        home.workload("other", "one").await;
        home.until_condition("other", "Ready", "True Ready").await;
        assert_eq!(second.metrics().reconciles, 0, "only one works");
        home.quiet(&first).await;
        first.stop().await;
        home.workload("third", "one").await;
        home.until_condition("third", "Ready", "True Ready").await;
        let after = home.quiet(&second).await;
        assert_eq!(after.writes(), 2, "one object, one status: {after:?}");
        second.stop().await;
        home.clear().await;
    })
    .await;
}

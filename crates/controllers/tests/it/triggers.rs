//! Whatever an outcome depends on wakes those concerned; nothing is polled.

use std::time::Duration;

use carto_controllers::metrics::Verb;
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
async fn a_template_wakes_the_owners_that_use_it_and_nobody_else() {
    everywhere("who-uses-it", async |home| {
        home.trust_default_account().await;
        step(&home, "Thing").await;
        home.workload("app", "one").await;
        home.put(
            &json!({"apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": "stranger", "labels": {"nobody": "selects"}}, "spec": {}}),
        )
        .await;
        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        let before = home.quiet(&controllers).await;
        home.template(
            "ClusterTemplate",
            "only",
            json!({"template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"name": "$(workload.metadata.name)$"}, "spec": {"a": "c"}}}),
        )
        .await;
        home.until("the object has it", async || {
            home.get(&home.thing("app"))
                .await
                .is_some_and(|thing| thing["spec"]["a"] == "c")
        })
        .await;
        let after = home.quiet(&controllers).await;
        // The owner and the chain, each once; on a slow machine the owner once more for its own echo.
        let passes = after.reconciles - before.reconciles;
        assert!((2..=3).contains(&passes), "{passes}: {after:?}");
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

/// A Runnable that echoes a value of its template and one of a selected object.
async fn runnable(home: &Home, word: &str) {
    home.template(
        "ClusterRunTemplate",
        "echo",
        json!({
            "outputs": {"said": ".spec.said", "heard": ".spec.heard"},
            "template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"generateName": "$(runnable.metadata.name)$-"},
                "spec": {"said": word, "heard": "$(selected.data.word)$"}}}),
    )
    .await;
    home.put(
        &json!({"apiVersion": "carto.run/v1alpha1", "kind": "Runnable",
        "metadata": {"name": "echo"},
        "spec": {"runTemplateRef": {"name": home.cluster_name("echo")},
            "selector": {"resource": {"apiVersion": "v1", "kind": "ConfigMap"},
                "matchingLabels": {"echo": home.name}}}}),
    )
    .await;
}

async fn echoes(home: &Home, said: &str, heard: &str) {
    let list = home.path("/apis/test.carto.run/v1", "things");
    home.until(
        &format!("a run says {said} and heard {heard}"),
        async || {
            let things = home.get(&list).await.unwrap_or_default();
            let things = things["items"].as_array().cloned().unwrap_or_default();
            things
                .iter()
                .any(|thing| thing["spec"] == json!({"said": said, "heard": heard}))
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runnable_is_woken_by_its_template_and_by_what_it_selects() {
    everywhere("runnable", async |home| {
        home.trust_default_account().await;
        let selected = |word: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "heard", "labels": {"echo": home.name}}, "data": {"word": word}})
        };
        runnable(&home, "one").await;
        let controllers = home.controllers().await;
        home.until("nothing is selected", async || {
            let uri = home.path("/apis/carto.run/v1alpha1", "runnables/echo");
            let runnable = home.get(&uri).await.unwrap_or_default();
            runnable["status"]["conditions"].to_string().contains("\"False\"")
        })
        .await;
        home.quiet(&controllers).await;
        home.put(&selected("hum")).await;
        echoes(&home, "one", "hum").await;
        home.quiet(&controllers).await;
        home.put(&selected("buzz")).await;
        echoes(&home, "one", "buzz").await;
        home.quiet(&controllers).await;
        runnable(&home, "two").await;
        echoes(&home, "two", "buzz").await;
        let before = home.quiet(&controllers).await;
        controllers.stop().await;

        // Neither the restart nor what comes back runs anything again.
        let controllers = home.controllers().await;
        home.put(&selected("hum")).await;
        home.put(&selected("buzz")).await;
        let after = home.quiet(&controllers).await;
        let (made, again) = (before.requests_for(Verb::Create), after.requests_for(Verb::Create));
        assert_eq!(made, 3, "{before:?}");
        assert!(again <= 1, "only \"two\" with \"hum\" is new: {after:?}");
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deliverable_is_woken_by_its_delivery_and_templates() {
    everywhere("deliverable", async |home| {
        home.trust_default_account().await;
        home.put(&json!({"apiVersion": "carto.run/v1alpha1", "kind": "Deliverable",
            "metadata": {"name": "app", "labels": {"test": home.name}}, "spec": {}}))
            .await;
        let controllers = home.controllers().await;
        let template = |value: &str| {
            json!({"template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"name": "$(deliverable.metadata.name)$"}, "spec": {"a": value}}})
        };
        home.put(&json!({"apiVersion": "carto.run/v1alpha1", "kind": "ClusterDelivery",
            "metadata": {"name": home.name},
            "spec": {"selector": {"test": home.name}, "resources": [
                {"name": "only", "templateRef": {"kind": "ClusterTemplate", "name": home.cluster_name("only")}}]}}))
            .await;
        for value in ["b", "c"] {
            home.template("ClusterTemplate", "only", template(value)).await;
            home.until("the object has it", async || {
                home.get(&home.thing("app")).await.is_some_and(|thing| thing["spec"]["a"] == value)
            })
            .await;
        }
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

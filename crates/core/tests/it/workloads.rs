//! A workload through a chain of three.

use serde_json::json;

use crate::build::{three_hops, without};
use crate::cluster::{config_map, test};
use crate::drive::workload_key;

#[test]
fn outputs_flow_down_the_chain_as_they_appear() {
    let cluster = three_hops();
    cluster.settle();
    assert!(cluster.get(&config_map("w-app")).is_none());
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "Unknown MissingValueAtPath waiting to read value [.status.image] from object \
         [tests.test.run/w-image] in namespace [ns]"
    );
    assert!(
        cluster
            .condition("Ready")
            .starts_with("Unknown MissingValueAtPath")
    );
    cluster.set_status(&test("w-image"), json!({"image": "img@sha256:1"}));
    cluster.settle();
    let app = cluster.get(&config_map("w-app")).expect("stamped now");
    assert_eq!(app["data"], json!({"image": "img@sha256:1"}));
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

#[test]
fn everything_that_is_ready_flows_in_one_pass() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.take_log();
    cluster.pass(&workload_key());
    assert_eq!(
        cluster.take_log(),
        [
            "apply ConfigMap/w-app",
            "event ResourceOutputChanged [image] found a new output in [tests.test.run/w-image]",
            "event ResourceHealthyStatusChanged [image] found healthy status in \
             [tests.test.run/w-image] changed to [True]",
            "event StampedObjectApplied Created object [configmaps/w-app]",
            "event ResourceHealthyStatusChanged [app] found healthy status in [configmaps/w-app] \
             changed to [True]",
            "status w",
        ]
    );
}

#[test]
fn a_settled_workload_costs_nothing() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    cluster.wait(100);
    cluster.take_log();
    let outcome = cluster
        .pass(&workload_key())
        .expect("the workload is there");
    assert_eq!(cluster.take_log(), [""; 0]);
    assert_eq!(outcome.status, None);
    assert_eq!(outcome.events, []);
    cluster.restart();
    cluster.pass(&workload_key());
    assert_eq!(cluster.take_log(), [""; 0]);
}

#[test]
fn the_status_has_the_shape_of_the_original() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "message": ""});
    let entry_conditions = |healthy: &str| {
        json!([
            condition("ResourceSubmitted", "ResourceSubmissionComplete"),
            condition("Healthy", healthy),
            condition("Ready", "Ready"),
        ])
    };
    let template = |kind: &str, name: &str| json!({"apiVersion": "carto.run/v1alpha1", "kind": kind, "name": name});
    let expected = json!({
        "observedGeneration": 1,
        "supplyChainRef": {"kind": "ClusterSupplyChain", "name": "chain"},
        "conditions": [
            condition("SupplyChainReady", "Ready"),
            condition("ResourcesSubmitted", "ResourceSubmissionComplete"),
            condition("ResourcesHealthy", "HealthyConditionRule"),
            condition("Ready", "Ready"),
        ],
        "resources": [
            {
                "name": "source",
                "templateRef": template("ClusterSourceTemplate", "source"),
                "stampedRef": {
                    "apiVersion": "v1", "kind": "ConfigMap", "namespace": "ns",
                    "name": "w-source", "resource": "configmaps",
                },
                "outputs": [
                    {"name": "url", "preview": "https://git\n"},
                    {"name": "revision", "preview": "main\n"},
                ],
                "conditions": entry_conditions("OutputsAvailable"),
            },
            {
                "name": "image",
                "templateRef": template("ClusterImageTemplate", "image"),
                "stampedRef": {
                    "apiVersion": "test.run/v1alpha1", "kind": "Test", "namespace": "ns",
                    "name": "w-image", "resource": "tests.test.run",
                },
                "inputs": [{"name": "source"}],
                "outputs": [{"name": "image", "preview": "one\n"}],
                "conditions": entry_conditions("OutputsAvailable"),
            },
            {
                "name": "app",
                "templateRef": template("ClusterTemplate", "app"),
                "stampedRef": {
                    "apiVersion": "v1", "kind": "ConfigMap", "namespace": "ns",
                    "name": "w-app", "resource": "configmaps",
                },
                "inputs": [{"name": "image"}],
                "conditions": entry_conditions("AlwaysHealthy"),
            },
        ],
    });
    assert_eq!(
        without(cluster.status(), &["lastTransitionTime", "digest"]),
        expected
    );
}

#[test]
fn stamped_objects_carry_labels_owner_and_digest() {
    let cluster = three_hops();
    cluster.settle();
    let source = cluster.get(&config_map("w-source")).expect("stamped");
    let mut labels = source["metadata"]["labels"].clone();
    assert!(labels.as_object_mut().is_some());
    assert_eq!(
        labels,
        json!({
            "carto.run/workload-name": "w",
            "carto.run/workload-namespace": "ns",
            "carto.run/supply-chain-name": "chain",
            "carto.run/resource-name": "source",
            "carto.run/template-kind": "ClusterSourceTemplate",
            "carto.run/cluster-template-name": "source",
            "carto.run/template-lifecycle": "mutable",
        })
    );
    let uid = cluster.get(&workload_key()).expect("there")["metadata"]["uid"].clone();
    assert_eq!(
        source["metadata"]["ownerReferences"],
        json!([{
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "w", "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }])
    );
    let digest = &source["metadata"]["annotations"]["carto.run/stamp-digest"];
    assert_eq!(digest.as_str().map(str::len), Some(64));
}

#[test]
fn a_change_of_the_workload_restamps_what_it_reaches() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    cluster.take_log();
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = "https://other".into();
    });
    cluster.settle();
    let log = cluster.take_log();
    let applied: Vec<&String> = log
        .iter()
        .filter(|line| line.starts_with("apply"))
        .collect();
    assert_eq!(applied, ["apply ConfigMap/w-source", "apply Test/w-image"]);
    let image = cluster.get(&test("w-image")).expect("there");
    assert_eq!(image["spec"]["value"]["url"], "https://other");
}

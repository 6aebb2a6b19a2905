//! Taking over from the original on a live cluster.

use serde_json::{Value, json};

use crate::build::{one_resource, stamps_run, stamps_test, template};
use crate::cluster::{Cluster, conditions, test};
use crate::drive::workload_key;

/// Stores an object as the original leaves it: its manager, its labels, its owner reference.
fn legacy(cluster: &Cluster, mut object: Value, lifecycle: &str) {
    let owner = cluster.get(&workload_key()).expect("the workload is there");
    object["metadata"]["namespace"] = "ns".into();
    object["metadata"]["labels"] = json!({
        "carto.run/workload-name": "w",
        "carto.run/workload-namespace": "ns",
        "carto.run/supply-chain-name": "chain",
        "carto.run/resource-name": "only",
        "carto.run/template-kind": "ClusterImageTemplate",
        "carto.run/cluster-template-name": "image",
        "carto.run/template-lifecycle": lifecycle,
    });
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "w",
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    cluster.put_as(object, "cartographer");
}

fn image(stamps: Value, lifecycle: &str) -> Value {
    let spec = json!({"imagePath": ".status.image", "lifecycle": lifecycle});
    template("ClusterImageTemplate", "image", stamps, spec)
}

#[test]
fn a_mutable_object_is_taken_over_once_and_not_changed() {
    let value = json!({"a": 1, "b": {"c": "d"}});
    let cluster = one_resource(image(stamps_test("t", value.clone()), "mutable"), json!({}));
    legacy(&cluster, stamps_test("t", value.clone()), "mutable");
    let before = cluster.get(&test("t")).expect("there");
    cluster.settle();
    let after = cluster.get(&test("t")).expect("there");
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(
        before["metadata"]["generation"],
        after["metadata"]["generation"]
    );
    let managers: Vec<&str> = after["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    assert_eq!(managers, ["carto"]);
    cluster.restart();
    cluster.take_log();
    cluster.settle();
    assert_eq!(cluster.take_log(), [""; 0]);
    // What the template drops later goes, although the original had written it.
    cluster.put(image(stamps_test("t", json!({"a": 1})), "mutable"));
    cluster.settle();
    let after = cluster.get(&test("t")).expect("there");
    assert_eq!(after["spec"]["value"], json!({"a": 1}));
}

#[test]
fn a_run_of_the_original_is_not_run_again() {
    let cluster = one_resource(
        image(
            stamps_run("run-", json!({"in": "$(workload.spec.source.git.url)$"})),
            "tekton",
        ),
        json!({"source": {"git": {"url": "now"}}}),
    );
    for (name, input) in [("run-aaaaa", "before"), ("run-bbbbb", "now")] {
        let mut run = stamps_test(name, json!({"in": input}));
        run["spec"]["timeout"] = "1h0m0s".into();
        legacy(&cluster, run, "tekton");
        let mut status = conditions(&[("Succeeded", "True", "")]);
        status["image"] = input.into();
        cluster.set_status(&test(name), status);
        cluster.wait(60);
    }
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 2);
    assert_eq!(cluster.resource("only")["stampedRef"]["name"], "run-bbbbb");
    assert_eq!(cluster.resource("only")["outputs"][0]["preview"], "now\n");
    cluster.restart();
    cluster.take_log();
    cluster.settle();
    assert_eq!(cluster.take_log(), [""; 0]);
    // Going back finds the earlier one as well.
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = "before".into();
    });
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 2);
    assert_eq!(cluster.resource("only")["stampedRef"]["name"], "run-aaaaa");
}

#[test]
fn an_account_that_may_not_patch_runs_nothing_twice_either() {
    let cluster = one_resource(
        image(stamps_run("run-", json!({"in": "x"})), "immutable"),
        json!({}),
    );
    legacy(
        &cluster,
        stamps_test("run-aaaaa", json!({"in": "x"})),
        "immutable",
    );
    cluster.with(|state| {
        state.forbidden.insert(("patch".into(), "Test".into()));
        state.forbidden.insert(("get".into(), "Test".into()));
    });
    cluster.settle();
    cluster.restart();
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 1);
    assert_eq!(
        cluster.condition("ResourcesHealthy"),
        "Unknown HealthyConditionRule"
    );
    assert!(
        cluster
            .condition("ResourcesSubmitted")
            .starts_with("Unknown MissingValueAtPath")
    );
}

#[test]
fn a_changed_input_makes_one_new_run() {
    let cluster = one_resource(
        image(stamps_run("run-", json!({"in": "new"})), "immutable"),
        json!({}),
    );
    legacy(
        &cluster,
        stamps_test("run-aaaaa", json!({"in": "old"})),
        "immutable",
    );
    cluster.wait(1);
    cluster.settle();
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 2);
}

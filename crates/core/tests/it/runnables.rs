//! Runnables: selecting, running, outputs.

use carto_core::key::ObjectKey;
use carto_core::realize::{Dependency, Next};
use serde_json::{Value, json};

use crate::build::{object, stamps_config_map, stamps_run};
use crate::cluster::{Cluster, conditions, config_map, key, test};
use crate::drive::condition;

fn runnable_key() -> ObjectKey {
    key("carto.run/v1alpha1", "Runnable", "r")
}

fn run_template(stamps: Value, outputs: Value) -> Value {
    object(
        "ClusterRunTemplate",
        "rt",
        json!({"template": stamps, "outputs": outputs}),
    )
}

fn runnable(extra: Value) -> Value {
    let mut spec = json!({"runTemplateRef": {"name": "rt"}});
    if let (Some(spec), Some(extra)) = (spec.as_object_mut(), extra.as_object()) {
        spec.extend(extra.clone());
    }
    object("Runnable", "r", spec)
}

fn cluster(extra: Value) -> Cluster {
    let cluster = Cluster::new();
    let stamps = stamps_run("run-", json!({"in": "$(runnable.spec.inputs.in)$"}));
    cluster.put(run_template(
        stamps,
        json!({"out": "status.out", "name": "metadata.name"}),
    ));
    cluster.put(runnable(extra));
    cluster
}

fn status(cluster: &Cluster) -> Value {
    cluster.get(&runnable_key()).expect("there")["status"].clone()
}

fn says(cluster: &Cluster, kind: &str) -> String {
    condition(&status(cluster)["conditions"], kind)
}

fn input(cluster: &Cluster, value: &str) {
    cluster.wait(10);
    cluster.edit(&runnable_key(), "kubectl", |runnable| {
        runnable["spec"]["inputs"]["in"] = value.into();
    });
    cluster.settle();
}

fn runs(cluster: &Cluster) -> Vec<Value> {
    let mut runs = cluster.list("Test");
    runs.sort_by_key(|run| {
        run["metadata"]["creationTimestamp"]
            .as_str()
            .map(str::to_owned)
    });
    runs.iter()
        .map(|run| run["spec"]["value"]["in"].clone())
        .collect()
}

fn finish(cluster: &Cluster, input: &str, succeeded: &str, out: Value) -> String {
    let runs = cluster.list("Test");
    let run = runs
        .iter()
        .find(|run| run["spec"]["value"]["in"] == *input)
        .expect("a run");
    let name = run["metadata"]["name"].as_str().expect("a name").to_owned();
    let mut status = conditions(&[("Succeeded", succeeded, "it says")]);
    if !out.is_null() {
        status["out"] = out;
    }
    cluster.set_status(&test(&name), status);
    cluster.settle();
    name
}

#[test]
fn one_run_per_input_and_outputs_of_the_latest_success() {
    let cluster = cluster(json!({"inputs": {"in": "a"}}));
    cluster.settle();
    assert_eq!(says(&cluster, "RunTemplateReady"), "True Ready");
    assert_eq!(says(&cluster, "StampedObjectCondition"), "Unknown Unknown");
    assert_eq!(says(&cluster, "Ready"), "Unknown Unknown");
    let name = finish(&cluster, "a", "True", json!({"k": [1, 2]}));
    assert_eq!(
        status(&cluster)["outputs"],
        json!({"out": {"k": [1, 2]}, "name": name})
    );
    assert_eq!(
        says(&cluster, "StampedObjectCondition"),
        "True SucceededCondition it says"
    );
    assert_eq!(says(&cluster, "Ready"), "True Ready");
    cluster.take_log();
    input(&cluster, "b");
    assert_eq!(status(&cluster)["outputs"]["name"], *name);
    finish(&cluster, "b", "False", json!("no"));
    assert_eq!(status(&cluster)["outputs"]["name"], *name);
    assert_eq!(says(&cluster, "Ready"), "False SucceededCondition it says");
    cluster.restart();
    input(&cluster, "a");
    assert_eq!(runs(&cluster), ["a", "b"]);
    cluster.take_log();
    cluster.restart();
    cluster.settle();
    let log = cluster.take_log();
    assert_eq!(log, [""; 0]);
}

#[test]
fn events_tell_of_runs_and_outputs() {
    let cluster = cluster(json!({"inputs": {"in": "a"}}));
    cluster.settle();
    let name = finish(&cluster, "a", "True", json!("x"));
    let events: Vec<String> = cluster
        .take_log()
        .into_iter()
        .filter(|line| line.starts_with("event"))
        .collect();
    assert_eq!(
        events,
        [
            format!("event StampedObjectApplied Created object [tests.test.run/{name}]"),
            format!(
                "event ResourceOutputChanged Runnable [r] found a new output in \
                 [tests.test.run/{name}]"
            ),
        ]
    );
}

#[test]
fn an_output_that_is_missing_is_named_and_the_last_good_ones_stay() {
    let cluster = cluster(json!({"inputs": {"in": "a"}}));
    cluster.settle();
    let good = finish(&cluster, "a", "True", json!("x"));
    input(&cluster, "b");
    let name = finish(&cluster, "b", "True", Value::Null);
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        format!(
            "False OutputPathNotSatisfied waiting to read value from resource \
             [tests.test.run/{name}] in namespace [ns]: unable to retrieve outputs from stamped \
             object [ns/{name}] of type [tests.test.run] for run template [rt]: failed to evaluate \
             path [status.out]: jsonpath returned empty list: status.out"
        )
    );
    assert_eq!(
        status(&cluster)["outputs"],
        json!({"out": "x", "name": good})
    );
}

#[test]
fn what_is_missing_is_worded_as_by_the_original() {
    let cluster = cluster(json!({"inputs": {"in": "a"}}));
    cluster.with(|state| state.accounts.clear());
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        "False ServiceAccountError failed to get service account object from api server \
         [ns/default]: failed to get object [ns/default] from api server: ServiceAccount \
         \"default\" not found"
    );
    assert_eq!(says(&cluster, "StampedObjectCondition"), "absent");
    let cluster = Cluster::new();
    cluster.put(runnable(json!({})));
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        "False RunTemplateNotFound unable to get run template [rt]: failed to get run template \
         object from api server [ClusterRunTemplate/rt]: ClusterRunTemplate.carto.run \"rt\" not \
         found"
    );
    assert_eq!(says(&cluster, "StampedObjectCondition"), "Unknown Unknown");
}

#[test]
fn a_run_that_cannot_be_stamped_or_created() {
    let cluster = cluster(json!({}));
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        "False TemplateStampFailure unable to stamp object for run template [rt]: failed to \
         recursively evaluate template: failed to interpolate template at path [spec.value.in]: \
         evaluate tag $(runnable.spec.inputs.in)$: jsonpath returned empty list: \
         runnable.spec.inputs.in"
    );
    cluster.with(|state| {
        state.forbidden.insert(("create".into(), "Test".into()));
    });
    input(&cluster, "a");
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        "False StampedObjectRejectedByAPIServer unable to apply object [ns/run-] for run template \
         [rt]: create: tests.test.run is forbidden: User \"system:serviceaccount:ns:default\" \
         cannot create resource \"tests\" in API group \"test.run\" in the namespace \"ns\""
    );
}

fn selecting(kind: &str, labels: Value) -> Cluster {
    let cluster = Cluster::new();
    let stamps = stamps_run("run-", json!({"in": "$(selected.data.in)$"}));
    cluster.put(run_template(stamps, json!({})));
    cluster.put(runnable(json!({"selector": {
        "resource": {"apiVersion": "v1", "kind": kind}, "matchingLabels": labels,
    }})));
    cluster
}

fn candidate(cluster: &Cluster, name: &str, data: &str) {
    let mut object = stamps_config_map(name, json!({"in": data}));
    object["metadata"]["namespace"] = "ns".into();
    object["metadata"]["labels"] = json!({"pick": "me"});
    cluster.put(object);
}

#[test]
fn exactly_one_object_is_selected_and_followed() {
    let cluster = selecting("ConfigMap", json!({"pick": "me"}));
    let text = |inner: &str| {
        format!(
            "False TemplateStampFailure unable to resolve selector [map[pick:me]], apiVersion [v1], \
             kind [ConfigMap]: {inner}"
        )
    };
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        text("selector did not match any objects")
    );
    let outcome = cluster.pass(&runnable_key()).expect("there");
    let on = Dependency::Selected {
        gvk: config_map("x").gvk,
        namespace: Some("ns".into()),
        labels: vec![("pick".into(), "me".into())],
    };
    assert!(outcome.depends_on.contains(&on));
    assert_eq!(outcome.next, Next::AwaitChange);
    candidate(&cluster, "one", "1");
    cluster.settle();
    assert_eq!(runs(&cluster), ["1"]);
    cluster.wait(1);
    candidate(&cluster, "one", "2");
    cluster.settle();
    assert_eq!(runs(&cluster), ["1", "2"]);
    candidate(&cluster, "two", "3");
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        text("selector matched multiple objects")
    );
}

#[test]
fn an_unknown_kind_to_select_is_said_to_be_unknown() {
    let cluster = selecting("Nonsense", json!({"a": "b"}));
    cluster.settle();
    assert_eq!(
        says(&cluster, "RunTemplateReady"),
        "False TemplateStampFailure unable to resolve selector [map[a:b]], apiVersion [v1], kind \
         [Nonsense]: failed to list server api resources: no matches for kind \"Nonsense\" in \
         version \"v1\""
    );
}

#[test]
fn kinds_without_spec_run_once_and_stay_unknown() {
    let cluster = Cluster::new();
    let stamps = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c-"},
        "data": {"in": "$(runnable.metadata.name)$"},
    });
    cluster.put(run_template(stamps, json!({})));
    cluster.put(runnable(json!({})));
    cluster.settle();
    assert_eq!(cluster.list("ConfigMap").len(), 1);
    assert_eq!(says(&cluster, "Ready"), "Unknown Unknown");
}

#[test]
fn retention_counts_runs_of_former_templates_too() {
    let policy = json!({"maxFailedRuns": 1, "maxSuccessfulRuns": 1});
    let cluster = cluster(json!({"inputs": {"in": "a"}, "retentionPolicy": policy}));
    cluster.settle();
    finish(&cluster, "a", "True", json!("x"));
    cluster.put(object(
        "ClusterRunTemplate",
        "second",
        json!({"template": stamps_run("other-", json!({"in": "$(runnable.spec.inputs.in)$"}))}),
    ));
    cluster.wait(10);
    cluster.edit(&runnable_key(), "kubectl", |runnable| {
        runnable["spec"]["runTemplateRef"]["name"] = "second".into();
        runnable["spec"]["inputs"]["in"] = "b".into();
    });
    cluster.settle();
    finish(&cluster, "b", "True", json!("y"));
    assert_eq!(runs(&cluster), ["b"]);
}

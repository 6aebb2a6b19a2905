//! Objects that are created once per stamp.

use serde_json::{Value, json};

use crate::build::{chain, resource, source_template, workload};
use crate::build::{one_resource, stamps_config_map, stamps_run, template, with};
use crate::cluster::{Cluster, conditions, config_map};
use crate::drive::workload_key;

fn image(lifecycle: &str, extra: Value) -> Value {
    let mut spec = json!({"imagePath": ".status.image", "lifecycle": lifecycle});
    if let (Some(spec), Some(extra)) = (spec.as_object_mut(), extra.as_object()) {
        spec.extend(extra.clone());
    }
    let stamps = stamps_run("run-", json!({"in": "$(workload.spec.source.git.url)$"}));
    template("ClusterImageTemplate", "image", stamps, spec)
}

fn url(text: &str) -> Value {
    json!({"source": {"git": {"url": text}}})
}

fn change(cluster: &Cluster, text: &str) {
    cluster.wait(10);
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"] = url(text);
    });
    cluster.settle();
}

/// Returns the inputs of all runs, oldest first.
fn runs(cluster: &Cluster) -> Vec<String> {
    let mut runs = cluster.list("Test");
    runs.sort_by_key(|run| {
        run["metadata"]["creationTimestamp"]
            .as_str()
            .map(str::to_owned)
    });
    let input = |run: &Value| {
        run["spec"]["value"]["in"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    runs.iter().map(input).collect()
}

fn run_of(cluster: &Cluster, input: &str) -> Value {
    let runs = cluster.list("Test");
    let found = runs
        .into_iter()
        .find(|run| run["spec"]["value"]["in"] == *input);
    found.expect("a run of that input")
}

fn finish(cluster: &Cluster, input: &str, succeeded: &str, image: &str) {
    let run = run_of(cluster, input);
    let name = run["metadata"]["name"].as_str().expect("runs have names");
    let mut status = conditions(&[("Succeeded", succeeded, "it says")]);
    status["image"] = image.into();
    cluster.set_status(&crate::cluster::test(name), status);
    cluster.settle();
}

fn output(cluster: &Cluster) -> Value {
    cluster.resource("only")["outputs"][0]["preview"].clone()
}

#[test]
fn one_run_per_stamp_whatever_happens() {
    let cluster = one_resource(image("immutable", json!({})), url("a"));
    cluster.settle();
    cluster.restart();
    cluster.settle();
    assert_eq!(runs(&cluster), ["a"]);
    change(&cluster, "b");
    assert_eq!(runs(&cluster), ["a", "b"]);
    cluster.restart();
    change(&cluster, "a");
    assert_eq!(runs(&cluster), ["a", "b"]);
}

#[test]
fn kinds_without_spec_do_not_loop() {
    let mut stamps = stamps_config_map("x", json!({"k": "$(workload.spec.source.git.url)$"}));
    stamps["metadata"] = json!({"generateName": "x-"});
    let plain = template(
        "ClusterTemplate",
        "plain",
        stamps,
        json!({"lifecycle": "immutable"}),
    );
    let cluster = one_resource(plain, url("a"));
    cluster.settle();
    assert_eq!(cluster.list("ConfigMap").len(), 1);
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

#[test]
fn going_back_takes_the_run_that_is_there_and_its_outputs() {
    let cluster = one_resource(image("tekton", json!({})), url("a"));
    cluster.settle();
    finish(&cluster, "a", "True", "img-a");
    change(&cluster, "b");
    // Until b succeeds its predecessor's output stays.
    assert_eq!(output(&cluster), "img-a\n");
    finish(&cluster, "b", "True", "img-b");
    assert_eq!(output(&cluster), "img-b\n");
    change(&cluster, "a");
    assert_eq!(runs(&cluster), ["a", "b"]);
    assert_eq!(output(&cluster), "img-a\n");
    let name = run_of(&cluster, "a")["metadata"]["name"].clone();
    assert_eq!(cluster.resource("only")["stampedRef"]["name"], name);
}

#[test]
fn outputs_come_from_the_latest_success_and_health_from_the_newest() {
    let cluster = one_resource(image("tekton", json!({})), url("a"));
    cluster.settle();
    let first = run_of(&cluster, "a")["metadata"]["name"].clone();
    let name = first.as_str().expect("a name");
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        format!(
            "Unknown MissingValueAtPath waiting to read value [.status.image] from object \
             [tests.test.run/{name}] in namespace [ns]"
        )
    );
    finish(&cluster, "a", "True", "img-a");
    change(&cluster, "b");
    finish(&cluster, "b", "False", "img-b");
    assert_eq!(output(&cluster), "img-a\n");
    assert_eq!(
        cluster.resource_condition("only", "Healthy"),
        "False SucceededCondition it says"
    );
    let second = run_of(&cluster, "b")["metadata"]["name"].clone();
    assert_eq!(cluster.resource("only")["stampedRef"]["name"], second);
    assert_eq!(
        cluster.resource_condition("only", "ResourceSubmitted"),
        "True ResourceSubmissionComplete"
    );
}

#[test]
fn runs_are_judged_by_the_health_rule() {
    let rule = json!({"healthRule": {"multiMatch": {
        "healthy": {"matchFields": [{"key": "spec.value.in", "operator": "In", "values": ["good"]}]},
        "unhealthy": {"matchFields": [{"key": "spec.value.in", "operator": "In", "values": ["bad"]}]},
    }}});
    let cluster = one_resource(image("immutable", rule), url("bad"));
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("only", "Healthy"),
        "False MatchedField field value: bad, message: unknown, error retrieving message path []"
    );
    assert_eq!(output(&cluster), Value::Null);
    change(&cluster, "good");
    finish(&cluster, "good", "True", "img");
    assert_eq!(output(&cluster), "img\n");
}

#[test]
fn retention_keeps_the_newest_of_each_kind_and_never_the_current_away() {
    let policy = json!({"retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 2}});
    let cluster = one_resource(image("tekton", policy), url("1"));
    cluster.settle();
    for (input, succeeded) in [
        ("1", "True"),
        ("2", "False"),
        ("3", "True"),
        ("4", "False"),
        ("5", "True"),
        ("6", "True"),
    ] {
        change(&cluster, input);
        finish(&cluster, input, succeeded, "img");
    }
    assert_eq!(runs(&cluster), ["4", "5", "6"]);
    let log = cluster.take_log();
    let deletions = log
        .iter()
        .filter(|line| line.starts_with("event StampedObjectRemoved"));
    assert_eq!(deletions.count(), 3);
    // Back to 4: it is the oldest and the current one.
    change(&cluster, "4");
    change(&cluster, "7");
    finish(&cluster, "7", "False", "img");
    assert_eq!(runs(&cluster), ["5", "6", "7"]);
}

#[test]
fn runs_that_never_end_do_not_pile_up() {
    let policy = json!({"retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 1}});
    let cluster = one_resource(image("tekton", policy), url("0"));
    cluster.settle();
    for input in ["1", "2", "3", "4"] {
        change(&cluster, input);
    }
    assert_eq!(runs(&cluster), ["3", "4"]);
}

#[test]
fn an_empty_health_rule_is_unknown_and_no_crash() {
    let cluster = one_resource(image("immutable", json!({"healthRule": {}})), url("a"));
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("only", "Healthy"),
        "Unknown Unknown"
    );
    assert_eq!(runs(&cluster), ["a"]);
}

#[test]
fn a_fixed_name_that_is_taken_is_refused_as_by_the_original() {
    let stamps =
        crate::build::stamps_test("fixed", json!({"in": "$(workload.spec.source.git.url)$"}));
    let spec = json!({"imagePath": ".status.image", "lifecycle": "immutable"});
    let cluster = one_resource(
        template("ClusterImageTemplate", "image", stamps, spec),
        url("a"),
    );
    cluster.settle();
    change(&cluster, "b");
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False TemplateRejectedByAPIServer unable to apply object [ns/fixed] for resource [only] in \
         supply chain [chain]: create: tests.test.run \"fixed\" already exists"
    );
    assert_eq!(runs(&cluster), ["a"]);
}

#[test]
fn a_forbidden_list_surfaces_as_an_apply_error() {
    let cluster = one_resource(image("immutable", json!({})), url("a"));
    let gvk = crate::cluster::test("x").gvk;
    cluster.with(|state| {
        state
            .watches
            .insert(gvk, carto_core::realize::Watch::Denied("no".into()));
        state.forbidden.insert(("list".into(), "Test".into()));
    });
    cluster.settle();
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False TemplateRejectedByAPIServer unable to apply object [ns/] for resource [only] in \
         supply chain [chain]: unable to list from api server: tests.test.run is forbidden: User \
         \"system:serviceaccount:ns:default\" cannot list resource \"tests\" in API group \
         \"test.run\" in the namespace \"ns\""
    );
}

#[test]
fn downstream_follows_immutable_outputs() {
    let cluster = Cluster::new();
    cluster.put(source_template(
        "source",
        "w-source",
        "$(workload.spec.source.git.url)$",
        "r",
    ));
    let rule = json!({"healthRule": {"multiMatch": {
        "healthy": {"matchFields": [{"key": "spec.value.url", "operator": "In", "values": ["dev"]}]},
        "unhealthy": {"matchFields": [{"key": "spec.value.url", "operator": "NotIn", "values": ["dev"]}]},
    }}, "lifecycle": "immutable", "urlPath": ".spec.value.url", "revisionPath": ".spec.value.url"});
    let stamps = stamps_run("test-", json!({"url": "$(source.url)$"}));
    cluster.put(template("ClusterSourceTemplate", "tests", stamps, rule));
    cluster.put(template(
        "ClusterTemplate",
        "final",
        stamps_config_map("final", json!({"url": "$(source.url)$"})),
        json!({}),
    ));
    cluster.put(chain(
        "chain",
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            with(
                resource("tests", "ClusterSourceTemplate", "tests"),
                "sources",
                &[("s", "source")]
            ),
            with(
                resource("final", "ClusterTemplate", "final"),
                "sources",
                &[("s", "tests")]
            ),
        ]),
    ));
    cluster.put(workload(url("main")));
    cluster.settle();
    assert!(cluster.get(&config_map("final")).is_none());
    change(&cluster, "dev");
    assert_eq!(
        cluster.get(&config_map("final")).expect("stamped")["data"]["url"],
        "dev"
    );
    assert_eq!(cluster.list("Test").len(), 2);
}

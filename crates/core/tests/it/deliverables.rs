//! Deliverables: deployments that complete, fail or wait.

use carto_core::key::ObjectKey;
use serde_json::{Value, json};

use crate::build::{
    object, resource, source_template, stamps_config_map, stamps_test, template, with,
};
use crate::cluster::{Cluster, config_map, key, test};
use crate::drive::condition;

fn deliverable_key() -> ObjectKey {
    key("carto.run/v1alpha1", "Deliverable", "d")
}

fn delivery(resources: Value) -> Value {
    object(
        "ClusterDelivery",
        "delivery",
        json!({"selector": {"app": "web"}, "resources": resources}),
    )
}

/// A delivery of a source and a deployer with this completion rule.
fn cluster(rule: Value, value: Value) -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template("source", "d-source", "https://git", "main"));
    cluster.put(template(
        "ClusterDeploymentTemplate",
        "deploy",
        stamps_test("deploy", value),
        rule,
    ));
    let deployer = resource("deployer", "ClusterDeploymentTemplate", "deploy");
    let mut deployer = deployer;
    deployer["deployment"] = json!({"resource": "source"});
    cluster.put(delivery(json!([
        resource("source", "ClusterSourceTemplate", "source"),
        deployer
    ])));
    let mut deliverable = object("Deliverable", "d", json!({}));
    deliverable["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(deliverable);
    cluster.settle();
    cluster
}

fn status(cluster: &Cluster) -> Value {
    cluster.get(&deliverable_key()).expect("there")["status"].clone()
}

fn says(cluster: &Cluster, kind: &str) -> String {
    condition(&status(cluster)["conditions"], kind)
}

fn entry(cluster: &Cluster, name: &str) -> Value {
    let status = status(cluster);
    let entries = status["resources"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .find(|entry| entry["name"] == *name)
        .unwrap_or_default()
}

fn completion() -> Value {
    json!({"observedCompletion": {
        "succeeded": {"key": "status.ready", "value": "true"},
        "failed": {"key": "status.failed", "value": "yes"},
    }})
}

#[test]
fn observed_matches_compare_two_fields() {
    let rule = json!({"observedMatches": [
        {"input": "spec.value.some-key", "output": "spec.value.good-key"},
        {"input": "spec.value.some-key", "output": "spec.value.bad-key"},
    ]});
    let value = json!({"some-key": "$(deployment.url)$", "good-key": "$(deployment.url)$", "bad-key": "no"});
    let cluster = cluster(rule, value);
    let text = "Unknown ConditionNotMet resource [deployer] condition not met: input \
                [spec.value.some-key] and output [spec.value.bad-key] do not match: https://git != no";
    assert_eq!(says(&cluster, "ResourcesSubmitted"), text);
    assert_eq!(says(&cluster, "Ready"), text);
    assert_eq!(
        says(&cluster, "ResourcesHealthy"),
        "Unknown HealthyConditionRule"
    );
    assert_eq!(
        condition(
            &entry(&cluster, "deployer")["conditions"],
            "ResourceSubmitted"
        ),
        text
    );
}

#[test]
fn observed_matches_name_what_is_missing_and_compare_structures() {
    let rule =
        |output: &str| json!({"observedMatches": [{"input": "spec.value.a", "output": output}]});
    let value =
        json!({"a": {"x": ["$(deployment.url)$"]}, "b": {"x": ["https://git"]}, "c": {"x": []}});
    let missing = cluster(rule("status.none"), value.clone());
    assert_eq!(
        says(&missing, "ResourcesSubmitted"),
        "Unknown ConditionNotMet resource [deployer] condition not met: could not find value on \
         output [status.none]: jsonpath returned empty list: status.none"
    );
    let equal = cluster(rule("spec.value.b"), value.clone());
    assert_eq!(says(&equal, "Ready"), "True Ready");
    let unequal = cluster(rule("spec.value.c"), value);
    assert_eq!(
        says(&unequal, "ResourcesSubmitted"),
        "Unknown ConditionNotMet resource [deployer] condition not met: input [spec.value.a] and \
         output [spec.value.c] do not match: map[x:[https://git]] != map[x:[]]"
    );
}

#[test]
fn observed_completion_through_all_its_stages() {
    let cluster = cluster(completion(), json!({"url": "$(deployment.url)$"}));
    let at = |status: Value| {
        cluster.set_status(&test("deploy"), status);
        cluster.settle();
        says(&cluster, "ResourcesSubmitted")
    };
    assert_eq!(
        says(&cluster, "ResourcesSubmitted"),
        "False TemplateStampFailure resource [deployer] cannot satisfy observedCompletion without \
         observedGeneration in object status"
    );
    assert_eq!(
        at(json!({"observedGeneration": 0})),
        "Unknown ConditionNotMet resource [deployer] condition not met: status.observedGeneration \
         does not equal metadata.generation: 0 != 1"
    );
    assert_eq!(
        at(json!({"observedGeneration": 1})),
        "Unknown ConditionNotMet resource [deployer] condition not met: failed to evaluate \
         succeededCondition.Key [status.ready]: jsonpath returned empty list: status.ready"
    );
    assert_eq!(
        at(json!({"observedGeneration": 1, "ready": "no"})),
        "Unknown ConditionNotMet resource [deployer] condition not met: deployment success \
         condition [status.ready] was: no, expected: true"
    );
    assert_eq!(
        at(json!({"observedGeneration": 1, "ready": "true", "failed": "yes"})),
        "False FailedConditionMet resource [deployer] failed condition met: deployment failure \
         condition [status.failed] was: yes"
    );
    assert_eq!(
        at(json!({"observedGeneration": 1, "ready": "true"})),
        "True ResourceSubmissionComplete"
    );
    // A boolean counts as its text.
    assert_eq!(
        at(json!({"observedGeneration": 1, "ready": true})),
        "True ResourceSubmissionComplete"
    );
    assert_eq!(
        entry(&cluster, "deployer")["outputs"][0]["preview"],
        "https://git\n"
    );
    assert_eq!(
        entry(&cluster, "deployer")["inputs"],
        json!([{"name": "source"}])
    );
}

#[test]
fn deployers_chain_and_are_read_as_sources() {
    let cluster = Cluster::new();
    let matches = json!({"observedMatches": []});
    cluster.put(source_template("source", "d-source", "https://git", "main"));
    for name in ["first", "second"] {
        let stamps = stamps_test(name, json!({"url": "$(deployment.url)$"}));
        cluster.put(template(
            "ClusterDeploymentTemplate",
            name,
            stamps,
            matches.clone(),
        ));
    }
    cluster.put(template(
        "ClusterTemplate",
        "task",
        stamps_config_map(
            "task",
            json!({"url": "$(source.url)$", "same": "$(deployment.revision)$"}),
        ),
        json!({}),
    ));
    let on = |mut resource: Value, producer: &str| {
        resource["deployment"] = json!({"resource": producer});
        resource
    };
    let deployer = |name: &str, producer: &str| {
        on(resource(name, "ClusterDeploymentTemplate", name), producer)
    };
    let task = with(
        resource("task", "ClusterTemplate", "task"),
        "sources",
        &[("s", "second")],
    );
    cluster.put(delivery(json!([
        resource("source", "ClusterSourceTemplate", "source"),
        deployer("first", "source"),
        deployer("second", "first"),
        on(task, "first"),
    ])));
    let mut deliverable = object("Deliverable", "d", json!({}));
    deliverable["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(deliverable);
    cluster.settle();
    let task = cluster.get(&config_map("task")).expect("stamped");
    assert_eq!(task["data"], json!({"url": "https://git", "same": "main"}));
    assert_eq!(
        task["metadata"]["labels"]["carto.run/deliverable-name"],
        "d"
    );
    assert_eq!(
        task["metadata"]["labels"]["carto.run/delivery-name"],
        "delivery"
    );
    assert_eq!(says(&cluster, "Ready"), "True Ready");
    assert_eq!(
        status(&cluster)["deliveryRef"],
        json!({"kind": "ClusterDelivery", "name": "delivery"})
    );
    assert_eq!(
        entry(&cluster, "task")["inputs"],
        json!([{"name": "second"}, {"name": "first"}])
    );
}

#[test]
fn a_deployer_without_deployment_says_what_is_missing() {
    let cluster = Cluster::new();
    let stamps = stamps_test("deploy", json!({"fixed": "x"}));
    let rule = json!({"observedMatches": []});
    cluster.put(template(
        "ClusterDeploymentTemplate",
        "deploy",
        stamps,
        rule,
    ));
    cluster.put(delivery(json!([resource(
        "deployer",
        "ClusterDeploymentTemplate",
        "deploy"
    )])));
    let mut deliverable = object("Deliverable", "d", json!({}));
    deliverable["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(deliverable);
    cluster.settle();
    assert_eq!(
        says(&cluster, "ResourcesSubmitted"),
        "False UnknownError unable to retrieve outputs from stamped object [ns/deploy] of type \
         [tests.test.run] for resource [deployer] in supply chain [delivery]: deployment not found \
         in upstream template"
    );
}

#[test]
fn selection_uses_the_words_of_deliveries() {
    let cluster = Cluster::new();
    let mut deliverable = object("Deliverable", "d", json!({}));
    cluster.put(deliverable.clone());
    cluster.settle();
    assert_eq!(
        says(&cluster, "DeliveryReady"),
        "False DeliverableLabelsMissing deliverable has no labels to match to delivery"
    );
    deliverable["metadata"]["labels"] = json!({"a": "b"});
    cluster.put(deliverable);
    cluster.settle();
    assert_eq!(
        says(&cluster, "DeliveryReady"),
        "False DeliveryNotFound no delivery found where full selector is satisfied by labels: \
         map[a:b]"
    );
    assert_eq!(status(&cluster)["deliveryRef"], json!({}));
}

//! Which blueprint, and what the status says where there is none.

use serde_json::{Value, json};

use crate::build::{chain, object, resource, source_template, workload};
use crate::cluster::{Cluster, config_map};
use crate::drive::workload_key;

/// A cluster with one template and the workload `w` with these labels and spec.
fn cluster(labels: Value, spec: Value) -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template("source", "s", "u", "r"));
    let mut workload = workload(spec);
    workload["metadata"]["labels"] = labels;
    cluster.put(workload);
    cluster
}

fn selecting(name: &str, selectors: Value) -> Value {
    let mut spec = selectors;
    spec["resources"] = json!([resource("r", "ClusterSourceTemplate", "source")]);
    object("ClusterSupplyChain", name, spec)
}

#[test]
fn without_labels_nothing_is_looked_for() {
    let cluster = cluster(json!({}), json!({}));
    cluster.put(selecting(
        "fields",
        json!({"selectorMatchFields": [{"key": "metadata.name", "operator": "Exists"}]}),
    ));
    cluster.settle();
    let text = "workload has no labels to match to supply chain";
    assert_eq!(
        cluster.condition("SupplyChainReady"),
        format!("False WorkloadLabelsMissing {text}")
    );
    assert_eq!(
        cluster.condition("Ready"),
        format!("False WorkloadLabelsMissing {text}")
    );
    assert_eq!(cluster.status()["observedGeneration"], 1);
    assert_eq!(cluster.status()["supplyChainRef"], json!({}));
}

#[test]
fn no_chain_matches() {
    let cluster = cluster(json!({"c": "d", "a": "b"}), json!({}));
    cluster.put(selecting("other", json!({"selector": {"a": "x"}})));
    cluster.settle();
    assert_eq!(
        cluster.condition("SupplyChainReady"),
        "False SupplyChainNotFound no supply chain found where full selector is satisfied by \
         labels: map[a:b c:d]"
    );
}

#[test]
fn several_chains_match_equally_well() {
    let cluster = cluster(json!({"a": "1", "b": "2"}), json!({}));
    cluster.put(selecting("one", json!({"selector": {"a": "1"}})));
    cluster.put(selecting("two", json!({"selector": {"b": "2"}})));
    cluster.settle();
    assert_eq!(
        cluster.condition("SupplyChainReady"),
        "False MultipleSupplyChainMatches workload may only match a single supply chain's selector"
    );
    assert_eq!(cluster.status()["supplyChainRef"], json!({}));
}

#[test]
fn the_most_specific_chain_wins() {
    let cluster = cluster(
        json!({"a": "1", "b": "2"}),
        json!({"serviceAccountName": "default"}),
    );
    cluster.put(selecting("one", json!({"selector": {"a": "1"}})));
    cluster.put(selecting("two", json!({"selector": {"a": "1", "b": "2"}})));
    cluster.put(selecting(
        "three",
        json!({
            "selector": {"a": "1", "b": "2"},
            "selectorMatchFields": [
                {"key": "spec.serviceAccountName", "operator": "In", "values": ["default"]}
            ],
        }),
    ));
    cluster.settle();
    assert_eq!(cluster.status()["supplyChainRef"]["name"], "three");
    assert_eq!(cluster.condition("SupplyChainReady"), "True Ready");
}

#[test]
fn a_chain_without_templates_is_not_ready_and_says_so() {
    let cluster = cluster(json!({"app": "web"}), json!({}));
    cluster.put(chain(
        "broken",
        json!([
            resource("b", "ClusterImageTemplate", "nope"),
            resource("a", "ClusterSourceTemplate", "source"),
            resource("c", "ClusterTemplate", "nope"),
        ]),
    ));
    cluster.settle();
    assert_eq!(
        cluster.condition("SupplyChainReady"),
        "False TemplatesNotFound did not find the template of the resource(s) [b, c]"
    );
    assert_eq!(cluster.status()["supplyChainRef"]["name"], "broken");
    assert!(cluster.get(&config_map("s")).is_none());
}

#[test]
fn a_chain_that_was_never_examined_gives_a_valid_reason() {
    let cluster = cluster(json!({"app": "web"}), json!({}));
    cluster.put(chain("new", json!([])));
    cluster.pass(&workload_key());
    assert_eq!(
        cluster.condition("SupplyChainReady"),
        "False Unknown supply chain [new] has not been examined yet"
    );
}

#[test]
fn a_selector_that_cannot_be_judged_is_unknown_and_names_itself() {
    let cluster = cluster(json!({"app": "web"}), json!({}));
    cluster.put(selecting(
        "odd",
        json!({"selectorMatchExpressions": [{"key": "app", "operator": "In"}]}),
    ));
    cluster.settle();
    assert_eq!(
        cluster.condition("Ready"),
        "Unknown SelectorInvalid evaluating supply chain selectors against workload [ns/w] failed: \
         error handling selectors, selectorMatchExpressions or selectorMatchFields of \
         [ClusterSupplyChain/odd]: selector labels or matchExpressions are not valid: values: \
         Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
    );
}

#[test]
fn unset_fields_are_seen_as_the_original_sees_them() {
    let cases = [
        (json!({}), "spec.serviceAccountName", "Exists", true),
        (json!({}), "spec.image", "Exists", false),
        (json!({}), "spec.image", "DoesNotExist", true),
        (json!({}), "spec.image", "NotIn", true),
        (json!({}), "spec.source", "Exists", false),
        (json!({}), "spec.source.image", "NotIn", false),
        (
            json!({"source": {"image": "i"}}),
            "spec.source.subPath",
            "NotIn",
            true,
        ),
        (json!({}), "spec.build", "Exists", true),
        (json!({}), "metadata.labels.none", "DoesNotExist", true),
        (
            json!({"params": [{"name": "p", "value": 1}]}),
            "spec.params[0].name",
            "Exists",
            true,
        ),
    ];
    for (spec, key, operator, selected) in cases {
        let values = if operator == "NotIn" {
            json!(["x"])
        } else {
            json!([])
        };
        let cluster = cluster(json!({"app": "web"}), spec.clone());
        cluster.put(selecting(
            "by-field",
            json!({"selectorMatchFields": [{"key": key, "operator": operator, "values": values}]}),
        ));
        cluster.settle();
        let found = cluster.condition("SupplyChainReady") == "True Ready";
        assert_eq!(found, selected, "{spec} {key} {operator}");
    }
}

#[test]
fn the_service_account_comes_from_owner_then_chain_then_default() {
    let missing = |cluster: &Cluster| {
        cluster.settle();
        cluster.condition("ResourcesSubmitted")
    };
    let text = |account: &str| {
        let name = account.rsplit('/').next().unwrap_or_default();
        format!(
            "False ServiceAccountError failed to get service account object from api server \
             [{account}]: failed to get object [{account}] from api server: ServiceAccount \
             \"{name}\" not found"
        )
    };
    let with_chain = |reference: Value, spec: Value| {
        let cluster = cluster(json!({"app": "web"}), spec);
        let mut chain = chain(
            "c",
            json!([resource("r", "ClusterSourceTemplate", "source")]),
        );
        chain["spec"]["serviceAccountRef"] = reference;
        cluster.put(chain);
        cluster.with(|state| state.accounts.clear());
        missing(&cluster)
    };
    assert_eq!(with_chain(Value::Null, json!({})), text("ns/default"));
    assert_eq!(with_chain(json!({"name": "b"}), json!({})), text("ns/b"));
    let elsewhere = json!({"name": "b", "namespace": "elsewhere"});
    assert_eq!(
        with_chain(elsewhere.clone(), json!({})),
        text("elsewhere/b")
    );
    assert_eq!(
        with_chain(elsewhere, json!({"serviceAccountName": "mine"})),
        text("ns/mine")
    );
}

#[test]
fn early_exits_keep_what_the_status_says_about_resources() {
    let cluster = cluster(json!({"app": "web"}), json!({}));
    cluster.put(chain(
        "c",
        json!([resource("r", "ClusterSourceTemplate", "source")]),
    ));
    cluster.settle();
    let before = cluster.status()["resources"].clone();
    assert!(before.is_array());
    cluster.with(|state| state.accounts.clear());
    cluster.settle();
    assert!(
        cluster
            .condition("Ready")
            .starts_with("False ServiceAccountError")
    );
    assert_eq!(cluster.status()["resources"], before);
    assert_eq!(
        cluster.status()["conditions"].as_array().map(Vec::len),
        Some(3)
    );
}

//! Nothing stays behind, and nothing goes that is needed.

use carto_core::realize::{Dependency, Next};
use serde_json::{Value, json};

use crate::build::{
    chain, image_template, one_resource, resource, source_template, stamps_config_map, stamps_run,
    template, three_hops, with,
};
use crate::cluster::{Cluster, Fault, conditions, config_map, key, test};
use crate::drive::{condition, workload_key};

fn settled() -> Cluster {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    cluster.take_log();
    cluster
}

fn stamped(cluster: &Cluster) -> Vec<String> {
    let name = |object: &Value| {
        object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut names: Vec<String> = cluster
        .list("ConfigMap")
        .iter()
        .chain(&cluster.list("Test"))
        .map(name)
        .collect();
    names.sort();
    names
}

fn deletions(cluster: &Cluster) -> Vec<String> {
    cluster
        .take_log()
        .into_iter()
        .filter(|line| line.starts_with("delete"))
        .collect()
}

fn label(cluster: &Cluster, labels: Value) {
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"] = labels;
    });
    cluster.settle();
}

#[test]
fn a_renamed_object_leaves_no_predecessor() {
    let cluster = settled();
    cluster.put(source_template("source", "w-renamed", "u", "main"));
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-app", "w-image", "w-renamed"]);
}

#[test]
fn a_removed_resource_leaves_nothing_though_its_template_is_gone() {
    let cluster = settled();
    cluster.put(chain(
        "chain",
        json!([resource("source", "ClusterSourceTemplate", "source")]),
    ));
    cluster.remove(&key("carto.run/v1alpha1", "ClusterTemplate", "app"));
    cluster.remove(&key("carto.run/v1alpha1", "ClusterImageTemplate", "image"));
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-source"]);
    // Consumers go before producers.
    let log = cluster.take_log();
    let deleted: Vec<&String> = log
        .iter()
        .filter(|line| line.starts_with("delete"))
        .collect();
    assert_eq!(deleted, ["delete ConfigMap/w-app", "delete Test/w-image"]);
    let event = "event StampedObjectRemoved Deleted object [tests.test.run/w-image]";
    assert!(log.iter().any(|line| line == event));
    assert_eq!(
        cluster.status()["resources"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

#[test]
fn a_template_that_is_gone_keeps_the_object_that_is_still_wanted() {
    let cluster = settled();
    cluster.remove(&key("carto.run/v1alpha1", "ClusterTemplate", "app"));
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-app", "w-image", "w-source"]);
    assert!(
        cluster
            .condition("Ready")
            .starts_with("False TemplatesNotFound")
    );
}

#[test]
fn no_match_any_more_leaves_nothing() {
    let cluster = settled();
    label(&cluster, json!({"app": "other"}));
    assert_eq!(stamped(&cluster), [""; 0]);
    assert_eq!(cluster.status().get("resources"), None);
    assert_eq!(cluster.status()["supplyChainRef"], json!({}));
    assert!(
        cluster
            .condition("Ready")
            .starts_with("False SupplyChainNotFound")
    );
}

#[test]
fn no_labels_any_more_leaves_nothing() {
    let cluster = settled();
    label(&cluster, json!({}));
    assert_eq!(stamped(&cluster), [""; 0]);
}

#[test]
fn a_chain_that_is_gone_leaves_nothing() {
    let cluster = settled();
    cluster.remove(&key("carto.run/v1alpha1", "ClusterSupplyChain", "chain"));
    cluster.settle();
    assert_eq!(stamped(&cluster), [""; 0]);
}

#[test]
fn an_ambiguous_choice_changes_nothing() {
    let cluster = settled();
    cluster.put(chain("second", json!([])));
    cluster.settle();
    assert!(
        cluster
            .condition("Ready")
            .starts_with("False MultipleSupplyChainMatches")
    );
    assert_eq!(stamped(&cluster), ["w-app", "w-image", "w-source"]);
    assert_eq!(cluster.status()["supplyChainRef"]["name"], "chain");
}

#[test]
fn another_chain_takes_over_without_a_gap() {
    let cluster = settled();
    let mut second = chain(
        "second",
        json!([
            resource("other", "ClusterSourceTemplate", "other"),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "other")]
            ),
            with(
                resource("run", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
        ]),
    );
    second["spec"]["selector"] = json!({"app": "second"});
    cluster.put(second);
    let later = image_template("image", "w-second-image");
    let slow = source_template("other", "w-other", "u", "r");
    // While it is not ready nothing goes.
    label(&cluster, json!({"app": "second"}));
    assert_eq!(stamped(&cluster), ["w-app", "w-image", "w-source"]);
    // While the app waits for its image the old one serves.
    cluster.put(later);
    cluster.put(slow);
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-app", "w-other", "w-second-image"]);
    let status = cluster.status();
    let old = status["resources"]
        .as_array()
        .and_then(|entries| entries.last())
        .cloned();
    let old = old.expect("an entry for what is left");
    assert_eq!(old["name"], "app");
    assert_eq!(
        condition(&old["conditions"], "Pruned"),
        "False ReplacementPending kept until resource [run], which may replace it, is stamped"
    );
    let before = cluster.get(&config_map("w-app")).expect("serves");
    cluster.set_status(&test("w-second-image"), json!({"image": "two"}));
    cluster.settle();
    let after = cluster.get(&config_map("w-app")).expect("serves");
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(after["data"]["image"], "two");
    assert_eq!(stamped(&cluster), ["w-app", "w-other", "w-second-image"]);
    assert_eq!(
        cluster.status()["resources"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn an_account_that_may_not_delete_is_told_which_rule_to_add() {
    let cluster = settled();
    cluster.with(|state| {
        state
            .forbidden
            .insert(("delete".into(), "ConfigMap".into()));
    });
    cluster.put(source_template("source", "w-renamed", "u", "main"));
    cluster.settle();
    assert_eq!(
        stamped(&cluster),
        ["w-app", "w-image", "w-renamed", "w-source"]
    );
    let status = cluster.status();
    let old = status["resources"]
        .as_array()
        .and_then(|entries| entries.last())
        .cloned();
    let old = old.expect("an entry for what is left");
    assert_eq!(old["stampedRef"]["name"], "w-source");
    assert_eq!(
        condition(&old["conditions"], "Pruned"),
        "False DeleteForbidden service account [ns/default] may not delete [configmaps/w-source]; \
         add to a Role bound to it in namespace [ns]: {apiGroups: [\"\"], resources: \
         [\"configmaps\"], verbs: [\"delete\"]}"
    );
    assert_eq!(cluster.condition("Ready"), "True Ready");
    let outcome = cluster.pass(&workload_key()).expect("there");
    assert_eq!((outcome.status, outcome.next), (None, Next::AwaitChange));
    let waits = |one: &Dependency| matches!(one, Dependency::Permissions(_));
    assert!(outcome.depends_on.iter().any(waits));
    cluster.with(|state| state.forbidden.clear());
    cluster.restart();
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-app", "w-image", "w-renamed"]);
    assert_eq!(
        cluster.status()["resources"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn an_object_with_finalizers_stays_in_the_status_until_it_is_gone() {
    let cluster = settled();
    cluster.edit(&config_map("w-source"), "user", |object| {
        object["metadata"]["finalizers"] = json!(["a/b"]);
    });
    cluster.put(source_template("source", "w-renamed", "u", "main"));
    cluster.settle();
    let last = |cluster: &Cluster| {
        let status = cluster.status();
        status["resources"]
            .as_array()
            .and_then(|entries| entries.last())
            .cloned()
    };
    let old = last(&cluster).expect("an entry");
    assert_eq!(
        condition(&old["conditions"], "Pruned"),
        "False Deleting the object is being deleted and waits for its finalizers"
    );
    assert_eq!(deletions(&cluster).len(), 1);
    cluster.remove(&config_map("w-source"));
    cluster.settle();
    assert_eq!(last(&cluster).expect("an entry")["name"], "app");
    assert_eq!(
        cluster.status()["resources"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn all_runs_go_with_their_resource() {
    let spec = json!({"imagePath": ".status.image", "lifecycle": "tekton"});
    let stamps = stamps_run("run-", json!({"in": "$(workload.spec.source.git.url)$"}));
    let cluster = one_resource(
        template(
            "ClusterImageTemplate",
            "image",
            stamps.clone(),
            spec.clone(),
        ),
        json!({"source": {"git": {"url": "1"}}}),
    );
    for url in ["1", "2", "3"] {
        cluster.wait(1);
        cluster.edit(&workload_key(), "kubectl", |workload| {
            workload["spec"]["source"]["git"]["url"] = url.into();
        });
        cluster.settle();
        for run in cluster.list("Test") {
            let name = run["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            cluster.set_status(&test(&name), conditions(&[("Succeeded", "True", "")]));
        }
    }
    assert_eq!(cluster.list("Test").len(), 3);
    // A template of another name: what the old one ran is not what the resource does now.
    cluster.put(template("ClusterImageTemplate", "second", stamps, spec));
    cluster.put(chain(
        "chain",
        json!([resource("only", "ClusterImageTemplate", "second")]),
    ));
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 1);
    cluster.put(chain("chain", json!([])));
    cluster.settle();
    assert_eq!(cluster.list("Test").len(), 0);
}

#[test]
fn switching_the_lifecycle_leaves_one_kind_of_object() {
    let spec = |lifecycle: &str| json!({"imagePath": ".status.image", "lifecycle": lifecycle});
    let mutable = template(
        "ClusterImageTemplate",
        "image",
        crate::build::stamps_test("t", json!({})),
        spec("mutable"),
    );
    let immutable = template(
        "ClusterImageTemplate",
        "image",
        stamps_run("t-", json!({})),
        spec("immutable"),
    );
    let cluster = one_resource(mutable.clone(), json!({}));
    cluster.settle();
    assert_eq!(stamped(&cluster), ["t"]);
    cluster.put(immutable);
    cluster.settle();
    let names = stamped(&cluster);
    assert!(names.len() == 1 && names[0].starts_with("t-"), "{names:?}");
    cluster.put(mutable);
    cluster.settle();
    assert_eq!(stamped(&cluster), ["t"]);
}

#[test]
fn what_a_crash_hid_from_the_status_is_found_in_the_index() {
    let cluster = three_hops();
    // The pass that stamps dies before its status is written: the chain's status comes first.
    let stamps = 2;
    cluster.with(|state| state.faults.insert(1 + stamps, Fault::Crash));
    cluster.settle();
    cluster.put(source_template("source", "w-renamed", "u", "main"));
    cluster.settle();
    assert_eq!(stamped(&cluster), ["w-image", "w-renamed"]);
}

#[test]
fn an_object_whose_label_lies_outlives_a_request_that_fails() {
    let cluster = settled();
    cluster.edit(&config_map("w-source"), "vandal", |object| {
        object["metadata"]["labels"]["carto.run/resource-name"] = "lies".into();
    });
    cluster.with(|state| state.faults.insert(state.requests, Fault::NotReached));
    cluster.settle();
    assert_eq!(deletions(&cluster), [""; 0]);
    let source = cluster.get(&config_map("w-source")).expect("there");
    assert_eq!(
        source["metadata"]["labels"]["carto.run/resource-name"],
        "source"
    );
}

#[test]
fn objects_that_became_somebody_elses_are_left_alone() {
    let cluster = settled();
    cluster.edit(&config_map("w-source"), "user", |object| {
        object["metadata"]["ownerReferences"] = json!([]);
    });
    cluster.put(source_template("source", "w-renamed", "u", "main"));
    cluster.settle();
    assert!(stamped(&cluster).contains(&"w-source".to_owned()));
    assert_eq!(
        cluster.status()["resources"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn a_workload_that_is_being_deleted_is_left_in_peace() {
    let cluster = settled();
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z".into();
        workload["spec"]["source"]["git"]["url"] = "https://new".into();
    });
    let outcome = cluster.pass(&workload_key()).expect("there");
    assert_eq!(outcome.status, None);
    assert_eq!(cluster.take_log(), [""; 0]);
}

#[test]
fn fields_stay_stamped_when_the_label_owner_is_foreign() {
    // An object with our labels but another controller is nobody's victim.
    let cluster = settled();
    let mut foreign = stamps_config_map("foreign", json!({}));
    foreign["metadata"]["namespace"] = "ns".into();
    foreign["metadata"]["labels"] =
        json!({"carto.run/workload-name": "w", "carto.run/resource-name": "x"});
    cluster.put(foreign);
    cluster.settle();
    assert!(stamped(&cluster).contains(&"foreign".to_owned()));
}

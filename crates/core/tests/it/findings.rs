//! What the original gets wrong, finding by finding, where no other test shows it already.
//!
//! `docs/findings.md` has the whole list with the test or the reason for each; the last test here
//! keeps it honest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use carto_core::key::ObjectKey;
use carto_core::validate::{Origin, findings};
use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, one_resource, resource, source_template,
    stamps_config_map, stamps_test, template, three_hops, with, workload,
};
use crate::cluster::{Cluster, conditions, config_map, key, test};
use crate::drive::{condition, workload_key};
use crate::scenarios::serve;

/// The texts that validation has for an object.
fn said(object: &Value) -> Vec<String> {
    findings(object)
        .into_iter()
        .map(|finding| finding.message)
        .collect()
}

fn deliverable_key() -> ObjectKey {
    key("carto.run/v1alpha1", "Deliverable", "d")
}

/// A delivery of one deployer behind one source, and the deliverable `d`.
fn delivery(completion: Value) -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template("source", "d-source", "u", "r"));
    cluster.put(template(
        "ClusterDeploymentTemplate",
        "deploy",
        stamps_test("deployed", json!({})),
        completion,
    ));
    let mut deployer = resource("deploy", "ClusterDeploymentTemplate", "deploy");
    deployer["deployment"] = json!({"resource": "source"});
    cluster.put(object(
        "ClusterDelivery",
        "delivery",
        json!({"selector": {"app": "web"}, "resources": [
            resource("source", "ClusterSourceTemplate", "source"), deployer,
        ]}),
    ));
    let mut deliverable = object("Deliverable", "d", json!({}));
    deliverable["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(deliverable);
    cluster.settle();
    cluster
}

fn deployer(cluster: &Cluster) -> Value {
    let deliverable = cluster.get(&deliverable_key()).expect("there");
    let entries = deliverable["status"]["resources"].as_array().cloned();
    let mut entries = entries.unwrap_or_default().into_iter();
    entries
        .find(|entry| entry["name"] == "deploy")
        .unwrap_or_default()
}

#[test]
fn finding_04_a_missing_input_to_pass_through_is_said_of_its_own_resource() {
    let option = |field: &str, name: &str, operator: &str| {
        json!({field: name, "selector": {"matchExpressions": [
            {"key": "has-tests", "operator": operator}]}})
    };
    let tester = json!({
        "name": "tester",
        "sources": [{"name": "s", "resource": "nowhere"}],
        "templateRef": {"kind": "ClusterSourceTemplate", "options": [
            option("name", "source", "Exists"), option("passThrough", "s", "DoesNotExist"),
        ]},
    });
    let cluster = three_hops();
    cluster.put(chain("chain", json!([tester])));
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("tester", "ResourceSubmitted"),
        "False PassThrough unable to find passthrough [s] in [tester]: input [s] not found in \
         sources"
    );
    assert_eq!(
        cluster.resource_condition("tester", "SupplyChainReady"),
        "absent"
    );
    assert_eq!(cluster.condition("SupplyChainReady"), "True Ready");
    let types: Vec<Value> = cluster.status()["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["type"].clone())
        .collect();
    let distinct: BTreeSet<String> = types.iter().map(Value::to_string).collect();
    assert_eq!(types.len(), distinct.len(), "{types:?}");
}

#[test]
fn finding_05_conditions_of_deployers_have_the_type_of_resources() {
    let cluster = delivery(json!({"observedMatches": [
        {"input": "spec.value", "output": "status.value"}]}));
    let entry = deployer(&cluster);
    assert!(
        condition(&entry["conditions"], "ResourceSubmitted").starts_with("Unknown ConditionNotMet"),
        "{entry:#}"
    );
    assert_eq!(
        condition(&entry["conditions"], "ResourcesSubmitted"),
        "absent"
    );
}

#[test]
fn finding_11_one_kind_and_name_in_two_groups_are_two_objects() {
    let stamps = |group: &str| {
        json!({
            "apiVersion": format!("{group}/v1alpha1"), "kind": "Test",
            "metadata": {"name": "same"}, "spec": {"from": group},
        })
    };
    let cluster = Cluster::new();
    serve(&cluster, "other.run/v1alpha1", "Test", "tests");
    for group in ["test.run", "other.run"] {
        cluster.put(template("ClusterTemplate", group, stamps(group), json!({})));
    }
    cluster.put(chain(
        "chain",
        json!([
            resource("one", "ClusterTemplate", "test.run"),
            resource("two", "ClusterTemplate", "other.run"),
        ]),
    ));
    cluster.put(workload(json!({})));
    cluster.settle();
    for group in ["test.run", "other.run"] {
        let found = cluster.get(&key(&format!("{group}/v1alpha1"), "Test", "same"));
        assert_eq!(found.expect("both are there")["spec"]["from"], group);
    }
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

#[test]
fn finding_14_a_deletion_that_fails_stops_no_other_and_is_tried_again() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    cluster.with(|state| {
        state.forbidden.insert(("delete".into(), "Test".into()));
    });
    cluster.put(chain("chain", json!([])));
    cluster.settle();
    assert!(cluster.get(&config_map("w-app")).is_none());
    assert!(cluster.get(&config_map("w-source")).is_none());
    assert!(cluster.get(&test("w-image")).is_some());
    assert!(
        cluster
            .resource_condition("image", "Pruned")
            .starts_with("False DeleteForbidden service account [ns/default] may not delete"),
        "{:#}",
        cluster.status()
    );
    cluster.with(|state| state.forbidden.clear());
    cluster.settle();
    assert!(cluster.get(&test("w-image")).is_none());
    assert_eq!(cluster.status()["resources"], Value::Null);
}

#[test]
fn finding_16_a_chain_that_becomes_ready_takes_the_leftovers_of_the_last_one_away() {
    let cluster = three_hops();
    cluster.settle();
    cluster.remove(&key("carto.run/v1alpha1", "ClusterSupplyChain", "chain"));
    cluster.put(chain(
        "next",
        json!([resource("late", "ClusterTemplate", "late")]),
    ));
    cluster.settle();
    assert!(
        cluster
            .condition("SupplyChainReady")
            .starts_with("False TemplatesNotFound")
    );
    assert!(
        cluster.get(&config_map("w-source")).is_some(),
        "nothing is taken away while the next chain is not ready"
    );
    cluster.put(template(
        "ClusterTemplate",
        "late",
        stamps_config_map("w-late", json!({})),
        json!({}),
    ));
    cluster.settle();
    assert!(cluster.get(&config_map("w-late")).is_some());
    assert!(cluster.get(&config_map("w-source")).is_none());
    assert!(cluster.get(&test("w-image")).is_none());
}

#[test]
fn finding_21_a_missing_template_is_told_alike_whoever_looks_first() {
    let chain = key("carto.run/v1alpha1", "ClusterSupplyChain", "chain");
    let gone = |order: [&ObjectKey; 2]| {
        let cluster = one_resource(source_template("source", "w-source", "u", "r"), json!({}));
        cluster.settle();
        cluster.remove(&key(
            "carto.run/v1alpha1",
            "ClusterSourceTemplate",
            "source",
        ));
        for key in order {
            cluster.pass(key);
        }
        cluster.settle();
        cluster
    };
    let workload = workload_key();
    let (first, last) = (gone([&chain, &workload]), gone([&workload, &chain]));
    assert_eq!(
        last.condition("Ready"),
        "False TemplatesNotFound did not find the template of the resource(s) [only]"
    );
    assert_eq!(first.status(), last.status());
    // It is not the resource's fault, and what it stamped is still there.
    let submitted = last.resource_condition("only", "ResourceSubmitted");
    assert!(submitted.starts_with("True"), "{submitted}");
    assert!(last.get(&config_map("w-source")).is_some());
}

#[test]
fn finding_22_the_template_of_an_option_is_named_in_the_label() {
    let option = |name: &str, operator: &str| {
        json!({"name": name, "selector": {"matchExpressions": [
            {"key": "has-tests", "operator": operator}]}})
    };
    let cluster = Cluster::new();
    cluster.put(source_template("plain", "w-source", "u", "r"));
    cluster.put(source_template("tested", "w-source", "u", "r"));
    cluster.put(chain(
        "chain",
        json!([{"name": "source", "templateRef": {"kind": "ClusterSourceTemplate", "options": [
            option("tested", "Exists"), option("plain", "DoesNotExist"),
        ]}}]),
    ));
    cluster.put(workload(json!({})));
    cluster.settle();
    let stamped = cluster.get(&config_map("w-source")).expect("stamped");
    let labels = &stamped["metadata"]["labels"];
    assert_eq!(labels["carto.run/cluster-template-name"], "plain");
}

#[test]
fn finding_23_names_that_no_label_can_hold_are_found_before_they_are_applied() {
    let long = "n".repeat(64);
    for kind in ["ClusterTemplate", "ClusterSupplyChain", "Workload"] {
        let texts = said(&object(kind, &long, json!({})));
        assert!(
            texts.iter().any(|text| text.contains("which may have 63")),
            "{kind}: {texts:?}"
        );
    }
    let texts = said(&chain(
        "c",
        json!([resource(&long, "ClusterTemplate", "t")]),
    ));
    assert!(
        texts.iter().any(|text| text.contains("which may have 63")),
        "{texts:?}"
    );
}

#[test]
fn finding_27_references_in_deliveries_are_checked() {
    let mut deployer = resource("deploy", "ClusterDeploymentTemplate", "d");
    deployer["deployment"] = json!({"resource": "nowhere"});
    let source = with(
        resource("app", "ClusterTemplate", "t"),
        "sources",
        &[("s", "none")],
    );
    let texts = said(&object(
        "ClusterDelivery",
        "d",
        json!({"selector": {"a": "b"}, "resources": [deployer, source]}),
    ));
    for name in ["[nowhere]", "[none]"] {
        assert!(
            texts.iter().any(|text| text.contains(name)),
            "{name}: {texts:?}"
        );
    }
}

#[test]
fn finding_28_a_health_rule_hides_no_useless_retention() {
    let template = template(
        "ClusterTemplate",
        "t",
        stamps_config_map("c", json!({})),
        json!({
            "healthRule": {"alwaysHealthy": {}},
            "retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 1},
        }),
    );
    assert!(said(&template).contains(
        &"invalid template: if lifecycle is mutable, no retention policy may be set".to_owned()
    ));
}

#[test]
fn finding_29_paths_and_ytt_are_compiled_when_they_are_checked() {
    let path = template(
        "ClusterImageTemplate",
        "t",
        stamps_config_map("c", json!({})),
        json!({"imagePath": ".status.images["}),
    );
    let ytt = object("ClusterTemplate", "t", json!({"ytt": "a: 1\nb: #@ (\n"}));
    for (object, line, column) in [(path, 1, 16), (ytt, 2, 1)] {
        let found = findings(&object)
            .into_iter()
            .find(|finding| finding.origin == Origin::Carto)
            .expect("the original finds nothing");
        let place = found.within.map(|within| (within.line, within.column));
        assert_eq!(place, Some((line, column)), "{found:?}");
    }
}

#[test]
fn finding_30_numbers_and_booleans_are_compared_by_their_text() {
    let cluster = delivery(json!({"observedCompletion": {
        "succeeded": {"key": "status.done", "value": "true"},
        "failed": {"key": "status.attempts", "value": "3"},
    }}));
    let observed = |status: Value| {
        cluster.set_status(&test("deployed"), status);
        cluster.settle();
        condition(&deployer(&cluster)["conditions"], "ResourceSubmitted")
    };
    assert_eq!(
        observed(json!({"observedGeneration": 1, "done": true, "attempts": 1})),
        "True ResourceSubmissionComplete"
    );
    assert_eq!(
        observed(json!({"observedGeneration": 1, "done": true, "attempts": 3})),
        "False FailedConditionMet resource [deploy] failed condition met: deployment failure \
         condition [status.attempts] was: 3"
    );
    assert_eq!(
        observed(json!({"observedGeneration": 2, "done": true})),
        "Unknown ConditionNotMet resource [deploy] condition not met: status.observedGeneration \
         does not equal metadata.generation: 2 != 1"
    );
}

#[test]
fn finding_32_parameters_can_be_descended_into() {
    let stamps = stamps_config_map(
        "c",
        json!({
            "deep": "$(params.p.a.b)$", "item": "$(params.p.list[1])$",
        }),
    );
    let params =
        json!({"params": [{"name": "p", "default": {"a": {"b": "x"}, "list": ["y", "z"]}}]});
    let cluster = one_resource(template("ClusterTemplate", "t", stamps, params), json!({}));
    cluster.settle();
    let stamped = cluster.get(&config_map("c")).expect("stamped");
    assert_eq!(stamped["data"], json!({"deep": "x", "item": "z"}));
}

#[test]
fn finding_33_whole_numbers_are_stamped_exactly_and_previewed_as_before() {
    let stamps = stamps_test("t", json!({"big": "$(params.big)$", "small": 1_400_000}));
    let spec = json!({
        "configPath": "spec.value",
        "params": [{"name": "big", "default": 9_007_199_254_740_993_u64}],
    });
    let cluster = one_resource(
        template("ClusterConfigTemplate", "t", stamps, spec),
        json!({}),
    );
    cluster.settle();
    let stamped = cluster.get(&test("t")).expect("stamped");
    assert_eq!(
        stamped["spec"]["value"]["big"],
        json!(9_007_199_254_740_993_u64)
    );
    assert_eq!(
        cluster.resource("only")["outputs"][0]["preview"],
        "big: 9.007199254740992e+15\nsmall: 1.4e+06\n"
    );
}

#[test]
fn finding_34_outputs_of_a_runnable_survive_its_troubles() {
    let cluster = Cluster::new();
    serve(&cluster, "carto.run/v1alpha1", "Runnable", "runnables");
    cluster.put(object(
        "ClusterRunTemplate",
        "rt",
        json!({
            "template": crate::build::stamps_run("run-", json!({})),
            "outputs": {"image": "status.image"},
        }),
    ));
    cluster.put(object(
        "Runnable",
        "r",
        json!({"runTemplateRef": {"name": "rt"}}),
    ));
    cluster.settle();
    let run = ObjectKey::of(&cluster.list("Test")[0]).expect("a run");
    let mut status = conditions(&[("Succeeded", "True", "")]);
    status["image"] = "img".into();
    cluster.set_status(&run, status);
    cluster.settle();
    let outputs = || {
        let runnable = cluster.get(&key("carto.run/v1alpha1", "Runnable", "r"));
        runnable.expect("there")["status"]["outputs"].clone()
    };
    assert_eq!(outputs(), json!({"image": "img"}));
    let troubles: [fn(&Cluster); 3] = [
        |cluster| cluster.with(|state| state.accounts.clear()),
        |cluster| cluster.remove(&key("carto.run/v1alpha1", "ClusterRunTemplate", "rt")),
        |cluster| {
            let spec = json!({"runTemplateRef": {"name": "other"}});
            cluster.put(object("Runnable", "r", spec));
        },
    ];
    for trouble in troubles {
        trouble(&cluster);
        cluster.settle();
        assert_eq!(outputs(), json!({"image": "img"}));
    }
}

#[test]
fn finding_40_the_status_does_not_name_a_chain_that_is_not_there() {
    let cluster = three_hops();
    cluster.settle();
    assert_eq!(cluster.status()["supplyChainRef"]["name"], "chain");
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"] = json!({"app": "none"});
    });
    cluster.settle();
    assert_eq!(cluster.status()["supplyChainRef"], json!({}));
}

#[test]
fn finding_41_a_transition_is_a_change_of_status() {
    let spec =
        json!({"imagePath": ".status.image", "healthRule": {"singleConditionType": "Ready"}});
    let template = template(
        "ClusterImageTemplate",
        "image",
        stamps_test("t", json!({})),
        spec,
    );
    let cluster = one_resource(template, json!({}));
    cluster.settle();
    let healthy = |status: &str, message: &str| {
        cluster.wait(60);
        cluster.set_status(&test("t"), conditions(&[("Ready", status, message)]));
        cluster.settle();
        let entry = cluster.resource("only");
        let conditions = entry["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|one| one["type"] == "Healthy");
        found.expect("judged")
    };
    let first = healthy("False", "one");
    let second = healthy("False", "two");
    assert_eq!(second["message"], "two");
    assert_eq!(first["lastTransitionTime"], second["lastTransitionTime"]);
    let third = healthy("True", "");
    assert_ne!(second["lastTransitionTime"], third["lastTransitionTime"]);
}

#[test]
fn finding_44_a_parameter_without_a_value_is_a_condition_and_no_crash() {
    let cluster = one_resource(app_template("app", "w-app"), json!({}));
    let mut chain = chain("chain", json!([resource("only", "ClusterTemplate", "app")]));
    chain["spec"]["params"] = json!([{"name": "p"}]);
    cluster.put(chain);
    cluster.settle();
    let said = cluster.condition("ResourcesSubmitted");
    assert!(
        said.ends_with("param [p] must set exactly one of value and default"),
        "{said}"
    );
    assert!(said.starts_with("False TemplateStampFailure"), "{said}");
}

#[test]
fn finding_45_documents_that_are_left_out_are_counted_in_the_condition() {
    let ytt = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n---\nkind: ConfigMap\n";
    let cluster = one_resource(
        object("ClusterTemplate", "t", json!({"ytt": ytt})),
        json!({}),
    );
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("only", "ResourceSubmitted"),
        "True ResourceSubmissionComplete the template gives 2 documents; only the first is stamped"
    );
}

#[test]
fn finding_46_an_object_without_a_namespace_goes_when_it_is_not_needed() {
    let stamps = json!({
        "apiVersion": "test.run/v1alpha1", "kind": "ClusterTest", "metadata": {"name": "global"},
    });
    let cluster = one_resource(
        template("ClusterTemplate", "t", stamps, json!({})),
        json!({}),
    );
    cluster.settle();
    let global = key("test.run/v1alpha1", "ClusterTest", "global");
    assert!(cluster.get(&global).is_some());
    cluster.put(chain("chain", json!([])));
    cluster.settle();
    assert!(cluster.get(&global).is_none());
}

#[test]
fn finding_47_a_name_that_changes_leaves_one_object() {
    let cluster = three_hops();
    cluster.settle();
    cluster.put(image_template("image", "w-renamed"));
    cluster.settle();
    let names: Vec<Value> = cluster
        .list("Test")
        .iter()
        .map(|object| object["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["w-renamed"]);
}

#[test]
fn finding_50_a_chain_that_loses_a_template_keeps_what_it_stamped() {
    let cluster = three_hops();
    cluster.settle();
    cluster.remove(&key("carto.run/v1alpha1", "ClusterImageTemplate", "image"));
    cluster.settle();
    assert!(cluster.get(&test("w-image")).is_some());
    assert!(cluster.condition("SupplyChainReady").starts_with(
        "False TemplatesNotFound did not find the template of the resource(s) [image]"
    ));
}

#[test]
fn section_9_recursive_descent_over_an_owner_ends() {
    for path in ["$(workload..name)$", "$(..name)$"] {
        let stamps = stamps_config_map("c", json!({"x": path}));
        let cluster = one_resource(
            template("ClusterTemplate", "t", stamps, json!({})),
            json!({}),
        );
        cluster.settle();
        let said = cluster.condition("ResourcesSubmitted");
        assert!(
            said.starts_with("True") || said.starts_with("False TemplateStampFailure"),
            "{path}: {said}"
        );
    }
    let cluster = three_hops();
    let mut chain = chain("chain", json!([]));
    chain["spec"]["selectorMatchFields"] = json!([{"key": "metadata..name", "operator": "Exists"}]);
    cluster.put(chain);
    cluster.settle();
    assert_ne!(cluster.condition("SupplyChainReady"), "absent");
}

#[test]
fn section_9_a_preview_is_cut_between_characters_and_settles() {
    let text = "\u{2603}".repeat(400);
    let stamps = stamps_config_map("c", json!({"long": text}));
    let spec = json!({"configPath": ".data.long"});
    let cluster = one_resource(
        template("ClusterConfigTemplate", "t", stamps, spec),
        json!({}),
    );
    cluster.settle();
    let preview = cluster.resource("only")["outputs"][0]["preview"].clone();
    let preview = preview.as_str().expect("text");
    assert!(
        preview.len() <= 1024 && preview.chars().all(|one| one == '\u{2603}'),
        "{preview}"
    );
    cluster.take_log();
    cluster.settle();
    assert_eq!(cluster.take_log(), [""; 0]);
}

#[test]
fn section_3_a_deployment_that_is_passed_through_is_what_was_given() {
    let cluster = delivery(json!({"observedMatches": [
        {"input": "spec.value", "output": "status.value"}]}));
    let mut through = resource("deploy", "ClusterDeploymentTemplate", "deploy");
    through["deployment"] = json!({"resource": "source"});
    through["templateRef"] = json!({"kind": "ClusterDeploymentTemplate", "options": [
        {"passThrough": "any", "selector": {"matchLabels": {"app": "web"}}},
        {"name": "deploy", "selector": {"matchLabels": {"app": "other"}}},
    ]});
    cluster.put(object(
        "ClusterDelivery",
        "delivery",
        json!({"selector": {"app": "web"}, "resources": [
            resource("source", "ClusterSourceTemplate", "source"), through,
        ]}),
    ));
    cluster.settle();
    let entry = deployer(&cluster);
    assert_eq!(
        condition(&entry["conditions"], "ResourceSubmitted"),
        "True PassThrough"
    );
    assert_eq!(entry["outputs"][0]["preview"], "u\n", "{entry:#}");
}

/// Every row of the list in `docs/findings.md`: its number, and the tests it names.
fn listed() -> BTreeMap<String, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    let text = std::fs::read_to_string(file).expect("the list is there");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let number = cells[0];
        if !number.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        let last = cells.last().expect("split gives at least one");
        let is_name = |word: &&str| word.contains('_') && !word.contains([' ', '.', '/']);
        let tests: Vec<String> = last
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(is_name)
            .map(str::to_owned)
            .collect();
        assert!(
            !tests.is_empty() || last.starts_with("kept:") || last.starts_with("gone:"),
            "finding {number} has neither a test nor a reason: {last}"
        );
        assert!(
            rows.insert(number.to_owned(), tests).is_none(),
            "{number} is there twice"
        );
    }
    rows
}

fn test_names(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("and their entries").path();
        if path.is_dir() {
            test_names(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            let after = text.split("fn ").skip(1);
            names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn every_finding_is_listed_with_a_test_that_exists_or_a_reason() {
    let rows = listed();
    for number in 1..=52 {
        assert!(
            rows.contains_key(&number.to_string()),
            "finding {number} is not listed"
        );
    }
    let mut names = BTreeSet::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    test_names(&crates, &mut names);
    for (number, tests) in rows {
        for test in tests {
            assert!(
                names.contains(&test),
                "finding {number}: there is no test {test}"
            );
        }
    }
}

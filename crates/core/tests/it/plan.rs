//! What a change of files would do to a cluster.

use std::collections::BTreeSet;

use carto_core::key::ObjectKey;
use carto_core::plan::{Effect, Inputs, Plan, plan};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, one_resource, resource, source_template,
    stamps_run, template, three_hops, workload,
};
use crate::cluster::{Cluster, key, test};

fn live(cluster: &Cluster) -> Vec<Value> {
    cluster.with(|state| state.objects.values().cloned().collect())
}

fn planned(cluster: &Cluster, files: Vec<Value>, removed: &[ObjectKey]) -> Plan {
    let inputs = Inputs {
        live: live(cluster),
        files,
        removed: removed.iter().cloned().collect(),
        ..Inputs::default()
    };
    plan(inputs, Timestamp::UNIX_EPOCH)
}

/// What the controllers have not done yet.
fn pending(cluster: &Cluster) -> Plan {
    let inputs = Inputs {
        live: live(cluster),
        pending: true,
        ..Inputs::default()
    };
    plan(inputs, Timestamp::UNIX_EPOCH)
}

/// Effects and names, for the only owner that changes.
fn effects(plan: &Plan) -> Vec<(Effect, String)> {
    let [owner] = &plan.owners[..] else {
        panic!("one owner changes: {plan:#?}")
    };
    let one =
        |change: &carto_core::plan::ObjectChange| (change.effect, change.key.name.to_string());
    owner.objects.iter().map(one).collect()
}

fn settled() -> Cluster {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    cluster
}

#[test]
fn files_that_say_what_is_there_change_nothing() {
    let cluster = settled();
    let files = vec![
        image_template("image", "w-image"),
        app_template("app", "w-app"),
    ];
    let plan = planned(&cluster, files, &[]);
    assert_eq!((plan.examined, plan.owners), (1, vec![]));
}

#[test]
fn what_the_controllers_would_do_anyway_is_not_blamed_on_the_files() {
    let cluster = settled();
    cluster.put(source_template(
        "source",
        "w-source",
        "https://late",
        "main",
    ));
    let plan = planned(&cluster, vec![app_template("app", "w-app")], &[]);
    assert_eq!(plan.owners, vec![]);
}

#[test]
fn what_the_controllers_have_not_done_yet_can_be_asked_for() {
    let cluster = settled();
    assert_eq!(pending(&cluster).owners, vec![]);
    cluster.put(source_template(
        "source",
        "w-source",
        "https://late",
        "main",
    ));
    assert_eq!(
        effects(&pending(&cluster)),
        [
            (Effect::Change, "w-source".to_owned()),
            (Effect::Change, "w-image".to_owned()),
        ]
    );
}

#[test]
fn taking_over_from_the_original_changes_nothing_and_comes_to_rest() {
    let cluster = crate::scenarios::with_legacy();
    let plan = pending(&cluster);
    assert!(!plan.restless);
    // What the original had not done is the rest of the chain: nothing waits for the run.
    let changed: Vec<(Effect, String)> = plan
        .owners
        .iter()
        .flat_map(|owner| &owner.objects)
        .map(|one| (one.effect, one.key.name.to_string()))
        .collect();
    assert_eq!(changed, []);
}

#[test]
fn a_renamed_object_is_made_and_its_predecessor_taken_away() {
    let plan = planned(&settled(), vec![app_template("app", "w-other")], &[]);
    assert_eq!(
        effects(&plan),
        [
            (Effect::Delete, "w-app".to_owned()),
            (Effect::Create, "w-other".to_owned()),
        ]
    );
}

#[test]
fn removing_a_chain_takes_everything_away() {
    let chain = key("carto.run/v1alpha1", "ClusterSupplyChain", "chain");
    let plan = planned(&settled(), vec![], &[chain]);
    let names: BTreeSet<String> = effects(&plan).into_iter().map(|(_, name)| name).collect();
    let all = ["w-source", "w-image", "w-app"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(all));
    let owner = &plan.owners[0];
    assert_eq!(
        (
            owner.blueprint.before.as_deref(),
            owner.blueprint.after.as_deref()
        ),
        (Some("chain"), None)
    );
    assert_eq!(owner.ready.before, "True Ready");
    assert!(
        owner.ready.after.starts_with("False SupplyChainNotFound: "),
        "{:?}",
        owner.ready
    );
}

#[test]
fn removing_an_owner_takes_its_objects_along() {
    let owner = key("carto.run/v1alpha1", "Workload", "w");
    let plan = planned(&settled(), vec![], &[owner]);
    let all = effects(&plan);
    assert!(
        all.iter().all(|(effect, _)| *effect == Effect::Delete),
        "{all:?}"
    );
    assert_eq!(all.len(), 3);
}

#[test]
fn a_new_input_of_an_immutable_template_starts_a_run() {
    let stamps = |value: &str| {
        template(
            "ClusterImageTemplate",
            "image",
            stamps_run("run-", json!({"in": value})),
            json!({"imagePath": ".status.image", "lifecycle": "immutable"}),
        )
    };
    let cluster = one_resource(stamps("one"), json!({}));
    cluster.settle();
    let plan = planned(&cluster, vec![stamps("two")], &[]);
    let all = effects(&plan);
    assert_eq!((all.len(), all[0].0), (1, Effect::Run));
    assert_eq!(plan.owners[0].objects[0].resource.as_deref(), Some("only"));
    assert_eq!(planned(&cluster, vec![stamps("one")], &[]).owners, vec![]);
}

#[test]
fn a_run_of_a_stamped_runnable_counts_for_the_workload() {
    let runnable = |input: &str| {
        template(
            "ClusterSourceTemplate",
            "tested",
            json!({
                "apiVersion": "carto.run/v1alpha1", "kind": "Runnable", "metadata": {"name": "r"},
                "spec": {"runTemplateRef": {"name": "rt"}, "inputs": {"in": input}},
            }),
            json!({"urlPath": ".status.outputs.url", "revisionPath": ".status.outputs.url"}),
        )
    };
    let cluster = Cluster::new();
    cluster.with(|state| {
        let mapping = carto_core::key::Mapping {
            plural: "runnables".into(),
            namespaced: true,
        };
        state
            .kinds
            .insert(("carto.run/v1alpha1".into(), "Runnable".into()), mapping);
    });
    let stamps = stamps_run("run-", json!({"in": "$(runnable.spec.inputs.in)$"}));
    cluster.put(object(
        "ClusterRunTemplate",
        "rt",
        json!({"template": stamps}),
    ));
    cluster.put(runnable("one"));
    cluster.put(chain(
        "chain",
        json!([resource("test", "ClusterSourceTemplate", "tested")]),
    ));
    cluster.put(workload(json!({})));
    cluster.settle();
    let plan = planned(&cluster, vec![runnable("two")], &[]);
    let [owner] = &plan.owners[..] else {
        panic!("only the workload: {plan:#?}")
    };
    assert_eq!(&*owner.owner.gvk.kind, "Workload");
    let all: Vec<(Effect, &str)> = owner
        .objects
        .iter()
        .map(|one| (one.effect, &*one.key.gvk.kind))
        .collect();
    assert_eq!(all, [(Effect::Change, "Runnable"), (Effect::Run, "Test")]);
}

#[test]
fn a_chain_with_a_missing_template_is_foreseen_to_fail() {
    let resources = json!([resource("source", "ClusterSourceTemplate", "none")]);
    let plan = planned(&settled(), vec![chain("chain", resources)], &[]);
    let owner = &plan.owners[0];
    assert_eq!(
        owner.ready.after,
        "False TemplatesNotFound: did not find the template of the resource(s) [source]"
    );
    assert_eq!(
        owner.objects,
        vec![],
        "what is there stays while the chain is not ready"
    );
}

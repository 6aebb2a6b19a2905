//! Rendering, planning and explaining without a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use carto_core::explain::{self, Selected};
use carto_core::key::OwnerKind;
use carto_core::model::Blueprint;
use carto_core::offline::{World, plain, resource_of};
use carto_core::realize::Index as _;
use carto_core::view::{OwnerView, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, resource, source_template, stamps_run,
    stamps_test, template, three_hops, with, workload,
};
use crate::cluster::{Cluster, config_map, test};
use crate::drive::workload_key;

fn files() -> Vec<Value> {
    vec![
        source_template(
            "source",
            "w-source",
            "$(workload.spec.source.git.url)$",
            "main",
        ),
        image_template("image", "w-image"),
        app_template("app", "w-app"),
        chain(
            "chain",
            json!([
                resource("source", "ClusterSourceTemplate", "source"),
                with(
                    resource("image", "ClusterImageTemplate", "image"),
                    "sources",
                    &[("s", "source")]
                ),
                with(
                    resource("app", "ClusterTemplate", "app"),
                    "images",
                    &[("i", "image")]
                ),
            ]),
        ),
    ]
}

fn world(objects: Vec<Value>) -> Arc<World> {
    Arc::new(World::new(objects, BTreeMap::new(), Timestamp::UNIX_EPOCH))
}

fn the_workload() -> Value {
    workload(json!({"source": {"git": {"url": "https://git"}}}))
}

#[test]
fn rendering_goes_as_far_as_outputs_are_known() {
    let rendered = world(files()).realize(OwnerKind::Workload, &the_workload());
    let made: Vec<(Option<&str>, Value)> = rendered
        .actions
        .iter()
        .filter_map(|action| action.after.as_ref())
        .map(|object| {
            (
                resource_of(object),
                plain(object)["metadata"]["name"].clone(),
            )
        })
        .collect();
    assert_eq!(
        made,
        [
            (Some("source"), json!("w-source")),
            (Some("image"), json!("w-image"))
        ]
    );
    let conditions = &rendered.status["conditions"];
    assert!(crate::drive::condition(conditions, "Ready").starts_with("Unknown MissingValueAtPath"));
}

#[test]
fn observed_objects_carry_rendering_on() {
    let mut objects = files();
    let mut observed = stamps_test("w-image", json!({}));
    observed["metadata"]["namespace"] = "ns".into();
    observed["status"] = json!({"image": "img@sha256:1"});
    objects.push(observed);
    let rendered = world(objects).realize(OwnerKind::Workload, &the_workload());
    let app = rendered
        .actions
        .last()
        .and_then(|action| action.after.as_ref())
        .expect("the app");
    assert_eq!(
        plain(app),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "w-app", "namespace": "ns",
                "labels": app["metadata"]["labels"],
                // The workload is from a file: it has no uid.
                "ownerReferences": [{
                    "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "w",
                    "uid": "", "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "data": {"image": "img@sha256:1"},
        })
    );
    assert_eq!(
        crate::drive::condition(&rendered.status["conditions"], "Ready"),
        "True Ready"
    );
}

#[test]
fn a_run_in_a_file_stands_for_the_run_that_is_made() {
    let spec = json!({"imagePath": ".status.image", "lifecycle": "immutable"});
    let mut observed = stamps_test("run-abcde", json!({}));
    observed["metadata"]["namespace"] = "ns".into();
    observed["status"] = json!({"image": "img"});
    let objects = vec![
        template(
            "ClusterImageTemplate",
            "image",
            stamps_run("run-", json!({})),
            spec,
        ),
        chain(
            "chain",
            json!([resource("only", "ClusterImageTemplate", "image")]),
        ),
        observed,
    ];
    let rendered = world(objects).realize(OwnerKind::Workload, &the_workload());
    assert_eq!(
        rendered.status["resources"][0]["outputs"][0]["preview"],
        "img\n"
    );
    let made = rendered.actions[0]
        .after
        .as_ref()
        .map(plain)
        .expect("a run");
    assert_eq!(made["metadata"].get("name"), None);
    assert_eq!(made["metadata"]["generateName"], "run-");
}

#[test]
fn planning_over_live_objects_shows_exactly_what_changes() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    let live = |cluster: &Cluster| -> Vec<Value> {
        cluster.with(|state| state.objects.values().cloned().collect())
    };
    let owner = cluster.get(&workload_key()).expect("there");
    let unchanged = world(live(&cluster)).realize(OwnerKind::Workload, &owner);
    assert_eq!(unchanged.actions, []);
    let mut changed: Vec<Value> = live(&cluster)
        .into_iter()
        .filter(|object| object["kind"] != "ClusterTemplate")
        .collect();
    changed.push(template(
        "ClusterTemplate",
        "app",
        crate::build::stamps_config_map("w-app", json!({"image": "$(image)$", "more": "x"})),
        json!({}),
    ));
    let plan = world(changed).realize(OwnerKind::Workload, &owner);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(plan.actions[0].key, config_map("w-app"));
    let data = |object: &Option<Value>| object.as_ref().map(|object| object["data"].clone());
    assert_eq!(data(&plan.actions[0].before), Some(json!({"image": "one"})));
    assert_eq!(
        data(&plan.actions[0].after),
        Some(json!({"image": "one", "more": "x"}))
    );
}

#[test]
fn runnables_are_rendered_too() {
    let objects = vec![object(
        "ClusterRunTemplate",
        "rt",
        json!({"template": stamps_run("run-", json!({"in": "$(runnable.metadata.name)$"}))}),
    )];
    let runnable = object("Runnable", "r", json!({"runTemplateRef": {"name": "rt"}}));
    let rendered = world(objects).run_runnable(&runnable);
    let run = rendered.actions[0].after.as_ref().expect("a run");
    assert_eq!(run["spec"]["value"]["in"], "r");
}

#[test]
fn the_view_shows_resources_in_their_flow() {
    let cluster = three_hops();
    cluster.settle();
    let owner = cluster.get(&workload_key()).expect("there");
    let view = OwnerView::read(OwnerKind::Workload, &owner, None);
    assert_eq!(
        (view.state, view.blueprint.as_deref()),
        (State::Waiting, Some("chain"))
    );
    let shown: Vec<(&str, State, Option<&str>)> = view
        .flow()
        .into_iter()
        .map(|at| &view.resources[at])
        .map(|one| (one.name.as_str(), one.state, one.qualified.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("source", State::Ready, Some("configmaps/w-source")),
            ("image", State::Waiting, Some("tests.test.run/w-image")),
            ("app", State::Waiting, None),
        ]
    );
    assert_eq!(view.resources[0].outputs[0].preview, "https://git\n");
}

fn explained(cluster: &Cluster) -> explain::Explanation {
    let owner = Arc::new(cluster.get(&workload_key()).expect("there"));
    let kind = OwnerKind::Workload;
    let blueprints: Vec<Arc<Blueprint>> = cluster.blueprints(kind.blueprint());
    explain::explain(kind, &owner, blueprints)
}

#[test]
fn the_cause_is_the_first_resource_and_those_behind_it_wait() {
    let cluster = three_hops();
    cluster.settle();
    let explanation = explained(&cluster);
    assert_eq!(
        explanation.selection,
        Selected::One {
            name: "chain".into(),
            score: 1
        }
    );
    let cause = explanation.cause.expect("it is stuck");
    assert_eq!(cause.resource.as_deref(), Some("image"));
    assert_eq!(
        (cause.needs_action, cause.waiting),
        (false, vec!["app".to_owned()])
    );
    assert_eq!(
        explanation.next,
        [
            "[tests.test.run/w-image] is still being worked on; see kubectl -n ns describe \
          tests.test.run/w-image"
        ]
    );
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    assert_eq!(explained(&cluster).cause, None);
}

#[test]
fn a_failure_is_named_before_what_merely_waits() {
    let cluster = three_hops();
    cluster.put(source_template("bad", "w-bad", "$(params.none)$", "r"));
    let resources = json!([
        with(
            resource("image", "ClusterImageTemplate", "image"),
            "sources",
            &[("s", "source")]
        ),
        resource("source", "ClusterSourceTemplate", "source"),
        resource("bad", "ClusterSourceTemplate", "bad"),
    ]);
    cluster.put(chain("chain", resources));
    cluster.settle();
    let explanation = explained(&cluster);
    let cause = explanation.cause.expect("it is stuck");
    assert_eq!(cause.resource.as_deref(), Some("bad"));
    assert!(cause.needs_action);
    assert_eq!(
        explanation.next,
        ["correct ClusterSourceTemplate [bad], or the parameters it is given"]
    );
}

#[test]
fn the_nearest_chain_is_named_when_none_matches() {
    let cluster = three_hops();
    cluster.put(object(
        "ClusterSupplyChain",
        "far",
        json!({
            "selector": {"app": "other", "x": "y"},
            "selectorMatchExpressions": [{"key": "tests", "operator": "Exists"}],
            "resources": [],
        }),
    ));
    cluster.put(object(
        "ClusterSupplyChain",
        "chain",
        json!({
            "selector": {"app": "web"},
            "selectorMatchFields": [{"key": "spec.image", "operator": "In", "values": ["i"]}],
            "resources": [],
        }),
    ));
    cluster.settle();
    let explanation = explained(&cluster);
    let Selected::None(mismatches) = &explanation.selection else {
        panic!("{explanation:?}")
    };
    let names: Vec<&str> = mismatches.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["chain", "far"]);
    assert_eq!(
        mismatches[1].unmet,
        [
            "label [app] is [web], not [other]",
            "label [x: y] is missing",
            "labels do not satisfy [tests] Exists",
        ]
    );
    assert_eq!(
        explanation.next,
        ["nearest is [chain]: field [spec.image] does not satisfy In [i]"]
    );
}

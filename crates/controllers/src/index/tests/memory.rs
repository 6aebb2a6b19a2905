//! What the index takes of memory, counted by the allocator.
//!
//! The objects are as a real API server returns them, of a chain of four.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use super::*;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// So many that the few megabytes that other tests take and give back meanwhile do not matter.
const OWNERS: usize = 8000;
const RESOURCES: [(&str, &str); 4] = [
    ("source", "ClusterSourceTemplate"),
    ("image", "ClusterImageTemplate"),
    ("config", "ClusterConfigTemplate"),
    ("app", "ClusterTemplate"),
];
/// What the templates of the chain read.
const PATHS: [&str; 4] = [".spec.config", ".spec.image", ".spec.revision", ".spec.url"];
const TIME: &str = "2026-11-28T17:34:22Z";

fn uid(kind: usize, number: usize) -> String {
    format!("94b14c17-7e22-4e6d-{kind:04x}-{number:012x}")
}

fn stamped_gvk() -> Gvk {
    Gvk::new("bench.carto.run/v1", "BenchObject")
}

fn stamped(owner: usize, resource: usize) -> Value {
    let (name, template) = RESOURCES[resource];
    let (owner_name, namespace) = (
        format!("workload-{owner}"),
        format!("team-{:02}", owner % 10),
    );
    let owner_uid = uid(0, owner);
    let image = format!("registry.example.com/apps/{owner_name}:r1");
    let spec = match resource {
        0 => json!({"url": "https://git.example.com/app", "revision": "r1"}),
        1 => json!({"image": image}),
        _ => json!({"config": format!("config of {image}")}),
    };
    let fields = |value: &Value| -> Value {
        let map = value.as_object().into_iter().flatten();
        map.map(|(key, _)| (format!("f:{key}"), json!({})))
            .collect()
    };
    let labels = json!({
        "carto.run/cluster-template-name": format!("bench-{name}"),
        "carto.run/resource-name": name,
        "carto.run/supply-chain-name": "bench",
        "carto.run/template-kind": template,
        "carto.run/template-lifecycle": "mutable",
        "carto.run/workload-name": owner_name,
        "carto.run/workload-namespace": namespace,
    });
    json!({
        "apiVersion": "bench.carto.run/v1", "kind": "BenchObject",
        "metadata": {
            "annotations": {"carto.run/stamp-digest": format!("{:064x}", owner * 4 + resource + 1)},
            "creationTimestamp": TIME, "generation": 1,
            "managedFields": [{
                "apiVersion": "bench.carto.run/v1", "fieldsType": "FieldsV1", "manager": "carto",
                "operation": "Apply", "time": TIME, "fieldsV1": {
                    "f:metadata": {
                        "f:annotations": {"f:carto.run/stamp-digest": {}},
                        "f:labels": fields(&labels),
                        "f:ownerReferences": {format!("k:{{\"uid\":\"{owner_uid}\"}}"): {}},
                    },
                    "f:spec": fields(&spec),
                }}],
            "labels": labels,
            "name": format!("{owner_name}-{name}"), "namespace": namespace,
            "ownerReferences": [{
                "apiVersion": "carto.run/v1alpha1", "blockOwnerDeletion": true, "controller": true,
                "kind": "Workload", "name": owner_name, "uid": owner_uid}],
            "resourceVersion": (70_000 + owner * 4 + resource).to_string(), "uid": uid(resource + 1, owner),
        },
        "spec": spec,
    })
}

fn condition(kind: &str, reason: &str) -> Value {
    json!({"lastTransitionTime": TIME, "message": "", "reason": reason, "status": "True", "type": kind})
}

fn workload(owner: usize) -> Value {
    let (name, namespace) = (
        format!("workload-{owner}"),
        format!("team-{:02}", owner % 10),
    );
    let resources = RESOURCES.iter().enumerate().map(|(number, (resource, template))| {
        json!({
            "conditions": [
                condition("ResourceSubmitted", "ResourceSubmissionComplete"),
                condition("Healthy", "OutputsAvailable"), condition("Ready", "Ready")],
            "inputs": [{"name": "source"}],
            "name": resource,
            "outputs": [{
                "digest": format!("sha256:{:064x}", owner * 4 + number), "lastTransitionTime": TIME,
                "name": resource, "preview": format!("registry.example.com/apps/{name}:r1\n")}],
            "stampedRef": {
                "apiVersion": "bench.carto.run/v1", "kind": "BenchObject", "name": format!("{name}-{resource}"),
                "namespace": namespace, "resource": "benchobjects.bench.carto.run"},
            "templateRef": {
                "apiVersion": "carto.run/v1alpha1", "kind": template, "name": format!("bench-{resource}")},
        })
    });
    json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
        "metadata": {
            "creationTimestamp": TIME, "generation": 1, "labels": {"carto-bench": "yes"}, "name": name,
            "namespace": namespace, "resourceVersion": (500_000 + owner).to_string(), "uid": uid(0, owner)},
        "spec": {"source": {"git": {"ref": {"commit": "r1"}, "url": "https://git.example.com/app"}}},
        "status": {
            "conditions": [
                condition("SupplyChainReady", "Ready"),
                condition("ResourcesSubmitted", "ResourceSubmissionComplete"),
                condition("ResourcesHealthy", "HealthyConditionRule"), condition("Ready", "Ready")],
            "observedGeneration": 1,
            "resources": resources.collect::<Vec<_>>(),
            "supplyChainRef": {"kind": "ClusterSupplyChain", "name": "bench"},
        },
    })
}

/// What a pass over the chain depends on; each pass makes its own copies.
fn outcome(owner: usize) -> Outcome {
    let template = |(name, kind): &(&str, &str)| Dependency::Template {
        kind: TemplateKind::parse(kind).unwrap(),
        name: format!("bench-{name}").into(),
    };
    let namespace = format!("team-{:02}", owner % 10);
    let account = ServiceAccountKey::new(&namespace, "default");
    let on = [
        Dependency::Blueprints(BlueprintKind::SupplyChain),
        Dependency::ServiceAccount(account),
    ];
    Outcome {
        status: None,
        events: Vec::new(),
        depends_on: RESOURCES.iter().map(template).chain(on).collect(),
        watched: BTreeSet::from([stamped_gvk()]),
        next: realize::Next::AwaitChange,
        recall: carto_core::recall::Recall::default(),
    }
}

/// The bytes that are held after `fill` and were not before.
fn held_by(fill: impl FnOnce()) -> usize {
    let region = Region::new(COUNTED);
    fill();
    let change = region.change();
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
}

/// What a stamped object takes, without its part of its owner's status. Bar: 1,024 with it.
const ROW_MAX_BYTES: usize = 900;
/// What an owner takes, whose document alone has 4,500 bytes before it is compressed.
const OWNER_MAX_BYTES: usize = 3_500;

#[tokio::test]
async fn a_stamped_object_takes_less_than_a_kilobyte() {
    let index = index();
    let paths = PATHS.map(|path| Expression::Path(path.into()));
    let expressions: Expressions = paths.into_iter().collect();
    index.want_expressions(&stamped_gvk(), &expressions);

    let owners = held_by(|| {
        let read = |owner| {
            let object = OwnObject::read(Own::Owner(Kind::Workload), workload(owner));
            index.share_own(object.unwrap())
        };
        index.own_listed(
            Own::Owner(Kind::Workload),
            0,
            (0..OWNERS).map(read).collect(),
        );
    });
    let rows = held_by(|| {
        let read = |number| {
            let row = Row::extract(&stamped(number / 4, number % 4), &expressions);
            index.share_row(row.unwrap())
        };
        let rows = (0..OWNERS * 4).map(read).collect();
        index.rows_listed(&stamped_gvk(), Flavor::Resource, 0, rows);
        index.interner.sweep();
    });
    index.woken().await;
    let passes = held_by(|| {
        for owner in 0..OWNERS {
            let outcome = outcome(owner);
            let end = PassEnd {
                outcome: &outcome,
                began: index.moment(),
                missing: BTreeSet::new(),
            };
            let namespace = format!("team-{:02}", owner % 10);
            let key = Key::new(Kind::Workload, &namespace, &format!("workload-{owner}"));
            index.pass_ended(&key, end, Instant::now());
        }
    });
    let (row, owner, pass) = (rows / (OWNERS * 4), owners / OWNERS, passes / OWNERS);
    let text = format!("{row} bytes a row, {owner} an owner, {pass} its passes");
    assert_eq!(index.sizes(), (OWNERS, OWNERS * 4), "{text}");
    assert!(row <= ROW_MAX_BYTES, "{text}");
    assert!(owner + pass <= OWNER_MAX_BYTES, "{text}");
}

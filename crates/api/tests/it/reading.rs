//! What the types accept and give back.

use carto_api::carto::v1alpha1::{
    BlueprintParam, ClusterSourceTemplate, ClusterSupplyChain, Deliverable, Lifecycle, Runnable,
    Workload, WorkloadSpec,
};
use serde_json::json;

#[test]
fn unknown_fields_are_ignored() {
    let workload: Workload = serde_json::from_value(json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
        "metadata": { "name": "w" },
        "spec": { "colour": "red", "source": { "svn": {} } },
    }))
    .unwrap();
    assert!(workload.spec.source.unwrap().git.is_none());
}

#[test]
fn explicit_nulls_read_like_absent_fields() {
    let workload: Workload = serde_json::from_value(json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
        "metadata": { "name": "w" },
        "spec": { "params": null, "env": null, "source": null, "image": null },
    }))
    .unwrap();
    assert_eq!(workload.spec, WorkloadSpec::default());
}

#[test]
fn selectors_are_inlined_in_blueprints() {
    let chain: ClusterSupplyChain = serde_json::from_value(json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
        "metadata": { "name": "c" },
        "spec": {
            "selector": { "a": "b" },
            "selectorMatchFields": [{ "key": "spec.image", "operator": "Exists" }],
            "resources": [],
        },
    }))
    .unwrap();
    assert_eq!(chain.spec.owners.selector["a"], "b");
    assert_eq!(chain.spec.owners.selector_match_fields[0].key, "spec.image");
}

#[test]
fn common_fields_are_inlined_in_templates() {
    let template: ClusterSourceTemplate = serde_json::from_value(json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSourceTemplate",
        "metadata": { "name": "t" },
        "spec": {
            "urlPath": ".a", "revisionPath": ".b", "lifecycle": "tekton",
            "healthRule": { "alwaysHealthy": {} },
            "template": { "kind": "X" },
        },
    }))
    .unwrap();
    assert_eq!(template.spec.common.lifecycle(), Lifecycle::Tekton);
    assert!(
        template
            .spec
            .common
            .health_rule
            .unwrap()
            .always_healthy
            .is_some()
    );
    assert_eq!(template.spec.common.template.unwrap().0["kind"], "X");
}

#[test]
fn a_null_parameter_of_a_blueprint_counts_as_absent() {
    let param: BlueprintParam =
        serde_json::from_value(json!({ "name": "p", "value": null, "default": false })).unwrap();
    assert_eq!(param.value, None);
    assert_eq!(param.default.unwrap().0, json!(false));
}

#[test]
fn a_runnable_without_retention_policy_keeps_ten_of_each() {
    let runnable: Runnable = serde_json::from_value(json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Runnable",
        "metadata": { "name": "r" },
        "spec": { "runTemplateRef": { "name": "t" } },
    }))
    .unwrap();
    assert_eq!(runnable.spec.retention_policy.max_failed_runs, 10);
    assert_eq!(runnable.spec.retention_policy.max_successful_runs, 10);
}

#[test]
fn what_was_read_is_written_back_without_additions() {
    let given = json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Deliverable",
        "metadata": { "name": "d" },
        "spec": {
            "params": [{ "name": "p", "value": { "a": [1, null, 1.5] } }],
            "source": { "git": { "url": "u", "ref": { "branch": "main" } }, "subPath": "s" },
        },
        "status": {
            "conditions": [{
                "type": "Ready", "status": "Unknown", "reason": "Unknown", "message": "",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            }],
            "deliveryRef": {},
        },
    });
    let read: Deliverable = serde_json::from_value(given.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), given);
}

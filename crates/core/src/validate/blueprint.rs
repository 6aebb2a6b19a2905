//! `ClusterSupplyChain` and `ClusterDelivery`.
//!
//! The webhook checks in phases, each over all resources, and stops at the first mistake; the
//! order of findings is the order of its phases.

use std::collections::BTreeSet;

use super::cursor::Cursor;
use super::{Report, graph, names, options, params, selector};
use crate::key::BlueprintKind;

pub(super) fn check(kind: BlueprintKind, root: &Cursor<'_>, report: &mut Report) {
    let spec = root.field("spec");
    let resources = spec.field("resources").items();
    webhook(kind, &spec, &resources, report);
    graph::check(kind, &resources, report);
    params::check_given(&spec, "", report);
    for resource in &resources {
        params::check_given(resource, resource.field("name").text(), report);
        options::check_paths(resource, report);
    }
    selector::check_paths(&spec.field("selectorMatchFields"), report);
    names::check_blueprint(root, &resources, report);
    purpose(&resources, &spec, report);
}

/// The rules of the webhook, phase by phase.
fn webhook(kind: BlueprintKind, spec: &Cursor<'_>, resources: &[Cursor<'_>], report: &mut Report) {
    let selects = [
        "selector",
        "selectorMatchExpressions",
        "selectorMatchFields",
    ];
    if selects.iter().all(|field| spec.field(field).len() == 0) {
        report.webhook(
            "spec",
            "at least one selector, selectorMatchExpression, selectorMatchField must be specified",
        );
    }
    params::check_exclusive(spec, "", report);
    for resource in resources {
        let prefix = format!("resource [{}] is invalid: ", resource.field("name").text());
        params::check_exclusive(resource, &prefix, report);
    }
    selector::check_blueprint(kind, spec, report);
    unique_names(kind, resources, report);
    for resource in resources {
        options::check_unique(resource, report);
    }
    for resource in resources {
        options::check_choice(kind, resource, report);
    }
    for resource in resources {
        options::check_pass_through(kind, resource, report);
    }
    match kind {
        BlueprintKind::SupplyChain => graph::check_references(resources, report),
        BlueprintKind::Delivery => deployments(resources, report),
    }
}

fn unique_names(kind: BlueprintKind, resources: &[Cursor<'_>], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (index, resource) in resources.iter().enumerate() {
        let name = resource.field("name");
        if seen.insert(name.text()) {
            continue;
        }
        let text = name.text();
        let message = match kind {
            BlueprintKind::SupplyChain => format!("duplicate resource name [{text}] found"),
            BlueprintKind::Delivery => {
                format!("spec.resources[{index}].name \"{text}\" cannot appear twice")
            }
        };
        report.webhook(name.path(), message);
    }
}

/// A deployment goes into deployment templates, and nothing else does.
fn deployments(resources: &[Cursor<'_>], report: &mut Report) {
    let deploys = |resource: &Cursor<'_>| {
        resource.fields(&["templateRef", "kind"]).text() == "ClusterDeploymentTemplate"
    };
    for resource in resources {
        let name = resource.field("name").text();
        let deployment = resource.field("deployment");
        match (deploys(resource), deployment.is_present()) {
            (true, false) => report.webhook(
                resource.path(),
                format!(
                    "spec.resources[{name}] is a ClusterDeploymentTemplate and must receive a deployment"
                ),
            ),
            (false, true) => report.webhook(
                deployment.path(),
                format!(
                    "spec.resources[{name}] receives a deployment but is not a ClusterDeploymentTemplate"
                ),
            ),
            _ => {}
        }
    }
    for resource in resources {
        let configs = resource.field("configs");
        if deploys(resource) && configs.is_present() {
            let name = resource.field("name").text();
            report.webhook(
                configs.path(),
                format!(
                    "spec.resources[{name}] is a ClusterDeploymentTemplate and must not receive config"
                ),
            );
        }
    }
}

/// A blueprint that stamps nothing never makes its owners ready.
fn purpose(resources: &[Cursor<'_>], spec: &Cursor<'_>, report: &mut Report) {
    let list = spec.field("resources");
    if list.value().is_array() && resources.is_empty() {
        report.warn(
            list.path(),
            "there are no resources: what matches this will never be Ready",
        );
    }
}

//! Requests and limits.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`validateResourceRequirements`),
//! `pkg/apis/core/helper/helpers.go`, v1.36.

use std::cmp::Ordering;

use super::at::At;
use super::problems::Problems;
use crate::names;

const HUGE_PAGES: &str = "hugepages-";
const NEGATIVE: &str = "must be greater than or equal to 0";

/// Names that are known without a domain, wherever resources are named.
const STANDARD: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Those that are counted.
const WHOLE: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// The resources of a container.
pub(super) fn container(at: &At<'_>, problems: &mut Problems) {
    let (limits, requests) = (at.get("limits"), at.get("requests"));
    for (name, amount) in limits.entries() {
        of_container(name, &amount, problems);
    }
    for (name, amount) in requests.entries() {
        of_container(name, &amount, problems);
        within_limit(name, &amount, &limits, &requests, problems);
    }
    let names = |of: &At<'_>, is_it: fn(&str) -> bool| of.entries().any(|(name, _)| is_it(name));
    let any = |is_it: fn(&str) -> bool| names(&limits, is_it) || names(&requests, is_it);
    if any(is_huge_page) && !any(|name| matches!(name, "cpu" | "memory")) {
        problems.forbidden(at, "HugePages require cpu or memory");
    }
}

fn of_container(name: &str, at: &At<'_>, problems: &mut Problems) {
    let before = problems.count();
    resource_name(name, at, problems);
    if problems.count() == before || !name.contains('/') {
        container_name(name, at, problems);
    }
    quantity(name, at, problems);
}

fn container_name(name: &str, at: &At<'_>, problems: &mut Problems) {
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
            problems.invalid_as(at, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && name.starts_with("requests.") {
        problems.invalid_as(at, name, "doesn't follow extended resource name standard");
    }
}

/// A name of a resource, anywhere.
pub(super) fn resource_name(name: &str, at: &At<'_>, problems: &mut Problems) {
    let before = problems.count();
    for problem in names::qualified_name(name) {
        problems.invalid_as(at, name, problem);
    }
    let is_standard =
        STANDARD.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-");
    if problems.count() == before && !name.contains('/') && !is_standard {
        problems.invalid_as(
            at,
            name,
            "must be a standard resource type or fully qualified",
        );
    }
}

/// An amount of a resource.
pub(super) fn quantity(name: &str, at: &At<'_>, problems: &mut Problems) {
    not_negative(at, problems);
    let is_counted = WHOLE.contains(&name) || name.contains('/') && !is_native(name);
    if is_counted && at.quantity().is_some_and(|amount| !amount.is_whole()) {
        problems.invalid(at, "must be an integer");
    }
}

/// Whether quotas know a resource without a domain.
pub(super) fn is_limited(name: &str) -> bool {
    let is_huge_page = is_huge_page(name) || name.starts_with("requests.hugepages-");
    STANDARD.contains(&name) && name != "storage" || is_huge_page
}

pub(super) fn not_negative(at: &At<'_>, problems: &mut Problems) {
    if at.quantity().is_some_and(|amount| amount.is_negative()) {
        problems.invalid(at, NEGATIVE);
    }
}

fn within_limit(
    name: &str,
    amount: &At<'_>,
    limits: &At<'_>,
    requests: &At<'_>,
    problems: &mut Problems,
) {
    let may_exceed = is_native(name) && !is_huge_page(name);
    let limit = limits.get(name);
    let (Some(request), Some(most)) = (amount.quantity(), limit.quantity()) else {
        if !limit.is_set() && !may_exceed {
            let detail = "Limit must be set for non overcommitable resources";
            problems.required(limits, detail);
        }
        return;
    };
    let order = request.compare(most);
    let relation = match (order, may_exceed) {
        (Ordering::Less | Ordering::Greater, false) => "equal to",
        (Ordering::Greater, true) => "less than or equal to",
        _ => return,
    };
    let detail = format!("must be {relation} {name} limit of {}", limit.text());
    problems.invalid_as(requests, amount.text(), detail);
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with(HUGE_PAGES)
}

/// Whether a resource is one of Kubernetes itself.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

//! Budgets, quotas, ranges, priorities and autoscalers.
//!
//! Source: kubernetes `pkg/apis/{policy,autoscaling,scheduling}/validation/validation.go`,
//! `pkg/apis/core/validation/validation.go` (`ValidateResourceQuota`, `ValidateLimitRange`), v1.36. Differs: metrics of
//! autoscalers are checked for their type only.

use std::collections::BTreeSet;

use serde_json::Value;

use super::at::At;
use super::problems::{IMMUTABLE, Problems};
use super::{labels, numbers, resources};
use crate::names;

const PRIORITY_MAX: i64 = 1_000_000_000;
const SCOPES: &[&str] = &[
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
const WINDOW_SECONDS_MAX: i64 = 3600;
const PERIOD_SECONDS_MAX: i64 = 1800;

pub(super) fn disruption_budget(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (available, unavailable) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if available.is_set() && unavailable.is_set() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        problems.invalid(&spec, detail);
    }
    for amount in [available, unavailable] {
        if amount.is_set() {
            numbers::amount_or_percent(&amount, problems);
            numbers::at_most_all(&amount, problems);
        }
    }
    labels::selector(&spec.get("selector"), problems);
    let policy = spec.get("unhealthyPodEvictionPolicy");
    if policy.is_set() {
        problems.known(&policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}

pub(super) fn quota(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    for (name, amount) in spec.get("hard").entries() {
        resources::resource_name(name, &amount, problems);
        if !name.contains('/') && !resources::is_limited(name) {
            problems.invalid_as(&amount, name, "must be a standard resource for quota");
        }
        resources::quantity(name, &amount, problems);
    }
    let scopes = spec.get("scopes");
    for scope in scopes.items() {
        if !SCOPES.contains(&scope.text()) {
            problems.invalid(&scopes, "unsupported scope");
        }
        for (name, _) in spec.get("hard").entries() {
            if resources::is_limited(name) && !applies(scope.text(), name) {
                problems.invalid(&scopes, "unsupported scope applied to resource");
            }
        }
    }
    let names = |list: &At<'_>| -> BTreeSet<String> {
        list.items().map(|scope| scope.text().to_owned()).collect()
    };
    let own = names(&scopes);
    for (one, other) in [
        ("BestEffort", "NotBestEffort"),
        ("Terminating", "NotTerminating"),
    ] {
        if own.contains(one) && own.contains(other) {
            problems.invalid(&scopes, "conflicting scopes");
        }
    }
    if old.is_some_and(|old| names(&old.get("spec").get("scopes")) != own) {
        problems.invalid(&scopes, IMMUTABLE);
    }
}

/// Whether a scope makes sense for a resource.
fn applies(scope: &str, resource: &str) -> bool {
    let is_computing = matches!(
        resource,
        "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory"
    );
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => {
            matches!(resource, "persistentvolumeclaims" | "requests.storage")
        }
        _ if SCOPES.contains(&scope) => resource == "pods" || is_computing,
        _ => true,
    }
}

pub(super) fn limit_range(new: &At<'_>, problems: &mut Problems) {
    let limits = new.get("spec").get("limits");
    let mut seen = BTreeSet::new();
    for limit in limits.items() {
        let kind = limit.get("type");
        let problems_of_type = names::qualified_name(kind.text());
        if !problems_of_type.is_empty() {
            problems.all(&kind, problems_of_type);
        }
        if !seen.insert(kind.text()) {
            problems.duplicate(&kind);
        }
        limit_range_item(&limit, problems);
    }
}

fn limit_range_item(at: &At<'_>, problems: &mut Problems) {
    let mut named = BTreeSet::new();
    for field in [
        "max",
        "min",
        "default",
        "defaultRequest",
        "maxLimitRequestRatio",
    ] {
        let amounts = at.get(field);
        if at.get("type").text() == "Pod" && field.starts_with("default") && !amounts.is_empty() {
            problems.forbidden(&amounts, "may not be specified when `type` is 'Pod'");
        }
        for (name, amount) in amounts.entries() {
            resources::resource_name(name, &amount, problems);
            named.insert(name);
        }
    }
    for name in named {
        ordered(at, name, problems);
    }
}

/// Two bounds in their order: where a problem is told, and of which of them the value is.
struct Order {
    less: (&'static str, &'static str),
    more: (&'static str, &'static str),
    told_at: &'static str,
    tells_more: bool,
}

const MIN: (&str, &str) = ("min", "min");
const MAX: (&str, &str) = ("max", "max");
const REQUEST: (&str, &str) = ("defaultRequest", "default request");
const DEFAULT: (&str, &str) = ("default", "default");

const ORDERS: &[Order] = &[
    order(MIN, MAX, "min", false),
    order(MIN, REQUEST, "defaultRequest", true),
    order(REQUEST, MAX, "defaultRequest", false),
    order(
        REQUEST,
        ("default", "default limit"),
        "defaultRequest",
        false,
    ),
    order(MIN, DEFAULT, "default", false),
    order(DEFAULT, MAX, "default", true),
];

const fn order(
    less: (&'static str, &'static str),
    more: (&'static str, &'static str),
    told_at: &'static str,
    tells_more: bool,
) -> Order {
    Order {
        less,
        more,
        told_at,
        tells_more,
    }
}

/// The bounds of one resource.
fn ordered(at: &At<'_>, name: &str, problems: &mut Problems) {
    for order in ORDERS {
        let (less, more) = (
            at.get(order.less.0).get(name),
            at.get(order.more.0).get(name),
        );
        let (Some(lower), Some(upper)) = (less.quantity(), more.quantity()) else {
            continue;
        };
        if lower.compare(upper).is_gt() {
            let told = if order.tells_more { &more } else { &less };
            let told = told.told_at(format!("{}[{name}]", at.get(order.told_at).path));
            let detail = format!(
                "{} value {} is greater than {} value {}",
                order.less.1,
                less.text(),
                order.more.1,
                more.text()
            );
            problems.invalid(&told, detail);
        }
    }
}

pub(super) fn priority_class(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let (value, policy) = (new.get("value"), new.get("preemptionPolicy"));
    if let Some(old) = old {
        if value.number() != old.get("value").number() {
            problems.forbidden(&value, "may not be changed in an update.");
        }
        return problems.immutable(&policy, &old.get("preemptionPolicy"));
    }
    let name = new.get("metadata").get("name");
    if name.text().starts_with("system-") {
        let detail = format!(
            "priority class names with 'system-' prefix are reserved for system use only. error: {} \
             is not a known system priority class",
            name.text()
        );
        problems.forbidden(&name, detail);
    } else if value.number() > PRIORITY_MAX {
        let detail = format!("maximum allowed value of a user defined priority is {PRIORITY_MAX}");
        problems.forbidden(&value, detail);
    }
    if policy.is_set() {
        problems.one_of(&policy, &["PreemptLowerPriority", "Never"]);
    }
}

pub(super) fn autoscaler(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (least, most) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    if least.is_set() && least.number() < 1 {
        problems.invalid(&least, "must be greater than or equal to 1");
    }
    match most.number() {
        0 => problems.required(&most, "must be set and greater than 0"),
        ..0 => problems.invalid(&most, "must be greater than or equal to 1"),
        _ => {}
    }
    if least.is_set() && most.number() < least.number() {
        let detail = "must be greater than or equal to `minReplicas`";
        problems.invalid_as(&most, most.number(), detail);
    }
    let target = spec.get("scaleTargetRef");
    for field in ["kind", "name"] {
        let text = target.get(field);
        if text.is_empty() {
            problems.required(&text, "");
        } else {
            problems.all(&text, names::path_segment(text.text()));
        }
    }
    for metric in spec.get("metrics").items() {
        let kind = metric.get("type");
        if kind.is_empty() {
            problems.required(&kind, "must specify a metric source type");
        }
        let supported = [
            "ContainerResource",
            "External",
            "Object",
            "Pods",
            "Resource",
        ];
        problems.known(&kind, &supported);
    }
    for direction in ["scaleUp", "scaleDown"] {
        let rules = spec.get("behavior").get(direction);
        if rules.is_set() {
            scaling_rules(&rules, problems);
        }
    }
}

fn scaling_rules(at: &At<'_>, problems: &mut Problems) {
    let window = at.get("stabilizationWindowSeconds");
    if window.number() < 0 {
        problems.invalid(&window, "must be greater than or equal to zero");
    }
    if window.number() > WINDOW_SECONDS_MAX {
        let detail = format!("must be less than or equal to {WINDOW_SECONDS_MAX}");
        problems.invalid(&window, detail);
    }
    let select = at.get("selectPolicy");
    if select.is_set() {
        problems.known(&select, &["Disabled", "Max", "Min"]);
    }
    let policies = at.get("policies");
    if policies.is_empty() {
        problems.required(&policies, "must specify at least one Policy");
    }
    for policy in policies.items() {
        problems.known(&policy.get("type"), &["Percent", "Pods"]);
        for field in ["value", "periodSeconds"] {
            let number = policy.get(field);
            if number.number() <= 0 {
                problems.invalid_as(&number, number.number(), "must be greater than zero");
            }
        }
        let period = policy.get("periodSeconds");
        if period.number() > PERIOD_SECONDS_MAX {
            let detail = format!("must be less than or equal to {PERIOD_SECONDS_MAX}");
            problems.invalid(&period, detail);
        }
    }
    let tolerance = at.get("tolerance");
    if matches!(tolerance.value, Value::String(_)) {
        resources::not_negative(&tolerance, problems);
    }
}

//! Tolerations, spreading, gates.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`ValidateTolerations`,
//! `validateTopologySpreadConstraints`, `validateSchedulingGates`), v1.36.

use std::collections::BTreeSet;

use super::at::At;
use super::problems::Problems;
use super::{affinity, labels};
use crate::error::FieldError;
use crate::names;

pub(super) fn tolerations(at: &At<'_>, problems: &mut Problems) {
    for toleration in at.items() {
        self::toleration(&toleration, problems);
    }
}

fn toleration(at: &At<'_>, problems: &mut Problems) {
    let (key, operator) = (at.get("key"), at.get("operator"));
    let (value, effect) = (at.get("value"), at.get("effect"));
    if !key.is_empty() {
        problems.qualified_name(&key);
    } else if operator.text() != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values \
             and all keys\"";
        problems.invalid_as(&operator, operator.text(), detail);
    }
    if at.get("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        problems.invalid_as(&effect, effect.text(), detail);
    }
    match operator.text() {
        "" | "Equal" => {
            let details = names::label_value(value.text());
            if !details.is_empty() {
                problems.invalid_as(&operator, value.text(), details.join(";"));
            }
        }
        "Exists" if !value.is_empty() => {
            let detail = "value must be empty when `operator` is 'Exists'";
            problems.invalid_as(&operator, value.text(), detail);
        }
        "Exists" => {}
        "Lt" | "Gt" => {
            let supported = &["Equal", "Exists", "Lt", "Gt"];
            problems.not_supported(&operator, supported);
        }
        _ => problems.not_supported(&operator, &["Equal", "Exists"]),
    }
    if !effect.is_empty() {
        problems.known(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    }
}

/// Tolerations of a pod that is there may be added, and their times changed.
pub(super) fn added_tolerations(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    let is_same = |a: &At<'_>, b: &At<'_>| {
        ["key", "operator", "value", "effect"]
            .iter()
            .all(|field| a.get(field).value == b.get(field).value)
    };
    if old
        .items()
        .any(|old| !new.items().any(|new| is_same(&new, &old)))
    {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return problems.forbidden(new, detail);
    }
    tolerations(new, problems);
}

pub(super) fn gates(at: &At<'_>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for gate in at.items() {
        let name = gate.get("name").told_at(&*gate.path);
        problems.qualified_name(&name);
        if !seen.insert(name.text()) {
            problems.duplicate(&name);
        }
    }
}

/// Gates of a pod that is there may only be opened.
pub(super) fn removed_gates(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    for gate in new.items() {
        let name = gate.get("name");
        if !old.items().any(|old| old.get("name").text() == name.text()) {
            let detail = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                name.text()
            );
            problems.forbidden(&name, detail);
        }
    }
}

pub(super) fn spread(at: &At<'_>, problems: &mut Problems) {
    for (index, constraint) in at.items().enumerate() {
        constraint_alone(&constraint, problems);
        let pair = |of: &At<'_>| {
            let (key, action) = (of.get("topologyKey"), of.get("whenUnsatisfiable"));
            format!("{{{}, {}}}", key.text(), action.text())
        };
        let own = pair(&constraint);
        if at.items().skip(index + 1).any(|other| pair(&other) == own) {
            let path = constraint.get("{topologyKey, whenUnsatisfiable}").path;
            problems.push(FieldError::duplicate(path, own));
        }
        constraint_policies(&constraint, problems);
        affinity::label_keys(&constraint, problems);
        labels::selector(&constraint.get("labelSelector"), problems);
    }
}

fn constraint_alone(at: &At<'_>, problems: &mut Problems) {
    problems.positive(&at.get("maxSkew"), "zero");
    let key = at.get("topologyKey");
    if key.is_empty() {
        problems.required(&key, "can not be empty");
    }
    let action = at.get("whenUnsatisfiable");
    problems.known(&action, &["DoNotSchedule", "ScheduleAnyway"]);
}

fn constraint_policies(at: &At<'_>, problems: &mut Problems) {
    let domains = at.get("minDomains");
    let action = at.get("whenUnsatisfiable").text();
    if domains.is_set() {
        problems.positive(&domains, "zero");
        if action != "DoNotSchedule" {
            let detail =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            problems.invalid(&domains, detail);
        }
    }
    for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        let policy = at.get(field);
        if policy.is_set() {
            problems.known(&policy, &["Honor", "Ignore"]);
        }
    }
}

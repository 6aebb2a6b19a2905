//! When a resource is healthy.
//!
//! Source: cartographer pkg/realizer/healthcheck/healthcheck.go, pkg/selector/selector.go.

use carto_query::go;
use carto_query::requirement::FieldRequirement;

use crate::condition::{Condition, Status};
use crate::model::{HealthField, HealthMatch, HealthRule};
use crate::row::{ConditionRow, Evaluated, Expression, Row};
use crate::words::{condition_type, reason};

/// What the rule-less judgement looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Whether the resource has outputs in its status.
    pub(crate) has_outputs: bool,
    /// Whether its template is a `ClusterTemplate`.
    pub(crate) is_plain: bool,
    /// Whether its status names a stamped object.
    pub(crate) is_stamped: bool,
}

/// Judges a resource: its `Healthy` condition.
pub(crate) fn judge(rule: Option<&HealthRule>, facts: Facts, row: Option<&Row>) -> Condition {
    let Some(rule) = rule else {
        return without_rule(facts);
    };
    match (row, rule) {
        (Some(_), HealthRule::Always) => healthy(Status::True, reason::ALWAYS_HEALTHY, ""),
        (None, HealthRule::Always) => healthy(Status::Unknown, reason::NO_STAMPED_OBJECT, ""),
        (Some(row), HealthRule::Condition(kind)) => single(kind, row),
        (Some(row), HealthRule::Match { healthy, unhealthy }) => matching(healthy, unhealthy, row),
        (Some(_), HealthRule::Empty) | (None, _) => healthy(Status::Unknown, reason::UNKNOWN, ""),
    }
}

/// Judges one run among many; without a rule every object counts as a success.
pub(crate) fn of_run(rule: Option<&HealthRule>, row: &Row) -> Status {
    match rule {
        None | Some(HealthRule::Always) => Status::True,
        Some(HealthRule::Condition(kind)) => single(kind, row).status,
        Some(HealthRule::Match { healthy, unhealthy }) => matching(healthy, unhealthy, row).status,
        // The original crashes on it; nothing can be said.
        Some(HealthRule::Empty) => Status::Unknown,
    }
}

/// Reads the `Succeeded` condition, which decides about runs of a Runnable.
pub(crate) fn succeeded(row: &Row) -> Option<&ConditionRow> {
    condition_of(row, "Succeeded")
}

fn healthy(status: Status, reason: &str, message: impl Into<String>) -> Condition {
    Condition::new(condition_type::HEALTHY, status, reason, message)
}

fn without_rule(facts: Facts) -> Condition {
    if facts.has_outputs {
        healthy(Status::True, reason::OUTPUTS_AVAILABLE, "")
    } else if facts.is_plain && facts.is_stamped {
        healthy(Status::True, reason::ALWAYS_HEALTHY, "")
    } else if facts.is_plain {
        healthy(Status::Unknown, reason::NO_STAMPED_OBJECT, "")
    } else {
        healthy(Status::Unknown, reason::OUTPUT_NOT_AVAILABLE, "")
    }
}

fn single(kind: &str, row: &Row) -> Condition {
    let reason = format!("{kind}Condition");
    match condition_of(row, kind) {
        Some(found) => healthy(
            Status::parse(&found.status),
            &reason,
            found.message.to_string(),
        ),
        None => {
            let text = format!("condition with type [{kind}] not found on resource status");
            healthy(Status::Unknown, &reason, text)
        }
    }
}

fn matching(good: &HealthMatch, bad: &HealthMatch, row: &Row) -> Condition {
    unhealthy_by(bad, row)
        .or_else(|| healthy_by(good, row))
        .unwrap_or_else(|| healthy(Status::Unknown, reason::NO_MATCHES_FULFILLED, ""))
}

fn unhealthy_by(rule: &HealthMatch, row: &Row) -> Option<Condition> {
    let by_condition = rule
        .conditions
        .iter()
        .find_map(|one| condition_of(row, &one.kind).filter(|found| *found.status == *one.status));
    if let Some(found) = by_condition {
        return Some(healthy(
            Status::False,
            reason::MATCHED_CONDITION,
            condition_message(found),
        ));
    }
    let field = rule
        .fields
        .iter()
        .find(|field| holds(&field.requirement, row) == Some(true))?;
    Some(healthy(
        Status::False,
        reason::MATCHED_FIELD,
        field_message(field, row),
    ))
}

fn healthy_by(rule: &HealthMatch, row: &Row) -> Option<Condition> {
    let mut decisive: Option<(&str, String)> = None;
    for one in &rule.conditions {
        let found = condition_of(row, &one.kind).filter(|found| *found.status == *one.status)?;
        decisive.get_or_insert_with(|| (reason::MATCHED_CONDITION, condition_message(found)));
    }
    for field in &rule.fields {
        if holds(&field.requirement, row) != Some(true) {
            return None;
        }
        decisive.get_or_insert_with(|| (reason::MATCHED_FIELD, field_message(field, row)));
    }
    let (reason, message) = decisive.unwrap_or((reason::UNKNOWN, String::new()));
    Some(healthy(Status::True, reason, message))
}

fn condition_message(found: &ConditionRow) -> String {
    format!(
        "condition status: {}, message: {}",
        found.status, found.message
    )
}

fn field_message(field: &HealthField, row: &Row) -> String {
    let print = |path: &str| match path_of(row, path) {
        Some(Evaluated::Value(value)) => Some(go::display_decoded(&value.value())),
        _ => None,
    };
    let value = print(field.requirement.path().as_str())
        .unwrap_or_else(|| "<error retrieving field value>".to_owned());
    let message = print(&field.message_path).unwrap_or_else(|| {
        format!(
            "unknown, error retrieving message path [{}]",
            field.message_path
        )
    });
    format!("field value: {value}, message: {message}")
}

fn condition_of<'a>(row: &'a Row, kind: &str) -> Option<&'a ConditionRow> {
    match row.result(&Expression::Condition(kind.into()))? {
        Evaluated::Condition(found) => Some(found),
        _ => None,
    }
}

fn path_of<'a>(row: &'a Row, path: &str) -> Option<&'a Evaluated> {
    row.result(&Expression::Path(path.into()))
}

/// Evaluates a requirement; `None` when the path cannot be evaluated.
fn holds(requirement: &FieldRequirement, row: &Row) -> Option<bool> {
    match path_of(row, requirement.path().as_str())? {
        Evaluated::Value(value) => requirement.holds(Some(&value.value())).ok(),
        Evaluated::Missing(_) if requirement.operator() == "DoesNotExist" => Some(true),
        _ => None,
    }
}

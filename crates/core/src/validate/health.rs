//! Health rules.

use super::cursor::Cursor;
use super::{Report, expressions};

const SIDES: [&str; 2] = ["unhealthy", "healthy"];

/// The webhook's rules: exactly one way to judge, and a matching rule has both sides.
pub(super) fn check_webhook(rule: &Cursor<'_>, report: &mut Report) {
    const ONE_OF: &str = "invalid health rule: must specify one of alwaysHealthy, singleConditionType or multiMatch, found";
    let multi = rule.field("multiMatch");
    let given = [
        rule.field("alwaysHealthy").is_present(),
        !rule.field("singleConditionType").text().is_empty(),
        multi.is_present(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => report.webhook(rule.path(), format!("{ONE_OF} neither")),
        1 => {}
        _ => report.webhook(rule.path(), format!("{ONE_OF} multiple")),
    }
    if !multi.is_present() {
        return;
    }
    for side in SIDES {
        let part = multi.field(side);
        let count = part.field("matchConditions").len() + part.field("matchFields").len();
        if count == 0 {
            report.webhook(
                part.path(),
                format!(
                    "invalid multi match health rule: {side} rule has no matchFields or matchConditions"
                ),
            );
        }
    }
}

/// What the webhook misses.
pub(super) fn check(rule: &Cursor<'_>, report: &mut Report) {
    for side in SIDES {
        let part = rule.fields(&["multiMatch", side]);
        for condition in part.field("matchConditions").items() {
            let status = condition.field("status");
            if !["True", "False", "Unknown"].contains(&status.text()) {
                report.warn(
                    status.path(),
                    format!(
                        "conditions have the status True, False or Unknown, not [{}]",
                        status.text()
                    ),
                );
            }
        }
        for requirement in part.field("matchFields").items() {
            check_requirement(&requirement, report);
        }
    }
}

fn check_requirement(requirement: &Cursor<'_>, report: &mut Report) {
    expressions::check_path(&requirement.field("key"), report);
    let message = requirement.field("messagePath");
    if !message.text().is_empty() {
        expressions::check_path(&message, report);
    }
    let operator = requirement.field("operator");
    let values = requirement.field("values");
    match (operator.text(), values.len()) {
        ("In", 0) => report.error(operator.path(), "without values, In is never met"),
        ("NotIn", 0) => report.warn(operator.path(), "without values, NotIn is always met"),
        ("Exists" | "DoesNotExist", 1..) => report.warn(
            values.path(),
            format!("{} does not look at values", operator.text()),
        ),
        _ => {}
    }
}

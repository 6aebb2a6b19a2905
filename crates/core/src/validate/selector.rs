//! Selectors of blueprints and options.

use carto_query::labels::{self, Expression};
use carto_query::requirement::FieldRequirement;

use super::Report;
use crate::json;
use crate::key::BlueprintKind;
use crate::model::Selector;

/// Keys of fields that may be matched: exact ones, and prefixes.
struct Keys {
    exact: &'static [&'static str],
    prefixes: &'static [&'static str],
}

const WORKLOAD: Keys = Keys {
    exact: &[
        "spec.source",
        "spec.source.git",
        "spec.source.git.url",
        "spec.source.git.ref",
        "spec.source.git.ref.branch",
        "spec.source.git.ref.tag",
        "spec.source.git.ref.commit",
        "spec.source.image",
        "spec.source.subPath",
        "spec.build",
        "spec.image",
        "spec.serviceAccountName",
    ],
    prefixes: &[
        "spec.params",
        "spec.build.env",
        "spec.env",
        "spec.resources",
        "spec.serviceClaims",
        "metadata",
    ],
};

const DELIVERABLE: Keys = Keys {
    exact: &[
        "spec.source",
        "spec.source.git",
        "spec.source.git.url",
        "spec.source.git.ref",
        "spec.source.git.ref.branch",
        "spec.source.git.ref.tag",
        "spec.source.git.ref.commit",
        "spec.source.image",
        "spec.source.subPath",
        "spec.serviceAccountName",
    ],
    prefixes: &["spec.params", "metadata"],
};

/// The selector of a blueprint.
pub(super) fn check_blueprint(kind: BlueprintKind, selector: &Selector, report: &mut Report) {
    if let Some(reason) = labels_error(selector) {
        report.webhook("spec.selector", format!("selector is not valid: {reason}"));
    }
    if let Some(reason) = expressions_error(selector) {
        report.webhook(
            "spec.selectorMatchExpressions",
            format!("selectorMatchExpressions are not valid: {reason}"),
        );
    }
    fields(
        kind,
        "spec.selectorMatchFields",
        "",
        selector.compiled.fields(),
        report,
    );
}

/// The selector of an option; `prefix` names the option in messages.
pub(super) fn check_option(
    kind: BlueprintKind,
    path: &str,
    prefix: &str,
    selector: &Selector,
    report: &mut Report,
) {
    if selector.is_empty() {
        report.webhook(
            path,
            format!(
                "{prefix}at least one of matchLabels, matchExpressions or MatchFields must be specified"
            ),
        );
    }
    if let Some(reason) = labels_error(selector) {
        report.webhook(
            format!("{path}.matchLabels"),
            format!("{prefix}matchLabels are not valid: {reason}"),
        );
    }
    if let Some(reason) = expressions_error(selector) {
        report.webhook(
            format!("{path}.matchExpressions"),
            format!("{prefix}matchExpressions are not valid: {reason}"),
        );
    }
    fields(
        kind,
        &format!("{path}.matchFields"),
        prefix,
        selector.compiled.fields(),
        report,
    );
}

fn fields(
    kind: BlueprintKind,
    path: &str,
    prefix: &str,
    requirements: &[FieldRequirement],
    report: &mut Report,
) {
    for (index, requirement) in requirements.iter().enumerate() {
        if let Some(message) = broken(kind, requirement) {
            report.webhook(format!("{path}[{index}]"), format!("{prefix}{message}"));
        }
    }
}

fn broken(kind: BlueprintKind, requirement: &FieldRequirement) -> Option<String> {
    let (key, operator) = (requirement.path().as_str(), requirement.operator());
    let values = requirement.values();
    match operator {
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            return Some(format!("cannot specify values with operator [{operator}]"));
        }
        "In" | "NotIn" if values.is_empty() => {
            return Some(format!("must specify values with operator [{operator}]"));
        }
        "Exists" | "DoesNotExist" | "In" | "NotIn" => {}
        _ => return Some(format!("operator [{operator}] is invalid")),
    }
    let keys = match kind {
        BlueprintKind::SupplyChain => &WORKLOAD,
        BlueprintKind::Delivery => &DELIVERABLE,
    };
    let known =
        keys.exact.contains(&key) || keys.prefixes.iter().any(|prefix| key.starts_with(prefix));
    if !known {
        return Some(format!("requirement key [{key}] is not a valid path"));
    }
    None
}

/// What is wrong with `matchLabels`, in Kubernetes' words.
fn labels_error(selector: &Selector) -> Option<String> {
    let pairs = selector
        .match_labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    labels::Selector::build(pairs, [])
        .err()
        .map(|error| error.to_string())
}

/// What is wrong with `matchExpressions`, in Kubernetes' words.
fn expressions_error(selector: &Selector) -> Option<String> {
    let read = |value| {
        let text = |key| json::string(value, &[key]);
        (
            text("key"),
            text("operator"),
            json::strings(value, &["values"]),
        )
    };
    let expressions: Vec<_> = selector.match_expressions.iter().map(read).collect();
    let expressions = expressions
        .iter()
        .map(|(key, operator, values)| Expression {
            key,
            operator,
            values,
        });
    labels::Selector::build([], expressions)
        .err()
        .map(|error| error.to_string())
}

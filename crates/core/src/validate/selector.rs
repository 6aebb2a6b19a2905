//! Selectors of blueprints and options.

use carto_query::jsonpath::Template;
use carto_query::labels::{self, Expression};

use super::cursor::Cursor;
use super::{Report, expressions};
use crate::key::BlueprintKind;

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

impl Keys {
    fn of(kind: BlueprintKind) -> &'static Self {
        match kind {
            BlueprintKind::SupplyChain => &WORKLOAD,
            BlueprintKind::Delivery => &DELIVERABLE,
        }
    }

    fn allow(&self, key: &str) -> bool {
        self.exact.contains(&key) || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }
}

/// The selector of a blueprint, which is spread over three fields of its `spec`.
pub(super) fn check_blueprint(kind: BlueprintKind, spec: &Cursor<'_>, report: &mut Report) {
    let matched = spec.field("selector");
    if let Some(reason) = labels_error(&matched) {
        report.webhook(matched.path(), format!("selector is not valid: {reason}"));
    }
    let expressions = spec.field("selectorMatchExpressions");
    if let Some(reason) = expressions_error(&expressions) {
        report.webhook(
            expressions.path(),
            format!("selectorMatchExpressions are not valid: {reason}"),
        );
    }
    check_fields(kind, &spec.field("selectorMatchFields"), "", report);
}

/// The selector of an option; `prefix` names the option in messages.
pub(super) fn check_option(
    kind: BlueprintKind,
    selector: &Cursor<'_>,
    prefix: &str,
    report: &mut Report,
) {
    let parts = ["matchLabels", "matchExpressions", "matchFields"].map(|part| selector.field(part));
    if parts.iter().all(|part| part.len() == 0) {
        report.webhook(
            selector.path(),
            format!(
                "{prefix}at least one of matchLabels, matchExpressions or MatchFields must be specified"
            ),
        );
    }
    let [matched, expressions, fields] = parts;
    if let Some(reason) = labels_error(&matched) {
        report.webhook(
            matched.path(),
            format!("{prefix}matchLabels are not valid: {reason}"),
        );
    }
    if let Some(reason) = expressions_error(&expressions) {
        report.webhook(
            expressions.path(),
            format!("{prefix}matchExpressions are not valid: {reason}"),
        );
    }
    check_fields(kind, &fields, prefix, report);
}

fn check_fields(kind: BlueprintKind, requirements: &Cursor<'_>, prefix: &str, report: &mut Report) {
    for requirement in requirements.items() {
        if let Some((field, message)) = broken(kind, &requirement) {
            report.webhook(
                requirement.field(field).path(),
                format!("{prefix}{message}"),
            );
        }
    }
}

/// The first rule that a requirement breaks, and the field that breaks it.
fn broken(kind: BlueprintKind, requirement: &Cursor<'_>) -> Option<(&'static str, String)> {
    let operator = requirement.field("operator").text();
    let values = requirement.field("values").len();
    match operator {
        "Exists" | "DoesNotExist" if values > 0 => {
            return Some((
                "values",
                format!("cannot specify values with operator [{operator}]"),
            ));
        }
        "In" | "NotIn" if values == 0 => {
            return Some((
                "operator",
                format!("must specify values with operator [{operator}]"),
            ));
        }
        "Exists" | "DoesNotExist" | "In" | "NotIn" => {}
        _ => return Some(("operator", format!("operator [{operator}] is invalid"))),
    }
    let key = requirement.field("key").text();
    if !Keys::of(kind).allow(key) {
        return Some((
            "key",
            format!("requirement key [{key}] is not a valid path"),
        ));
    }
    // The original reads the key as a template, in which text without braces is just text.
    let error = Template::parse(key).err()?;
    Some(("key", format!("invalid jsonpath for key [{key}]: {error}")))
}

/// What the webhook misses: keys are read as paths when the selector is judged, and one that
/// cannot be judged spoils the choice for every owner.
pub(super) fn check_paths(requirements: &Cursor<'_>, report: &mut Report) {
    for requirement in requirements.items() {
        let key = requirement.field("key");
        expressions::check_path(&key, report);
        let indexes_map = ["metadata.labels[", "metadata.annotations["]
            .into_iter()
            .find_map(|prefix| key.text().strip_prefix(prefix))
            .filter(|rest| !rest.starts_with('\''));
        if indexes_map.is_some() && expressions::defect(key.text()).is_none() {
            report.error(
                key.path(),
                "labels and annotations are looked up by name, as in metadata.labels.NAME: \
                 an index fails the selection of every owner",
            );
        }
    }
}

/// What is wrong with labels that must match, in Kubernetes' words.
fn labels_error(matched: &Cursor<'_>) -> Option<String> {
    let error = labels::Selector::build(matched.pairs(), []).err()?;
    Some(error.to_string())
}

/// What is wrong with requirements on labels, in Kubernetes' words.
fn expressions_error(expressions: &Cursor<'_>) -> Option<String> {
    let parts: Vec<_> = expressions
        .items()
        .iter()
        .map(|one| {
            let values = one.field("values").texts();
            (
                one.field("key").text(),
                one.field("operator").text(),
                values,
            )
        })
        .collect();
    let expressions = parts.iter().map(|(key, operator, values)| Expression {
        key,
        operator,
        values,
    });
    let error = labels::Selector::build([], expressions).err()?;
    Some(error.to_string())
}

//! Labels, annotations and label selectors.
//!
//! Source: apimachinery `pkg/apis/meta/v1/validation/validation.go`, `pkg/api/validation/objectmeta.go`, v1.36.

use carto_query::labels::{Expression, Selector};

use super::at::At;
use super::problems::Problems;
use crate::names;

/// Bytes of all annotations of an object.
const ANNOTATIONS_MAX_BYTES: usize = 256 << 10;

pub(super) fn labels(at: &At<'_>, problems: &mut Problems) {
    for (key, value) in at.entries() {
        for problem in names::qualified_name(key) {
            problems.invalid_as(at, key, problem);
        }
        for problem in names::label_value(value.text()) {
            problems.invalid_as(at, value.text(), problem);
        }
    }
}

pub(super) fn annotations(at: &At<'_>, problems: &mut Problems) {
    let mut size_bytes = 0;
    for (key, value) in at.entries() {
        size_bytes += key.len() + value.len();
        for problem in names::qualified_name(&key.to_lowercase()) {
            problems.invalid_as(at, key, problem);
        }
    }
    if size_bytes > ANNOTATIONS_MAX_BYTES {
        problems.too_long(at, ANNOTATIONS_MAX_BYTES);
    }
}

/// A `LabelSelector`.
pub(super) fn selector(at: &At<'_>, problems: &mut Problems) {
    labels(&at.get("matchLabels"), problems);
    for expression in at.get("matchExpressions").items() {
        requirement(&expression, problems);
    }
}

fn requirement(at: &At<'_>, problems: &mut Problems) {
    let values = at.get("values");
    match at.get("operator").text() {
        "In" | "NotIn" if values.is_empty() => problems.required(
            &values,
            "must be specified when `operator` is 'In' or 'NotIn'",
        ),
        "Exists" | "DoesNotExist" if !values.is_empty() => problems.forbidden(
            &values,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => problems.invalid_as(&at.get("operator"), other, "not a valid selector operator"),
    }
    problems.qualified_name(&at.get("key"));
    for value in values.items() {
        problems.all(&value, names::label_value(value.text()));
    }
}

/// Whether a `LabelSelector` selects everything.
pub(super) fn is_empty(selector: &At<'_>) -> bool {
    selector.get("matchLabels").is_empty() && selector.get("matchExpressions").is_empty()
}

/// Whether a `LabelSelector` selects an object with `labels`; `None` when it is none.
pub(super) fn matches(selector: &At<'_>, labels: &At<'_>) -> Option<bool> {
    if !selector.is_set() {
        return Some(false);
    }
    let wanted = selector.get("matchLabels");
    let expressions: Vec<(At<'_>, Vec<String>)> = selector
        .get("matchExpressions")
        .items()
        .map(|expression| {
            let values = expression.get("values");
            let values = values.items().map(|value| value.text().to_owned());
            let values = values.collect();
            (expression, values)
        })
        .collect();
    let selector = Selector::build(
        wanted.entries().map(|(key, value)| (key, value.text())),
        expressions.iter().map(|(expression, values)| Expression {
            key: expression.get("key").text(),
            operator: expression.get("operator").text(),
            values,
        }),
    );
    let labels = labels.value.as_object();
    selector.ok().map(|selector| selector.matches(&labels))
}

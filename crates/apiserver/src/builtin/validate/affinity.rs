//! Where pods like to be.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`validateAffinity`), v1.36.

use std::collections::BTreeSet;

use super::at::At;
use super::labels;
use super::problems::Problems;
use crate::names;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const TAKEN: &str = "exists in both matchLabelKeys and labelSelector";

pub(super) fn affinity(at: &At<'_>, problems: &mut Problems) {
    let nodes = at.get("nodeAffinity");
    if nodes.get(REQUIRED).is_set() {
        node_selector(&nodes.get(REQUIRED), problems);
    }
    for term in nodes.get(PREFERRED).items() {
        weight(&term, problems);
        node_term(&term.get("preference"), false, problems);
    }
    for field in ["podAffinity", "podAntiAffinity"] {
        let pods = at.get(field);
        for term in pods.get(REQUIRED).items() {
            pod_term(&term, problems);
        }
        for term in pods.get(PREFERRED).items() {
            weight(&term, problems);
            pod_term(&term.get("podAffinityTerm"), problems);
        }
    }
}

fn weight(term: &At<'_>, problems: &mut Problems) {
    let weight = term.get("weight");
    if !(1..=100).contains(&weight.number()) {
        problems.invalid_as(&weight, weight.number(), "must be in the range 1-100");
    }
}

fn node_selector(at: &At<'_>, problems: &mut Problems) {
    let terms = at.get("nodeSelectorTerms");
    if terms.is_empty() {
        return problems.required(&terms, "must have at least one node selector term");
    }
    for term in terms.items() {
        node_term(&term, true, problems);
    }
}

/// Values are only checked where the term must hold.
fn node_term(at: &At<'_>, strict: bool, problems: &mut Problems) {
    for requirement in at.get("matchExpressions").items() {
        node_labels(&requirement, strict, problems);
    }
    for requirement in at.get("matchFields").items() {
        node_fields(&requirement, problems);
    }
}

fn node_labels(at: &At<'_>, strict: bool, problems: &mut Problems) {
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
        "Gt" | "Lt" if values.len() != 1 => problems.required(
            &values,
            "must be specified single value when `operator` is 'Lt' or 'Gt'",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            problems.invalid_as(&at.get("operator"), other, "not a valid selector operator");
        }
    }
    problems.qualified_name(&at.get("key"));
    for value in values.items().filter(|_| strict) {
        problems.all(&value, names::label_value(value.text()));
    }
}

fn node_fields(at: &At<'_>, problems: &mut Problems) {
    let (operator, values, key) = (at.get("operator"), at.get("values"), at.get("key"));
    if !matches!(operator.text(), "In" | "NotIn") {
        problems.invalid_as(&operator, operator.text(), "not a valid selector operator");
    } else if values.len() != 1 {
        let detail =
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
        problems.required(&values, detail);
    }
    if key.text() == "metadata.name" {
        values.items().for_each(|value| problems.subdomain(&value));
    } else {
        problems.invalid_as(&key, key.text(), "not a valid field selector key");
    }
}

fn pod_term(at: &At<'_>, problems: &mut Problems) {
    labels::selector(&at.get("labelSelector"), problems);
    labels::selector(&at.get("namespaceSelector"), problems);
    for name in at.get("namespaces").items() {
        problems.label(&name.told_at(at.get("namespace").path));
    }
    label_keys(at, problems);
    let key = at.get("topologyKey");
    if key.is_empty() {
        problems.required(&key, "can not be empty");
    }
    problems.qualified_name(&key);
}

/// Keys whose values in the pod itself select others.
pub(super) fn label_keys(at: &At<'_>, problems: &mut Problems) {
    let selector = at.get("labelSelector");
    for field in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = at.get(field);
        if !keys.is_empty() && !selector.is_set() {
            let detail = "must not be specified when labelSelector is not set";
            problems.forbidden(&keys, detail);
            continue;
        }
        keys.items().for_each(|key| problems.qualified_name(&key));
    }
    let matched = at.get("matchLabelKeys");
    let mut seen: BTreeSet<&str> = selector
        .get("matchLabels")
        .entries()
        .map(|(key, _)| key)
        .collect();
    for expression in selector.get("matchExpressions").items() {
        let key = expression.get("key").text();
        let index = matched.items().position(|one| one.text() == key);
        if let Some(index) = index.filter(|_| seen.contains(key)) {
            // Upstream tells this without the name of the field.
            let told = at.told_at(format!("{}[{index}]", at.path));
            problems.invalid_as(&told, key, TAKEN);
        }
        seen.insert(key);
    }
    let mismatched = at.get("mismatchLabelKeys");
    for key in matched.items() {
        if mismatched.items().any(|other| other.text() == key.text()) {
            problems.invalid(&key, "exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}

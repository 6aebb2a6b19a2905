//! The five templates of blueprints, and `ClusterRunTemplate`.

use serde_json::Value;

use super::Report;
use crate::go;
use crate::json;
use crate::key::TemplateKind;

pub(super) fn check(kind: TemplateKind, object: &Value, report: &mut Report) {
    let null = Value::Null;
    let spec = object.get("spec").unwrap_or(&null);
    if kind == TemplateKind::Run {
        run_template(spec, report);
        return;
    }
    body(spec, report);
    health_rule(spec, report);
    retention(spec, report);
    if kind == TemplateKind::Deployment {
        completion(spec, report);
    }
}

fn present(spec: &Value, key: &str) -> bool {
    spec.get(key).is_some_and(|value| !value.is_null())
}

/// One of `template` and `ytt`.
fn body(spec: &Value, report: &mut Report) {
    let ytt = json::text(spec, &["ytt"]).is_some();
    let one_of = "invalid template: must specify one of template or ytt, found";
    match (present(spec, "template"), ytt) {
        (false, false) => report.webhook("spec", format!("{one_of} neither")),
        (true, true) => report.webhook("spec", format!("{one_of} both")),
        (true, false) => stamped(&spec["template"], report),
        (false, true) => {}
    }
}

/// The object that a template stamps, as far as it can be seen before it is filled in.
fn stamped(template: &Value, report: &mut Report) {
    for (key, name) in [("kind", "Kind"), ("apiVersion", "apiVersion")] {
        if json::text(template, &[key]).is_none() {
            report.webhook(
                format!("spec.template.{key}"),
                format!("invalid template: failed to parse object: Object '{name}' is missing in '{template}'"),
            );
            return;
        }
    }
    if json::text(template, &["metadata", "namespace"]).is_some() {
        report.webhook(
            "spec.template.metadata.namespace",
            "invalid template: template should not set metadata.namespace on the child object",
        );
    }
}

/// Exactly one rule, and a matching rule has both sides.
fn health_rule(spec: &Value, report: &mut Report) {
    let Some(rule) = spec.get("healthRule").filter(|rule| !rule.is_null()) else {
        return;
    };
    let path = "spec.healthRule";
    let given = [
        present(rule, "alwaysHealthy"),
        json::text(rule, &["singleConditionType"]).is_some(),
        present(rule, "multiMatch"),
    ];
    let one_of = "invalid health rule: must specify one of alwaysHealthy, singleConditionType or \
                  multiMatch, found";
    match given.iter().filter(|given| **given).count() {
        0 => report.webhook(path, format!("{one_of} neither")),
        1 => {}
        _ => report.webhook(path, format!("{one_of} multiple")),
    }
    if !given[2] {
        return;
    }
    for side in ["unhealthy", "healthy"] {
        let count = json::list(rule, &["multiMatch", side, "matchConditions"]).len()
            + json::list(rule, &["multiMatch", side, "matchFields"]).len();
        if count == 0 {
            report.webhook(
                format!("{path}.multiMatch.{side}"),
                format!(
                    "invalid multi match health rule: {side} rule has no matchFields or matchConditions"
                ),
            );
        }
    }
}

/// What is changed in place leaves nothing to retain. The original does not look when there is a
/// health rule.
fn retention(spec: &Value, report: &mut Report) {
    let mutable = matches!(json::text(spec, &["lifecycle"]), None | Some("mutable"));
    if !mutable || !present(spec, "retentionPolicy") {
        return;
    }
    let message = "invalid template: if lifecycle is mutable, no retention policy may be set";
    if present(spec, "healthRule") {
        report.error("spec.retentionPolicy", message);
    } else {
        report.webhook("spec.retentionPolicy", message);
    }
}

/// One way to tell that a deployment is complete.
fn completion(spec: &Value, report: &mut Report) {
    let matches = !json::list(spec, &["observedMatches"]).is_empty();
    if matches == present(spec, "observedCompletion") {
        report.webhook(
            "spec",
            "invalid spec: must set exactly one of spec.ObservedMatches and spec.ObservedCompletion",
        );
    }
}

fn run_template(spec: &Value, report: &mut Report) {
    let template = &spec["template"];
    stamped(template, report);
    if !present(template, "spec") {
        report.webhook(
            "spec.template",
            format!(
                "invalid template: object must have a spec; templated object: {}",
                go::value(template)
            ),
        );
    }
}

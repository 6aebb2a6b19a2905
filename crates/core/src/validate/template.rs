//! The five templates of blueprints, and `ClusterRunTemplate`.

use carto_query::go;

use super::cursor::Cursor;
use super::expressions::{self, Names};
use super::{Report, health, names, params, stamped, ytt};
use crate::key::TemplateKind;

pub(super) fn check(kind: TemplateKind, root: &Cursor<'_>, report: &mut Report) {
    let spec = root.field("spec");
    if kind == TemplateKind::Run {
        run_webhook(&spec, report);
    } else {
        webhook(kind, &spec, report);
    }
    names::check_label(&root.fields(&["metadata", "name"]), "name", report);
    content(kind, &spec, report);
    if kind == TemplateKind::Run {
        for (_, output) in spec.field("outputs").entries() {
            expressions::check_output(&output, report);
        }
        return;
    }
    params::twice(&spec.field("params"), "", report);
    outputs(kind, &spec, report);
    health::check(&spec.field("healthRule"), report);
    retention(&spec, report);
}

/// The rules of the webhook, in its order.
fn webhook(kind: TemplateKind, spec: &Cursor<'_>, report: &mut Report) {
    const ONE_OF: &str = "invalid template: must specify one of template or ytt, found";
    let template = spec.field("template");
    match (template.is_present(), !spec.field("ytt").text().is_empty()) {
        (false, false) => report.webhook(spec.path(), format!("{ONE_OF} neither")),
        (true, true) => report.webhook(spec.field("ytt").path(), format!("{ONE_OF} both")),
        _ => {}
    }
    if template.is_present() {
        parsed(&template, report);
    }
    let rule = spec.field("healthRule");
    if rule.is_present() {
        health::check_webhook(&rule, report);
    } else if keeps_mutable(spec) {
        report.webhook(spec.field("retentionPolicy").path(), RETENTION);
    }
    if kind == TemplateKind::Deployment {
        let matches = spec.field("observedMatches").is_present();
        let completion = spec.field("observedCompletion").is_present();
        if matches == completion {
            report.webhook(
                spec.path(),
                "invalid spec: must set exactly one of spec.ObservedMatches and spec.ObservedCompletion",
            );
        }
    }
}

fn run_webhook(spec: &Cursor<'_>, report: &mut Report) {
    let template = spec.field("template");
    parsed(&template, report);
    let has_spec = template.value().get("spec").is_some();
    if !has_spec {
        report.webhook(
            template.path(),
            format!(
                "invalid template: object must have a spec; templated object: {}",
                go::display_decoded(template.value())
            ),
        );
    }
}

/// The object that a template stamps, as the original parses it.
fn parsed(template: &Cursor<'_>, report: &mut Report) {
    if template.field("kind").text().is_empty() {
        report.webhook(
            template.path(),
            format!(
                "invalid template: failed to parse object: Object 'Kind' is missing in '{}'",
                go::json(template.value())
            ),
        );
        return;
    }
    let namespace = template.fields(&["metadata", "namespace"]);
    if !namespace.text().is_empty() {
        report.webhook(
            namespace.path(),
            "invalid template: template should not set metadata.namespace on the child object",
        );
    }
}

const RETENTION: &str = "invalid template: if lifecycle is mutable, no retention policy may be set";

fn is_mutable(spec: &Cursor<'_>) -> bool {
    matches!(spec.field("lifecycle").text(), "" | "mutable")
}

fn keeps_mutable(spec: &Cursor<'_>) -> bool {
    is_mutable(spec) && spec.field("retentionPolicy").is_present()
}

/// What is changed in place leaves nothing to keep. The webhook does not look when there is a
/// health rule.
fn retention(spec: &Cursor<'_>, report: &mut Report) {
    if spec.field("healthRule").is_present() && keeps_mutable(spec) {
        report.error(spec.field("retentionPolicy").path(), RETENTION);
    }
}

/// What is stamped.
fn content(kind: TemplateKind, spec: &Cursor<'_>, report: &mut Report) {
    let declared = spec
        .field("params")
        .items()
        .iter()
        .map(|param| param.field("name").text())
        .collect();
    let names = if kind == TemplateKind::Run {
        Names {
            known: &expressions::RUNNABLE_NAMES,
            params: None,
        }
    } else {
        Names {
            known: &expressions::OWNER_NAMES,
            params: Some(declared),
        }
    };
    let template = spec.field("template");
    if template.is_present() {
        expressions::check_tags(&template, &names, report);
        let immutable = kind == TemplateKind::Run || !is_mutable(spec);
        stamped::check(&template, immutable, report);
    }
    let text = spec.field("ytt");
    if kind != TemplateKind::Run && !text.text().is_empty() {
        ytt::check(&text, &names, report);
    }
}

/// Where outputs are read.
fn outputs(kind: TemplateKind, spec: &Cursor<'_>, report: &mut Report) {
    for field in ["urlPath", "revisionPath", "imagePath", "configPath"] {
        stamped::check_output_path(&spec.field(field), &spec.field("template"), report);
    }
    match kind {
        TemplateKind::Source => {
            expressions::check_text_output(&spec.field("urlPath"), report);
            expressions::check_text_output(&spec.field("revisionPath"), report);
        }
        TemplateKind::Image => expressions::check_text_output(&spec.field("imagePath"), report),
        TemplateKind::Config => expressions::check_output(&spec.field("configPath"), report),
        TemplateKind::Deployment => deployment(spec, report),
        TemplateKind::Plain | TemplateKind::Run => {}
    }
}

/// How a deployment is seen to be complete.
fn deployment(spec: &Cursor<'_>, report: &mut Report) {
    let matches = spec.field("observedMatches");
    if matches.value().is_array() && matches.len() == 0 {
        report.warn(
            matches.path(),
            "without any pair the deployment counts as complete at once",
        );
    }
    for pair in matches.items() {
        expressions::check_output(&pair.field("input"), report);
        expressions::check_output(&pair.field("output"), report);
        if pair.field("input").text() == pair.field("output").text() {
            report.warn(pair.path(), "a field always equals itself");
        }
    }
    for side in ["succeeded", "failed"] {
        let condition = spec.fields(&["observedCompletion", side]);
        expressions::check_output(&condition.field("key"), report);
    }
}

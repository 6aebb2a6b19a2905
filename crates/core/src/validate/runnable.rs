//! `Runnable`. The original has no webhook for it.

use carto_query::labels::Selector;

use super::cursor::Cursor;
use super::{Report, names};

pub(super) fn check(root: &Cursor<'_>, report: &mut Report) {
    names::check_label(&root.fields(&["metadata", "name"]), "name", report);
    let reference = root.fields(&["spec", "runTemplateRef"]);
    let kind = reference.field("kind");
    if !matches!(kind.text(), "" | "ClusterRunTemplate") {
        report.error(
            kind.path(),
            format!(
                "a Runnable stamps a ClusterRunTemplate, not a {}",
                kind.text()
            ),
        );
    }
    names::check_label(&reference.field("name"), "template name", report);
    let selector = root.fields(&["spec", "selector"]);
    if !selector.is_present() {
        return;
    }
    for part in ["apiVersion", "kind"] {
        let field = selector.fields(&["resource", part]);
        if field.text().is_empty() {
            report.error(
                selector.field("resource").path(),
                format!("the selected resource has no {part}, so it is never found"),
            );
        }
    }
    let labels = selector.field("matchingLabels");
    if labels.value().is_object() && labels.len() == 0 {
        report.warn(
            labels.path(),
            "without labels every object of the kind is selected, and exactly one may be",
        );
    }
    if let Err(error) = Selector::build(labels.pairs(), []) {
        report.error(
            labels.path(),
            format!("matchingLabels are not valid: {error}"),
        );
    }
}

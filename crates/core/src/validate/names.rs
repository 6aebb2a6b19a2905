//! Names that become labels of stamped objects.

use carto_query::names::{LABEL_MAX_LENGTH, label_value_problems};

use super::Report;
use super::cursor::Cursor;

/// Checks a name that every stamped object carries as a label.
pub(super) fn check_label(name: &Cursor<'_>, what: &str, report: &mut Report) {
    let text = name.text();
    if text.len() > LABEL_MAX_LENGTH {
        report.error(
            name.path(),
            format!(
                "{what} [{text}] has {} characters: it becomes a label of every stamped object, \
                 which may have {LABEL_MAX_LENGTH}",
                text.len()
            ),
        );
    } else if let [problem, ..] = &label_value_problems(text)[..] {
        report.error(
            name.path(),
            format!("{what} [{text}] cannot be a label of stamped objects: {problem}"),
        );
    }
}

/// The names in a blueprint.
pub(super) fn check_blueprint(root: &Cursor<'_>, resources: &[Cursor<'_>], report: &mut Report) {
    check_label(&root.fields(&["metadata", "name"]), "name", report);
    for resource in resources {
        check_label(&resource.field("name"), "resource name", report);
        let reference = resource.field("templateRef");
        check_label(&reference.field("name"), "template name", report);
        for option in reference.field("options").items() {
            check_label(&option.field("name"), "template name", report);
        }
    }
}

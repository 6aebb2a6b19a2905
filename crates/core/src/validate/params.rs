//! Parameters.

use std::collections::BTreeSet;

use super::Report;
use super::cursor::Cursor;

/// A parameter of a blueprint has a value or a default, not both and not neither.
pub(super) fn check_exclusive(parent: &Cursor<'_>, prefix: &str, report: &mut Report) {
    for param in parent.field("params").items() {
        let given = ["value", "default"].map(|field| param.field(field).is_present());
        if given[0] == given[1] {
            let name = param.field("name").text();
            report.webhook(
                param.path(),
                format!(
                    "{prefix}param [{name}] is invalid: must set exactly one of value and default"
                ),
            );
        }
    }
}

/// What the webhook does not look at: the same parameter twice, and null, which counts as absent.
pub(super) fn check_given(parent: &Cursor<'_>, resource: &str, report: &mut Report) {
    let place = match resource {
        "" => String::new(),
        name => format!(" of resource [{name}]"),
    };
    twice(&parent.field("params"), &place, report);
}

/// The same name twice: the last one wins.
pub(super) fn twice(params: &Cursor<'_>, place: &str, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for param in params.items() {
        let name = param.field("name");
        if !name.text().is_empty() && !seen.insert(name.text()) {
            report.warn(
                name.path(),
                format!(
                    "param [{}]{place} is given twice: the last one wins",
                    name.text()
                ),
            );
        }
    }
}

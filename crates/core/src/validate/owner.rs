//! `Workload` and `Deliverable`. The original has no webhook for them.

use super::cursor::Cursor;
use super::{Report, names, params};
use crate::key::OwnerKind;

pub(super) fn check(kind: OwnerKind, root: &Cursor<'_>, report: &mut Report) {
    let blueprint = match kind {
        OwnerKind::Workload => "supply chain",
        OwnerKind::Deliverable => "delivery",
    };
    let labels = root.fields(&["metadata", "labels"]);
    if labels.len() == 0 {
        report.error(
            "metadata",
            format!("there are no labels, and without one no {blueprint} is looked for"),
        );
    }
    names::check_label(&root.fields(&["metadata", "name"]), "name", report);
    let spec = root.field("spec");
    params::twice(&spec.field("params"), "", report);
    source(&spec, report);
}

fn source(spec: &Cursor<'_>, report: &mut Report) {
    let source = spec.field("source");
    let (git, image) = (source.field("git"), source.field("image"));
    if git.is_present() && image.is_present() {
        report.warn(
            source.path(),
            "the source is in git and in an image: which is meant?",
        );
    }
    if source.is_present() && spec.field("image").is_present() {
        report.warn(
            spec.field("image").path(),
            "there is source and a finished image: which is meant?",
        );
    }
    if git.is_present() && git.field("url").text().is_empty() {
        report.error(git.path(), "the git source has no url");
    }
    let reference = git.field("ref");
    let given: Vec<&str> = ["branch", "tag", "commit"]
        .into_iter()
        .filter(|field| reference.field(field).is_present())
        .collect();
    if given.len() > 1 {
        report.warn(
            reference.path(),
            format!(
                "{} are given: which one counts depends on the template",
                given.join(" and ")
            ),
        );
    }
}

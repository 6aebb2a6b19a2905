//! The object that a template stamps, as far as it can be judged before it is filled in.

use carto_query::Path;
use carto_query::names::{label_key_problems, label_value_problems, subdomain_problems};
use serde_json::Value;

use super::cursor::Cursor;
use super::{Report, suggest};

/// Kinds whose names may be any path segment.
const FREE_NAMES: [&str; 4] = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];

pub(super) fn check(template: &Cursor<'_>, immutable: bool, report: &mut Report) {
    if template.field("apiVersion").text().is_empty() {
        report.error(template.path(), "the object has no apiVersion");
    }
    let metadata = template.field("metadata");
    name(template, &metadata, immutable, report);
    labels(&metadata, report);
    texts(template, report);
    let references = metadata.field("ownerReferences");
    if references.is_present() {
        report.warn(
            references.path(),
            "owner references are replaced by one to the Workload, Deliverable or Runnable",
        );
    }
    let status = template.field("status");
    if status.is_present() {
        report.warn(
            status.path(),
            "status is written by whoever works on the object; most kinds drop it here",
        );
    }
}

/// Fields of built-in kinds that are maps of texts.
const TEXTS: [(&str, &str); 3] = [
    ("ConfigMap", "data"),
    ("Secret", "data"),
    ("Secret", "stringData"),
];

fn texts(template: &Cursor<'_>, report: &mut Report) {
    if template.field("apiVersion").text() != "v1" {
        return;
    }
    for (kind, field) in TEXTS {
        if template.field("kind").text() != kind {
            continue;
        }
        for (_, value) in template.field(field).entries() {
            if !matches!(value.value(), Value::String(_) | Value::Null) {
                report.error(
                    value.path(),
                    format!("a {kind} has texts in {field}: quote it, or write a block of text"),
                );
            }
        }
    }
}

/// Checks the path of an output against the object that is written: a field that its parent does
/// not have there, though one of nearly that name is.
pub(super) fn check_output_path(path: &Cursor<'_>, template: &Cursor<'_>, report: &mut Report) {
    let parsed = Path::new(path.text());
    let fields = parsed.leading_fields();
    let mut at = template.clone();
    for name in fields {
        let next = at.field(name);
        if !next.is_present() {
            let entries = at.entries();
            let names = entries.iter().map(|(name, _)| *name);
            if let Some(close) = suggest::closest(name, names) {
                report.warn(
                    path.path(),
                    format!("the template writes no \"{name}\" there; did you mean \"{close}\"?"),
                );
            }
            return;
        }
        at = next;
    }
}

/// A text without tags; `None` when it is only known once filled in.
fn literal<'a>(field: &Cursor<'a>) -> Option<&'a str> {
    let text = field.value().as_str()?;
    (!text.contains("$(")).then_some(text)
}

fn name(template: &Cursor<'_>, metadata: &Cursor<'_>, immutable: bool, report: &mut Report) {
    let (name, generated) = (metadata.field("name"), metadata.field("generateName"));
    match (name.is_present(), generated.is_present()) {
        (false, false) => report.error(
            metadata.path(),
            "the object has no name: give metadata.name, or metadata.generateName with lifecycle \
             immutable or tekton",
        ),
        (false, true) if !immutable => report.error(
            generated.path(),
            "with lifecycle mutable the object needs metadata.name: a generated name is a new \
             object each time",
        ),
        (true, _) if immutable => report.warn(
            name.path(),
            "a fixed name can be created only once: give metadata.generateName, so that a change \
             makes a new object",
        ),
        _ => {}
    }
    if FREE_NAMES.contains(&template.field("kind").text()) {
        return;
    }
    for (field, ending) in [(&name, ""), (&generated, "x")] {
        let Some(text) = literal(field) else { continue };
        if !subdomain_problems(&format!("{text}{ending}")).is_empty() {
            report.warn(
                field.path(),
                format!(
                    "most kinds refuse the name [{text}]: names have lower case letters, digits, \
                     - and . only"
                ),
            );
        }
    }
}

/// What of an owner is an object, whatever is in it.
const OBJECTS: [&str; 6] = [
    "",
    ".metadata",
    ".metadata.labels",
    ".metadata.annotations",
    ".spec",
    ".status",
];

/// The path of a value that is one tag, where that names an object.
fn structure(field: &Cursor<'_>) -> Option<String> {
    let text = field.value().as_str()?;
    let path = text.strip_prefix("$(")?.strip_suffix(")$")?;
    let of_owner = ["workload", "deliverable", "runnable"]
        .iter()
        .find_map(|owner| path.trim_start_matches('.').strip_prefix(owner))?;
    OBJECTS.contains(&of_owner).then(|| path.to_owned())
}

fn labels(metadata: &Cursor<'_>, report: &mut Report) {
    for kind in ["labels", "annotations"] {
        for (key, value) in metadata.field(kind).entries() {
            if let [problem, ..] = &label_key_problems(key)[..]
                && !key.contains("$(")
            {
                report.error(
                    value.path(),
                    format!("{kind} cannot have the key [{key}]: {problem}"),
                );
            }
            if let Some(path) = structure(&value) {
                report.error(
                    value.path(),
                    format!("{kind} have texts as values, and [{path}] is everything in it"),
                );
            }
            if !matches!(value.value(), Value::String(_)) {
                report.error(
                    value.path(),
                    format!(
                        "{kind} have texts as values: quote it, as in \"{}\"",
                        value.value()
                    ),
                );
            }
        }
    }
    for (key, value) in metadata.field("labels").entries() {
        if key.starts_with("carto.run/") {
            report.warn(
                value.path(),
                format!("label [{key}] is replaced when the object is stamped"),
            );
        }
        if let Some(text) = literal(&value)
            && let [problem, ..] = &label_value_problems(text)[..]
        {
            report.error(
                value.path(),
                format!("label [{key}] cannot have this value: {problem}"),
            );
        }
    }
}

//! Paths, and `$(…)$` in templates, before they are evaluated on anything.

use carto_query::{Defect, Path, Template};
use serde_json::Value;

use super::cursor::Cursor;
use super::{Report, Within, suggest};
use crate::context::Schema;

/// What the template of a Workload or Deliverable sees.
pub(super) const OWNER_NAMES: [&str; 11] = [
    "workload",
    "deliverable",
    "params",
    "sources",
    "images",
    "configs",
    "deployment",
    "source",
    "image",
    "config",
    "labels",
];

/// What the template of a Runnable sees.
pub(super) const RUNNABLE_NAMES: [&str; 2] = ["runnable", "selected"];

/// What is in a source, an image and a config.
const SOURCE_PARTS: &[&str] = &["url", "revision", "name"];
const IMAGE_PARTS: &[&str] = &["image", "name"];
const CONFIG_PARTS: &[&str] = &["config", "name"];

/// Returns why a path can never give anything, in words for the person who wrote it.
pub(super) fn defect(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("the path is empty".to_owned());
    }
    if path.contains("$(") {
        return Some("this is a path, not a template: write it without $( and )$".to_owned());
    }
    if path.starts_with('$') {
        return Some("a leading $ never finds anything: leave it out".to_owned());
    }
    if path.starts_with(' ') {
        return Some("a blank at the beginning breaks it".to_owned());
    }
    if path.starts_with('/') {
        return Some("the names in a path stand between dots, not slashes".to_owned());
    }
    match Path::new(path).defect()? {
        Defect::Malformed(error) => {
            let text = error.to_string();
            Some(text.strip_prefix("evaluate: ").unwrap_or(&text).to_owned())
        }
        Defect::Word(word) => Some(format!(
            "the word \"{word}\" stands on its own: is there a dot missing, or a blank too many?"
        )),
        Defect::Operator(operator) => Some(format!(
            "unrecognized filter operator {operator}: there are ==, !=, <, <=, > and >="
        )),
        other => Some(other.to_string()),
    }
}

/// Checks the path that a field holds.
pub(super) fn check_path(field: &Cursor<'_>, report: &mut Report) {
    if !field.value().is_string() {
        return;
    }
    let text = field.text();
    let Some(problem) = defect(text) else {
        return;
    };
    let message = format!("path [{text}] can never work: {problem}");
    match Path::new(text).malformed_at() {
        Some(offset) if offset > 0 => {
            report.error_within(field.path(), position(text, offset), message);
        }
        _ => report.error(field.path(), message),
    }
}

/// Checks the path of an output, which has to give exactly one value.
pub(super) fn check_output(field: &Cursor<'_>, report: &mut Report) {
    check_path(field, report);
    let text = field.text();
    let may_be_many = text.contains("[*]") || text.contains("..") || text.ends_with(".*");
    if may_be_many && defect(text).is_none() {
        report.warn(
            field.path(),
            format!("path [{text}] fails as soon as it finds more than one value"),
        );
    }
}

/// Paths that lead to an object or list in everything that has them.
const NO_TEXTS: [&str; 8] = [
    "metadata",
    "spec",
    "status",
    "metadata.labels",
    "metadata.annotations",
    "status.conditions",
    "status.artifact",
    "status.outputs",
];

/// Checks the path of an output that is a text: a URL, a revision, an image.
pub(super) fn check_text_output(field: &Cursor<'_>, report: &mut Report) {
    check_output(field, report);
    let text = field.text().trim_matches(['{', '}', '.']);
    if NO_TEXTS.contains(&text) {
        report.warn(
            field.path(),
            format!("path [{text}] gives no text but everything in it"),
        );
    }
}

/// Where in a text a byte is.
pub(super) fn position(text: &str, offset: usize) -> Within {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Within {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// What a template may refer to.
pub(super) struct Names<'a> {
    pub(super) known: &'a [&'a str],
    /// The parameters that the template declares; `None` when it cannot have any.
    pub(super) params: Option<Vec<&'a str>>,
}

/// Checks every text of a template, and that no key has a tag.
///
/// Recursion: as deep as JSON readers let values be.
pub(super) fn check_tags(template: &Cursor<'_>, names: &Names<'_>, report: &mut Report) {
    match template.value() {
        Value::String(text) => check_text(template, text, names, report),
        Value::Array(_) => {
            for item in template.items() {
                check_tags(&item, names, report);
            }
        }
        Value::Object(_) => {
            for (key, entry) in template.entries() {
                if !Template::compile(&Value::String(key.to_owned()))
                    .tags()
                    .is_empty()
                {
                    report.warn(
                        entry.path(),
                        "tags are only filled in where values stand, never in keys",
                    );
                }
                check_tags(&entry, names, report);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_text(place: &Cursor<'_>, text: &str, names: &Names<'_>, report: &mut Report) {
    let value = Value::String(text.to_owned());
    let compiled = Template::compile(&value);
    let tags = compiled.tags();
    for tag in &tags {
        let within = position(text, tag.offset);
        if let Some(problem) = tag_problem(tag.path, names) {
            let expression = tag.path.as_str();
            report.error_within(place.path(), within, format!("$({expression})$: {problem}"));
            continue;
        }
        if let Some(problem) = undeclared(tag.path, names) {
            report.warn_within(place.path(), within, problem);
        }
    }
    let end = tags
        .last()
        .map_or(0, |tag| tag.offset + tag.path.as_str().len() + ")$".len());
    unclosed(place, text, end, names, report);
    foreign(place, text, names, report);
}

/// Why a tag can never be filled in.
fn tag_problem(path: &Path, names: &Names<'_>) -> Option<String> {
    let text = path.as_str();
    if text.contains("$(") {
        return Some("this tag is not closed with )$ before the next one begins".to_owned());
    }
    if let Some(problem) = defect(text) {
        return Some(problem);
    }
    let fields = path.leading_fields();
    let (first, rest) = fields.split_first()?;
    if !names.known.contains(first) {
        let hint = suggest::hint(first, names.known.iter().copied());
        return Some(format!(
            "there is no \"{first}\" here, only {}{hint}",
            names.known.join(", ")
        ));
    }
    if let Some(problem) = unknown_field(first, rest) {
        return Some(problem);
    }
    let (parts, part) = match (*first, rest) {
        ("source" | "deployment", [part, ..]) | ("sources", [_, part, ..]) => (SOURCE_PARTS, part),
        ("images", [_, part, ..]) => (IMAGE_PARTS, part),
        ("configs", [_, part, ..]) => (CONFIG_PARTS, part),
        _ => return None,
    };
    if parts.contains(part) {
        return None;
    }
    let hint = suggest::hint(part, parts.iter().copied());
    Some(format!(
        "there is no \"{part}\" in it, only {}{hint}",
        parts.join(", ")
    ))
}

/// A name that no owner can have. Templates serve Workloads and Deliverables alike, under both
/// names.
pub(super) fn unknown_field(first: &str, rest: &[&str]) -> Option<String> {
    let unknown = match first {
        "workload" | "deliverable" => {
            Schema::Deliverable.unknown(rest)?;
            Schema::Workload.unknown(rest)?
        }
        "runnable" => Schema::Runnable.unknown(rest)?,
        _ => return None,
    };
    let hint = suggest::hint(unknown.word, unknown.known.iter().copied());
    Some(format!(
        "a {first} has no \"{}\" there, only {}{hint}",
        unknown.word,
        unknown.known.join(", ")
    ))
}

/// A parameter that is not declared, though one with nearly that name is. Without such a slip it
/// is fine: a blueprint or an owner may give it.
fn undeclared(path: &Path, names: &Names<'_>) -> Option<String> {
    let ["params", name, ..] = path.leading_fields()[..] else {
        return None;
    };
    names.misspelt_param(name)
}

impl Names<'_> {
    pub(super) fn misspelt_param(&self, name: &str) -> Option<String> {
        let declared = self.params.as_ref()?;
        if declared.contains(&name) {
            return None;
        }
        let close = suggest::closest(name, declared.iter().copied())?;
        Some(format!(
            "param \"{name}\" is not declared in spec.params; did you mean \"{close}\"?"
        ))
    }
}

/// Texts that look like a tag and are none. Tekton's `$(params.x)` is left alone.
fn unclosed(place: &Cursor<'_>, text: &str, from: usize, names: &Names<'_>, report: &mut Report) {
    let Some(at) = text.get(from..).and_then(|rest| rest.find("$(")) else {
        return;
    };
    let inside = &text[from + at + "$(".len()..];
    let word: String = inside
        .trim_start_matches('.')
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .collect();
    if word != "params" && names.known.contains(&word.as_str()) {
        report.warn_within(
            place.path(),
            position(text, from + at),
            format!("$({word}… is not closed with )$, so it stays as it is"),
        );
    }
}

/// Tags as other languages write them.
fn foreign(place: &Cursor<'_>, text: &str, names: &Names<'_>, report: &mut Report) {
    for open in ["${", "{{"] {
        let Some(at) = text.find(open) else { continue };
        let inside = text[at + open.len()..].trim_start_matches([' ', '.']);
        let word: String = inside.chars().take_while(|c| c.is_alphanumeric()).collect();
        if names.known.contains(&word.as_str()) {
            report.warn_within(
                place.path(),
                position(text, at),
                format!("\"{open}\" means nothing here: tags are written $({word}…)$"),
            );
        }
    }
}

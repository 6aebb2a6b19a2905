//! The report of what is wrong with a schema or with data values.
//!
//! Source: ytt pkg/schema/error.go.

use std::fmt::Write as _;

use super::{SchemaProblem, Type, TypeKind};
use crate::node::{MapItem, Node};
use crate::position::Position;
use crate::star::spell::nearest;

/// One thing that is wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaFailure {
    pub(crate) annotations: Vec<Position>,
    pub(crate) position: Position,
    pub(crate) description: String,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) hints: Vec<String>,
}

impl SchemaFailure {
    /// A node that is not of the expected type.
    pub(crate) fn mismatch(found: &Node, expected: &Type) -> Self {
        let expected_name = match &expected.kind {
            _ if !expected.position.is_known() => String::new(),
            TypeKind::MapItem { value, .. } | TypeKind::ArrayItem(value) => value.name(),
            _ => expected.name(),
        };
        let found_name = match found.value() {
            Some(value) => value.type_name(),
            None => found.type_name(),
        };
        Self {
            position: found.position(),
            expected: format!("{expected_name} (by {})", expected.position.compact()),
            found: found_name.to_owned(),
            ..Self::default()
        }
    }

    /// A key that the schema does not have.
    pub(crate) fn unexpected_key(
        found: &MapItem,
        definition: &Position,
        mut allowed: Vec<String>,
    ) -> Self {
        let key = found.key.borrow().go_display();
        allowed.sort();
        let definition = definition.compact();
        let expected = match allowed.as_slice() {
            [only] => format!("a map item with the key named \"{only}\" (from {definition})"),
            // As many as people can take in at once.
            [_, _, ..] if allowed.len() <= 9 => {
                format!("one of {{ {} }} (from {definition})", allowed.join(", "))
            }
            _ => format!("a key declared in map (from {definition})"),
        };
        let candidates: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let similar = nearest(&key, candidates.iter().copied());
        Self {
            description: "Given data value is not declared in schema".to_owned(),
            position: found.common.position(),
            expected,
            hints: similar
                .map(|key| format!("did you mean \"{key}\"?"))
                .into_iter()
                .collect(),
            found: key,
            ..Self::default()
        }
    }
}

/// The report under a heading.
pub(crate) fn report(summary: &str, problems: impl IntoIterator<Item = SchemaProblem>) -> String {
    let mut failures = Vec::new();
    let mut others = String::new();
    for problem in problems {
        match problem {
            SchemaProblem::Failure(failure) => failures.push(*failure),
            SchemaProblem::Message(message) => {
                others.push_str(&message);
                others.push_str(" \n");
            }
        }
    }
    let width = failures
        .iter()
        .map(|failure| failure.position.number().len())
        .max()
        .unwrap_or(0);
    let mut out = format!("\n{summary}\n{}\n", "=".repeat(summary.len()));
    for failure in &failures {
        push_failure(&mut out, failure, width);
    }
    out.push_str(&others);
    out.push('\n');
    out
}

fn push_failure(out: &mut String, failure: &SchemaFailure, width: usize) {
    let pad = |delimiter: char, number: &str| format!("  {number:>width$} {delimiter}");
    if !failure.description.is_empty() {
        push(out, &format!("\n{}", failure.description));
    }
    if failure.position.is_from_memory() {
        let gutter = pad('#', "");
        let source = failure.position.text();
        push(
            out,
            &format!("\nData value calculated:\n{gutter}\n{gutter} {source}\n{gutter}"),
        );
    } else {
        let gutter = pad('|', "");
        push(out, &format!("\n{}:\n{gutter}", failure.position.file()));
        let mut positions = failure.annotations.clone();
        positions.sort_by_key(Position::line);
        positions.push(failure.position.clone());
        for (index, position) in positions.iter().enumerate() {
            if index > 0 && !position.is_next_to(&positions[index - 1]) {
                push(out, &format!("\n{gutter} ..."));
            }
            push(
                out,
                &format!("\n{} {}", pad('|', &position.number()), position.text()),
            );
        }
        push(out, &format!("\n{gutter}"));
    }
    push(out, "\n\n");
    if !failure.found.is_empty() {
        push(out, &format!("{} found: {}", pad('=', ""), failure.found));
    }
    push(out, "\n");
    if !failure.expected.is_empty() {
        push(
            out,
            &format!("{} expected: {}", pad('=', ""), failure.expected),
        );
    }
    for hint in &failure.hints {
        push(out, &format!("\n{} hint: {hint}", pad('=', "")));
    }
    push(out, "\n");
}

fn push(out: &mut String, text: &str) {
    write!(out, "{text}").expect("writing to a string cannot fail");
}

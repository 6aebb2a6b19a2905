//! Printing document sets: YAML, JSON, and positions.
//!
//! Source: ytt pkg/yamlmeta/printers.go, file_position_printer.go.

use std::fmt::Write as _;

use carto_yaml::emit::{Emitter, Style};
use carto_yaml::number::{format_float, format_json_float};

use crate::node::{Document, DocumentSet, Node, Scalar, Value, to_plain};
use crate::position::Position;

/// Prints the documents that are not empty, with `---` between them.
///
/// # Errors
/// A value that cannot be printed, or more text than `max_bytes`.
pub(crate) fn yaml(set: &DocumentSet, max_bytes: usize) -> Result<String, String> {
    let mut out = String::new();
    for document in printable(set) {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        out.push_str(&value(
            &document.value.borrow(),
            max_bytes.saturating_sub(out.len()),
        )?);
    }
    Ok(out)
}

/// Prints one value as YAML.
///
/// # Errors
/// A value that cannot be printed, or more text than `max_bytes`.
pub(crate) fn value(value: &Value, max_bytes: usize) -> Result<String, String> {
    let plain = to_plain(value)?;
    let mut emitter = Emitter::new(Style::ytt());
    push(&mut emitter, &plain, max_bytes)?;
    Ok(emitter.finish())
}

fn printable(set: &DocumentSet) -> Vec<std::rc::Rc<Document>> {
    let items = set.items.borrow();
    items
        .iter()
        .filter(|item| !item.injected && !item.is_empty())
        .cloned()
        .collect()
}

fn push(emitter: &mut Emitter, value: &Value, max_bytes: usize) -> Result<(), String> {
    if emitter.len() > max_bytes {
        return Err(format!(
            "output is larger than the budget of {max_bytes} bytes"
        ));
    }
    match value {
        Value::Scalar(scalar) => match scalar {
            Scalar::Null => emitter.null(),
            Scalar::Bool(value) => emitter.bool(*value),
            Scalar::Int(value) | Scalar::Int64(value) => emitter.int(*value),
            Scalar::Uint(value) => emitter.uint(*value),
            Scalar::Float(value) => emitter.float(*value),
            Scalar::Str(text) => emitter.bytes(text.as_bytes()),
        },
        Value::List(items) => {
            emitter.begin_sequence(items.is_empty());
            for item in items.iter() {
                push(emitter, item, max_bytes)?;
            }
            emitter.end();
        }
        Value::Dict(dict) => {
            emitter.begin_mapping(dict.entries.is_empty());
            for (key, value) in &dict.entries {
                push(emitter, key, max_bytes)?;
                push(emitter, value, max_bytes)?;
            }
            emitter.end();
        }
        Value::Node(node) => return Err(format!("Unexpected marshaling of {}", node.go_type())),
    }
    Ok(())
}

/// Prints the documents that are not empty as JSON, one behind the other, keys sorted.
///
/// # Errors
/// A key that is not a string, or a number that JSON does not have.
pub(crate) fn json(set: &DocumentSet) -> Result<String, String> {
    let mut out = String::new();
    for document in printable(set) {
        push_json(&mut out, &to_plain(&document.value.borrow())?)
            .map_err(|problem| format!("marshaling document: {problem}"))?;
    }
    Ok(out)
}

fn push_json(out: &mut String, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar(Scalar::Null) => out.push_str("null"),
        Value::Scalar(Scalar::Bool(value)) => push_display(out, value),
        Value::Scalar(Scalar::Int(value) | Scalar::Int64(value)) => push_display(out, value),
        Value::Scalar(Scalar::Uint(value)) => push_display(out, value),
        Value::Scalar(Scalar::Float(value)) if value.is_finite() => {
            out.push_str(&format_json_float(*value));
        }
        Value::Scalar(Scalar::Float(value)) => {
            return Err(format!("json: unsupported value: {}", format_float(*value)));
        }
        Value::Scalar(Scalar::Str(text)) => push_json_string(out, &text.to_text()),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json(out, item)?;
            }
            out.push(']');
        }
        Value::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.entries.len());
            for (key, value) in &dict.entries {
                let key = key.as_str().ok_or("Expected key to be string")?;
                entries.push((key, value));
            }
            entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json_string(out, &key.to_text());
                out.push(':');
                push_json(out, value)?;
            }
            out.push('}');
        }
        Value::Node(node) => return Err(format!("Unexpected marshaling of {}", node.go_type())),
    }
    Ok(())
}

fn push_display(out: &mut String, value: &impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string cannot fail");
}

/// A string as Go's `encoding/json` writes it, characters of HTML escaped.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0C' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | ..' ' if c != ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Prints where every node of the documents that are not empty stands.
///
/// # Errors
/// A value that cannot be printed.
pub(crate) fn positions(set: &DocumentSet) -> Result<String, String> {
    let mut printer = PositionPrinter {
        out: String::new(),
        width: 0,
    };
    for document in printable(set) {
        printer.node(&Value::Node(Node::Document(document)), 0)?;
    }
    Ok(printer.out)
}

struct PositionPrinter {
    out: String,
    /// Width of the column of positions, which only grows.
    width: usize,
}

impl PositionPrinter {
    fn node(&mut self, value: &Value, level: usize) -> Result<(), String> {
        match value {
            Value::Node(Node::DocumentSet(set)) => {
                self.line(&set.common.position(), level, "[docset]");
                for item in set.items.borrow().iter() {
                    self.node(&Value::Node(Node::Document(item.clone())), level + 1)?;
                }
            }
            Value::Node(Node::Document(document)) => {
                self.line(&document.common.position(), level, "[doc]");
                self.node(&document.value.borrow(), level + 1)?;
            }
            Value::Node(Node::Map(map)) => {
                for item in map.items.borrow().iter() {
                    let label = format!("{}:", item.key.borrow().go_string());
                    self.item(&item.common.position(), &label, &item.value.borrow(), level)?;
                }
            }
            Value::Node(Node::Array(array)) => {
                for (index, item) in array.items.borrow().iter().enumerate() {
                    let label = format!("[{index}]");
                    self.item(&item.common.position(), &label, &item.value.borrow(), level)?;
                }
            }
            Value::Node(Node::MapItem(item)) => {
                let label = format!("{}:", item.key.borrow().go_string());
                self.line(&item.common.position(), level, &label);
                self.node(&item.value.borrow(), level + 1)?;
            }
            Value::Node(Node::ArrayItem(item)) => {
                self.line(&item.common.position(), level, "[?]");
                self.node(&item.value.borrow(), level + 1)?;
            }
            leaf => {
                let text = self::value(leaf, usize::MAX)?;
                self.pad("");
                self.text(level, text.trim_end_matches('\n'));
            }
        }
        Ok(())
    }

    fn item(
        &mut self,
        position: &Position,
        label: &str,
        value: &Value,
        level: usize,
    ) -> Result<(), String> {
        let leaf = match value {
            Value::Node(_) => None,
            leaf => Some(self::value(leaf, usize::MAX)?),
        };
        let leaf = leaf
            .as_deref()
            .map(|text| text.strip_suffix('\n').unwrap_or(text));
        match leaf {
            Some(text) if !text.contains('\n') => {
                self.line(position, level, &format!("{label} {text}"));
                Ok(())
            }
            _ => {
                self.line(position, level, label);
                self.node(value, level + 1)
            }
        }
    }

    /// A line with its position; without one there is not even a column.
    fn line(&mut self, position: &Position, level: usize, text: &str) {
        if position.is_known() {
            self.pad(&position.compact());
        }
        self.text(level, text);
    }

    fn pad(&mut self, position: &str) {
        if position.len() > self.width {
            self.width = position.len() + 10;
        }
        let blanks = self.width - position.len();
        self.out.extend(std::iter::repeat_n(' ', blanks));
        self.out.push_str(position);
        self.out.push_str(" | ");
    }

    fn text(&mut self, level: usize, text: &str) {
        self.out.extend(std::iter::repeat_n("  ", level));
        self.out.push_str(text);
        self.out.push('\n');
    }
}

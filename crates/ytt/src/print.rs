//! Printing document sets: YAML, JSON, and positions.
//!
//! Source: ytt pkg/yamlmeta/printers.go, file_position_printer.go.

use std::fmt::Write as _;
use std::rc::Rc;

use carto_yaml::emit::{Emitter, Style};
use carto_yaml::number::{format_float, format_json_float};

use crate::node::{
    Document, DocumentSet, KeyIndex, Node, Scalar, Value, duplicate_key, not_in_document,
};
use crate::position::Position;
use crate::star::Error;

/// Prints the documents that are not empty, with `---` between them.
///
/// # Errors
/// A value that cannot be printed, or more text than `max_bytes`.
pub(crate) fn yaml(set: &DocumentSet, max_bytes: usize) -> Result<String, Error> {
    let mut out = String::new();
    for document in printable(set) {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        let mut printer = YamlPrinter {
            emitter: Emitter::new(Style::ytt()),
            before: out.len(),
            max_bytes,
        };
        printer.value(&document.value.borrow())?;
        out.push_str(&printer.finish()?);
    }
    Ok(out)
}

/// Prints one value as YAML.
///
/// # Errors
/// A value that cannot be printed, or more text than `max_bytes`.
pub(crate) fn value(value: &Value, max_bytes: usize) -> Result<String, Error> {
    let mut printer = YamlPrinter {
        emitter: Emitter::new(Style::ytt()),
        before: 0,
        max_bytes,
    };
    printer.value(value)?;
    printer.finish()
}

fn check_length(length: usize, max_bytes: usize) -> Result<(), Error> {
    if length > max_bytes {
        return Err(Error::budget(format!(
            "output is larger than the budget of {max_bytes} bytes"
        )));
    }
    Ok(())
}

fn printable(set: &DocumentSet) -> Vec<Rc<Document>> {
    let items = set.items.borrow();
    items
        .iter()
        .filter(|item| !item.injected && !item.is_empty())
        .cloned()
        .collect()
}

struct YamlPrinter {
    emitter: Emitter,
    /// Length of what was printed before this.
    before: usize,
    max_bytes: usize,
}

impl YamlPrinter {
    fn check_length(&self) -> Result<(), Error> {
        check_length(self.before + self.emitter.len(), self.max_bytes)
    }

    fn finish(self) -> Result<String, Error> {
        self.check_length()?;
        Ok(self.emitter.finish())
    }

    fn value(&mut self, value: &Value) -> Result<(), Error> {
        self.check_length()?;
        let emitter = &mut self.emitter;
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
                    self.value(item)?;
                }
                self.emitter.end();
            }
            Value::Dict(dict) => {
                emitter.begin_mapping(dict.entries.is_empty());
                for (key, value) in &dict.entries {
                    self.value(key)?;
                    self.value(value)?;
                }
                self.emitter.end();
            }
            Value::Node(Node::Map(map)) => {
                let items = map.items.borrow();
                let mut known = KeyIndex::default();
                emitter.begin_mapping(items.is_empty());
                for item in items.iter() {
                    let key = item.key.borrow();
                    if !known.insert(&key) {
                        return Err(duplicate_key(&key));
                    }
                    self.value(&key)?;
                    self.value(&item.value.borrow())?;
                }
                self.emitter.end();
            }
            Value::Node(Node::Array(array)) => {
                let items = array.items.borrow();
                emitter.begin_sequence(items.is_empty());
                for item in items.iter() {
                    self.value(&item.value.borrow())?;
                }
                self.emitter.end();
            }
            Value::Node(node) => return Err(unprintable(node)),
        }
        Ok(())
    }
}

/// A node that no value may be.
fn unprintable(node: &Node) -> Error {
    match node {
        Node::DocumentSet(_) | Node::Document(_) => not_in_document(node),
        other => Error::panic(format!("Unexpected marshaling of {}", other.go_type())),
    }
}

/// Prints the documents that are not empty as JSON, one behind the other, keys sorted.
///
/// # Errors
/// A key that is not a string, a number that JSON does not have, or more text than `max_bytes`.
pub(crate) fn json(set: &DocumentSet, max_bytes: usize) -> Result<String, Error> {
    let mut printer = JsonPrinter {
        out: String::new(),
        max_bytes,
    };
    for document in printable(set) {
        printer
            .value(&document.value.borrow())
            .map_err(|error| error.prefixed("marshaling document"))?;
    }
    Ok(printer.out)
}

struct JsonPrinter {
    out: String,
    max_bytes: usize,
}

impl JsonPrinter {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        check_length(self.out.len(), self.max_bytes)?;
        match value {
            Value::Scalar(scalar) => self.scalar(scalar),
            Value::List(items) => self.sequence(items.iter(), |printer, item| printer.value(item)),
            Value::Node(Node::Array(array)) => {
                let items = array.items.borrow();
                self.sequence(items.iter(), |printer, item| {
                    printer.value(&item.value.borrow())
                })
            }
            Value::Dict(dict) => {
                let entries: Vec<_> = dict.entries.iter().map(|(k, v)| (k, v)).collect();
                self.mapping(&entries)
            }
            Value::Node(Node::Map(map)) => {
                let items = map.items.borrow();
                let mut known = KeyIndex::default();
                let borrowed: Vec<_> = items
                    .iter()
                    .map(|item| (item.key.borrow(), item.value.borrow()))
                    .collect();
                if let Some((key, _)) = borrowed.iter().find(|(key, _)| !known.insert(key)) {
                    return Err(duplicate_key(key));
                }
                let entries: Vec<_> = borrowed.iter().map(|(k, v)| (&**k, &**v)).collect();
                self.mapping(&entries)
            }
            Value::Node(node) => Err(unprintable(node)),
        }
    }

    fn scalar(&mut self, scalar: &Scalar) -> Result<(), Error> {
        match scalar {
            Scalar::Null => self.out.push_str("null"),
            Scalar::Bool(value) => push_display(&mut self.out, value),
            Scalar::Int(value) | Scalar::Int64(value) => push_display(&mut self.out, value),
            Scalar::Uint(value) => push_display(&mut self.out, value),
            Scalar::Float(value) if value.is_finite() => {
                self.out.push_str(&format_json_float(*value));
            }
            Scalar::Float(value) => {
                let shown = format_float(*value);
                return Err(Error::new(format!("json: unsupported value: {shown}")));
            }
            Scalar::Str(text) => push_json_bytes(&mut self.out, text),
        }
        Ok(())
    }

    fn sequence<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut push: impl FnMut(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push('[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            push(self, item)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn mapping(&mut self, entries: &[(&Value, &Value)]) -> Result<(), Error> {
        let mut sorted = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = key
                .as_str()
                .ok_or_else(|| Error::new("Expected key to be string"))?;
            sorted.push((key, *value));
        }
        sorted.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        self.out.push('{');
        for (index, (key, value)) in sorted.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            push_json_bytes(&mut self.out, key);
            self.out.push(':');
            self.value(value)?;
        }
        self.out.push('}');
        Ok(())
    }
}

fn push_display(out: &mut String, value: &impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string cannot fail");
}

/// Bytes as Go's `encoding/json` writes a string; what is not UTF-8 becomes an escape.
pub(crate) fn push_json_bytes(out: &mut String, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return push_json_string(out, text);
    }
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        push_json_chars(out, chunk.valid());
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

/// A string as Go's `encoding/json` writes it, characters of HTML escaped.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    push_json_chars(out, text);
    out.push('"');
}

fn push_json_chars(out: &mut String, text: &str) {
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
}

/// Prints where every node of the documents that are not empty stands.
///
/// # Errors
/// A value that cannot be printed, or more text than `max_bytes`.
pub(crate) fn positions(set: &DocumentSet, max_bytes: usize) -> Result<String, Error> {
    let mut printer = PositionPrinter {
        out: String::new(),
        width: 0,
        max_bytes,
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
    max_bytes: usize,
}

impl PositionPrinter {
    fn node(&mut self, value: &Value, level: usize) -> Result<(), Error> {
        check_length(self.out.len(), self.max_bytes)?;
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
                let text = self::value(leaf, self.max_bytes)?;
                self.pad("");
                self.text(level, text.strip_suffix('\n').unwrap_or(&text));
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
    ) -> Result<(), Error> {
        check_length(self.out.len(), self.max_bytes)?;
        let leaf = match value {
            Value::Node(_) => None,
            leaf => Some(self::value(leaf, self.max_bytes)?),
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

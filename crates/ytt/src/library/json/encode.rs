//! Values as JSON.

use std::fmt::Write as _;

use carto_yaml::number::format_json_float;

use crate::node::{Scalar, Value};
use crate::star::{Budget, Error, decode_rune};

/// How the text is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Blanks per level; with none everything is on one line.
    pub(super) indent: usize,
    /// Whether characters of HTML are escaped.
    pub(super) escape_html: bool,
}

/// Prints a value without nodes.
pub(super) fn encode(budget: &Budget, value: &Value, layout: Layout) -> Result<String, Error> {
    let mut printer = Printer {
        out: String::new(),
        layout,
        budget,
    };
    printer.value(value, 0)?;
    Ok(printer.out)
}

struct Printer<'b> {
    out: String,
    layout: Layout,
    budget: &'b Budget,
}

impl Printer<'_> {
    fn value(&mut self, value: &Value, level: usize) -> Result<(), Error> {
        let before = self.out.len();
        match value {
            Value::Scalar(scalar) => {
                self.scalar(scalar)?;
                self.budget.work(1)?;
                self.budget.allocate(self.out.len() - before)
            }
            Value::List(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.separate(at, level)?;
                    self.value(item, level + 1)?;
                }
                self.close(']', items.is_empty(), level);
                Ok(())
            }
            Value::Dict(dict) => {
                let mut entries = Vec::with_capacity(dict.entries.len());
                for (key, value) in &dict.entries {
                    let Some(key) = key.as_str() else {
                        return Err(Error::panic("Expected key to be string"));
                    };
                    entries.push((key, value));
                }
                entries.sort_by_key(|(x, _)| *x);
                self.out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    self.separate(at, level)?;
                    self.string(key);
                    self.out.push(':');
                    if self.layout.indent > 0 {
                        self.out.push(' ');
                    }
                    self.value(value, level + 1)?;
                }
                self.close('}', entries.is_empty(), level);
                Ok(())
            }
            Value::Node(node) => Err(Error::panic(format!(
                "Unexpected marshaling of {}",
                node.go_type()
            ))),
        }
    }

    fn separate(&mut self, at: usize, level: usize) -> Result<(), Error> {
        if at > 0 {
            self.out.push(',');
        }
        self.line(level + 1);
        self.budget.work(1)?;
        self.budget.allocate(2 + self.layout.indent * (level + 1))
    }

    fn close(&mut self, bracket: char, empty: bool, level: usize) {
        if !empty {
            self.line(level);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, level: usize) {
        if self.layout.indent > 0 {
            self.out.push('\n');
            self.out
                .extend(std::iter::repeat_n(' ', self.layout.indent * level));
        }
    }

    fn scalar(&mut self, scalar: &Scalar) -> Result<(), Error> {
        match scalar {
            Scalar::Null => self.out.push_str("null"),
            Scalar::Bool(value) => self.display(value),
            Scalar::Int(value) | Scalar::Int64(value) => self.display(value),
            Scalar::Uint(value) => self.display(value),
            Scalar::Float(value) if value.is_finite() => {
                self.out.push_str(&format_json_float(*value));
            }
            Scalar::Float(value) => {
                let shown = crate::star::format_float(*value, crate::star::Style::Fixed(0));
                return Err(Error::new(format!("json: unsupported value: {shown}")));
            }
            Scalar::Str(text) => self.string(text),
        }
        Ok(())
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self.out, "{value}").expect("writing to a string cannot fail");
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push('"');
        let mut rest = text;
        while !rest.is_empty() {
            let (c, size) = decode_rune(rest);
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.layout.escape_html => self.escape(c),
                '\u{2028}' | '\u{2029}' => self.escape(c),
                char::REPLACEMENT_CHARACTER if size == 1 => self.out.push_str("\\ufffd"),
                c if c < ' ' => self.escape(c),
                c => self.out.push(c),
            }
            rest = &rest[size..];
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        write!(self.out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
    }
}

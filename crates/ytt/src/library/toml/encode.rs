//! Values as TOML.
//!
//! Keys are sorted, those without tables first; tables are indented. Source: BurntSushi/toml
//! 1.2.1 encode.go.

use std::fmt::Write as _;

use crate::node::{Dict, Scalar, Value};
use crate::star::{Budget, Error, Str};

/// Prints a value, which must be a dict, with so many blanks per level.
pub(super) fn encode(budget: &Budget, value: &Value, indent: usize) -> Result<String, Error> {
    let mut printer = Printer {
        out: String::new(),
        indent,
        budget,
    };
    match value {
        Value::Dict(dict) => printer.table(&mut Vec::new(), dict)?,
        // With null the original crashes.
        _ => return Err(no_key()),
    }
    Ok(printer.out)
}

fn no_key() -> Error {
    Error::new("toml: top-level values must be Go maps or structs")
}

struct Printer<'b> {
    out: String,
    indent: usize,
    budget: &'b Budget,
}

impl Printer<'_> {
    /// Pays for what was printed since `before`.
    fn pay(&self, before: usize) -> Result<(), Error> {
        self.budget.work(1)?;
        self.budget.allocate(self.out.len() - before)
    }

    fn pad(&mut self, key: &[&Str]) {
        let blanks = self.indent * key.len().saturating_sub(1);
        self.out.extend(std::iter::repeat_n(' ', blanks));
    }

    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// What is below `key`: first what is no table, then tables.
    fn table<'a>(&mut self, key: &mut Vec<&'a Str>, dict: &'a Dict) -> Result<(), Error> {
        let (tables, others): (Vec<_>, Vec<_>) = sorted(dict)?
            .into_iter()
            .partition(|(_, value)| is_table(value));
        for (name, value) in others.into_iter().chain(tables) {
            key.push(name);
            self.entry(key, value)?;
            key.pop();
        }
        Ok(())
    }

    fn entry<'a>(&mut self, key: &mut Vec<&'a Str>, value: &'a Value) -> Result<(), Error> {
        let before = self.out.len();
        match value {
            Value::Scalar(Scalar::Null) => {}
            Value::Dict(dict) => {
                if key.len() == 1 {
                    self.newline();
                }
                self.pad(key);
                self.out.push('[');
                self.name(key);
                self.out.push_str("]\n");
                self.pay(before)?;
                self.table(key, dict)?;
            }
            Value::List(items) if is_table(value) => {
                for item in items.iter() {
                    let before = self.out.len();
                    self.newline();
                    self.pad(key);
                    self.out.push_str("[[");
                    self.name(key);
                    self.out.push_str("]]\n");
                    self.pay(before)?;
                    if let Value::Dict(dict) = item {
                        self.table(key, dict)?;
                    }
                }
            }
            other => {
                self.pad(key);
                if let Some(last) = key.last() {
                    self.key(last);
                }
                self.out.push_str(" = ");
                self.pay(before)?;
                self.inline(other)?;
                self.out.push('\n');
            }
        }
        Ok(())
    }

    /// A value on one line.
    fn inline(&mut self, value: &Value) -> Result<(), Error> {
        let before = self.out.len();
        match value {
            Value::Scalar(scalar) => {
                self.scalar(scalar)?;
                self.pay(before)
            }
            Value::List(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    if matches!(item, Value::Scalar(Scalar::Null)) {
                        return Err(nil_element());
                    }
                    self.inline(item)?;
                }
                self.out.push(']');
                Ok(())
            }
            Value::Dict(dict) => self.inline_table(dict),
            Value::Node(node) => Err(Error::panic(format!(
                "Unexpected marshaling of {}",
                node.go_type()
            ))),
        }
    }

    /// A table on one line. As in the original, a missing value at the end leaves its comma.
    fn inline_table(&mut self, dict: &Dict) -> Result<(), Error> {
        let (tables, others): (Vec<_>, Vec<_>) = sorted(dict)?
            .into_iter()
            .partition(|(_, value)| is_table(value));
        self.out.push('{');
        for (group, comma_at_end) in [(&others, !tables.is_empty()), (&tables, false)] {
            for (at, (name, value)) in group.iter().enumerate() {
                if matches!(value, Value::Scalar(Scalar::Null)) {
                    continue;
                }
                self.key(name);
                self.out.push_str(" = ");
                self.inline(value)?;
                if comma_at_end || at + 1 < group.len() {
                    self.out.push_str(", ");
                }
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar) -> Result<(), Error> {
        match scalar {
            Scalar::Null => return Err(nil_element()),
            Scalar::Bool(value) => self.display(value),
            Scalar::Int(value) | Scalar::Int64(value) => self.display(value),
            Scalar::Uint(value) => self.display(value),
            Scalar::Float(value) if value.is_nan() => self.out.push_str("nan"),
            Scalar::Float(value) if value.is_infinite() => {
                self.out
                    .push_str(if *value > 0.0 { "+inf" } else { "-inf" });
            }
            Scalar::Float(value) => {
                let before = self.out.len();
                self.display(value);
                if !self.out[before..].contains('.') {
                    self.out.push_str(".0");
                }
            }
            Scalar::Str(text) => self.quoted(text),
        }
        Ok(())
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self.out, "{value}").expect("writing to a string cannot fail");
    }

    fn name(&mut self, key: &[&Str]) {
        for (at, part) in key.iter().enumerate() {
            if at > 0 {
                self.out.push('.');
            }
            self.key(part);
        }
    }

    /// A key, quoted if need be.
    fn key(&mut self, key: &Str) {
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !key.is_empty() && key.iter().all(bare) {
            self.out.push_str(&key.to_text());
        } else {
            self.quoted(key);
        }
    }

    fn quoted(&mut self, text: &Str) {
        self.out.push('"');
        for c in text.to_text().chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\x08' => self.out.push_str("\\b"),
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\x0c' => self.out.push_str("\\f"),
                '\r' => self.out.push_str("\\r"),
                c if c < ' ' || c == '\x7f' => {
                    write!(self.out, "\\u{:04x}", u32::from(c))
                        .expect("writing to a string cannot fail");
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn nil_element() -> Error {
    Error::new("toml: cannot encode array with nil element")
}

/// Entries by key. Missing values in lists are refused as soon as a table is looked at.
fn sorted(dict: &Dict) -> Result<Vec<(&Str, &Value)>, Error> {
    let mut entries = Vec::with_capacity(dict.entries.len());
    for (key, value) in &dict.entries {
        let Some(key) = key.as_str() else {
            return Err(Error::panic("Expected key to be string"));
        };
        if let Value::List(items) = value
            && items
                .iter()
                .any(|item| matches!(item, Value::Scalar(Scalar::Null)))
        {
            return Err(nil_element());
        }
        entries.push((key, value));
    }
    entries.sort_by_key(|(x, _)| *x);
    Ok(entries)
}

/// Whether a value is printed as tables: a dict, or a list of nothing but dicts.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Dict(_) => true,
        Value::List(items) => {
            !items.is_empty() && items.iter().all(|item| matches!(item, Value::Dict(_)))
        }
        _ => false,
    }
}

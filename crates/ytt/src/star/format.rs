//! Values as text.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/value.go, `writeValue`.

mod fields;
mod float;
mod percent;

use super::budget::{Budget, Limits, MAX_VALUE_DEPTH};
use super::error::Error;
use super::iter::decode_rune;
use super::thread::Thread;
use super::unicode;
use super::value::Value;
use std::fmt::Write as _;
use std::rc::Rc;

pub(crate) use fields::format_fields;
pub use float::{Style, format_float};
pub(crate) use percent::format_percent;

/// A value as `repr(x)` prints it.
///
/// # Errors
/// When the text is longer than the budget allows, or the value nested too deeply.
pub(crate) fn repr(thread: &Thread, value: &Value) -> Result<String, Error> {
    repr_within(&thread.budget, value)
}

fn repr_within(budget: &Budget, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    Writer {
        budget,
        path: Vec::new(),
    }
    .write(&mut out, value)?;
    Ok(out)
}

impl Value {
    /// The value as `repr(x)` prints it, or `…` if that is very long; for messages.
    pub fn to_repr(&self) -> String {
        let limits = Limits {
            bytes: 1 << 20,
            ..Limits::INLINE
        };
        repr_within(&Budget::new(limits), self).unwrap_or_else(|_| "…".to_owned())
    }
}

/// A value as `str(x)` prints it: strings as they are.
///
/// # Errors
/// As [`repr`].
pub(crate) fn push_str(thread: &Thread, out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    if let Value::Str(text) = value {
        thread.budget.allocate_text(text.len())?;
        out.extend_from_slice(text);
    } else {
        out.extend_from_slice(repr(thread, value)?.as_bytes());
    }
    Ok(())
}

/// Bytes in double quotes, as Go's `%q` prints them.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    push_quoted(&mut out, bytes);
    out
}

fn push_quoted(out: &mut String, bytes: &[u8]) {
    out.push('"');
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (c, size) = decode_rune(rest);
        if c == char::REPLACEMENT_CHARACTER && size == 1 {
            write!(out, "\\x{first:02x}").expect("writing to a string cannot fail");
        } else {
            unicode::push_quoted(out, c, '"');
        }
        rest = &rest[size..];
    }
    out.push('"');
}

struct Writer<'b> {
    budget: &'b Budget,
    /// Addresses of the lists and dicts around the value, to notice one that contains itself.
    path: Vec<usize>,
}

impl Writer<'_> {
    fn write(&mut self, out: &mut String, value: &Value) -> Result<(), Error> {
        let before = out.len();
        match value {
            Value::List(list) => {
                let items = list.borrow().clone();
                return self.around(out, ('[', ']'), Rc::as_ptr(list) as usize, |writer, out| {
                    writer.separated(out, &items)
                });
            }
            Value::Tuple(tuple) => {
                return self.around(
                    out,
                    ('(', ')'),
                    Rc::as_ptr(tuple) as usize,
                    |writer, out| {
                        writer.separated(out, tuple)?;
                        if tuple.len() == 1 {
                            out.push(',');
                        }
                        Ok(())
                    },
                );
            }
            Value::Dict(dict) => {
                let entries = dict.items();
                return self.around(out, ('{', '}'), Rc::as_ptr(dict) as usize, |writer, out| {
                    for (at, (key, value)) in entries.iter().enumerate() {
                        if at > 0 {
                            out.push_str(", ");
                        }
                        writer.write(out, key)?;
                        out.push_str(": ");
                        writer.write(out, value)?;
                    }
                    Ok(())
                });
            }
            Value::Set(set) => {
                out.push_str("set(");
                let items = set.items();
                self.around(out, ('[', ']'), Rc::as_ptr(set) as usize, |writer, out| {
                    writer.separated(out, &items)
                })?;
                out.push(')');
                return Ok(());
            }
            other => write_plain(out, other),
        }
        // What was written is paid for here; brackets and separators come with their contents.
        self.budget.work(1)?;
        self.budget.allocate(out.len() - before + 2)
    }

    fn around(
        &mut self,
        out: &mut String,
        (open, close): (char, char),
        address: usize,
        inner: impl FnOnce(&mut Self, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.budget.work(1)?;
        self.budget.allocate(4)?;
        out.push(open);
        if self.path.contains(&address) {
            out.push_str("...");
        } else {
            if self.path.len() >= MAX_VALUE_DEPTH {
                return Err(Error::budget(format!(
                    "value is nested deeper than the budget of {MAX_VALUE_DEPTH} levels"
                )));
            }
            self.path.push(address);
            inner(self, out)?;
            self.path.pop();
        }
        out.push(close);
        Ok(())
    }

    fn separated(&mut self, out: &mut String, items: &[Value]) -> Result<(), Error> {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.write(out, item)?;
        }
        Ok(())
    }
}

/// Writes a value that contains no others.
fn write_plain(out: &mut String, value: &Value) {
    let written = match value {
        Value::None => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Big(value) => write!(out, "{value}"),
        Value::Float(value) => out.write_str(&format_float(*value, Style::General(Some(6)))),
        Value::Str(text) => {
            push_quoted(out, text);
            Ok(())
        }
        Value::Range(range) => match (range.start, range.stop, range.step) {
            (0, stop, 1) => write!(out, "range({stop})"),
            (start, stop, 1) => write!(out, "range({start}, {stop})"),
            (start, stop, step) => write!(out, "range({start}, {stop}, {step})"),
        },
        Value::Elems(elems) => {
            let kind = if elems.codepoints {
                "codepoint"
            } else {
                "elem"
            };
            let form = if elems.ords { "_ords" } else { "s" };
            write!(out, "{}.{kind}{form}()", quote(&elems.text))
        }
        Value::Function(function) => write!(out, "<function {}>", function.name()),
        Value::Native(native) => write!(out, "<built-in function {}>", native.name),
        Value::Method(method) => write!(
            out,
            "<built-in method {} of {} value>",
            method.native.name,
            method.receiver.type_name()
        ),
        Value::Closure(closure) => write!(out, "<built-in function {}>", closure.name()),
        Value::Struct(_) => out.write_str("struct(...)"),
        Value::Custom(custom) => out.write_str(&custom.to_text()),
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Set(_) => Ok(()),
    };
    written.expect("writing to a string cannot fail");
}

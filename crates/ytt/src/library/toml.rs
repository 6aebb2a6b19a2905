//! `@ytt:toml`.
//!
//! Differs: a text that is not TOML is refused in other words than the original's, which reads
//! with BurntSushi/toml 1.2.1. Source: ytt pkg/yttlibraryext/toml/toml.go.

mod encode;

use std::rc::Rc;

use ::toml::Value as Toml;

use super::arguments::{indent, one, only_named, string};
use super::tree::plain;
use crate::star::{Args, Dict, Error, Native, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("encode", Native::wrapping("toml.encode", encode_value)),
    ("decode", Native::wrapping("toml.decode", decode_text)),
];

fn encode_value(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let value = one(args)?;
    only_named(args, &["indent"])?;
    let tree = plain(thread, value)?;
    let blanks = match indent(args)? {
        0 => 2,
        blanks => blanks,
    };
    Ok(Value::from(encode::encode(thread.budget(), &tree, blanks)?))
}

fn decode_text(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len())?;
    thread.budget().allocate(text.len().saturating_mul(16))?;
    let text = text.to_text();
    match text.parse::<::toml::Table>() {
        Ok(table) => from_toml(Toml::Table(table)),
        Err(error) => {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message = error.message().replace('\n', ", ");
            Err(Error::new(format!("toml: line {line}: {message}")))
        }
    }
}

/// A value of the language; the reader bounds the nesting.
fn from_toml(value: Toml) -> Result<Value, Error> {
    Ok(match value {
        Toml::String(text) => Value::from(text),
        Toml::Integer(value) => Value::Int(value),
        Toml::Float(value) => Value::Float(value),
        Toml::Boolean(value) => Value::Bool(value),
        Toml::Datetime(_) => {
            return Err(Error::panic(
                "unknown type time.Time for conversion to starlark value",
            ));
        }
        Toml::Array(items) => {
            Value::list(items.into_iter().map(from_toml).collect::<Result<_, _>>()?)
        }
        Toml::Table(table) => {
            let mut entries: Vec<(String, Toml)> = table.into_iter().collect();
            entries.sort_by(|(x, _), (y, _)| x.cmp(y));
            let dict = Dict::default();
            for (key, value) in entries {
                dict.insert(Value::from(key), from_toml(value)?)?;
            }
            Value::Dict(Rc::new(dict))
        }
    })
}

//! Data values given as JSON, as the template sees them.
//!
//! Each value passes through JSON text, as Go writes it, and through a reader of YAML 1.1. What
//! that changes is done here directly: whole numbers become integers, maps are in order of their
//! keys, control characters are refused.

use std::borrow::Cow;
use std::rc::Rc;

use carto_yaml::number::{Integer, format_json_float, parse_integer};
use serde_json::{Map, Number, Value as Json};

use crate::bridge::{MAX_DEPTH, nested_too_deeply};
use crate::error::Error;
use crate::print::push_json_string;
use crate::star::{Str, Struct, Value};

/// Whether every key is one level: no flag would split or redirect it.
pub(super) fn are_direct(values: &Map<String, Json>) -> bool {
    values.keys().all(|key| !key.contains(['.', ':', '=', '@']))
}

/// The values as arguments of `--data-value-yaml`.
pub(super) fn as_flags(values: &Map<String, Json>) -> Vec<String> {
    values
        .iter()
        .map(|(key, value)| {
            let mut flag = format!("{key}=");
            push_json(&mut flag, value);
            flag
        })
        .collect()
}

/// Checks that all values can be read.
pub(super) fn check(values: &Map<String, Json>) -> Result<(), Error> {
    to_struct(values).map(drop)
}

/// The values as `data.values`.
pub(super) fn to_struct(values: &Map<String, Json>) -> Result<Value, Error> {
    let mut fields = Vec::with_capacity(values.len());
    for (key, value) in values {
        let value = convert(value, 0).map_err(|problem| match problem {
            Problem::Unreadable(problem) => Error::new(format!(
                "Extracting data value from KV: Deserializing value for key '{key}': \
                 Deserializing YAML value: yaml: {problem}"
            )),
            Problem::TooDeep => nested_too_deeply().into(),
        })?;
        fields.push((Str::from(key), value));
    }
    Ok(Value::Struct(Rc::new(Struct::new(fields))))
}

enum Problem {
    Unreadable(String),
    TooDeep,
}

fn convert(value: &Json, depth: u32) -> Result<Value, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::TooDeep);
    }
    Ok(match value {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::Str(Str::from(readable(text)?)),
        Json::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| convert(item, depth + 1)).collect();
            Value::list(items?)
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let mut fields = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                fields.push((Str::from(readable(key)?), convert(value, depth + 1)?));
            }
            Value::Struct(Rc::new(Struct::new(fields)))
        }
    })
}

fn from_number(number: &Number) -> Value {
    if let Some(value) = number.as_i64() {
        return Value::Int(value);
    }
    if let Some(value) = number.as_u64() {
        return Value::from_big(value.into());
    }
    let value = number.as_f64().unwrap_or_default();
    match parse_integer(&format_json_float(value)) {
        Some(Integer::Signed(value)) => Value::Int(value),
        Some(Integer::Unsigned(value)) => Value::from_big(value.into()),
        None => Value::Float(value),
    }
}

/// The text as a reader of YAML sees it between double quotes.
fn readable(text: &str) -> Result<Cow<'_, str>, Problem> {
    if text.is_ascii() {
        // The common case; of ASCII only the delete character is neither readable nor escaped.
        return if text.contains('\x7F') {
            Err(control())
        } else {
            Ok(Cow::Borrowed(text))
        };
    }
    let unreadable = |c: char| matches!(c, '\x7F' | '\u{80}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}');
    if text.contains(unreadable) {
        return Err(control());
    }
    if !text.contains('\u{85}') {
        return Ok(Cow::Borrowed(text));
    }
    // A next-line character is a line break for YAML, which folds it.
    let mut quoted = String::new();
    push_json_string(&mut quoted, text);
    let documents =
        carto_yaml::parse(&quoted).map_err(|error| Problem::Unreadable(error.problem().into()))?;
    match documents
        .into_iter()
        .next()
        .map(|document| document.root.value)
    {
        Some(carto_yaml::Value::String(text)) => Ok(Cow::Owned(text)),
        _ => Err(control()),
    }
}

fn control() -> Problem {
    Problem::Unreadable("control characters are not allowed".to_owned())
}

/// A value as Go's `encoding/json` writes it.
fn push_json(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => out.push_str(&format_json_float(value)),
            None => out.push_str(&number.to_string()),
        },
        Json::String(text) => push_json_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json(out, item);
            }
            out.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json_string(out, key);
                out.push(':');
                push_json(out, value);
            }
            out.push('}');
        }
    }
}

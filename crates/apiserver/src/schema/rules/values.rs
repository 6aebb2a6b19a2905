//! Objects as values of CEL, following their schema.
//!
//! Source: apiserver pkg/cel/common/values.go (`UnstructuredToVal`), pkg/cel/escaping.go, v1.36.
//!
//! Differs: lists that are sets or keyed compare without regard to order there; here they are sorted, which gives the
//! same for comparison, and another order for access by position.

use std::{collections::HashMap, sync::Arc};

use kube_cel::cel::{
    Context, Value as Cel,
    objects::{Key, Map},
};
use serde_json::Value;

use super::super::node::Node;

/// Reserved words that a field may be called.
const RESERVED: [&str; 19] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
];

/// Returns the name by which an expression reaches a field.
pub(super) fn escape(name: &str) -> String {
    if RESERVED.contains(&name) || matches!(name, "void" | "while") {
        return format!("__{name}__");
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("__") {
            out.push_str("__underscores__");
            rest = after;
            continue;
        }
        match c {
            '.' => out.push_str("__dot__"),
            '-' => out.push_str("__dash__"),
            '/' => out.push_str("__slash__"),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Converts a value of the type that `node` describes.
pub(super) fn convert(context: &Context<'_>, value: &Value, node: Option<&Node>) -> Cel {
    let types = node.map_or(&[][..], |node| node.types.as_slice());
    match value {
        Value::Null => Cel::Null,
        Value::Bool(b) => Cel::Bool(*b),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            match number.as_i64() {
                Some(_) if types == ["number"] => Cel::Float(float),
                Some(integer) => Cel::Int(integer),
                None => Cel::Float(float),
            }
        }
        Value::String(text) => string(context, text, node),
        Value::Array(items) => {
            let child = node.and_then(|node| node.items.as_deref());
            let unordered =
                node.is_some_and(|n| matches!(n.list_type.as_deref(), Some("set" | "map")));
            let mut items: Vec<&Value> = items.iter().collect();
            if unordered {
                items.sort_by_key(|item| item.to_string());
            }
            let items = items
                .into_iter()
                .map(|item| convert(context, item, child))
                .collect();
            Cel::List(Arc::new(items))
        }
        Value::Object(fields) => {
            let is_map = node.is_some_and(|node| {
                node.properties.is_empty()
                    && !matches!(node.additional, super::super::node::Additional::Unspecified)
            });
            let mut map = HashMap::with_capacity(fields.len());
            for (name, field) in fields {
                let child = node.and_then(|node| node.field(name));
                let key = if is_map { name.clone() } else { escape(name) };
                map.insert(Key::String(Arc::new(key)), convert(context, field, child));
            }
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Formats of times and durations are their own types; a text that is not one stays a text.
fn string(context: &Context<'_>, text: &str, node: Option<&Node>) -> Cel {
    let plain = || Cel::String(Arc::new(text.to_owned()));
    let Some(format) = node.and_then(|node| node.format.as_ref()) else {
        return plain();
    };
    let (function, text) = match format.name.as_str() {
        "date-time" => ("timestamp", text.to_owned()),
        "date" => ("timestamp", format!("{text}T00:00:00Z")),
        "duration" => ("duration", text.to_owned()),
        "byte" => {
            use base64::Engine as _;
            return match base64::engine::general_purpose::STANDARD.decode(text) {
                Ok(bytes) => Cel::Bytes(Arc::new(bytes)),
                Err(_) => plain(),
            };
        }
        _ => return plain(),
    };
    super::evaluate::call(context, function, Cel::String(Arc::new(text))).unwrap_or_else(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_in_kubernetes() {
        for (name, expected) in [
            ("plain", "plain"),
            ("a-b.c/d", "a__dash__b__dot__c__slash__d"),
            ("namespace", "__namespace__"),
            ("a__b", "a__underscores__b"),
            ("_x", "_x"),
        ] {
            assert_eq!(escape(name), expected);
        }
    }
}

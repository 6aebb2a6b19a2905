//! Sets and keyed lists hold each item once.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/listtype/validation.go, v1.36.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::node::Node;
use crate::error::FieldError;

/// Returns every item that occurs again, at its second place.
pub(super) fn validate(root: &Node, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    visit(root, object, "", &mut errors);
    errors
}

fn visit(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Array(items) => {
            match node.list_type.as_deref() {
                Some("set") => {
                    for index in repeated(items) {
                        let at = format!("{path}[{index}]");
                        errors.push(FieldError::duplicate(at, items[index].clone()));
                    }
                }
                Some("map") => keyed(node, items, path, errors),
                _ => {}
            }
            if let Some(child) = node.items.as_deref() {
                for (index, item) in items.iter().enumerate() {
                    visit(child, item, &format!("{path}[{index}]"), errors);
                }
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(additional) = node.additional_node() {
                    visit(additional, field, &format!("{path}[{name}]"), errors);
                }
                if let Some(property) = node.properties.get(name) {
                    visit(property, field, &child_path(path, name), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn child_path(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn keyed(node: &Node, items: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let stranger = items
        .iter()
        .position(|item| !item.is_null() && !item.is_object());
    if let Some(index) = stranger {
        errors.push(FieldError::invalid(
            format!("{path}[{index}]"),
            items[index].clone(),
            "must be an object for an array of list-type map",
        ));
        return;
    }
    let keys: Vec<Value> = items
        .iter()
        .map(|item| {
            let present = node
                .list_keys
                .iter()
                .filter_map(|key| item.get(key).map(|value| (key.clone(), value.clone())));
            Value::Object(present.collect::<Map<String, Value>>())
        })
        .collect();
    for index in repeated(&keys) {
        errors.push(FieldError::duplicate(
            format!("{path}[{index}]"),
            keys[index].clone(),
        ));
    }
}

/// The second place of every value that occurs more than once.
fn repeated(items: &[Value]) -> Vec<usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let count = counts.entry(item.to_string()).or_default();
        *count += 1;
        if *count == 2 {
            places.push(index);
        }
    }
    places
}

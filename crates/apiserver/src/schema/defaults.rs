//! Filling in defaults.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/{algorithm,prunenulls}.go, v1.36.

use serde_json::Value;

use super::node::Node;

/// Removes fields whose null is neither allowed nor defaulted. In lists such nulls stay, to be refused.
pub(super) fn prune_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.retain(|name, field| {
            let Some(child) = node.field(name) else {
                return true;
            };
            if field.is_null() {
                return child.nullable || child.default.is_some();
            }
            prune_nulls(child, field);
            true
        }),
        Value::Array(items) => {
            if let Some(child) = node.items.as_deref() {
                items.iter_mut().for_each(|item| prune_nulls(child, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Sets every absent field that has a default, and fields whose null is not allowed.
pub(super) fn default(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in &node.properties {
                let Some(default) = &property.default else {
                    continue;
                };
                let missing = match fields.get(name) {
                    None => true,
                    Some(value) => value.is_null() && !property.nullable,
                };
                if missing {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, field) in fields {
                if let Some(property) = node.properties.get(name) {
                    self::default(property, field);
                } else if let Some(additional) = node.additional_node() {
                    replace_null(additional, field);
                    self::default(additional, field);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items.as_deref() else {
                return;
            };
            for item in items {
                replace_null(node, item);
                self::default(node, item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replace_null(node: &Node, value: &mut Value) {
    if value.is_null()
        && !node.nullable
        && let Some(default) = &node.default
    {
        *value = default.clone();
    }
}

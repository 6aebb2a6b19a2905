//! Objects inside objects, and the metadata of both.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta, v1.36.

use serde_json::Value;

use super::node::Node;
use crate::{error::FieldError, names};

/// The fields of `ObjectMeta`.
const META: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
const OWNER: [&str; 6] = [
    "apiVersion",
    "blockOwnerDeletion",
    "controller",
    "kind",
    "name",
    "uid",
];
const MANAGED: [&str; 7] = [
    "apiVersion",
    "fieldsType",
    "fieldsV1",
    "manager",
    "operation",
    "subresource",
    "time",
];

/// Removes unknown fields from the metadata of embedded objects; returns their paths.
pub(super) fn prune_metadata(root: &Node, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    visit(root, object, "", &mut unknown);
    unknown
}

fn visit(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let at = child(path, name);
                if node.embedded && name == "metadata" {
                    clean(field, &at, unknown);
                }
                if let Some(node) = node.field(name) {
                    visit(node, field, &at, unknown);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items.as_deref() else {
                return;
            };
            for (index, item) in items.iter_mut().enumerate() {
                visit(node, item, &format!("{path}[{index}]"), unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Removes what `ObjectMeta` does not have, and what its zero values leave out of the text.
fn clean(metadata: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let Some(fields) = metadata.as_object_mut() else {
        return;
    };
    retain_known(fields, &META, path, unknown);
    for (list, known) in [
        ("ownerReferences", &OWNER[..]),
        ("managedFields", &MANAGED[..]),
    ] {
        let items = fields.get_mut(list).and_then(Value::as_array_mut);
        for (index, item) in items.into_iter().flatten().enumerate() {
            if let Some(fields) = item.as_object_mut() {
                retain_known(fields, known, &format!("{path}.{list}[{index}]"), unknown);
            }
        }
    }
    // An empty list of managed fields has a meaning of its own.
    fields.retain(|name, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() || name == "managedFields",
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    });
}

fn retain_known(
    fields: &mut serde_json::Map<String, Value>,
    known: &[&str],
    path: &str,
    unknown: &mut Vec<String>,
) {
    fields.retain(|name, _| {
        let keep = known.contains(&name.as_str());
        if !keep {
            unknown.push(format!("{path}.{name}"));
        }
        keep
    });
}

/// Returns the problems of type and metadata of embedded objects.
pub(super) fn validate(root: &Node, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check(root, object, "", &mut errors);
    errors
}

fn check(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(fields) => {
            if node.embedded {
                check_resource(fields, path, errors);
            }
            for (name, field) in fields {
                if let Some(property) = node.properties.get(name) {
                    check(property, field, &child(path, name), errors);
                } else if let Some(additional) = node.additional_node() {
                    check(additional, field, &format!("{path}[{name}]"), errors);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items.as_deref() else {
                return;
            };
            for (index, item) in items.iter().enumerate() {
                check(node, item, &format!("{path}[{index}]"), errors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_resource(
    fields: &serde_json::Map<String, Value>,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    for name in ["apiVersion", "kind"] {
        let at = child(path, name);
        match fields.get(name) {
            None => errors.push(FieldError::required(at, "")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::invalid(at, "", "must not be empty"));
            }
            Some(Value::String(text)) if name == "apiVersion" => {
                if text.matches('/').count() > 1 {
                    let detail = format!("unexpected GroupVersion string: {text}");
                    errors.push(FieldError::invalid(at, text.as_str(), detail));
                }
            }
            Some(Value::String(text)) => {
                let problems = names::dns1035_label(&text.to_lowercase());
                if !problems.is_empty() {
                    let detail = format!(
                        "may have mixed case, but should otherwise match: {}",
                        problems.join(",")
                    );
                    errors.push(FieldError::invalid(at, text.as_str(), detail));
                }
            }
            Some(other) => errors.push(FieldError::invalid(at, other.clone(), "must be a string")),
        }
    }
    match fields.get("metadata") {
        None => {}
        Some(Value::Object(metadata)) => {
            let name = metadata
                .get("name")
                .and_then(Value::as_str)
                .filter(|name| !name.is_empty());
            for problem in name.into_iter().flat_map(names::path_segment) {
                let at = child(path, "metadata.name");
                errors.push(FieldError::invalid(at, name.unwrap_or_default(), problem));
            }
        }
        Some(other) => {
            let detail = "invalid metadata: expected object";
            errors.push(FieldError::invalid(
                child(path, "metadata"),
                other.clone(),
                detail,
            ));
        }
    }
}

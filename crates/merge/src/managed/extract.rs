//! What one manager owns, as a value.
//!
//! No schema is needed: the field set itself says which list items and map entries are meant, and a member
//! without anything below it means the whole value.

use serde_json::{Map as Json, Value};

use crate::{fieldpath::PathElement, order};

/// Returns the values in `object` that `manager` applied, as a tree with only those fields.
///
/// Shape: entries of subresources do not count. Without `apiVersion`, `kind` and the names, which nobody owns,
/// but with labels, annotations, finalizers and owner references. Owned fields that the object no longer has are
/// left out; nothing owned gives an empty map. List items come in the order of the object and contain the owned
/// fields only.
///
/// Cost: one walk over the owned fields and the lists they lie in.
pub fn extract(object: &Value, manager: &str) -> Value {
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let text = |entry: &Value, name: &str| -> String {
        entry
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    entries
        .into_iter()
        .flatten()
        .find(|entry| {
            text(entry, "manager") == manager
                && text(entry, "operation") == "Apply"
                && text(entry, "subresource").is_empty()
        })
        .and_then(|entry| entry.get("fieldsV1"))
        .map_or_else(
            || Value::Object(Json::new()),
            |fields| extract_entry(object, fields),
        )
}

/// Returns the values in `object` that a `fieldsV1` names.
pub fn extract_entry(object: &Value, fields: &Value) -> Value {
    match fields {
        Value::Object(fields) if !fields.is_empty() => {
            take(object, fields).unwrap_or_else(|| Value::Object(Json::new()))
        }
        _ => Value::Object(Json::new()),
    }
}

fn take(value: &Value, fields: &Json<String, Value>) -> Option<Value> {
    let below = || fields.iter().filter(|(key, _)| *key != ".");
    if below().next().is_none() {
        return Some(value.clone());
    }
    match value {
        Value::Object(object) => {
            let mut out = Json::new();
            for (key, fields) in below() {
                let Some(name) = key.strip_prefix("f:") else {
                    continue;
                };
                let Some(field) = object.get(name) else {
                    continue;
                };
                let nested = fields.as_object().and_then(|fields| take(field, fields));
                if let Some(nested) = nested {
                    out.insert(name.to_owned(), nested);
                }
            }
            let is_member = fields.contains_key(".");
            (is_member || !out.is_empty()).then_some(Value::Object(out))
        }
        Value::Array(items) => {
            let wanted: Vec<(PathElement, &Value)> = below()
                .filter_map(|(key, fields)| {
                    PathElement::decode(key)
                        .ok()
                        .flatten()
                        .map(|element| (element, fields))
                })
                .collect();
            let mut out = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let found = wanted
                    .iter()
                    .find(|(element, _)| identifies(element, index, item));
                let Some(fields) = found.and_then(|(_, fields)| fields.as_object()) else {
                    continue;
                };
                out.extend(take(item, fields));
            }
            let is_member = fields.contains_key(".");
            (is_member || !out.is_empty()).then_some(Value::Array(out))
        }
        // The type changed since the fields were recorded.
        _ => Some(value.clone()),
    }
}

fn identifies(element: &PathElement, index: usize, item: &Value) -> bool {
    match element {
        PathElement::Field(_) => false,
        PathElement::Key(keys) => keys
            .iter()
            .all(|(name, value)| item.get(name).is_some_and(|v| order::equal(v, value))),
        PathElement::Value(value) => order::equal(value, item),
        PathElement::Index(wanted) => usize::try_from(*wanted).is_ok_and(|wanted| wanted == index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(fields: Value) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "dev", "uid": "1",
                "labels": {"app": "web", "other": "x"},
                "ownerReferences": [{"uid": "u1", "name": "o", "kind": "K", "apiVersion": "v1"}],
                "managedFields": [
                    {"manager": "carto", "operation": "Apply", "apiVersion": "apps/v1",
                     "fieldsType": "FieldsV1", "fieldsV1": fields},
                    {"manager": "carto", "operation": "Apply", "subresource": "status",
                     "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {}}},
                ],
            },
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "a", "image": "i1", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                {"name": "b", "image": "i2", "args": ["x"]},
            ]}}},
            "status": {"replicas": 2},
        })
    }

    #[test]
    fn only_owned_values_are_returned() {
        let object = object(json!({
            "f:metadata": {
                "f:labels": {"f:app": {}},
                "f:ownerReferences": {"k:{\"uid\":\"u1\"}": {}},
            },
            "f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {
                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                }},
                "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:args": {}},
            }}}},
        }));
        assert_eq!(
            extract(&object, "carto"),
            json!({
                "metadata": {
                    "labels": {"app": "web"},
                    "ownerReferences": [{"uid": "u1", "name": "o", "kind": "K", "apiVersion": "v1"}],
                },
                "spec": {"template": {"spec": {"containers": [
                    {"name": "a", "image": "i1", "ports": [{"containerPort": 80}]},
                    {"name": "b", "args": ["x"]},
                ]}}},
            })
        );
    }

    #[test]
    fn what_disappeared_is_left_out() {
        let object =
            object(json!({"f:spec": {"f:gone": {}, "f:replicas": {}}, "f:data": {"f:x": {}}}));
        assert_eq!(extract(&object, "carto"), json!({"spec": {"replicas": 2}}));
    }

    #[test]
    fn another_manager_owns_nothing_here() {
        assert_eq!(
            extract(&object(json!({"f:spec": {}})), "kubectl"),
            json!({})
        );
        assert_eq!(extract(&json!({"spec": 1}), "carto"), json!({}));
    }

    #[test]
    fn a_member_without_children_is_taken_whole() {
        let object = object(json!({"f:spec": {}}));
        assert_eq!(extract(&object, "carto"), json!({"spec": object["spec"]}));
    }
}

//! Whether one manager still owns all that it applied.
//!
//! Values are not compared. Whoever changes a field takes it from its owners, and servers rewrite values as they like
//! (`1000m` becomes `1`, a Secret's `stringData` moves to `data`): that a field is still owned says that nobody else
//! has changed it, and a differing value says nothing.

use serde_json::{Map as Json, Value};

use crate::{fieldpath::PathElement, order};

/// Reports whether `fields`, as [`Written::applied`](super::Written::applied) spells them out, name every value in `applied`.
///
/// No schema is needed: where the fields go no deeper, everything below is meant. An item of a list of named items
/// matches by the keys that it has; the others are defaults. Nulls and empty maps and lists ask for nothing.
///
/// With `values` false the fields are those of an object that was read by its metadata alone: outside of that, what is
/// left open does not count as owned.
///
/// Cost: one walk over `applied`, and for each list its length times that of the owned items.
pub fn owns(fields: &Value, applied: &Value, values: bool) -> bool {
    let map = applied.as_object().into_iter().flatten();
    map.filter(|(_, value)| !asks_for_nothing(value))
        .all(|(name, value)| {
            let below = fields.get(format!("f:{name}"));
            below.is_some_and(|below| owns_below(below, value, values || name == "metadata"))
        })
}

fn owns_below(fields: &Value, applied: &Value, values: bool) -> bool {
    let Some(fields) = fields.as_object() else {
        return false;
    };
    if fields.is_empty() {
        return values || !(applied.is_object() || applied.is_array());
    }
    match applied {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !asks_for_nothing(value))
            .all(|(name, value)| {
                let below = fields.get(&format!("f:{name}"));
                below.is_some_and(|below| owns_below(below, value, values))
            }),
        Value::Array(items) => owns_items(fields, items, values),
        // A scalar has nothing below it.
        _ => false,
    }
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn owns_items(fields: &Json<String, Value>, items: &[Value], values: bool) -> bool {
    let elements: Vec<(PathElement, &Value)> = fields
        .iter()
        .filter_map(|(key, below)| Some((PathElement::decode(key).ok().flatten()?, below)))
        .collect();
    items.iter().enumerate().all(|(index, item)| {
        elements
            .iter()
            .any(|(element, below)| may_be(element, index, item) && owns_below(below, item, values))
    })
}

pub(super) fn may_be(element: &PathElement, index: usize, item: &Value) -> bool {
    match element {
        PathElement::Field(_) => false,
        PathElement::Key(keys) => keys
            .iter()
            .all(|(name, value)| item.get(name).is_none_or(|v| order::equal(v, value))),
        PathElement::Value(value) => order::equal(value, item),
        PathElement::Index(wanted) => usize::try_from(*wanted).is_ok_and(|wanted| wanted == index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> Value {
        json!({
            "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {"v:\"a/b\"": {}}},
            "f:spec": {"f:args": {}, "f:containers": {
                "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:resources": {"f:limits": {"f:cpu": {}}},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}},
            }},
        })
    }

    #[test]
    fn values_do_not_count() {
        let applied = json!({
            "metadata": {"labels": {"app": "x"}, "finalizers": ["a/b"]},
            "spec": {"args": ["x", {"y": 1}], "containers": [
                {"name": "a", "resources": {"limits": {"cpu": "1000m"}}, "ports": [{"containerPort": 80}]}
            ]},
        });
        assert!(owns(&fields(), &applied, true));
    }

    #[test]
    fn a_field_that_somebody_took_is_missed() {
        for taken in [
            json!({"metadata": {"labels": {"other": "x"}}}),
            json!({"metadata": {"finalizers": ["c/d"]}}),
            json!({"spec": {"replicas": 1}}),
            json!({"spec": {"containers": [{"name": "a", "image": "i"}]}}),
            json!({"spec": {"containers": [{"name": "b"}]}}),
            json!({"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]}}),
            json!({"spec": {"containers": "none"}}),
        ] {
            assert!(!owns(&fields(), &taken, true), "{taken}");
        }
    }

    #[test]
    fn nothing_asks_for_nothing() {
        let nothing =
            json!({"metadata": {"annotations": {}, "labels": null}, "spec": {"volumes": []}});
        assert!(owns(&fields(), &nothing, true));
        assert!(!owns(&Value::Null, &json!({"a": 1}), true));
    }
}

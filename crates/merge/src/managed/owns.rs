//! Whether one manager still owns all that it applied.
//!
//! Values are not compared. Whoever changes a field takes it from its owners, and servers rewrite values as they like
//! (`1000m` becomes `1`, a Secret's `stringData` moves to `data`): that a field is still owned says that nobody else
//! has changed it, and a differing value says nothing.
//!
//! A `fieldsV1` alone leaves one thing open: a map of which only the map itself is owned is written as one that is owned
//! whole, `{}`. [`applied_fields`] looks at the object and at the other managers to tell them apart.

use serde_json::{Map as Json, Value};

use crate::{fieldpath::PathElement, order};

/// Returns the `fieldsV1` of what `manager` applied, with the maps that are owned whole spelled out; `None` when it
/// owns nothing.
///
/// Shape: where others own something below a field that ours names without more, nothing below is ours; else all that
/// is there is. An object without its values (of which only metadata was asked for) leaves such fields as they are.
///
/// Cost: one walk over the owned fields and the lists they lie in.
pub fn applied_fields(object: &Value, manager: &str) -> Option<Value> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let has = |entry: &Value, name: &str, text: &str| {
        entry.get(name).and_then(Value::as_str).unwrap_or_default() == text
    };
    let is_ours = |entry: &Value| {
        has(entry, "manager", manager)
            && has(entry, "operation", "Apply")
            && has(entry, "subresource", "")
    };
    let ours = entries.iter().find(|entry| is_ours(entry))?;
    let others: Vec<&Value> = entries
        .iter()
        .filter(|entry| !is_ours(entry))
        .filter_map(|entry| entry.get("fieldsV1"))
        .collect();
    spell_out(ours.get("fieldsV1")?, Some(object), &others)
}

fn spell_out(fields: &Value, live: Option<&Value>, others: &[&Value]) -> Option<Value> {
    let below = fields.as_object()?;
    if below.is_empty() {
        let is_shared = others
            .iter()
            .any(|other| other.as_object().is_some_and(|other| !other.is_empty()));
        return (!is_shared).then(|| match live {
            // A map that lost all of its fields; `{}` would mean whatever is in it.
            Some(Value::Object(map)) if map.is_empty() => json_of([(".", Json::new())]),
            Some(live) => shape(live),
            None => Value::Object(Json::new()),
        });
    }
    let spelled = below.iter().filter_map(|(key, fields)| {
        if key == "." {
            return Some((key.clone(), fields.clone()));
        }
        let others: Vec<&Value> = others.iter().filter_map(|other| other.get(key)).collect();
        let live = live.and_then(|live| member(live, key));
        Some((key.clone(), spell_out(fields, live, &others)?))
    });
    Some(Value::Object(spelled.collect()))
}

fn json_of<const N: usize>(members: [(&str, Json<String, Value>); N]) -> Value {
    let members = members.into_iter();
    Value::Object(
        members
            .map(|(key, value)| (key.to_owned(), Value::Object(value)))
            .collect(),
    )
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(name) = key.strip_prefix("f:") {
        return value.get(name);
    }
    let element = PathElement::decode(key).ok().flatten()?;
    let items = value.as_array()?;
    items
        .iter()
        .enumerate()
        .find(|(index, item)| may_be(&element, *index, item))
        .map(|(_, item)| item)
}

/// The fields of a value that is owned whole; lists stay so.
fn shape(value: &Value) -> Value {
    let map = value.as_object().into_iter().flatten();
    Value::Object(
        map.map(|(name, value)| (format!("f:{name}"), shape(value)))
            .collect(),
    )
}

/// Reports whether `fields`, as [`applied_fields`] returns them, name every value in `applied`.
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

fn may_be(element: &PathElement, index: usize, item: &Value) -> bool {
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

    #[test]
    fn only_what_was_applied_to_the_object_itself_counts() {
        let entry = |operation: &str, subresource: &str, field: &str| json!({"manager": "carto", "operation": operation, "subresource": subresource, "fieldsV1": {field: {}}});
        let object = json!({"metadata": {"managedFields": [
            entry("Update", "", "f:a"), entry("Apply", "status", "f:b"), entry("Apply", "", "f:c"),
        ]}});
        assert_eq!(applied_fields(&object, "carto"), Some(json!({"f:c": {}})));
        assert_eq!(applied_fields(&object, "kubectl"), None);
    }

    fn of(data: Value, others: Value) -> Value {
        json!({"data": data, "metadata": {"managedFields": [
            {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:data": {}}},
            {"manager": "somebody", "operation": "Update", "fieldsV1": others},
        ]}})
    }

    #[test]
    fn a_map_is_owned_whole_or_only_as_such() {
        let sent = json!({"data": {"a": "b"}});
        let still_ours = |object: &Value| {
            applied_fields(object, "carto").is_some_and(|fields| owns(&fields, &sent, true))
        };
        // Atomic: nobody can have something below.
        assert!(still_ours(&of(json!({"a": "b"}), json!({"f:data": {}}))));
        assert!(still_ours(&of(
            json!({"a": "b", "default": 1}),
            json!({"f:status": {"f:x": {}}})
        )));
        // All of its fields were taken, or removed.
        assert!(!still_ours(&of(
            json!({"a": "c"}),
            json!({"f:data": {"f:a": {}}})
        )));
        assert!(!still_ours(&of(json!({}), json!({}))));
    }

    #[test]
    fn without_values_what_is_open_is_not_taken_for_granted() {
        let mut object = of(Value::Null, json!({}));
        object.as_object_mut().unwrap().remove("data");
        let fields = applied_fields(&object, "carto").unwrap();
        assert_eq!(fields, json!({"f:data": {}}));
        assert!(owns(&fields, &json!({"data": "text"}), false));
        assert!(!owns(&fields, &json!({"data": {"a": "b"}}), false));
        assert!(owns(
            &json!({"f:data": {"f:a": {}}}),
            &json!({"data": {"a": "b"}}),
            false
        ));
    }
}

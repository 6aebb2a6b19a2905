//! JSON merge patch.
//!
//! Source: RFC 7386; `application/merge-patch+json` of the API.

use serde_json::{Map, Value};

/// Applies `patch` to `target` in place: maps merge, `null` removes, everything else replaces.
pub fn patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            self::patch(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Returns the smallest patch that turns `from` into `to`.
///
/// Shape: a list that differs is repeated as a whole. A `null` inside `to` cannot be expressed and removes.
pub fn diff(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut changes = Map::new();
    for name in from.keys() {
        if !to.contains_key(name) {
            changes.insert(name.clone(), Value::Null);
        }
    }
    for (name, wanted) in to {
        match from.get(name) {
            Some(current) if current == wanted => {}
            Some(current @ Value::Object(_)) if wanted.is_object() => {
                changes.insert(name.clone(), diff(current, wanted));
            }
            _ => {
                changes.insert(name.clone(), wanted.clone());
            }
        }
    }
    Value::Object(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(target: Value, change: &Value, expected: &Value) {
        let mut target = target;
        patch(&mut target, change);
        assert_eq!(&target, expected);
    }

    /// Source: the table of RFC 7386, appendix A.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        check(json!({"a":"b"}), &json!({"a":"c"}), &json!({"a":"c"}));
        check(
            json!({"a":"b"}),
            &json!({"b":"c"}),
            &json!({"a":"b","b":"c"}),
        );
        check(
            json!({"a":"b","b":"c"}),
            &json!({"a":null}),
            &json!({"b":"c"}),
        );
        check(json!({"a":["b"]}), &json!({"a":"c"}), &json!({"a":"c"}));
        check(json!({"a":"c"}), &json!({"a":["b"]}), &json!({"a":["b"]}));
        check(
            json!({"a":{"b":"c"}}),
            &json!({"a":{"b":"d","c":null}}),
            &json!({"a":{"b":"d"}}),
        );
        check(
            json!({"a":[{"b":"c"}]}),
            &json!({"a":[1]}),
            &json!({"a":[1]}),
        );
        check(json!(["a", "b"]), &json!(["c", "d"]), &json!(["c", "d"]));
        check(json!({"a":"b"}), &json!(["c"]), &json!(["c"]));
        check(json!({"e":null}), &json!({"a":1}), &json!({"e":null,"a":1}));
        check(json!([1, 2]), &json!({"a":"b","c":null}), &json!({"a":"b"}));
        check(
            json!({}),
            &json!({"a":{"bb":{"ccc":null}}}),
            &json!({"a":{"bb":{}}}),
        );
    }

    #[test]
    fn a_diff_applied_gives_the_goal() {
        let from = json!({"a": {"x": 1, "y": 2}, "b": [1], "c": 0});
        let to = json!({"a": {"x": 1, "z": 3}, "b": [1, 2], "d": "new"});
        let change = diff(&from, &to);
        assert_eq!(
            change,
            json!({"a": {"y": null, "z": 3}, "b": [1, 2], "c": null, "d": "new"})
        );
        check(from, &change, &to);
    }
}

//! Whether one tree is contained in another.
//!
//! Source: ytt pkg/yttlibrary/overlay/compare.go.

use crate::node::{Node, Value};

/// Checks that every part of `right` is in `left`; says what is not.
pub(crate) fn compare(left: &Value, right: &Value) -> Result<(), String> {
    let mismatch =
        |expected: &str| Err(format!("Expected {expected}, but was {}", left.type_name()));
    match right {
        Value::Node(Node::Map(right)) => {
            let Some(left) = left.as_map() else {
                return mismatch("map");
            };
            let left = left.items.borrow();
            for wanted in right.items.borrow().iter() {
                let key = wanted.key.borrow();
                let mut matched = false;
                for item in left
                    .iter()
                    .filter(|item| item.key.borrow().deep_equal(&key))
                {
                    compare(&item.value.borrow(), &wanted.value.borrow())?;
                    matched = true;
                }
                if !matched {
                    return Err("Expected at least one map item to match by key".to_owned());
                }
            }
            Ok(())
        }
        Value::Node(Node::Array(right)) => {
            let Some(left) = left.as_array() else {
                return mismatch("array");
            };
            let left = left.items.borrow();
            for (index, wanted) in right.items.borrow().iter().enumerate() {
                let Some(item) = left.get(index) else {
                    return Err("Expected to have matching number of array items".to_owned());
                };
                compare(&item.value.borrow(), &wanted.value.borrow())?;
            }
            Ok(())
        }
        _ if left.leaf_equal(right) => Ok(()),
        _ => Err(format!(
            "Expected leaf values to match {} {}",
            left.type_name(),
            right.type_name()
        )),
    }
}

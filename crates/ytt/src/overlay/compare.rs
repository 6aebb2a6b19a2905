//! Whether one tree is contained in another.
//!
//! Source: ytt pkg/yttlibrary/overlay/compare.go.

use crate::node::{Node, Value};
use crate::star::{Budget, Error};

/// Checks that every part of `right` is in `left`; says what is not.
///
/// # Errors
/// A used up budget.
pub(crate) fn compare(
    left: &Value,
    right: &Value,
    budget: &Budget,
) -> Result<Option<String>, Error> {
    budget.work(1)?;
    let differs = |explanation: &str| Ok(Some(explanation.to_owned()));
    let mismatch = |expected: &str| {
        let found = left.type_name();
        Ok(Some(format!("Expected {expected}, but was {found}")))
    };
    match right {
        Value::Node(Node::Map(right)) => {
            let Some(left) = left.as_map() else {
                return mismatch("map");
            };
            let left = left.items.borrow();
            for wanted in right.items.borrow().iter() {
                let key = wanted.key.borrow();
                let mut matched = false;
                budget.work(left.len() / 4)?;
                for item in left
                    .iter()
                    .filter(|item| item.key.borrow().deep_equal(&key))
                {
                    let found = compare(&item.value.borrow(), &wanted.value.borrow(), budget)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                    matched = true;
                }
                if !matched {
                    return differs("Expected at least one map item to match by key");
                }
            }
            Ok(None)
        }
        Value::Node(Node::Array(right)) => {
            let Some(left) = left.as_array() else {
                return mismatch("array");
            };
            let left = left.items.borrow();
            for (index, wanted) in right.items.borrow().iter().enumerate() {
                let Some(item) = left.get(index) else {
                    return differs("Expected to have matching number of array items");
                };
                let found = compare(&item.value.borrow(), &wanted.value.borrow(), budget)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        }
        _ if left.leaf_equal(right) => Ok(None),
        _ => Ok(Some(format!(
            "Expected leaf values to match {} {}",
            left.type_name(),
            right.type_name()
        ))),
    }
}

//! A total order over JSON values.
//!
//! Field sets are sorted by it, and items of sets and keys of maps are found with it. Integers and floats
//! compare numerically, everything else by kind first: numbers, strings, booleans, lists, maps, null.
//!
//! Source: structured-merge-diff value/value.go, v6.3.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// Compares two values in the order in which field sets list them.
pub fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => compare_numbers(l, r),
        (Value::String(l), Value::String(r)) => l.cmp(r),
        (Value::Bool(l), Value::Bool(r)) => l.cmp(r),
        (Value::Array(l), Value::Array(r)) => compare_lists(l, r),
        (Value::Object(l), Value::Object(r)) => compare_maps(l, r),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Tells whether two values mean the same: `1` and `1.0` do, an absent and an empty map do not.
pub fn equal(left: &Value, right: &Value) -> bool {
    compare(left, right) == Ordering::Equal
}

/// Floats sort before integers only against other kinds, so all numbers share a rank.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    if let (Some(l), Some(r)) = (left.as_i64(), right.as_i64()) {
        return l.cmp(&r);
    }
    if let (Some(l), Some(r)) = (left.as_u64(), right.as_u64()) {
        return l.cmp(&r);
    }
    let (l, r) = (
        left.as_f64().unwrap_or(f64::NAN),
        right.as_f64().unwrap_or(f64::NAN),
    );
    l.partial_cmp(&r).unwrap_or(Ordering::Equal)
}

fn compare_lists(left: &[Value], right: &[Value]) -> Ordering {
    for (l, r) in left.iter().zip(right) {
        match compare(l, r) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    left.len().cmp(&right.len())
}

fn compare_maps(left: &Map<String, Value>, right: &Map<String, Value>) -> Ordering {
    for ((lk, lv), (rk, rv)) in left.iter().zip(right) {
        match lk.cmp(rk).then_with(|| compare(lv, rv)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_compare_by_value_whatever_their_form() {
        assert!(equal(&json!(1), &json!(1.0)));
        assert_eq!(compare(&json!(1.5), &json!(2)), Ordering::Less);
        assert_eq!(compare(&json!(443), &json!(8080)), Ordering::Less);
        assert_eq!(compare(&json!(u64::MAX), &json!(-1)), Ordering::Greater);
    }

    #[test]
    fn kinds_have_a_fixed_rank() {
        let ordered = [
            json!(9),
            json!("a"),
            json!(false),
            json!([]),
            json!({}),
            json!(null),
        ];
        for pair in ordered.windows(2) {
            assert_eq!(compare(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn empty_and_null_are_different() {
        assert!(!equal(&json!({}), &json!(null)));
        assert!(!equal(&json!([]), &json!({})));
        assert!(!equal(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
}

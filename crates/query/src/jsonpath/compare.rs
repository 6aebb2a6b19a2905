//! Comparisons in filters.
//!
//! Source: Kubernetes client-go `third_party/forked/golang/template/funcs.go`, v0.36.

use std::cmp::Ordering;

use serde_json::Value;

use super::evaluate::EvaluateError;
use super::item::Item;

/// Compares two results with an operator as written in the filter.
pub(super) fn compare(
    left: &Item<'_>,
    operator: &str,
    right: &Item<'_>,
) -> Result<bool, EvaluateError> {
    match operator {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|same| !same),
        "<" => less(left, right),
        ">=" => less(left, right).map(|less| !less),
        "<=" => Ok(less(left, right)? || equal(left, right)?),
        ">" => Ok(!(less(left, right)? || equal(left, right)?)),
        other => Err(EvaluateError::UnrecognizedOperator(other.into())),
    }
}

enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Basic<'a> {
    fn of(item: &Item<'a>) -> Result<Self, EvaluateError> {
        match *item {
            Item::Text(text) => Ok(Self::Text(text)),
            Item::Int(whole) => Ok(Self::Int(whole)),
            Item::Byte(byte) => Ok(Self::Int(byte.into())),
            Item::Float(float) => Ok(Self::Float(float)),
            Item::Bool(on) => Ok(Self::Bool(on)),
            Item::Held(value) | Item::Bare(value) => match value {
                Value::Bool(on) => Ok(Self::Bool(*on)),
                Value::String(text) => Ok(Self::Text(text)),
                Value::Number(number) => Ok(number.as_i64().map_or_else(
                    || Self::Float(number.as_f64().unwrap_or(f64::NAN)),
                    Self::Int,
                )),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    Err(EvaluateError::NotComparable)
                }
            },
            Item::Scope(_) | Item::Nothing => Err(EvaluateError::NotComparable),
        }
    }

    fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

fn equal(left: &Item<'_>, right: &Item<'_>) -> Result<bool, EvaluateError> {
    match (Basic::of(left)?, Basic::of(right)?) {
        (Basic::Bool(left), Basic::Bool(right)) => Ok(left == right),
        (Basic::Int(left), Basic::Int(right)) => Ok(left == right),
        (Basic::Float(left), Basic::Float(right)) => {
            Ok(left.partial_cmp(&right) == Some(Ordering::Equal))
        }
        (Basic::Text(left), Basic::Text(right)) => Ok(left == right),
        _ => Err(EvaluateError::Incompatible),
    }
}

fn less(left: &Item<'_>, right: &Item<'_>) -> Result<bool, EvaluateError> {
    let (left, right) = (Basic::of(left)?, Basic::of(right)?);
    match (&left, &right) {
        (Basic::Int(left), Basic::Int(right)) => Ok(left < right),
        (Basic::Float(left), Basic::Float(right)) => Ok(left < right),
        (Basic::Text(left), Basic::Text(right)) => Ok(left < right),
        _ if left.is_same_kind(&right) => Err(EvaluateError::NotComparable),
        _ => Err(EvaluateError::Incompatible),
    }
}

//! Integers of any size and conversions between numbers.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/int.go.

use super::error::{Error, fail};
use super::thread::Thread;
use super::value::Value;
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive as _, ToPrimitive as _};
use std::borrow::Cow;

/// An integer as a big one.
pub(crate) fn as_big(value: &Value) -> Option<Cow<'_, BigInt>> {
    match value {
        Value::Int(value) => Some(Cow::Owned(BigInt::from(*value))),
        Value::Big(value) => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

/// The float nearest to an integer.
pub(crate) fn big_to_float(value: &BigInt) -> f64 {
    value.to_f64().unwrap_or_else(|| match value.sign() {
        Sign::Minus => f64::NEG_INFINITY,
        _ => f64::INFINITY,
    })
}

/// A number as a float.
pub(crate) fn to_float(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "the nearest float is meant")]
        Value::Int(value) => Some(*value as f64),
        Value::Big(value) => Some(big_to_float(value)),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

/// A number as an integer; floats are cut off towards zero.
pub(crate) fn to_int(value: &Value) -> Result<Value, Error> {
    match value {
        Value::Int(_) | Value::Big(_) => Ok(value.clone()),
        Value::Float(value) if value.is_infinite() => {
            fail!("cannot convert float infinity to integer")
        }
        Value::Float(value) if value.is_nan() => fail!("cannot convert float NaN to integer"),
        Value::Float(value) => Ok(float_to_int(*value)),
        other => fail!("cannot convert {} to int", other.type_name()),
    }
}

/// A finite float cut off towards zero.
pub(crate) fn float_to_int(value: f64) -> Value {
    match BigInt::from_f64(value.trunc()) {
        Some(big) => Value::from_big(big),
        None => Value::Int(0),
    }
}

/// An integer in the base of a conversion: `d`, `i`, `o`, `x` or `X`.
pub(crate) fn in_radix(thread: &Thread, value: &Value, conversion: u8) -> Result<String, Error> {
    let Some(big) = as_big(value) else {
        return Ok(String::new());
    };
    charge(thread, &big)?;
    Ok(match conversion {
        b'o' => big.to_str_radix(8),
        b'x' => big.to_str_radix(16),
        b'X' => big.to_str_radix(16).to_uppercase(),
        _ => big.to_string(),
    })
}

/// Pays for printing an integer, which takes time that grows with the square of its length.
pub(crate) fn charge(thread: &Thread, value: &BigInt) -> Result<(), Error> {
    let words = usize::try_from(value.bits() / 64).unwrap_or(usize::MAX);
    thread.budget.work(words.saturating_mul(words) / 16)?;
    thread.budget.allocate(words.saturating_mul(20))
}

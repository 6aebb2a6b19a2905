//! Arithmetic.

use super::super::args::unpack_int;
use super::super::ast::BinOp;
use super::super::error::{Error, fail};
use super::super::numbers::{as_big, to_float};
use super::super::thread::Thread;
use super::super::value::Value;
use num_bigint::{BigInt, Sign};
use num_traits::Zero as _;

type Outcome = Result<Option<Value>, Error>;

/// Largest shift to the left, less one.
const MAX_SHIFT: i64 = 512;

/// Two numbers, as what their operation works on.
enum Pair {
    Small(i64, i64),
    Big(BigInt, BigInt),
    Float(f64, f64),
}

/// Two numbers; nothing if one is none.
fn pair(x: &Value, y: &Value) -> Option<Pair> {
    match (x, y) {
        (Value::Int(x), Value::Int(y)) => Some(Pair::Small(*x, *y)),
        (Value::Float(_), _) | (_, Value::Float(_)) => {
            Some(Pair::Float(to_float(x)?, to_float(y)?))
        }
        _ => Some(Pair::Big(as_big(x)?.into_owned(), as_big(y)?.into_owned())),
    }
}

/// Pays for an operation on big integers.
pub(super) fn charge(thread: &Thread, x: &BigInt, y: &BigInt) -> Result<(), Error> {
    let bytes = usize::try_from((x.bits() + y.bits()) / 8).unwrap_or(usize::MAX);
    thread.budget.work(bytes / 16)?;
    thread.budget.allocate(bytes.saturating_add(64))
}

/// Pays for a product or quotient, whose time grows with the product of the lengths.
fn charge_product(thread: &Thread, x: &BigInt, y: &BigInt) -> Result<(), Error> {
    let words = |big: &BigInt| usize::try_from(big.bits() / 64).unwrap_or(usize::MAX);
    thread.budget.work(words(x).saturating_mul(words(y)) / 16)?;
    charge(thread, x, y)
}

/// An operation on integers that falls back to big ones.
fn integers(
    thread: &Thread,
    pair: Pair,
    small: fn(i64, i64) -> Option<i64>,
    big: impl FnOnce(BigInt, BigInt) -> BigInt,
    product: bool,
) -> Outcome {
    let (x, y) = match pair {
        Pair::Small(x, y) => match small(x, y) {
            Some(value) => return Ok(Some(Value::Int(value))),
            None => (BigInt::from(x), BigInt::from(y)),
        },
        Pair::Big(x, y) => (x, y),
        Pair::Float(..) => return Ok(None),
    };
    if product {
        charge_product(thread, &x, &y)?;
    } else {
        charge(thread, &x, &y)?;
    }
    Ok(Some(Value::from_big(big(x, y))))
}

pub(super) fn plus(thread: &Thread, x: &Value, y: &Value) -> Outcome {
    match pair(x, y) {
        Some(Pair::Float(x, y)) => Ok(Some(Value::Float(x + y))),
        Some(pair) => integers(thread, pair, i64::checked_add, |x, y| x + y, false),
        None => Ok(None),
    }
}

pub(super) fn minus(thread: &Thread, x: &Value, y: &Value) -> Outcome {
    match pair(x, y) {
        Some(Pair::Float(x, y)) => Ok(Some(Value::Float(x - y))),
        Some(pair) => integers(thread, pair, i64::checked_sub, |x, y| x - y, false),
        None => Ok(None),
    }
}

pub(super) fn times(thread: &Thread, x: &Value, y: &Value) -> Outcome {
    match pair(x, y) {
        Some(Pair::Float(x, y)) => Ok(Some(Value::Float(x * y))),
        Some(pair) => integers(thread, pair, i64::checked_mul, |x, y| x * y, true),
        None => Ok(None),
    }
}

pub(super) fn divide(x: &Value, y: &Value) -> Outcome {
    if pair(x, y).is_none() {
        return Ok(None);
    }
    let (Some(x), Some(y)) = (to_float(x), to_float(y)) else {
        return Ok(None);
    };
    if y == 0.0 {
        fail!("real division by zero");
    }
    Ok(Some(Value::Float(x / y)))
}

pub(super) fn floor_divide(thread: &Thread, x: &Value, y: &Value) -> Outcome {
    let Some(pair) = pair(x, y) else {
        return Ok(None);
    };
    if !y.truth() {
        fail!("floored division by zero");
    }
    match pair {
        Pair::Float(x, y) => Ok(Some(Value::Float((x / y).floor()))),
        pair => integers(thread, pair, small_floor_divide, big_floor_divide, true),
    }
}

pub(super) fn modulo(thread: &Thread, x: &Value, y: &Value) -> Outcome {
    let Some(pair) = pair(x, y) else {
        return Ok(None);
    };
    if !y.truth() {
        match pair {
            Pair::Float(..) => fail!("float modulo by zero"),
            _ => fail!("integer modulo by zero"),
        }
    }
    match pair {
        // Go's math.Mod has the sign of the left operand, as Rust's remainder has.
        Pair::Float(x, y) => Ok(Some(Value::Float(x % y))),
        pair => integers(thread, pair, small_modulo, big_modulo, true),
    }
}

fn small_floor_divide(x: i64, y: i64) -> Option<i64> {
    let quotient = x.checked_div(y)?;
    let exact = x.checked_rem(y)? == 0;
    Some(if (x < 0) != (y < 0) && !exact {
        quotient - 1
    } else {
        quotient
    })
}

fn small_modulo(x: i64, y: i64) -> Option<i64> {
    let rest = x.checked_rem(y)?;
    Some(if (x < 0) != (y < 0) && rest != 0 {
        rest + y
    } else {
        rest
    })
}

fn signs_differ(x: &BigInt, y: &BigInt) -> bool {
    (x.sign() == Sign::Minus) != (y.sign() == Sign::Minus)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that integers() takes"
)]
fn big_floor_divide(x: BigInt, y: BigInt) -> BigInt {
    let quotient = &x / &y;
    let exact = (&x % &y).is_zero();
    if signs_differ(&x, &y) && !exact {
        quotient - 1
    } else {
        quotient
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that integers() takes"
)]
fn big_modulo(x: BigInt, y: BigInt) -> BigInt {
    let rest = &x % &y;
    if signs_differ(&x, &y) && !rest.is_zero() {
        rest + y
    } else {
        rest
    }
}

pub(super) fn shift(thread: &Thread, op: BinOp, x: &Value, y: &Value) -> Outcome {
    let Some(big) = as_big(x) else {
        return Ok(None);
    };
    let count = unpack_int(y)?;
    if count < 0 {
        fail!("negative shift count: {count}");
    }
    charge(thread, &big, &big)?;
    if op == BinOp::LtLt {
        if count >= MAX_SHIFT {
            fail!("shift count too large: {count}");
        }
        return Ok(Some(Value::from_big(big.into_owned() << count)));
    }
    Ok(Some(Value::from_big(big.into_owned() >> count)))
}

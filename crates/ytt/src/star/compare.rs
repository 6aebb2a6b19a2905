//! Equality and order.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/value.go, `CompareDepth`.

use super::ast::BinOp;
use super::error::{Error, fail};
use super::numbers;
use super::thread::Thread;
use super::value::Value;
use std::cmp::Ordering;
use std::rc::Rc;

/// Deepest nesting that is compared.
const MAX_DEPTH: usize = 10;

/// Whether two values are equal.
///
/// # Errors
/// When they are nested too deeply, or comparing takes too long.
pub(crate) fn equal(thread: &Thread, x: &Value, y: &Value) -> Result<bool, Error> {
    compare(thread, BinOp::Eql, x, y)
}

/// Compares two values.
///
/// # Errors
/// When their order is not defined, and as [`equal`].
pub(crate) fn compare(thread: &Thread, op: BinOp, x: &Value, y: &Value) -> Result<bool, Error> {
    if let (Value::Str(x), Value::Str(y)) = (x, y) {
        thread.budget.work(x.len().min(y.len()) / 64)?;
        return Ok(holds(op, x.cmp(y)));
    }
    compare_at(thread, op, x, y, MAX_DEPTH)
}

fn compare_at(
    thread: &Thread,
    op: BinOp,
    x: &Value,
    y: &Value,
    depth: usize,
) -> Result<bool, Error> {
    if depth == 0 {
        fail!("comparison exceeded maximum recursion depth");
    }
    thread.budget.step()?;
    match (x, y) {
        (Value::None, Value::None) => Ok(holds(op, Ordering::Equal)),
        (Value::Bool(x), Value::Bool(y)) => Ok(holds(op, x.cmp(y))),
        (Value::Int(x), Value::Int(y)) => Ok(holds(op, x.cmp(y))),
        (Value::Int(_) | Value::Big(_), Value::Int(_) | Value::Big(_)) => {
            Ok(holds(op, numbers::as_big(x).cmp(&numbers::as_big(y))))
        }
        (Value::Float(x), Value::Float(y)) => Ok(float_holds(op, *x, *y)),
        (Value::Int(_) | Value::Big(_), Value::Float(float)) => Ok(mixed(op, x, *float, false)),
        (Value::Float(float), Value::Int(_) | Value::Big(_)) => Ok(mixed(op, y, *float, true)),
        (Value::Str(x), Value::Str(y)) => {
            thread.budget.work(x.len().min(y.len()) / 64)?;
            Ok(holds(op, x.cmp(y)))
        }
        (Value::List(x), Value::List(y)) => {
            let (x, y) = (x.borrow(), y.borrow());
            sequences(thread, op, &x, &y, depth)
        }
        (Value::Tuple(x), Value::Tuple(y)) => sequences(thread, op, x, y, depth),
        (Value::Dict(left), Value::Dict(right)) => match unordered(op) {
            Some(wanted) => {
                let equal = dicts(thread, left, right, depth)?;
                Ok(equal == wanted)
            }
            None => undefined(op, x, y),
        },
        (Value::Set(left), Value::Set(right)) => match unordered(op) {
            Some(wanted) => {
                thread.budget.work(left.len())?;
                let equal = left.len() == right.len()
                    && left
                        .items()
                        .iter()
                        .all(|item| right.has(item).unwrap_or(false));
                Ok(equal == wanted)
            }
            None => undefined(op, x, y),
        },
        (Value::Range(left), Value::Range(right)) => match unordered(op) {
            Some(wanted) => {
                let equal = left.len == right.len
                    && (left.len == 0
                        || (left.start == right.start
                            && (left.len == 1 || left.step == right.step)));
                Ok(equal == wanted)
            }
            None => undefined(op, x, y),
        },
        (Value::Custom(left), Value::Custom(_)) if x.type_name() == y.type_name() => {
            match left.compare_error() {
                Some(error) => Err(Error::new(error)),
                None => by_identity(op, x, y),
            }
        }
        _ => by_identity(op, x, y),
    }
}

/// Values without an order of their own are equal to themselves only.
fn by_identity(op: BinOp, x: &Value, y: &Value) -> Result<bool, Error> {
    match unordered(op) {
        Some(wanted) => Ok(same_atom(x, y) == wanted),
        None => undefined(op, x, y),
    }
}

fn undefined(op: BinOp, x: &Value, y: &Value) -> Result<bool, Error> {
    fail!(
        "{} {} {} not implemented",
        x.type_name(),
        op.name(),
        y.type_name()
    )
}

/// What `==` and `!=` want to hear; nothing for the other operators.
fn unordered(op: BinOp) -> Option<bool> {
    match op {
        BinOp::Eql => Some(true),
        BinOp::Neq => Some(false),
        _ => None,
    }
}

/// Whether two values that are not containers are the same.
#[expect(
    clippy::float_cmp,
    reason = "equality of the language is equality of numbers"
)]
pub(super) fn same_atom(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::None, Value::None) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Big(x), Value::Big(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x == y,
        (Value::Int(_) | Value::Big(_), Value::Float(float)) => mixed(BinOp::Eql, x, *float, false),
        (Value::Float(float), Value::Int(_) | Value::Big(_)) => mixed(BinOp::Eql, y, *float, true),
        (Value::Str(x), Value::Str(y)) => x == y,
        (Value::Function(x), Value::Function(y)) => Rc::ptr_eq(x, y),
        (Value::Native(x), Value::Native(y)) => std::ptr::eq(*x, *y),
        (Value::Method(x), Value::Method(y)) => Rc::ptr_eq(x, y),
        (Value::Closure(x), Value::Closure(y)) => Rc::ptr_eq(x, y),
        (Value::Struct(x), Value::Struct(y)) => Rc::ptr_eq(x, y),
        (Value::Elems(x), Value::Elems(y)) => {
            x.text == y.text && x.ords == y.ords && x.codepoints == y.codepoints
        }
        (Value::Custom(x), Value::Custom(y)) => Rc::ptr_eq(x, y),
        _ => false,
    }
}

fn holds(op: BinOp, order: Ordering) -> bool {
    match op {
        BinOp::Eql => order.is_eq(),
        BinOp::Neq => order.is_ne(),
        BinOp::Lt => order.is_lt(),
        BinOp::Le => order.is_le(),
        BinOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn float_holds(op: BinOp, x: f64, y: f64) -> bool {
    match x.partial_cmp(&y) {
        Some(order) => holds(op, order),
        None => op == BinOp::Neq,
    }
}

/// Compares an integer with a float; `swapped` if the float is on the left.
fn mixed(op: BinOp, int: &Value, float: f64, swapped: bool) -> bool {
    // As in the original, a comparison with NaN fails whatever the operator.
    if float.is_nan() {
        return false;
    }
    let order = if float.is_infinite() {
        // The original has the signs of the float on the left the wrong way round; both ways an
        // integer is taken for less than infinity when it stands on the left.
        if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    } else {
        let order = compare_exactly(int, float);
        if swapped { order.reverse() } else { order }
    };
    holds(op, order)
}

/// Order of an integer and a finite float, without rounding.
fn compare_exactly(int: &Value, float: f64) -> Ordering {
    let Value::Int(small) = int else {
        let big = numbers::as_big(int).unwrap_or_default();
        let whole = numbers::float_to_int(float);
        let whole = numbers::as_big(&whole).unwrap_or_default();
        return big.cmp(&whole);
    };
    let whole = numbers::float_to_int(float);
    let order = match &whole {
        Value::Int(whole) => small.cmp(whole),
        _ if float > 0.0 => Ordering::Less,
        _ => Ordering::Greater,
    };
    order.then_with(|| {
        let rest = float.fract();
        if rest > 0.0 {
            Ordering::Less
        } else if rest < 0.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    })
}

fn sequences(
    thread: &Thread,
    op: BinOp,
    x: &[Value],
    y: &[Value],
    depth: usize,
) -> Result<bool, Error> {
    if x.len() != y.len()
        && let Some(wanted) = unordered(op)
    {
        return Ok(!wanted);
    }
    for (x, y) in x.iter().zip(y) {
        if compare_at(thread, BinOp::Eql, x, y, depth - 1)? {
            continue;
        }
        return match unordered(op) {
            Some(wanted) => Ok(!wanted),
            None => compare_at(thread, op, x, y, depth - 1),
        };
    }
    Ok(holds(op, x.len().cmp(&y.len())))
}

fn dicts(
    thread: &Thread,
    x: &super::value::Dict,
    y: &super::value::Dict,
    depth: usize,
) -> Result<bool, Error> {
    if x.len() != y.len() {
        return Ok(false);
    }
    for (key, left) in x.items() {
        let Some(right) = y.get(&key)? else {
            return Ok(false);
        };
        if !compare_at(thread, BinOp::Eql, &left, &right, depth - 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

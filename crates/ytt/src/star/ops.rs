//! Operators.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/eval.go, `Binary` and `Unary`.

mod arith;

use super::access;
use super::args::unpack_int;
use super::ast::{BinOp, UnOp};
use super::compare;
use super::error::{Error, fail};
use super::format::format_percent;
use super::iter::Iter;
use super::numbers;
use super::text::Str;
use super::thread::Thread;
use super::value::{List, Set, Value};
use num_bigint::BigInt;
use std::rc::Rc;

/// Most elements or bytes that `x * n` makes.
const MAX_REPEAT: i64 = 1 << 30;

/// Applies an operator with two operands, `and` and `or` apart.
pub(crate) fn binary(thread: &mut Thread, op: BinOp, x: &Value, y: &Value) -> Result<Value, Error> {
    let result = match op {
        BinOp::Eql | BinOp::Neq | BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge => {
            return compare::compare(thread, op, x, y).map(Value::Bool);
        }
        BinOp::Plus => plus(thread, x, y)?,
        BinOp::Star => star(thread, x, y)?,
        BinOp::Percent => match x {
            Value::Str(format) => Some(format_percent(thread, format, y)?),
            _ => arith::modulo(thread, x, y)?,
        },
        BinOp::Minus => arith::minus(thread, x, y)?,
        BinOp::Slash => arith::divide(x, y)?,
        BinOp::SlashSlash => arith::floor_divide(thread, x, y)?,
        BinOp::In => contains(thread, x, y)?.map(Value::Bool),
        BinOp::NotIn => contains(thread, x, y)?.map(|found| Value::Bool(!found)),
        BinOp::Pipe | BinOp::Amp | BinOp::Circumflex => bits(thread, op, x, y)?,
        BinOp::LtLt | BinOp::GtGt => arith::shift(thread, op, x, y)?,
        BinOp::Or | BinOp::And => None,
    };
    match result {
        Some(value) => Ok(value),
        None => {
            fail!(
                "unknown binary op: {} {} {}",
                x.type_name(),
                op.name(),
                y.type_name()
            )
        }
    }
}

/// Applies an operator with one operand, `not` apart.
pub(crate) fn unary(thread: &Thread, op: UnOp, x: &Value) -> Result<Value, Error> {
    match (op, x) {
        (UnOp::Plus, Value::Int(_) | Value::Big(_) | Value::Float(_)) => Ok(x.clone()),
        (UnOp::Minus, Value::Float(value)) => Ok(Value::Float(-value)),
        (UnOp::Minus, Value::Int(_) | Value::Big(_)) => {
            match arith::minus(thread, &Value::Int(0), x)? {
                Some(value) => Ok(value),
                None => Ok(Value::None),
            }
        }
        (UnOp::Tilde, Value::Int(value)) => Ok(Value::Int(!value)),
        (UnOp::Tilde, Value::Big(value)) => Ok(Value::from_big(!value.as_ref())),
        _ => fail!("unknown unary op: {} {}", op.name(), x.type_name()),
    }
}

/// `x += y`: lists are extended in place.
pub(crate) fn inplace_add(thread: &mut Thread, x: Value, y: &Value) -> Result<Value, Error> {
    if let Value::List(list) = &x
        && super::args::unpack_iterable(y).is_ok()
    {
        drop(list.change("apply += to")?);
        extend(thread, list, y)?;
        return Ok(x);
    }
    binary(thread, BinOp::Plus, &x, y)
}

/// Appends everything that `values` gives to a list that may be changed.
pub(crate) fn extend(thread: &mut Thread, list: &Rc<List>, values: &Value) -> Result<(), Error> {
    let items: Vec<Value> = match values {
        Value::List(other) => other.borrow().clone(),
        other => match Iter::begin(other) {
            Some(iter) => collect(thread, iter)?,
            None => Vec::new(),
        },
    };
    thread.budget.allocate_values(items.len())?;
    for item in &items {
        thread.watch_list(list, item);
    }
    list.fill().extend(items);
    Ok(())
}

/// Everything an iteration gives, within the budget.
pub(crate) fn collect(thread: &Thread, iter: Iter) -> Result<Vec<Value>, Error> {
    let mut values = Vec::new();
    for value in iter {
        thread.budget.step()?;
        thread.budget.allocate(size_of::<Value>())?;
        values.push(value);
    }
    Ok(values)
}

fn plus(thread: &Thread, x: &Value, y: &Value) -> Result<Option<Value>, Error> {
    Ok(Some(match (x, y) {
        (Value::Str(x), Value::Str(y)) => {
            thread.budget.allocate_text(x.len() + y.len())?;
            Value::Str(Str::from([x.as_bytes(), y.as_bytes()].concat()))
        }
        (Value::List(x), Value::List(y)) => {
            let (x, y) = (x.borrow(), y.borrow());
            thread.budget.allocate_values(x.len() + y.len())?;
            Value::list([x.as_slice(), y.as_slice()].concat())
        }
        (Value::Tuple(x), Value::Tuple(y)) => {
            thread.budget.allocate_values(x.len() + y.len())?;
            Value::tuple([&x[..], &y[..]].concat())
        }
        _ => return arith::plus(thread, x, y),
    }))
}

fn star(thread: &Thread, x: &Value, y: &Value) -> Result<Option<Value>, Error> {
    match (x, y) {
        (Value::Int(_) | Value::Big(_), Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            repeat(thread, y, x).map(Some)
        }
        (Value::Str(_) | Value::List(_) | Value::Tuple(_), Value::Int(_) | Value::Big(_)) => {
            repeat(thread, x, y).map(Some)
        }
        _ => arith::times(thread, x, y),
    }
}

/// `sequence * count`.
fn repeat(thread: &Thread, sequence: &Value, count: &Value) -> Result<Value, Error> {
    let len = sequence.len().unwrap_or(0);
    if len == 0 {
        return Ok(match sequence {
            Value::Str(_) => Value::str(""),
            Value::List(_) => Value::list(Vec::new()),
            _ => Value::tuple(Vec::new()),
        });
    }
    let Ok(count) = unpack_int(count) else {
        fail!(
            "repeat count {} too large",
            super::format::repr(thread, count)?
        )
    };
    let size = i64::try_from(len)
        .unwrap_or(i64::MAX)
        .saturating_mul(count.max(0));
    if size >= MAX_REPEAT {
        fail!("excessive repeat ({size} elements)");
    }
    let count = usize::try_from(count).unwrap_or(0);
    Ok(match sequence {
        Value::Str(text) => {
            thread.budget.allocate_text(len * count)?;
            Value::Str(Str::from(text.repeat(count)))
        }
        Value::List(list) => {
            thread.budget.allocate_values(len * count)?;
            Value::list(list.borrow().repeat_items(count))
        }
        Value::Tuple(tuple) => {
            thread.budget.allocate_values(len * count)?;
            Value::tuple(tuple.repeat_items(count))
        }
        _ => Value::None,
    })
}

/// Repetition of values, which are not `Copy`.
trait RepeatItems {
    fn repeat_items(&self, count: usize) -> Vec<Value>;
}

impl RepeatItems for [Value] {
    fn repeat_items(&self, count: usize) -> Vec<Value> {
        let mut items = Vec::with_capacity(self.len() * count);
        for _ in 0..count {
            items.extend_from_slice(self);
        }
        items
    }
}

/// `x in y`; nothing if that is not defined for `y`.
fn contains(thread: &Thread, x: &Value, y: &Value) -> Result<Option<bool>, Error> {
    let found = match y {
        Value::List(list) => any_equal(thread, &list.borrow(), x)?,
        Value::Tuple(tuple) => any_equal(thread, tuple, x)?,
        Value::Set(set) => set.has(x)?,
        Value::Str(text) => {
            let Value::Str(needle) = x else {
                fail!(
                    "'in <string>' requires string as left operand, not {}",
                    x.type_name()
                )
            };
            thread.budget.work(text.len() / 8)?;
            super::search::find(text, needle).is_some()
        }
        Value::Range(range) => {
            let Ok(number) = numbers::to_int(x) else {
                fail!(
                    "'in <range>' requires integer as left operand, not {}",
                    x.type_name()
                )
            };
            let Ok(number) = unpack_int(&number) else {
                return Ok(Some(false));
            };
            let delta = number - range.start;
            let at = delta / range.step;
            delta % range.step == 0 && (0..range.len).contains(&at)
        }
        // Failures, such as an unhashable key, read as absence.
        _ => match access::get(y, x) {
            Ok(access::Got::Found(_)) => true,
            Ok(access::Got::Missing) | Err(_) => false,
            Ok(access::Got::Unsupported) => return Ok(None),
        },
    };
    Ok(Some(found))
}

fn any_equal(thread: &Thread, items: &[Value], x: &Value) -> Result<bool, Error> {
    for item in items {
        if compare::equal(thread, item, x)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `|`, `&` and `^` of integers and sets.
fn bits(thread: &Thread, op: BinOp, x: &Value, y: &Value) -> Result<Option<Value>, Error> {
    if let (Value::Set(x), Value::Set(y)) = (x, y) {
        thread.budget.allocate_values((x.len() + y.len()) * 3)?;
        return combine(op, x, y).map(|set| Some(Value::Set(Rc::new(set))));
    }
    if let (Value::Int(x), Value::Int(y)) = (x, y) {
        return Ok(Some(Value::Int(match op {
            BinOp::Pipe => x | y,
            BinOp::Amp => x & y,
            _ => x ^ y,
        })));
    }
    let (Some(x), Some(y)) = (numbers::as_big(x), numbers::as_big(y)) else {
        return Ok(None);
    };
    let (x, y): (&BigInt, &BigInt) = (&x, &y);
    arith::charge(thread, x, y)?;
    Ok(Some(Value::from_big(match op {
        BinOp::Pipe => x | y,
        BinOp::Amp => x & y,
        _ => x ^ y,
    })))
}

fn combine(op: BinOp, x: &Set, y: &Set) -> Result<Set, Error> {
    let result = Set::default();
    match op {
        BinOp::Pipe => {
            for item in x.items().into_iter().chain(y.items()) {
                result.insert(item)?;
            }
        }
        BinOp::Amp => {
            // The smaller set gives the order.
            let (small, large) = if x.len() > y.len() { (y, x) } else { (x, y) };
            for item in small.items() {
                if large.has(&item)? {
                    result.insert(item)?;
                }
            }
        }
        _ => {
            for (some, others) in [(x, y), (y, x)] {
                for item in some.items() {
                    if !others.has(&item)? {
                        result.insert(item)?;
                    }
                }
            }
        }
    }
    Ok(result)
}

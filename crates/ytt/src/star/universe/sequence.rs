//! Functions over sequences.

use super::super::args::{Args, unpack_bool, unpack_callable, unpack_int, unpack_iterable};
use super::super::ast::BinOp;
use super::super::compare::compare;
use super::super::error::{Error, fail};
use super::super::iter::{Iter, iterate};
use super::super::ops::collect;
use super::super::thread::Thread;
use super::super::value::{Range, Value};
use super::sort;
use std::rc::Rc;

/// The one argument, which must be iterable.
fn iterable(args: &Args<'_>) -> Result<Iter, Error> {
    args.check(1, 1)?;
    let value = args.positional(0, unpack_iterable)?;
    Ok(value
        .and_then(Iter::begin)
        .unwrap_or_else(|| Iter::over(Vec::new())))
}

pub(super) fn all(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    for value in iterable(args)? {
        thread.budget.step()?;
        if !value.truth() {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

pub(super) fn any(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    for value in iterable(args)? {
        thread.budget.step()?;
        if value.truth() {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn enumerate(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 2)?;
    let iterable = args.positional(0, unpack_iterable)?;
    let start = args.int(1, 0)?;
    let values = match iterable.and_then(Iter::begin) {
        Some(iter) => collect(thread, iter)?,
        None => Vec::new(),
    };
    thread.budget.allocate_values(values.len() * 4)?;
    let pairs = (start..)
        .zip(values)
        .map(|(at, value)| Value::tuple(vec![Value::Int(at), value]));
    Ok(Value::list(pairs.collect()))
}

pub(super) fn reversed(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let mut values = collect(thread, iterable(args)?)?;
    values.reverse();
    Ok(Value::list(values))
}

pub(super) fn zip(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    let mut columns = Vec::new();
    for (at, value) in args.positional.iter().enumerate() {
        match Iter::begin(value) {
            Some(iter) => columns.push(iter),
            None => {
                fail!(
                    "zip: argument #{} is not iterable: {}",
                    at + 1,
                    value.type_name()
                )
            }
        }
    }
    let mut rows = Vec::new();
    if columns.is_empty() {
        return Ok(Value::list(rows));
    }
    loop {
        thread.budget.work(columns.len())?;
        let row: Option<Vec<Value>> = columns.iter_mut().map(Iterator::next).collect();
        let Some(row) = row else {
            return Ok(Value::list(rows));
        };
        thread.budget.allocate_values(row.len() + 1)?;
        rows.push(Value::tuple(row));
    }
}

pub(super) fn range(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 3)?;
    let first = args.int(0, 0)?;
    let (start, stop) = match args.positional(1, unpack_int)? {
        Some(stop) => (first, stop),
        None => (0, first),
    };
    let step = args.int(2, 1)?;
    if step == 0 {
        fail!("range: step argument must not be zero");
    }
    Ok(Value::Range(Rc::new(Range::new(start, stop, step))))
}

/// `min` and `max`.
pub(super) fn extremum(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.name;
    if args.positional.is_empty() {
        fail!("{name} requires at least one positional argument");
    }
    let named_only = Args {
        positional: &[],
        ..*args
    };
    let [key] = named_only.unpack([("key?", |value| unpack_callable(value).map(|_| ()))])?;
    let mut values = match args.positional {
        [one] => iterate(one).map_err(|error| error.prefixed(name))?,
        more => Iter::over(more.to_vec()),
    };
    let Some(mut best) = values.next() else {
        fail!("{name}: argument is an empty sequence")
    };
    let mut best_key = key_of(thread, key, &best)?;
    let op = if name == "max" { BinOp::Gt } else { BinOp::Lt };
    for value in values {
        thread.budget.step()?;
        let value_key = key_of(thread, key, &value)?;
        let better = compare(thread, op, &value_key, &best_key);
        if better.map_err(|error| error.prefixed(name))? {
            best = value;
            best_key = value_key;
        }
    }
    Ok(best)
}

fn key_of(thread: &mut Thread, key: Option<&Value>, value: &Value) -> Result<Value, Error> {
    match key {
        Some(key) => thread.call(key, std::slice::from_ref(value), &[]),
        None => Ok(value.clone()),
    }
}

pub(super) fn sorted(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [iterable, key, reverse] = args.unpack([
        ("iterable", |value| unpack_iterable(value).map(|_| ())),
        ("key?", |value| unpack_callable(value).map(|_| ())),
        ("reverse?", |value| unpack_bool(value).map(|_| ())),
    ])?;
    let values = match iterable.and_then(Iter::begin) {
        Some(iter) => collect(thread, iter)?,
        None => Vec::new(),
    };
    let mut keyed = Vec::with_capacity(values.len());
    for value in values {
        keyed.push((key_of(thread, key, &value)?, value));
    }
    let reverse = reverse.is_some_and(Value::truth);
    sort::stable(&mut keyed, &mut |(x, _), (y, _)| {
        let (x, y) = if reverse { (y, x) } else { (x, y) };
        compare(thread, BinOp::Lt, x, y)
    })?;
    Ok(Value::list(
        keyed.into_iter().map(|(_, value)| value).collect(),
    ))
}

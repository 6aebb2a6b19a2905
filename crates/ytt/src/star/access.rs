//! Attributes, keys, positions and slices.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/eval.go, `getAttr`, `getIndex`,
//! `setIndex` and `slice`.

use super::args::unpack_int;
use super::budget;
use super::error::{Error, fail};
use super::format::repr;
use super::methods;
use super::spell;
use super::text::Str;
use super::thread::Thread;
use super::value::{Access, Method, Range, Value};
use std::rc::Rc;

/// What looking up a key found; see [`Access`].
pub(crate) type Got = Access;

/// Looks up a key of a mapping.
pub(crate) fn get(value: &Value, key: &Value) -> Result<Got, Error> {
    let found = match value {
        Value::Dict(dict) => dict.get(key)?,
        Value::Struct(value) => match key {
            Value::Str(name) => value.get(name),
            other => fail!("expected a string, but was {}", other.type_name()),
        },
        Value::Custom(custom) => return custom.get(key),
        _ => return Ok(Access::Unsupported),
    };
    Ok(found.map_or(Access::Missing, Access::Found))
}

/// Keys and values of a mapping; nothing if the value is none.
pub(crate) fn items(value: &Value) -> Result<Option<Vec<(Value, Value)>>, Error> {
    Ok(match value {
        Value::Dict(dict) => Some(dict.items()),
        Value::Struct(value) => {
            let fields = value.fields().iter();
            Some(
                fields
                    .map(|(name, value)| (Value::Str(name.clone()), value.clone()))
                    .collect(),
            )
        }
        Value::Custom(custom) => custom.items()?,
        _ => None,
    })
}

/// An attribute, if there is one.
pub(crate) fn find_attr(value: &Value, name: &[u8]) -> Option<Value> {
    if let Some(native) = methods::find(value, name) {
        let receiver = value.clone();
        return Some(Value::Method(Rc::new(Method { native, receiver })));
    }
    match value {
        Value::Struct(value) => value.get(name),
        Value::Custom(custom) => custom.attr(std::str::from_utf8(name).ok()?),
        _ => None,
    }
}

/// Names of all attributes; nothing if the type has none at all.
pub(crate) fn attr_names(value: &Value) -> Option<Vec<Str>> {
    match value {
        Value::Struct(value) => Some(
            value
                .fields()
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
        ),
        Value::Custom(custom) => custom.attr_names(),
        other => methods::names(other).map(|names| names.map(Str::from).collect()),
    }
}

/// `value.name`.
pub(crate) fn attr(value: &Value, name: &Str) -> Result<Value, Error> {
    find_attr(value, name).ok_or_else(|| no_attr(value, name))
}

/// The function to call and what to call it on, for `value.name(…)`.
pub(crate) fn method(receiver: Value, name: &Str) -> Result<(Value, Value), Error> {
    if let Some(native) = methods::find(&receiver, name) {
        return Ok((Value::Native(native), receiver));
    }
    let callee = attr(&receiver, name)?;
    // A plain function takes no receiver; it is called without looking at this one.
    Ok((callee, Value::None))
}

fn no_attr(value: &Value, name: &Str) -> Error {
    let shown = name.to_text();
    let mut after = " field or method".to_owned();
    if let Some(names) = attr_names(value) {
        let names: Vec<_> = names
            .iter()
            .map(|name| name.to_text().into_owned())
            .collect();
        if let Some(near) = spell::nearest(&shown, names.iter().map(String::as_str)) {
            after.push_str(&format!(" (did you mean .{near}?)"));
        }
    }
    let before = format!("{} has no .", value.type_name());
    Error::of_parts(&[before.as_bytes(), name, after.as_bytes()])
}

/// `value[key]`.
pub(crate) fn index(thread: &Thread, value: &Value, key: &Value) -> Result<Value, Error> {
    match value {
        Value::Dict(_) | Value::Struct(_) | Value::Custom(_) => match get(value, key)? {
            Access::Found(value) => return Ok(value),
            Access::Missing => {
                fail!("key {} not in {}", repr(thread, key)?, value.type_name())
            }
            Access::Unsupported => {}
        },
        Value::List(list) => {
            let at = position(value, list.borrow().len(), key)?;
            return Ok(list.get(at).unwrap_or(Value::None));
        }
        Value::Tuple(tuple) => {
            let at = position(value, tuple.len(), key)?;
            return Ok(tuple.get(at).cloned().unwrap_or(Value::None));
        }
        Value::Str(text) => {
            let at = position(value, text.len(), key)?;
            return Ok(Value::Str(Str::from(&text[at..=at])));
        }
        Value::Range(range) => {
            let at = position(value, usize::try_from(range.len).unwrap_or(0), key)?;
            return Ok(Value::Int(range.get(i64::try_from(at).unwrap_or(0))));
        }
        _ => {}
    }
    fail!(
        "unhandled index operation {}[{}]",
        value.type_name(),
        key.type_name()
    )
}

/// A position that a key means, from the end if negative.
fn position(value: &Value, len: usize, key: &Value) -> Result<usize, Error> {
    let kind = value.type_name();
    let at = match unpack_int(key) {
        Ok(at) => at,
        Err(error) => fail!("{kind} index: {}", error.message()),
    };
    checked_position(at, len, kind)
}

/// A position, from the end if negative, that must be in range.
pub(crate) fn checked_position(at: i64, len: usize, kind: &str) -> Result<usize, Error> {
    let size = i64::try_from(len).unwrap_or(i64::MAX);
    let from_start = if at < 0 { at + size } else { at };
    match usize::try_from(from_start) {
        Ok(position) if position < len => Ok(position),
        _ if len == 0 => fail!("index {at} out of range: empty {kind}"),
        _ => fail!("{kind} index {at} out of range [{}:{}]", -size, size - 1),
    }
}

/// `target[key] = value`.
pub(crate) fn set_index(
    thread: &mut Thread,
    target: &Value,
    key: Value,
    value: Value,
) -> Result<(), Error> {
    match target {
        Value::Dict(dict) => {
            thread.budget.allocate(budget::ENTRY_BYTES)?;
            thread.watch_dict(dict, &key);
            thread.watch_dict(dict, &value);
            dict.insert(key, value)?;
            Ok(())
        }
        Value::List(list) => {
            let at = unpack_int(&key)?;
            let at = checked_position(at, list.borrow().len(), "list")?;
            thread.watch_list(list, &value);
            let old = match list.change("assign to element of")?.get_mut(at) {
                Some(slot) => std::mem::replace(slot, value),
                None => Value::None,
            };
            drop(old);
            Ok(())
        }
        Value::Custom(custom) => match custom.set_key_error() {
            Some(error) => Err(Error::new(error)),
            None => no_assignment(target),
        },
        _ => no_assignment(target),
    }
}

fn no_assignment(target: &Value) -> Result<(), Error> {
    fail!(
        "{} value does not support item assignment",
        target.type_name()
    )
}

/// `value[from:to:step]`.
pub(crate) fn slice(
    thread: &Thread,
    value: &Value,
    from: &Value,
    to: &Value,
    step: &Value,
) -> Result<Value, Error> {
    let len = match value {
        Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Range(_) => value
            .len()
            .and_then(|len| i64::try_from(len).ok())
            .unwrap_or(0),
        Value::Custom(custom) => match custom.slice_error() {
            Some(error) => return Err(error),
            None => fail!("invalid slice operand {}", value.type_name()),
        },
        other => fail!("invalid slice operand {}", other.type_name()),
    };
    let step = match step {
        Value::None => 1,
        step => match unpack_int(step) {
            Ok(0) => fail!("zero is not a valid slice step"),
            Ok(step) => step,
            Err(_) => fail!("got {} for slice step, want int", step.type_name()),
        },
    };
    let (from, to) = if step > 0 {
        let (from, to) = indices(from, to, len)?;
        (from, to.max(from))
    } else {
        let from = bound(from, len, "start")?.unwrap_or(len - 1).min(len - 1);
        let to = bound(to, len, "end")?.unwrap_or(-1).max(-1);
        (from.max(to), to)
    };
    cut(thread, value, from, to, step)
}

fn cut(thread: &Thread, value: &Value, from: i64, to: i64, step: i64) -> Result<Value, Error> {
    let picked = Range::new(from, to, step);
    let count = usize::try_from(picked.len).unwrap_or(0);
    let at = |nth: usize| {
        let nth = i64::try_from(nth).unwrap_or(0);
        usize::try_from(picked.get(nth)).unwrap_or(0)
    };
    match value {
        Value::Str(text) => {
            thread.budget.allocate_text(count)?;
            let bytes = if step == 1 {
                Str::from(&text[at(0)..at(0) + count])
            } else {
                Str::from((0..count).map(|nth| text[at(nth)]).collect::<Vec<u8>>())
            };
            Ok(Value::Str(bytes))
        }
        Value::List(list) => {
            thread.budget.allocate_values(count)?;
            let items = list.borrow();
            Ok(Value::list(
                (0..count).map(|nth| items[at(nth)].clone()).collect(),
            ))
        }
        Value::Tuple(tuple) => {
            thread.budget.allocate_values(count)?;
            Ok(Value::tuple(
                (0..count).map(|nth| tuple[at(nth)].clone()).collect(),
            ))
        }
        Value::Range(range) => Ok(Value::Range(Rc::new(Range::new(
            range.start + range.step * from,
            range.start + range.step * to,
            range.step * step,
        )))),
        _ => Ok(Value::None),
    }
}

/// Start and end within `0..=len`, for steps forward; the start may be after the end.
pub(crate) fn indices(from: &Value, to: &Value, len: i64) -> Result<(i64, i64), Error> {
    let from = bound(from, len, "start")?.unwrap_or(0).clamp(0, len);
    let to = bound(to, len, "end")?.unwrap_or(len).clamp(0, len);
    Ok((from, to))
}

/// A bound of a slice, from the end if negative; nothing for `None`.
fn bound(value: &Value, len: i64, which: &str) -> Result<Option<i64>, Error> {
    if matches!(value, Value::None) {
        return Ok(None);
    }
    match unpack_int(value) {
        Ok(at) if at < 0 => Ok(Some(at + len)),
        Ok(at) => Ok(Some(at)),
        Err(_) => fail!("invalid {which} index: got {}, want int", value.type_name()),
    }
}

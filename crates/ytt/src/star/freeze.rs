//! Making values immutable.
//!
//! What a file exports is frozen when the file is done: lists, dicts and sets, and what they
//! contain. Structs and fragments are not. Source: starlark-go starlark/value.go, `Freeze`.

use super::value::Value;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Freezes values and what they contain.
pub(crate) fn freeze<'a>(values: impl Iterator<Item = &'a Value>) {
    let mut rest: Vec<Value> = values
        .filter(|value| is_freezable(value))
        .cloned()
        .collect();
    // Tuples and functions carry no mark, but may be shared or refer to themselves.
    let mut seen = BTreeSet::new();
    while let Some(value) = rest.pop() {
        match &value {
            Value::List(list) if list.freeze() => {
                rest.extend(
                    list.borrow()
                        .iter()
                        .filter(|item| is_freezable(item))
                        .cloned(),
                );
            }
            Value::Dict(dict) if dict.freeze() => {
                let entries = dict
                    .items()
                    .into_iter()
                    .flat_map(|(key, value)| [key, value]);
                rest.extend(entries.filter(is_freezable));
            }
            Value::Set(set) => {
                set.freeze();
            }
            Value::Tuple(tuple) if seen.insert(Rc::as_ptr(tuple) as usize) => {
                rest.extend(tuple.iter().filter(|item| is_freezable(item)).cloned());
            }
            Value::Function(function) if seen.insert(Rc::as_ptr(function) as usize) => {
                let defaults = function.defaults.iter().flatten().cloned();
                let free = function.free.iter().filter_map(|cell| cell.get());
                rest.extend(defaults.chain(free).filter(is_freezable));
            }
            Value::Method(method) => {
                rest.extend(Some(method.receiver.clone()).filter(is_freezable));
            }
            _ => {}
        }
    }
}

fn is_freezable(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Tuple(_)
            | Value::Function(_)
            | Value::Method(_)
    )
}

//! Dropping deep structures without using the stack.
//!
//! A program can build a list in a list in a list, a million deep. Dropped the ordinary way it
//! would overflow the stack; here the parts are taken out one after the other.

use super::Value;
use std::rc::Rc;

/// Drops values and what only they refer to.
pub(crate) fn release(values: Vec<Value>) {
    let mut rest = values;
    if !rest.iter().any(Value::may_refer) {
        return;
    }
    while let Some(value) = rest.pop() {
        match value {
            Value::List(list) => {
                // What comes out of an emptied container needs no care any more.
                if let Some(list) = Rc::into_inner(list) {
                    rest.append(&mut list.fill());
                }
            }
            Value::Tuple(tuple) => {
                if let Some(mut tuple) = Rc::into_inner(tuple) {
                    rest.append(&mut tuple.take());
                }
            }
            Value::Dict(dict) => {
                if let Some(mut dict) = Rc::into_inner(dict) {
                    rest.append(&mut dict.take());
                }
            }
            Value::Struct(value) => {
                if let Some(mut value) = Rc::into_inner(value) {
                    rest.append(&mut value.take());
                }
            }
            Value::Function(function) => {
                if let Some(mut function) = Rc::into_inner(function) {
                    function.take(&mut rest);
                }
            }
            Value::Method(method) => {
                if let Some(method) = Rc::into_inner(method) {
                    rest.push(method.receiver);
                }
            }
            Value::Closure(closure) => {
                if let Some(mut closure) = Rc::into_inner(closure) {
                    rest.append(&mut closure.take());
                }
            }
            Value::Custom(mut custom) => {
                if let Some(custom) = Rc::get_mut(&mut custom) {
                    custom.release(&mut rest);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dict, Struct};
    use super::*;

    #[test]
    fn deep_structures_are_dropped_without_using_the_stack() {
        let mut value = Value::None;
        for depth in 0..1_000_000 {
            value = match depth % 4 {
                0 => Value::list(vec![value]),
                1 => Value::tuple(vec![value]),
                2 => Value::Struct(Rc::new(Struct::new(vec![("a".into(), value)]))),
                _ => {
                    let entries = [(Value::from("k"), value)];
                    Value::Dict(Rc::new(Dict::from_entries(entries).unwrap()))
                }
            };
        }
        drop(value);
    }
}

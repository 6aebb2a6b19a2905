//! Methods of strings, lists, dicts and sets.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/library.go.

mod dict;
mod list;
mod set;
mod string;
mod words;

use super::error::Error;
use super::value::{Native, Value};

pub(crate) use dict::update_dict;

/// The methods of a type, in order of their names.
fn table(value: &Value) -> Option<&'static [Native]> {
    match value {
        Value::Str(_) => Some(string::METHODS),
        Value::List(_) => Some(list::METHODS),
        Value::Dict(_) => Some(dict::METHODS),
        Value::Set(_) => Some(set::METHODS),
        _ => None,
    }
}

/// A method of a value.
pub(crate) fn find(value: &Value, name: &[u8]) -> Option<&'static Native> {
    let table = table(value)?;
    let at = table
        .binary_search_by(|method| method.name.as_bytes().cmp(name))
        .ok()?;
    Some(&table[at])
}

/// Names of the methods of a value; nothing if its type has none at all.
pub(crate) fn names(value: &Value) -> Option<impl Iterator<Item = &'static str>> {
    Some(table(value)?.iter().map(|method| method.name))
}

/// Puts the name of a method in front of a failure.
fn named<T>(name: &str, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| error.prefixed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [string::METHODS, list::METHODS, dict::METHODS, set::METHODS] {
            assert!(table.is_sorted_by_key(|method| method.name));
        }
    }
}

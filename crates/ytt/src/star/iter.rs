//! Iteration.

use super::error::{Error, fail};
use super::text::Str;
use super::value::{Dict, Elems, List, Range, Set, Struct, Tuple, Value};
use std::fmt;
use std::rc::Rc;

/// An iteration in progress. While it lasts, a list, dict or set cannot be changed.
pub(crate) struct Iter {
    source: Source,
    at: usize,
}

enum Source {
    List(Rc<List>),
    Tuple(Rc<Tuple>),
    Dict(Rc<Dict>),
    Set(Rc<Set>),
    Range(Rc<Range>),
    Elems(Rc<Elems>),
    Struct(Rc<Struct>),
    Custom(Box<dyn Iterator<Item = Value>>),
    Values(std::vec::IntoIter<Value>),
}

impl Iter {
    /// Begins to iterate, if the value allows it.
    pub(crate) fn begin(value: &Value) -> Option<Self> {
        let source = match value {
            Value::List(list) => {
                list.begin_iteration();
                Source::List(Rc::clone(list))
            }
            Value::Tuple(tuple) => Source::Tuple(Rc::clone(tuple)),
            Value::Dict(dict) => {
                dict.begin_iteration();
                Source::Dict(Rc::clone(dict))
            }
            Value::Set(set) => {
                set.begin_iteration();
                Source::Set(Rc::clone(set))
            }
            Value::Range(range) => Source::Range(Rc::clone(range)),
            Value::Elems(elems) => Source::Elems(Rc::clone(elems)),
            Value::Struct(value) => Source::Struct(Rc::clone(value)),
            Value::Custom(custom) => Source::Custom(custom.iterate()?),
            _ => return None,
        };
        Some(Self { source, at: 0 })
    }

    /// Iterates over values at hand.
    pub(crate) fn over(values: Vec<Value>) -> Self {
        Self {
            source: Source::Values(values.into_iter()),
            at: 0,
        }
    }

    fn advance(&mut self) -> usize {
        let at = self.at;
        self.at += 1;
        at
    }
}

impl Iterator for Iter {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let at = self.advance();
        match &mut self.source {
            Source::List(list) => list.get(at),
            Source::Tuple(tuple) => tuple.get(at).cloned(),
            Source::Dict(dict) => dict.key(at),
            Source::Set(set) => set.item(at),
            Source::Range(range) => {
                let at = i64::try_from(at).ok()?;
                (at < range.len).then(|| Value::Int(range.get(at)))
            }
            Source::Elems(elems) => {
                let (value, next) = element(elems, at)?;
                self.at = next;
                Some(value)
            }
            Source::Struct(value) => value
                .fields()
                .get(at)
                .map(|(name, _)| Value::Str(name.clone())),
            Source::Custom(values) => values.next(),
            Source::Values(values) => values.next(),
        }
    }
}

/// The element of a string at byte `at`, and where the next one begins.
fn element(elems: &Elems, at: usize) -> Option<(Value, usize)> {
    let rest = elems.text.get(at..).filter(|rest| !rest.is_empty())?;
    let (code, size) = if elems.codepoints {
        let (c, size) = decode_rune(rest);
        (u32::from(c), size)
    } else {
        (u32::from(rest[0]), 1)
    };
    let value = if elems.ords {
        Value::Int(i64::from(code))
    } else {
        Value::Str(Str::from(&rest[..size]))
    };
    Some((value, at + size))
}

/// The first character of bytes that are not empty, and its length; a byte that begins none is a
/// replacement character of length one, as in Go.
pub(crate) fn decode_rune(bytes: &[u8]) -> (char, usize) {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) => (c, c.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The characters of bytes, as Go's `range` over a string gives them.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let (c, size) = decode_rune(rest);
        let start = at;
        at += size;
        Some((start, c))
    })
}

impl Drop for Iter {
    fn drop(&mut self) {
        match &self.source {
            Source::List(list) => list.end_iteration(),
            Source::Dict(dict) => dict.end_iteration(),
            Source::Set(set) => set.end_iteration(),
            _ => {}
        }
    }
}

impl fmt::Debug for Iter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "iteration at {}", self.at)
    }
}

/// Begins to iterate, or fails as most functions do.
pub(crate) fn iterate(value: &Value) -> Result<Iter, Error> {
    match Iter::begin(value) {
        Some(iter) => Ok(iter),
        None => fail!("{} value is not iterable", value.type_name()),
    }
}

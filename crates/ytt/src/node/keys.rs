//! An index of a map's keys, so that building a large map does not look through it at every key.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Map, MapItem, Scalar, Value};

/// Up to this many keys are found fastest by looking through them.
const MAX_SCANNED: usize = 16;

/// Keys that were seen so far.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    /// Keys that were added.
    seen: usize,
    keys: BTreeSet<Vec<u8>>,
    /// The first keys.
    others: Vec<Value>,
}

impl KeyIndex {
    /// Takes in the items that the map got since the last call; nothing else adds to this index.
    /// Gives how many those are.
    pub(crate) fn keep_up_with(&mut self, map: &Map) -> usize {
        let items = map.items.borrow();
        let new = items.iter().skip(self.seen);
        let count = new.len();
        for item in new {
            self.add(&item.key.borrow());
        }
        count
    }

    /// Whether this index knows all items of the map but the last, and `item` is that one.
    pub(crate) fn lacks_only(&self, map: &Map, item: &Rc<MapItem>) -> bool {
        let items = map.items.borrow();
        let is_last = items.last().is_some_and(|last| Rc::ptr_eq(last, item));
        is_last && self.seen + 1 == items.len()
    }

    /// Adds a key; says whether it is new.
    pub(crate) fn insert(&mut self, key: &Value) -> bool {
        let is_new = !self.contains(key);
        self.add(key);
        is_new
    }

    fn add(&mut self, key: &Value) {
        match short_form(key) {
            Some(short) if self.seen >= MAX_SCANNED => {
                self.keys.insert(short);
            }
            Some(_) => self.others.push(key.clone()),
            None => {}
        }
        self.seen += 1;
    }

    pub(crate) fn contains(&self, key: &Value) -> bool {
        self.others.iter().any(|known| known.deep_equal(key))
            || !self.keys.is_empty()
                && short_form(key).is_some_and(|short| self.keys.contains(&short))
    }
}

/// Bytes that differ for keys that differ; nothing for keys that equal no other: what is not a
/// number, and collections, which the original compares by identity.
pub(crate) fn short_form(key: &Value) -> Option<Vec<u8>> {
    let Value::Scalar(scalar) = key else {
        return None;
    };
    Some(match scalar {
        Scalar::Null => b"n".to_vec(),
        Scalar::Bool(value) => vec![b'b', u8::from(*value)],
        Scalar::Str(text) => [b"s", text.as_bytes()].concat(),
        Scalar::Int(value) => [&b"i"[..], &value.to_be_bytes()].concat(),
        Scalar::Int64(value) => [&b"l"[..], &value.to_be_bytes()].concat(),
        Scalar::Uint(value) => [&b"u"[..], &value.to_be_bytes()].concat(),
        Scalar::Float(value) if value.is_nan() => return None,
        // Both zeros are one.
        Scalar::Float(value) => [&b"f"[..], &(value + 0.0).to_be_bytes()].concat(),
    })
}

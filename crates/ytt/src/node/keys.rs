//! An index of a map's keys, so that building a large map does not look through it at every key.

use std::collections::BTreeSet;

use super::{Map, Scalar, Value};

/// Up to this many keys are found fastest by looking through them.
const MAX_SCANNED: usize = 16;

/// Keys that were seen so far.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    /// Keys that were added.
    seen: usize,
    keys: BTreeSet<Vec<u8>>,
    /// The first keys, and those that have no short form.
    others: Vec<Value>,
}

impl KeyIndex {
    /// Takes in the items that the map got since the last call; nothing else adds to this index.
    pub(crate) fn keep_up_with(&mut self, map: &Map) {
        let items = map.items.borrow();
        for item in items.iter().skip(self.seen) {
            self.add(&item.key.borrow());
        }
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
            _ if matches!(key, Value::Scalar(_)) => self.others.push(key.clone()),
            // Keys that are collections are compared by identity in the original.
            _ => {}
        }
        self.seen += 1;
    }

    pub(crate) fn contains(&self, key: &Value) -> bool {
        self.others.iter().any(|known| known.deep_equal(key))
            || !self.keys.is_empty()
                && short_form(key).is_some_and(|short| self.keys.contains(&short))
    }
}

/// Bytes that differ for keys that differ.
fn short_form(key: &Value) -> Option<Vec<u8>> {
    match key {
        Value::Scalar(Scalar::Str(text)) => Some([b"s", text.as_bytes()].concat()),
        Value::Scalar(Scalar::Int(value)) => Some([&b"i"[..], &value.to_be_bytes()].concat()),
        Value::Scalar(Scalar::Int64(value)) => Some([&b"l"[..], &value.to_be_bytes()].concat()),
        _ => None,
    }
}

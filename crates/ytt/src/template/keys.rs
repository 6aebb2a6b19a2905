//! An index of a map's keys, so that building a large map does not look through it at every key.

use std::collections::BTreeSet;

use crate::node::{Map, Scalar, Value};

/// Up to this many keys are found fastest by looking through them.
const MAX_SCANNED: usize = 16;

/// The keys of a map that only grows.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    /// Items of the map that are in the index.
    seen: usize,
    keys: BTreeSet<Vec<u8>>,
    /// Keys that have no short form.
    others: Vec<Value>,
}

impl KeyIndex {
    /// Takes in the items that the map got since the last call.
    pub(super) fn keep_up_with(&mut self, map: &Map) {
        let items = map.items.borrow();
        for item in items.iter().skip(self.seen) {
            let key = item.key.borrow();
            match short_form(&key) {
                Some(short) if items.len() > MAX_SCANNED => {
                    self.keys.insert(short);
                }
                _ => self.others.push(key.clone()),
            }
        }
        self.seen = items.len();
    }

    pub(super) fn contains(&self, key: &Value) -> bool {
        short_form(key).is_some_and(|short| self.keys.contains(&short))
            || self.others.iter().any(|known| known.deep_equal(key))
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

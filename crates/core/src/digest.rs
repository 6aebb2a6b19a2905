//! Digests by which stamps, runs and owned values are recognised.
//!
//! Three of them. *Stamp*: what a template made of its inputs; kept as an annotation on the
//! object. *Owned*: the values that field manager `carto` applied, as the cluster has them now;
//! equal to the digest of what was sent as long as nobody interferes. *Short*: the beginning of a
//! stamp digest, for labels and names.

use std::hash::{DefaultHasher, Hasher as _};

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::hex;
use crate::json;
use crate::words::STAMP_DIGEST;

/// Characters of a digest that go into a label.
const LABEL_CHARS: usize = 16;
/// Characters of a digest that go into a generated name.
const NAME_CHARS: usize = 8;
/// What Kubernetes builds generated names of: no vowels and no look-alikes.
const NAME_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Returns the hex digest of a value; lists keep their order, maps have none.
pub(crate) fn stamp(value: &Value) -> String {
    let mut text = String::new();
    canonical(&mut text, value);
    sha256(text.as_bytes())
}

/// Returns the hex digest of owned or desired values.
///
/// Neither the order of lists nor nulls nor the writing of a whole number (`1`, `1.0`) matters:
/// servers keep lists of named items in another order than they were sent. Whoever reorders a
/// list whose order matters takes it over, and then it is no longer among the owned values.
pub(crate) fn values(value: &Value) -> String {
    sha256(unordered(value).as_bytes())
}

/// Returns what [`values`] must see of an object that was or will be applied: everything a field
/// manager can own, without our own bookkeeping and without status.
pub(crate) fn ownable(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(map) = object.as_object_mut() else {
        return object;
    };
    for key in ["apiVersion", "kind", "status"] {
        map.remove(key);
    }
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| {
            matches!(
                key.as_str(),
                "labels" | "annotations" | "finalizers" | "ownerReferences"
            )
        });
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove(STAMP_DIGEST);
        }
    }
    prune_empty_metadata(map);
    object
}

fn prune_empty_metadata(map: &mut Map<String, Value>) {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !empty(value));
    }
    map.retain(|key, value| key != "metadata" || !empty(value));
}

/// A digest that only this process knows: it may read differently with the next version.
///
/// SipHash with fixed keys, twice. In passes that change nothing SHA-256 took nearly half of the instructions where the
/// processor has none for it. Whoever looks for two texts that are the same here can at most hide a change of what they
/// may change anyhow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// Begins one.
    pub(crate) fn writer() -> Writer {
        Writer(Vec::with_capacity(2048))
    }
}

/// Takes in what a [`Fingerprint`] is of. Every part tells where it ends.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn value(&mut self, value: &Value) {
        serde_json::to_writer(&mut self.0, value).expect("a JSON value can always be written");
        // No JSON text goes on after this.
        self.0.push(b'\n');
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    pub(crate) fn fingerprint(&mut self, part: Fingerprint) {
        for half in part.0 {
            self.0.extend_from_slice(&half.to_le_bytes());
        }
    }

    pub(crate) fn flag(&mut self, on: bool) {
        self.0.push(u8::from(on));
    }

    /// Digests what was written.
    pub(crate) fn end(self) -> Fingerprint {
        Fingerprint([0, 1].map(|half| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(half);
            hasher.write(&self.0);
            hasher.finish()
        }))
    }
}

/// Returns the value of the label that repeats a stamp digest.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..LABEL_CHARS).unwrap_or(digest)
}

/// Returns the suffix of a generated name: the same for the same stamp, so that a create whose
/// reply was lost cannot create twice.
pub(crate) fn name_suffix(digest: &str) -> String {
    let hash = Sha256::digest(digest.as_bytes());
    let letter = |byte: &u8| char::from(NAME_ALPHABET[usize::from(*byte) % NAME_ALPHABET.len()]);
    hash.iter().take(NAME_CHARS).map(letter).collect()
}

/// Returns `sha256:<hex>` of a text, as outputs in a status carry it.
pub(crate) fn output(text: &str) -> String {
    format!("sha256:{}", sha256(text.as_bytes()))
}

fn sha256(bytes: &[u8]) -> String {
    hex::write(&Sha256::digest(bytes)).collect()
}

fn canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            out.push('{');
            let mut member = |(key, value): (&String, &Value)| {
                push_string(out, key);
                out.push(':');
                canonical(out, value);
                out.push(',');
            };
            if map.keys().is_sorted() {
                map.iter().for_each(member);
            } else {
                // Maps keep the order of insertion when anybody asks serde_json for that.
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                entries.into_iter().for_each(&mut member);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(out, item);
                out.push(',');
            }
            out.push(']');
        }
        Value::String(text) => push_string(out, text),
        Value::Number(number) => out.push_str(&plain(number)),
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
    }
}

fn unordered(value: &Value) -> String {
    let mut parts: Vec<String> = match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| {
                let mut out = String::new();
                push_string(&mut out, key);
                out.push(':');
                out.push_str(&unordered(value));
                out
            })
            .collect(),
        Value::Array(items) => items.iter().map(unordered).collect(),
        scalar => {
            let mut out = String::new();
            canonical(&mut out, scalar);
            return out;
        }
    };
    parts.sort_unstable();
    let (open, close) = if value.is_object() {
        ('{', '}')
    } else {
        ('[', ']')
    };
    format!("{open}{}{close}", parts.join(","))
}

fn plain(number: &Number) -> String {
    match number.as_f64() {
        // Exactly representable whole numbers only; anything else keeps its own text.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounded by the range check"
        )]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
            (float as i64).to_string()
        }
        _ => number.to_string(),
    }
}

/// Writes a text as JSON does.
fn push_string(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// Returns the stamp digest an object carries.
pub(crate) fn carried(object: &Value) -> Option<&str> {
    json::text(object, &["metadata", "annotations", STAMP_DIGEST])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stamps_differ_by_order_of_lists_and_values_do_not() {
        let (one, two) = (json!({"a": ["x", "y"]}), json!({"a": ["y", "x"]}));
        assert_ne!(stamp(&one), stamp(&two));
        assert_eq!(values(&one), values(&two));
        assert_ne!(values(&one), values(&json!({"a": ["x", "x"]})));
    }

    #[test]
    fn texts_are_written_as_json() {
        for text in [
            "",
            "plain",
            "ü☃\u{1f600}",
            "a\"b",
            "a\\b",
            "tab\t",
            "\u{7f}",
            "\u{1}",
        ] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(out, Value::from(text).to_string());
        }
    }

    #[test]
    fn writing_of_whole_numbers_and_nulls_do_not_count() {
        assert_eq!(
            values(&json!({"a": 1, "b": null})),
            values(&json!({"a": 1.0}))
        );
        assert_eq!(stamp(&json!({"a": 1})), stamp(&json!({"a": 1.0})));
        assert_ne!(values(&json!({"a": 1})), values(&json!({"a": "1"})));
    }

    #[test]
    fn suffixes_are_stable_and_made_of_safe_letters() {
        let suffix = name_suffix("abc");
        assert_eq!(suffix, name_suffix("abc"));
        assert_ne!(suffix, name_suffix("abd"));
        assert_eq!(suffix.len(), NAME_CHARS);
        assert!(suffix.bytes().all(|byte| NAME_ALPHABET.contains(&byte)));
    }

    #[test]
    fn ownable_leaves_out_what_no_manager_owns() {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "status": {"x": 1},
            "metadata": {
                "name": "n", "namespace": "ns", "uid": "u",
                "annotations": {STAMP_DIGEST: "d"}, "labels": {"a": "b"}
            },
            "data": {"k": "v"}
        });
        let expected = json!({"metadata": {"labels": {"a": "b"}}, "data": {"k": "v"}});
        assert_eq!(ownable(&object), expected);
    }
}

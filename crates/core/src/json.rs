//! Reading JSON trees by path of keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Follows keys; `None` when one is missing or its parent is not an object.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// Reads a string that is not empty.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// Reads a string, empty when there is none.
pub(crate) fn string(value: &Value, path: &[&str]) -> String {
    text(value, path).unwrap_or_default().to_owned()
}

/// Reads a list, empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Reads a list of strings; what is not a string is left out.
pub(crate) fn strings(value: &Value, path: &[&str]) -> Vec<String> {
    list(value, path)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Reads a map of strings; what is not a string is left out.
pub(crate) fn string_map(value: &Value, path: &[&str]) -> BTreeMap<String, String> {
    let Some(map) = at(value, path).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    map.iter().filter_map(pair).collect()
}

/// Puts an object together. Unlike `json!` it takes values as they are and copies none.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter();
    Value::Object(
        members
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// Returns the object under `key`, which becomes an empty one when it is absent or anything else.
pub(crate) fn object_at<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
) -> &'a mut Map<String, Value> {
    let slot = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut()
        .expect("it was made an object one line before")
}

//! `metadata.managedFields`: who owns which fields.
//!
//! [`decode`] and [`encode`] translate between the list in an object and [`Managers`]; [`extract`] reads what
//! one manager owns without needing a schema.
//!
//! Source: apimachinery pkg/util/managedfields/internal/managedfields.go, v0.36.

mod entry;
mod extract;
mod owns;
mod scale;
mod spell;
mod validate;

pub(crate) use entry::unix_seconds;
pub use entry::{DecodeError, Manager, Managers, Operation, Owned, decode, encode};
pub use extract::{extract, extract_entry};
pub use owns::owns;
pub use scale::{ScalePaths, from_scale, to_scale};
pub use spell::{Written, WrittenEntry};
pub use validate::{EntryError, validate};

use serde_json::Value;

/// Removes `metadata.managedFields` and returns it.
pub fn take(object: &mut Value) -> Option<Value> {
    object
        .get_mut("metadata")?
        .as_object_mut()?
        .remove("managedFields")
}

/// Sets `metadata.managedFields`, or removes it when there are no entries.
pub fn put(object: &mut Value, entries: Vec<Value>) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    if entries.is_empty() {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        return;
    }
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

/// Tells whether a written `metadata.managedFields` asks for tracking to start afresh: an empty list, or a
/// list of one empty entry.
pub fn is_reset(entries: Option<&Value>) -> bool {
    match entries.and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

/// Gives `new` the managed fields of `old` when only their times differ and nothing else does, so that a write
/// without effect stays one.
///
/// Shape: returns whether the objects are equal after that. `resourceVersion` and `generation` count.
///
/// Source: apiserver pkg/endpoints/handlers/fieldmanager/equality.go.
pub fn keep_times_if_unchanged(old: &Value, new: &mut Value) -> bool {
    let old_entries = old.pointer("/metadata/managedFields");
    let new_entries = new.pointer("/metadata/managedFields");
    if !same_but_for_times(old_entries, new_entries) {
        return false;
    }
    let taken = take(new);
    let mut bare = old.clone();
    take(&mut bare);
    if bare == *new {
        if let Some(entries) = old_entries.and_then(Value::as_array) {
            put(new, entries.clone());
        }
        return true;
    }
    if let Some(Value::Array(entries)) = taken {
        put(new, entries);
    }
    false
}

fn same_but_for_times(left: Option<&Value>, right: Option<&Value>) -> bool {
    let entries = |side: Option<&Value>| -> Vec<Value> {
        let mut entries = side.and_then(Value::as_array).cloned().unwrap_or_default();
        for entry in &mut entries {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
        }
        entries
    };
    let (left, mut right) = (entries(left), entries(right));
    // The order depends on the times, so it does not count either.
    left.len() == right.len()
        && left.iter().all(|entry| {
            let found = right.iter().position(|other| other == entry);
            found.is_some_and(|position| {
                right.swap_remove(position);
                true
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(size: u32, time: &str) -> Value {
        json!({"metadata": {"name": "w", "managedFields": [
            {"manager": "a", "operation": "Update", "time": time, "fieldsV1": {"f:spec": {}}},
        ]}, "spec": {"size": size}})
    }

    #[test]
    fn a_write_that_only_moves_times_is_no_write() {
        let old = object(1, "2026-01-01T00:00:00Z");
        let mut new = object(1, "2026-01-02T00:00:00Z");
        assert!(keep_times_if_unchanged(&old, &mut new));
        assert_eq!(new, old);
    }

    #[test]
    fn a_real_change_keeps_its_time() {
        let old = object(1, "2026-01-01T00:00:00Z");
        let mut new = object(2, "2026-01-02T00:00:00Z");
        let before = new.clone();
        assert!(!keep_times_if_unchanged(&old, &mut new));
        assert_eq!(new, before);
    }

    #[test]
    fn an_empty_list_or_one_empty_entry_resets_tracking() {
        assert!(is_reset(Some(&json!([]))));
        assert!(is_reset(Some(&json!([{}]))));
        assert!(!is_reset(Some(&json!(null))));
        assert!(!is_reset(None));
        assert!(!is_reset(Some(&json!([{"manager": "a"}]))));
    }
}

//! Taking over objects that the original stamped, once, without stamping or running them again.
//!
//! The original writes with plain creates and merge patches, so that its binary's name stands in
//! the managed fields as the manager of an `Update`. Were that entry left alone, fields that a
//! template later drops would stay for ever. It becomes our `Apply` entry, as kubectl does when it
//! moves from client-side to server-side apply. Source: client-go util/csaupgrade.

use serde_json::{Value, json};

use crate::json;
use crate::realize::FIELD_MANAGER;
use crate::row::LEGACY_MANAGER;

/// Returns the JSON patch that makes the original's fields ours.
///
/// It tests the version it was made for, so that a change in between is a conflict.
pub(crate) fn take_over(live: &Value) -> Value {
    let entries = json::list(live, &["metadata", "managedFields"]);
    let entries: Vec<Value> = entries.iter().map(renamed).collect();
    json!([
        {"op": "test", "path": "/metadata/resourceVersion",
         "value": json::string(live, &["metadata", "resourceVersion"])},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ])
}

fn renamed(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if is_legacy(&entry) {
        entry["manager"] = FIELD_MANAGER.into();
        entry["operation"] = "Apply".into();
    }
    entry
}

fn is_legacy(entry: &Value) -> bool {
    json::text(entry, &["manager"]) == Some(LEGACY_MANAGER)
        && json::text(entry, &["operation"]) == Some("Update")
        && json::text(entry, &["subresource"]).is_none()
}

/// Returns the JSON patch that marks a run of the original as the run of a stamp.
pub(crate) fn mark(live: &Value, annotation: &str, digest: &str) -> Value {
    let version = json::string(live, &["metadata", "resourceVersion"]);
    let mut operations = vec![json!({
        "op": "test", "path": "/metadata/resourceVersion", "value": version
    })];
    if json::at(live, &["metadata", "annotations"]).is_none() {
        operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    let path = format!(
        "/metadata/annotations/{}",
        annotation.replace('~', "~0").replace('/', "~1")
    );
    operations.push(json!({"op": "add", "path": path, "value": digest}));
    Value::Array(operations)
}

/// Reports whether everything in `wanted` is in `live`: servers add defaults, they do not take
/// away. Metadata is compared by the template's own labels and annotations only.
pub(crate) fn is_stamp_of(wanted: &Value, live: &Value, own_prefix: &str) -> bool {
    let (Some(wanted), Some(live)) = (wanted.as_object(), live.as_object()) else {
        return false;
    };
    wanted.iter().all(|(key, value)| match key.as_str() {
        "status" => true,
        "metadata" => ["labels", "annotations"].iter().all(|part| {
            let theirs = live.get(key).and_then(|metadata| metadata.get(part));
            let ours = value.get(part).and_then(Value::as_object);
            ours.into_iter()
                .flatten()
                .filter(|(key, _)| !key.starts_with(own_prefix))
                .all(|(key, value)| theirs.and_then(|map| map.get(key)) == Some(value))
        }),
        _ => live.get(key).is_some_and(|found| contains(found, value)),
    })
}

/// Reports whether `whole` has everything that `part` has; lists must have the same length.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, value)| {
            value.is_null() || whole.get(key).is_some_and(|found| contains(found, value))
        }),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(w, p)| contains(w, p))
        }
        _ => crate::digest::values(whole) == crate::digest::values(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_entry_becomes_ours_and_others_stay() {
        let live = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            {"manager": "cartographer", "operation": "Update", "fieldsV1": {"f:spec": {}}},
            {"manager": "kpack", "operation": "Update", "subresource": "status", "fieldsV1": {}},
        ]}});
        assert_eq!(
            take_over(&live),
            json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "replace", "path": "/metadata/managedFields", "value": [
                    {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
                    {"manager": "kpack", "operation": "Update", "subresource": "status", "fieldsV1": {}},
                ]},
            ])
        );
    }

    #[test]
    fn a_run_with_server_defaults_is_still_the_run_of_its_stamp() {
        let wanted = json!({
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
            "metadata": {"generateName": "t-", "labels": {"carto.run/x": "1", "mine": "a"}},
            "spec": {"params": [{"name": "a", "value": 1}]},
        });
        let live = |value: i32| {
            json!({
                "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
                "metadata": {"name": "t-abc", "labels": {"mine": "a", "more": "b"}},
                "spec": {"params": [{"name": "a", "value": value}], "timeout": "1h"},
                "status": {},
            })
        };
        assert!(is_stamp_of(&wanted, &live(1), "carto.run/"));
        assert!(!is_stamp_of(&wanted, &live(2), "carto.run/"));
    }

    #[test]
    fn marking_adds_what_is_missing() {
        let bare = json!({"metadata": {"resourceVersion": "3"}});
        assert_eq!(
            mark(&bare, "carto.run/stamp-digest", "d"),
            json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": "3"},
                {"op": "add", "path": "/metadata/annotations", "value": {}},
                {"op": "add", "path": "/metadata/annotations/carto.run~1stamp-digest", "value": "d"},
            ])
        );
    }
}

//! Who else sets the fields that a template sets.

use std::collections::BTreeMap;

use carto_merge::managed;
use serde_json::Value;

use crate::json;
use crate::realize::FIELD_MANAGER;

/// How many repairs of one object within the time that the index looks back are still no fight.
pub(crate) const MAX_REPAIRS: u32 = 5;

/// The most fields a message names.
const MAX_FIELDS: usize = 5;

/// Describes which managers hold other values than `desired` in which fields.
pub(crate) fn describe(live: &Value, desired: &Value) -> String {
    let mut rivals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in json::list(live, &["metadata", "managedFields"]) {
        let manager = json::string(entry, &["manager"]);
        let fields = entry.get("fieldsV1");
        if manager == FIELD_MANAGER || json::text(entry, &["subresource"]).is_some() {
            continue;
        }
        let Some(fields) = fields else { continue };
        let mut paths = Vec::new();
        differences(
            &managed::extract_entry(live, fields),
            desired,
            "",
            &mut paths,
        );
        if !paths.is_empty() {
            rivals.entry(manager).or_default().extend(paths);
        }
    }
    if rivals.is_empty() {
        return "its fields keep being changed, by whom cannot be told".to_owned();
    }
    let one = |(manager, mut paths): (String, Vec<String>)| {
        let more = paths.len().saturating_sub(MAX_FIELDS);
        paths.truncate(MAX_FIELDS);
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("[{manager}] keeps changing {}{tail}", paths.join(", "))
    };
    rivals.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Collects the paths at which both have a leaf and the leaves differ.
fn differences(theirs: &Value, ours: &Value, path: &str, out: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                if let Some(other) = ours.get(key) {
                    differences(value, other, &format!("{path}.{key}"), out);
                }
            }
        }
        _ if theirs != ours => out.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_the_manager_and_the_fields() {
        let live = json!({
            "metadata": {"managedFields": [
                {"manager": "hpa", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:other": {}}}},
                {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:spec": {"f:image": {}}}},
                {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
            ]},
            "spec": {"replicas": 7, "other": 1, "image": "x"},
        });
        let desired = json!({"spec": {"replicas": 1, "image": "x"}});
        assert_eq!(
            describe(&live, &desired),
            "[hpa] keeps changing .spec.replicas"
        );
    }
}

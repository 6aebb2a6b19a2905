//! Events are one kind under two names: `v1` and `events.k8s.io/v1` share their rows.
//!
//! Rows are in the form of the core group. Source: kubernetes `pkg/apis/events/v1/conversion.go`, v1.36.

use serde_json::{Map, Value};

use crate::builtin;

/// Fields that are called differently: in the core group, in the events group.
const RENAMED: &[(&str, &str)] = &[
    ("message", "note"),
    ("involvedObject", "regarding"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

fn rename(
    event: &mut Value,
    api_version: &str,
    names: impl Fn(&'static (&str, &str)) -> (&'static str, &'static str),
) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    let mut moved = Map::new();
    for pair in RENAMED {
        let (from, to) = names(pair);
        if let Some(value) = fields.remove(from) {
            moved.insert(to.to_owned(), value);
        }
    }
    fields.append(&mut moved);
    fields.insert("apiVersion".to_owned(), api_version.into());
}

/// From the stored form to `events.k8s.io/v1`.
pub(crate) fn to_events_group(event: &mut Value) {
    rename(event, "events.k8s.io/v1", |(core, events)| (core, events));
    complete(event, "events.k8s.io");
}

/// From `events.k8s.io/v1` to the stored form.
pub(crate) fn to_core_group(event: &mut Value) {
    rename(event, "v1", |(core, events)| (events, core));
    complete(event, "");
}

/// Each form writes other empty fields.
fn complete(event: &mut Value, group: &str) {
    if let Some(kind) = builtin::kind(group, "v1", "Event") {
        // Renaming leaves no field of a wrong type.
        drop(kind.decode(event));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let core = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
            "involvedObject": {"name": "w"}, "message": "m", "reason": "R", "count": 2});
        let mut event = core.clone();
        to_events_group(&mut event);
        assert_eq!(event["regarding"], json!({"name": "w"}));
        assert_eq!(
            (&event["note"], &event["deprecatedCount"]),
            (&json!("m"), &json!(2))
        );
        assert_eq!(event.get("message"), None);
        to_core_group(&mut event);
        assert_eq!(event["involvedObject"], json!({"name": "w"}));
        assert_eq!(
            (&event["message"], &event["count"]),
            (&json!("m"), &json!(2))
        );
        assert_eq!(event["source"], json!({}), "the core form always writes it");
    }
}

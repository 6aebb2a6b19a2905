//! Events are one kind under two names: `v1` and `events.k8s.io/v1` share their rows.
//!
//! Rows are in the form of the core group. Source: kubernetes `pkg/apis/events/v1/conversion.go`, v1.36.

use serde_json::{Map, Value};

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
}

/// From `events.k8s.io/v1` to the stored form.
pub(crate) fn to_core_group(event: &mut Value) {
    rename(event, "v1", |(core, events)| (events, core));
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
        assert_eq!(
            event,
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
                "regarding": {"name": "w"}, "note": "m", "reason": "R", "deprecatedCount": 2})
        );
        to_core_group(&mut event);
        assert_eq!(event, core);
    }
}

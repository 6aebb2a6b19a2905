//! Conditions in the status of a definition.

use serde_json::{Value, json};

use crate::time;

/// The condition of a type.
pub(crate) fn condition<'a>(definition: &'a Value, kind: &str) -> Option<&'a Value> {
    let list = definition["status"]["conditions"].as_array()?;
    list.iter().find(|condition| condition["type"] == kind)
}

pub(crate) fn is_true(definition: &Value, kind: &str) -> bool {
    condition(definition, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Sets a condition; the time of transition changes only with the status.
pub(crate) fn set_condition(
    definition: &mut Value,
    kind: &str,
    is_true: bool,
    reason: &str,
    message: &str,
) {
    let status = if is_true { "True" } else { "False" };
    let since = condition(definition, kind)
        .filter(|condition| condition["status"] == status)
        .map_or_else(
            || time::now().into(),
            |condition| condition["lastTransitionTime"].clone(),
        );
    let new = json!({
        "type": kind,
        "status": status,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    });
    let conditions = &mut definition["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(list) = conditions.as_array_mut() else {
        return;
    };
    match list.iter_mut().find(|condition| condition["type"] == kind) {
        Some(there) => *there = new,
        None => list.push(new),
    }
}

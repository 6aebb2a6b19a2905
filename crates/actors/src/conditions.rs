//! Conditions in a status without a type: set, removed, kept in order, with the time of the last change.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The list `status.conditions` while it is being worked on.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    list: Vec<Value>,
    generation: Option<i64>,
    now: String,
}

/// The three values of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

/// The time as Kubernetes writes it: whole seconds.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Conditions {
    /// The conditions of a status. Those set from now on carry the generation, if there is one.
    pub(crate) fn of(status: &Map<String, Value>, generation: Option<i64>) -> Conditions {
        let list = status
            .get("conditions")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        Conditions {
            list,
            generation,
            now: now(),
        }
    }

    /// Sets one; its time changes only with its value. An empty reason or message is left out.
    pub(crate) fn set(&mut self, kind: &str, truth: Truth, reason: &str, message: &str) {
        let place = self
            .list
            .iter()
            .position(|condition| condition["type"] == kind);
        let before = place.map(|place| &self.list[place]);
        let changed = before.is_none_or(|before| before["status"] != truth.as_str());
        let time = before
            .map(|before| before["lastTransitionTime"].clone())
            .filter(|time| !changed && !time.is_null());
        let mut condition = json!({
            "type": kind,
            "status": truth.as_str(),
            "lastTransitionTime": time.unwrap_or_else(|| json!(self.now)),
        });
        if !reason.is_empty() {
            condition["reason"] = json!(reason);
        }
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
        if let Some(generation) = self.generation {
            condition["observedGeneration"] = json!(generation);
        }
        match place {
            Some(place) => self.list[place] = condition,
            None => self.list.push(condition),
        }
    }

    pub(crate) fn remove(&mut self, kind: &str) {
        self.list.retain(|condition| condition["type"] != kind);
    }

    /// The status of one, if it is there.
    pub(crate) fn status(&self, kind: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|condition| condition["type"] == kind)?["status"]
            .as_str()
    }

    /// Puts the list back.
    pub(crate) fn store(self, status: &mut Map<String, Value>) {
        status.insert("conditions".to_owned(), Value::Array(self.list));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_changes_with_the_value_only() {
        let old = "2020-01-01T00:00:00Z";
        let status = json!({"conditions": [
            {"type": "Ready", "status": "True", "reason": "A", "message": "m", "lastTransitionTime": old},
            {"type": "Other", "status": "True", "lastTransitionTime": old},
        ]});
        let mut conditions = Conditions::of(status.as_object().unwrap(), Some(3));
        conditions.set("Ready", Truth::True, "B", "n");
        assert_eq!(conditions.list[0]["lastTransitionTime"], old);
        assert_eq!(conditions.list[0]["reason"], "B");
        assert_eq!(conditions.list[0]["observedGeneration"], 3);
        conditions.set("Ready", Truth::False, "", "");
        assert_ne!(conditions.list[0]["lastTransitionTime"], old);
        assert_eq!(conditions.list[0].get("reason"), None);
        conditions.remove("Other");
        assert_eq!(conditions.status("Other"), None);
        assert_eq!(conditions.status("Ready"), Some("False"));
    }
}

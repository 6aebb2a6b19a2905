//! Who changed what last.

use serde_json::Value;

use crate::json;

/// The last write of one field manager to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// The manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The subresource written to; empty for the object itself.
    pub subresource: String,
    /// When, RFC 3339.
    pub time: String,
    /// Top-level fields it owns, such as `spec.replicas`, at most two levels deep.
    pub fields: Vec<String>,
}

/// Reads the last writes to an object, the latest first.
pub fn last_changes(object: &Value) -> Vec<LastChange> {
    let mut changes: Vec<LastChange> = json::list(object, &["metadata", "managedFields"])
        .iter()
        .map(|entry| {
            let part = |key: &str| json::string(entry, &[key]);
            LastChange {
                manager: part("manager"),
                operation: part("operation"),
                subresource: part("subresource"),
                time: part("time"),
                fields: fields(entry.get("fieldsV1").unwrap_or(&Value::Null)),
            }
        })
        .collect();
    changes.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.manager.cmp(&b.manager)));
    changes
}

fn fields(set: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (name, below) in named(set) {
        let inner: Vec<String> = named(below)
            .map(|(inner, _)| format!("{name}.{inner}"))
            .collect();
        if inner.is_empty() {
            out.push(name.to_owned());
        } else {
            out.extend(inner);
        }
    }
    out
}

fn named(set: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = set.as_object().into_iter().flatten();
    entries.filter_map(|(key, below)| Some((key.strip_prefix("f:")?, below)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_writer_comes_first() {
        let object = json!({"metadata": {"managedFields": [
            {"manager": "carto", "operation": "Apply", "time": "2024-01-01T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}, "f:data": {}}},
            {"manager": "hpa", "operation": "Update", "time": "2024-01-02T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]}});
        let changes = last_changes(&object);
        assert_eq!(changes[0].manager, "hpa");
        assert_eq!(changes[0].fields, ["spec.replicas"]);
        assert_eq!(changes[1].fields, ["data", "spec.a", "spec.b"]);
    }
}

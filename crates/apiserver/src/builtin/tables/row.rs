//! Reading an object for its row.

use carto_query::labels::{Expression, Selector};
use serde_json::Value;

use crate::table;
use crate::time;

/// An object that is printed.
pub(super) struct Row<'a> {
    pub(super) object: &'a Value,
    pub(super) now_seconds: i64,
}

const NULL: &Value = &Value::Null;

impl<'a> Row<'a> {
    pub(super) fn name(&self) -> Value {
        self.value("/metadata/name").clone()
    }

    /// How long ago it was created.
    pub(super) fn created(&self) -> Value {
        self.since("/metadata/creationTimestamp")
            .unwrap_or_else(|| "<unknown>".to_owned())
            .into()
    }

    /// The value at a JSON pointer, or null.
    pub(super) fn value(&self, pointer: &str) -> &'a Value {
        self.object.pointer(pointer).unwrap_or(NULL)
    }

    /// The text at a JSON pointer, or nothing.
    pub(super) fn text(&self, pointer: &str) -> &'a str {
        self.value(pointer).as_str().unwrap_or_default()
    }

    /// The text at a JSON pointer, unless there is none.
    pub(super) fn text_or(&self, pointer: &str, default: &'a str) -> &'a str {
        match self.text(pointer) {
            "" => default,
            text => text,
        }
    }

    pub(super) fn number(&self, pointer: &str) -> i64 {
        self.value(pointer).as_i64().unwrap_or(0)
    }

    pub(super) fn items(&self, pointer: &str) -> &'a [Value] {
        self.value(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// How many entries a map or list has.
    pub(super) fn count(&self, pointer: &str) -> usize {
        match self.value(pointer) {
            Value::Object(map) => map.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        }
    }

    /// How long ago the time at a JSON pointer was, if there is one.
    pub(super) fn since(&self, pointer: &str) -> Option<String> {
        let time = self.value(pointer).as_str()?;
        Some(table::age(time, self.now_seconds))
    }

    /// From one time to another, or to now.
    pub(super) fn between(&self, from: &str, to: &str) -> Option<String> {
        let start = time::parse(self.value(from).as_str()?)?;
        let end = self.value(to).as_str().and_then(time::parse);
        Some(time::human_duration(
            end.unwrap_or(self.now_seconds) - start,
        ))
    }

    pub(super) fn is_deleting(&self) -> bool {
        !self.value("/metadata/deletionTimestamp").is_null()
    }

    /// Whether a condition of this type is true.
    pub(super) fn is(&self, condition: &str) -> bool {
        self.items("/status/conditions")
            .iter()
            .find(|found| found["type"] == condition)
            .is_some_and(|found| found["status"] == "True")
    }

    /// Names and images of containers.
    pub(super) fn containers(&self, pointer: &str) -> [Value; 2] {
        ["name", "image"].map(|field| {
            let texts = self.items(pointer).iter();
            let texts: Vec<&str> = texts
                .map(|container| container[field].as_str().unwrap_or_default())
                .collect();
            texts.join(",").into()
        })
    }

    /// A label selector; nothing when it selects everything.
    pub(super) fn selector(&self, pointer: &str) -> String {
        selector(self.value(pointer))
    }
}

/// A text for nothing.
pub(super) fn or_none(text: String) -> String {
    if text.is_empty() {
        "<none>".to_owned()
    } else {
        text
    }
}

/// Labels as they are written in selectors.
pub(super) fn labels(map: &Value) -> String {
    let mut labels: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.sort();
    or_none(labels.join(","))
}

fn selector(selector: &Value) -> String {
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    let is_label_selector = ["matchLabels", "matchExpressions"]
        .iter()
        .any(|field| selector.get(field).is_some_and(|part| !part.is_string()));
    // Replication controllers select by labels alone.
    let wanted = if is_label_selector {
        &selector["matchLabels"]
    } else {
        selector
    };
    let pairs: Vec<(String, String)> = wanted
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect();
    let expressions: Vec<(String, String, Vec<String>)> = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|expression| {
            let values = expression["values"].as_array().into_iter().flatten();
            (
                text(&expression["key"]),
                text(&expression["operator"]),
                values.map(text).collect(),
            )
        })
        .collect();
    let built = Selector::build(
        pairs.iter().map(|(key, value)| (&**key, &**value)),
        expressions
            .iter()
            .map(|(key, operator, values)| Expression {
                key,
                operator,
                values,
            }),
    );
    built.map_or_else(|_| "<error>".to_owned(), |selector| selector.to_string())
}

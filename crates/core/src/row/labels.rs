//! The labels of a row.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::words::{LABEL_PREFIX, label};

/// Labels that are the same on all objects of an owner; the others are those of all objects of a template.
const OF_OWNER: [&str; 5] = [
    label::WORKLOAD_NAME,
    label::WORKLOAD_NAMESPACE,
    label::DELIVERABLE_NAME,
    label::DELIVERABLE_NAMESPACE,
    label::RUNNABLE_NAME,
];

/// The labels of an object whose key begins with `carto.run/`.
///
/// Shape: two texts with a line `KEY=VALUE` per label, sorted; neither part can have a line break, nor a key a `=`. Each
/// text is that of many objects, so that an index can keep one copy (see [`Labels::texts_mut`]).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels {
    of_owner: Arc<str>,
    others: Arc<str>,
}

impl Labels {
    /// Reads `metadata.labels`.
    pub(super) fn read(metadata: &Value) -> Self {
        let labels = metadata.get("labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten();
        labels
            .filter(|(key, _)| key.starts_with(LABEL_PREFIX))
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect()
    }

    /// Returns the value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Reports whether there is a label of this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Iterates over keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.of_owner.lines().chain(self.others.lines());
        lines.filter_map(|line| line.split_once('='))
    }

    /// The texts, each to be replaced by an equal one at most.
    pub fn texts_mut(&mut self) -> [&mut Arc<str>; 2] {
        [&mut self.of_owner, &mut self.others]
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(labels: T) -> Self {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_unstable();
        let text = |of_owner: bool| -> Arc<str> {
            let mut text = String::new();
            for (key, value) in &labels {
                let is_label =
                    !key.contains('=') && !key.contains('\n') && !value.contains(['\n', '\r']);
                if is_label && OF_OWNER.contains(key) == of_owner {
                    text.extend([*key, "=", *value, "\n"]);
                }
            }
            text.into()
        };
        Self {
            of_owner: text(true),
            others: text(false),
        }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ours_are_kept_and_found_by_key() {
        let labels = Labels::read(&json!({"labels": {
            "app": "x", "carto.run/resource-name": "image", "carto.run/cluster-template-name": "",
            "carto.run/resource": "==", "carto.run/workload-name": "web", "carto.run/bad": "a\ncarto.run/worse=b"
        }}));
        assert_eq!(labels.get("carto.run/resource-name"), Some("image"));
        assert_eq!(labels.get("carto.run/cluster-template-name"), Some(""));
        assert_eq!(labels.get("carto.run/resource"), Some("=="));
        assert_eq!(labels.get("carto.run/workload-name"), Some("web"));
        assert_eq!(labels.get("app"), None);
        assert!(!labels.contains_key("carto.run/resource-nam"));
        assert_eq!(labels.iter().count(), 4);
    }
}

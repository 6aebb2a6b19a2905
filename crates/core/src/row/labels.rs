//! The labels of a row.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::words::LABEL_PREFIX;

/// The labels of an object whose key begins with `carto.run/`, sorted.
///
/// Shape: one text `KEY=VALUE` per label. Most labels are those of many objects, and so are these texts: an index can
/// keep one copy of each (see [`Labels::entries_mut`]).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[Arc<str>]>);

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
        self.0.iter().filter_map(|entry| entry.split_once('='))
    }

    /// The texts, each to be replaced by an equal one at most.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Arc<str>> {
        self.0.iter_mut()
    }
}

/// No key of a label has a `=`.
impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(labels: T) -> Self {
        let labels = labels.into_iter();
        let mut entries: Vec<Arc<str>> = labels
            .map(|(key, value)| format!("{key}={value}").into())
            .collect();
        entries.sort_unstable();
        Self(entries.into())
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
            "carto.run/resource": "=="
        }}));
        assert_eq!(labels.get("carto.run/resource-name"), Some("image"));
        assert_eq!(labels.get("carto.run/cluster-template-name"), Some(""));
        assert_eq!(labels.get("carto.run/resource"), Some("=="));
        assert_eq!(labels.get("app"), None);
        assert!(!labels.contains_key("carto.run/resource-nam"));
        assert_eq!(labels.iter().count(), 3);
    }
}

//! Owners that were just read, for the passes that their changes cause.
//!
//! A watch event is read into a tree, from which the index keeps a small document. The pass that follows needs the
//! tree again; the few that are on their way are handed over instead of being read twice.

use std::collections::VecDeque;
use std::sync::Arc;

use carto_core::row::Version;
use serde_json::Value;

use crate::key::Key;

/// Trees that wait at most. One of an owner takes some ten times its text, so these stay below a few megabytes; when
/// more changes come at once, passes read the documents.
const FRESH_MAX: usize = 32;

/// The latest owners that were read and that no pass has looked at.
#[derive(Debug, Default)]
pub(super) struct Fresh(VecDeque<(Key, Version, Arc<Value>)>);

impl Fresh {
    /// Adds an owner of that version.
    pub(super) fn put(&mut self, key: Key, version: Version, tree: Arc<Value>) {
        self.0.retain(|(known, _, _)| *known != key);
        if self.0.len() == FRESH_MAX {
            self.0.pop_front();
        }
        self.0.push_back((key, version, tree));
    }

    /// Gives away the owner of that version; another version is forgotten.
    pub(super) fn take(&mut self, key: &Key, version: &Version) -> Option<Arc<Value>> {
        let at = self.0.iter().position(|(known, _, _)| known == key)?;
        let (_, known, tree) = self.0.remove(at)?;
        (known == *version).then_some(tree)
    }
}

/// An owner for a pass.
#[derive(Debug)]
pub(crate) enum Original {
    /// As it was read.
    Tree(Arc<Value>),
    /// As JSON.
    Text(Vec<u8>),
}

impl Original {
    /// Reads it.
    ///
    /// # Errors
    /// Text that is not JSON.
    pub(crate) fn read(self) -> serde_json::Result<Arc<Value>> {
        match self {
            Self::Tree(tree) => Ok(tree),
            Self::Text(json) => serde_json::from_slice(&json).map(Arc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::Kind;

    fn key(name: &str) -> Key {
        Key {
            kind: Kind::Workload,
            namespace: "ns".into(),
            name: name.into(),
        }
    }

    #[test]
    fn only_the_version_that_the_index_has_is_handed_over_and_only_once() {
        let mut fresh = Fresh::default();
        let tree = Arc::new(json!({"n": 1}));
        fresh.put(key("a"), Version::new("1"), Arc::clone(&tree));
        assert_eq!(fresh.take(&key("a"), &Version::new("2")), None);
        assert_eq!(
            fresh.take(&key("a"), &Version::new("1")),
            None,
            "the other version went"
        );
        fresh.put(key("a"), Version::new("1"), Arc::clone(&tree));
        fresh.put(key("a"), Version::new("2"), Arc::new(json!({"n": 2})));
        assert_eq!(
            fresh.take(&key("a"), &Version::new("2")),
            Some(Arc::new(json!({"n": 2})))
        );
        assert_eq!(fresh.take(&key("a"), &Version::new("2")), None);
    }

    #[test]
    fn no_more_wait_than_may() {
        let mut fresh = Fresh::default();
        for number in 0..=FRESH_MAX {
            fresh.put(key(&number.to_string()), Version::new("1"), Arc::default());
        }
        assert_eq!(
            fresh.take(&key("0"), &Version::new("1")),
            None,
            "the oldest made room"
        );
        assert!(fresh.take(&key("1"), &Version::new("1")).is_some());
        assert_eq!(fresh.0.len(), FRESH_MAX - 1);
    }
}

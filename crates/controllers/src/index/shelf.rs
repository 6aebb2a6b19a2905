//! Named things, each at the newest version that was heard of.
//!
//! Three sources tell of an object, and none waits for the others: a list, a watch, and the replies to our own writes.
//! A [`Shelf`] lets the newest win, and the end of an object is news too: a reply that comes in after it does not bring the
//! object back. Kubernetes makes the versions of one resource comparable (KEP-5504).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use carto_core::row::{Uid, Version};

use crate::watch::Glance;

/// Namespace (empty at cluster scope) and name.
pub(crate) type Name = (Arc<str>, Arc<str>);

/// What has a version.
pub(crate) trait Versioned {
    /// `metadata.resourceVersion`.
    fn version(&self) -> Version;
    /// `metadata.uid`.
    fn uid(&self) -> Uid;
}

/// What became of something put on the shelf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put<V> {
    /// It was not there.
    New,
    /// It replaced this.
    Replaced(V),
    /// The very version is there already, or a newer one.
    Stale,
}

#[derive(Debug)]
struct Held<V> {
    value: V,
    /// The shelf's clock when it was put.
    at: u64,
}

/// Ends that are remembered; replies come in within moments.
const ENDS_MAX: usize = 256;

/// The end of a thing.
#[derive(Debug)]
struct End {
    name: Name,
    uid: Uid,
    /// What is no newer than this comes too late.
    version: u64,
}

/// The things, by name.
#[derive(Debug)]
pub(crate) struct Shelf<V> {
    held: HashMap<Name, Held<V>>,
    /// The last ends, the oldest first.
    ends: VecDeque<End>,
    clock: u64,
}

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            ends: VecDeque::new(),
            clock: 0,
        }
    }
}

impl<V: Versioned> Shelf<V> {
    pub(crate) fn get(&self, name: &Name) -> Option<&V> {
        self.held.get(name).map(|held| &held.value)
    }

    /// What is there of an object, if it is at the version of this one.
    pub(crate) fn has(&self, object: &Glance<'_>) -> Option<&V> {
        let name: Name = (
            object.namespace.as_ref().into(),
            object.name.as_ref().into(),
        );
        let held = self.get(&name)?;
        let same =
            held.uid() == Uid::new(&object.uid) && held.version() == Version::new(&object.version);
        same.then_some(held)
    }

    pub(crate) fn get_mut(&mut self, name: &Name) -> Option<&mut V> {
        self.held.get_mut(name).map(|held| &mut held.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.held.values().map(|held| &held.value)
    }

    /// Puts a value, unless what is there is as new.
    pub(crate) fn put(&mut self, name: Name, value: V) -> Put<V> {
        self.clock += 1;
        let at = self.clock;
        match self.held.get_mut(&name) {
            None if has_ended(&self.ends, &name, &value) => Put::Stale,
            None => {
                self.held.insert(name, Held { value, at });
                Put::New
            }
            Some(held) => {
                // Said again, or newer: either way not to be removed by a list that began before.
                held.at = at;
                if !is_newer(&value, &held.value) {
                    return Put::Stale;
                }
                Put::Replaced(std::mem::replace(&mut held.value, value))
            }
        }
    }

    /// Removes what a watch or a reply says is gone, unless something newer has taken its name.
    pub(crate) fn remove(&mut self, name: &Name, gone: &V) -> Option<V> {
        self.remember(name, gone.uid(), gone.version().number());
        let held = self.held.get(name)?;
        if held.value.uid() != gone.uid() && is_newer(&held.value, gone) {
            return None;
        }
        self.take(name)
    }

    /// Removes what a reply says is gone for good.
    pub(crate) fn bury(&mut self, name: &Name) -> Option<V> {
        let gone = self.take(name)?;
        self.remember(name, gone.uid(), u64::MAX);
        Some(gone)
    }

    fn remember(&mut self, name: &Name, uid: Uid, version: u64) {
        if self.ends.len() == ENDS_MAX {
            self.ends.pop_front();
        }
        self.ends.push_back(End {
            name: name.clone(),
            uid,
            version,
        });
    }

    /// Removes whatever has this name.
    pub(crate) fn take(&mut self, name: &Name) -> Option<V> {
        self.clock += 1;
        self.held.remove(name).map(|held| held.value)
    }

    /// The moment now, for [`Shelf::absent`].
    pub(crate) fn clock(&self) -> u64 {
        self.clock
    }

    /// The names that a list begun at `begun` does not have and that nobody has spoken of since.
    pub(crate) fn absent(&self, begun: u64, listed: &HashSet<Name>) -> Vec<Name> {
        self.held
            .iter()
            .filter(|(name, held)| held.at <= begun && !listed.contains(*name))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// Whether the end of this very thing was heard of already. Few things are new, and few have ended just now.
fn has_ended<V: Versioned>(ends: &VecDeque<End>, name: &Name, value: &V) -> bool {
    ends.iter().any(|end| {
        end.name == *name && end.uid == value.uid() && value.version().number() <= end.version
    })
}

fn is_newer<V: Versioned>(new: &V, old: &V) -> bool {
    let (new, old) = (new.version(), old.version());
    new != old && (new.number() > old.number() || new.number() == u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Thing(&'static str, &'static str);

    impl Versioned for Thing {
        fn version(&self) -> Version {
            Version::new(self.1)
        }
        fn uid(&self) -> Uid {
            Uid::new(self.0)
        }
    }

    fn name(name: &str) -> Name {
        ("ns".into(), name.into())
    }

    #[test]
    fn the_newest_version_wins_whoever_tells_of_it() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.put(name("a"), Thing("u", "9")), Put::New);
        assert_eq!(
            shelf.put(name("a"), Thing("u", "10")),
            Put::Replaced(Thing("u", "9"))
        );
        assert_eq!(shelf.put(name("a"), Thing("u", "10")), Put::Stale);
        assert_eq!(shelf.put(name("a"), Thing("u", "9")), Put::Stale);
        assert_eq!(shelf.get(&name("a")), Some(&Thing("u", "10")));
    }

    #[test]
    fn an_object_is_there_at_its_very_version_only() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), Thing("u", "9"));
        let has = |uid: &str, version: &str, named: &str| {
            let object = Glance {
                namespace: "ns".into(),
                name: named.into(),
                uid: uid.into(),
                version: version.into(),
            };
            shelf.has(&object).is_some()
        };
        assert!(has("u", "9", "a"));
        assert!(!has("u", "10", "a"), "a newer version");
        assert!(!has("u", "8", "a"), "an older one");
        assert!(!has("v", "9", "a"), "another object of this name");
        assert!(!has("u", "9", "b"), "another name");
        assert!(shelf.has(&Glance::default()).is_none());
    }

    #[test]
    fn the_end_of_an_object_does_not_remove_its_successor() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), Thing("second", "20"));
        assert_eq!(shelf.remove(&name("a"), &Thing("first", "15")), None);
        assert_eq!(
            shelf.remove(&name("a"), &Thing("second", "21")),
            Some(Thing("second", "20"))
        );
    }

    #[test]
    fn a_reply_that_comes_after_the_end_brings_nothing_back() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), Thing("u", "9"));
        // The watch says that it is gone, then the reply to a write before that comes in.
        shelf.remove(&name("a"), &Thing("u", "11"));
        assert_eq!(shelf.put(name("a"), Thing("u", "10")), Put::Stale);
        assert_eq!(shelf.get(&name("a")), None);
        // Leaving a selector looks the same; it may come back.
        assert_eq!(shelf.put(name("a"), Thing("u", "12")), Put::New);
        shelf.bury(&name("a"));
        assert_eq!(shelf.put(name("a"), Thing("u", "13")), Put::Stale);
        assert_eq!(shelf.put(name("a"), Thing("successor", "14")), Put::New);
    }

    #[test]
    fn a_list_does_not_remove_what_was_written_since_it_began() {
        let mut shelf = Shelf::default();
        shelf.put(name("old"), Thing("o", "1"));
        shelf.put(name("kept"), Thing("k", "2"));
        let begun = shelf.clock();
        shelf.put(name("new"), Thing("n", "3"));
        let listed = HashSet::from([name("kept")]);
        assert_eq!(shelf.absent(begun, &listed), [name("old")]);
    }
}

//! Objects without a namespace whose owner is gone.
//!
//! Kubernetes collects what a gone owner leaves behind, but for objects without a namespace whose owner has one: to its
//! collector such an owner does not exist. They are found by their labels, as the original left them behind, and the key
//! of their former owner is woken to delete them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carto_core::row::Row;

use super::{Index, Inner, Wakes};
use crate::key::{Key, Kind};
use crate::queue::Cause;

/// The uids of former owners, by the key they had. Bound: one entry per owner that left such objects behind, until they
/// are gone.
pub(super) type Abandoned = BTreeMap<Key, BTreeSet<Arc<str>>>;

/// The key of the owner that an object's labels name.
fn owner_in_labels(row: &Row) -> Option<Key> {
    let label = |key: &str| row.labels.get(key).map(Arc::from);
    let of = |kind, name: &str, namespace: &str| {
        Some(Key {
            kind,
            namespace: label(namespace)?,
            name: label(name)?,
        })
    };
    of(
        Kind::Workload,
        "carto.run/workload-name",
        "carto.run/workload-namespace",
    )
    .or_else(|| {
        of(
            Kind::Deliverable,
            "carto.run/deliverable-name",
            "carto.run/deliverable-namespace",
        )
    })
    .or_else(|| {
        // Runs do not say in which namespace their Runnable is; its account is in the same.
        Some(Key {
            kind: Kind::Runnable,
            namespace: Arc::clone(&row.account.as_ref()?.namespace),
            name: label("carto.run/runnable-name")?,
        })
    })
}

impl Inner {
    /// Notes an object whose owner is not known, if nobody else would collect it.
    pub(super) fn note_abandoned(&mut self, row: &Row, wakes: &mut Wakes) {
        let Some(controller) = row
            .controller
            .as_ref()
            .filter(|_| row.key.namespace.is_none())
        else {
            return;
        };
        if self.own.by_uid(&controller.uid).is_none()
            && let Some(key) = owner_in_labels(row)
        {
            wakes.add(&key, &Cause::default());
            self.abandoned
                .entry(key)
                .or_default()
                .insert(Arc::clone(&controller.uid));
        }
    }

    /// Notes what an owner that has just gone leaves behind.
    pub(super) fn note_leaving(&mut self, key: &Key, uid: &Arc<str>, wakes: &mut Wakes) {
        let leaves = self
            .rows
            .of(uid)
            .iter()
            .any(|row| row.key.namespace.is_none());
        if leaves {
            wakes.add(key, &Cause::default());
            self.abandoned
                .entry(key.clone())
                .or_default()
                .insert(Arc::clone(uid));
        }
    }
}

impl Index {
    /// What former owners of this key have left behind, as far as is known: to be verified, since the watch of owners
    /// may be behind that of objects.
    pub(crate) fn abandoned(&self, key: &Key) -> Vec<Arc<Row>> {
        {
            let inner = self.read();
            if !inner.abandoned.contains_key(key) {
                return Vec::new();
            }
        }
        let mut inner = self.write();
        let inner = &mut *inner;
        let Some(uids) = inner.abandoned.get_mut(key) else {
            return Vec::new();
        };
        let mut left = Vec::new();
        uids.retain(|uid| {
            let before = left.len();
            if inner.own.by_uid(uid).is_none() {
                let rows = inner.rows.of(uid).into_iter();
                left.extend(rows.filter(|row| row.key.namespace.is_none()));
            }
            left.len() > before
        });
        if uids.is_empty() {
            inner.abandoned.remove(key);
        }
        left
    }

    /// Forgets what passes over a key left behind if there is no such object any more.
    pub(crate) fn forget_if_gone(&self, key: &Key) {
        let mut inner = self.write();
        if !inner.own.contains(key) {
            inner.forget_key(key);
        }
    }
}

//! One copy of what many rows and owners share.
//!
//! Of a row only its name, uid, version and stamp are its own; kind, namespace, controller, labels, owned fields and
//! the results of expressions are those of others too.
//!
//! Bound: what is not shared is dropped with each sweep.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use carto_core::key::{Gvk, ServiceAccountKey};
use carto_core::row::{ConditionRow, Controller, Evaluated, Row};

/// The shared parts.
#[derive(Default)]
pub(super) struct Interner(Mutex<Pools>);

#[derive(Default)]
struct Pools {
    kinds: HashSet<Gvk>,
    texts: Pool<str>,
    controllers: Pool<Controller>,
    accounts: Pool<ServiceAccountKey>,
    conditions: Pool<ConditionRow>,
}

struct Pool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl Interner {
    /// Makes a row share what it can.
    pub(super) fn share(&self, row: &mut Row) {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pools = &mut *pools;
        if let Some(kind) = pools.kinds.get(&row.key.gvk) {
            row.key.gvk = kind.clone();
        } else {
            pools.kinds.insert(row.key.gvk.clone());
        }
        let texts = &mut pools.texts;
        for text in row.key.namespace.iter_mut().chain(row.labels.texts_mut()) {
            texts.share(text);
        }
        if let Some(controller) = &mut row.controller {
            if let Some(new) = Arc::get_mut(controller) {
                texts.share(&mut new.api_version);
                texts.share(&mut new.kind);
            }
            pools.controllers.share(controller);
        }
        if let Some(account) = &mut row.account {
            pools.accounts.share(account);
        }
        for fields in [&mut row.owned, &mut row.settled].into_iter().flatten() {
            texts.share(fields.text_mut());
        }
        for result in &mut row.results {
            match result {
                Evaluated::Missing(text) | Evaluated::Error(text) => texts.share(text),
                Evaluated::Condition(condition) => pools.conditions.share(condition),
                Evaluated::Value(value) => value
                    .text_mut()
                    .into_iter()
                    .for_each(|text| texts.share(text)),
                Evaluated::NoCondition => {}
            }
        }
    }

    /// Replaces texts by the shared ones.
    pub(super) fn share_texts<'a>(&self, texts: impl Iterator<Item = &'a mut Arc<str>>) {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.for_each(|text| pools.texts.share(text));
    }

    /// Drops what is not shared.
    pub(super) fn sweep(&self) {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Kinds are few, and rows of one come again.
        pools.texts.sweep();
        pools.controllers.sweep();
        pools.accounts.sweep();
        pools.conditions.sweep();
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    fn share(&mut self, one: &mut Arc<T>) {
        if let Some(shared) = self.0.get(&**one) {
            *one = Arc::clone(shared);
        } else {
            self.0.insert(Arc::clone(one));
        }
    }

    /// What only one holds costs no more when it is its own.
    fn sweep(&mut self) {
        self.0.retain(|one| Arc::strong_count(one) > 2);
        self.0.shrink_to_fit();
    }
}

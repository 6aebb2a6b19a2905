//! One copy of each text that many rows share.
//!
//! Of a row's texts only its name, uid, version and stamp are its own; kinds, namespaces, labels, owners, owned fields
//! and the words of conditions are those of many others.
//!
//! Bound: what no row holds any more is dropped with each sweep.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use carto_core::key::Gvk;
use carto_core::row::{Evaluated, Row};

/// The shared texts.
#[derive(Default)]
pub(super) struct Interner(Mutex<HashSet<Arc<str>>>);

struct Pool<'a>(&'a mut HashSet<Arc<str>>);

impl Interner {
    /// Makes a row share what it can.
    pub(super) fn share(&self, row: &mut Row) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pool = Pool(&mut texts);
        let Gvk {
            group,
            version,
            kind,
        } = &mut row.key.gvk;
        for text in [group, version, kind] {
            pool.share(text);
        }
        if let Some(namespace) = &mut row.key.namespace {
            pool.share(namespace);
        }
        if let Some(controller) = &mut row.controller {
            let parts = [
                &mut controller.uid,
                &mut controller.api_version,
                &mut controller.kind,
                &mut controller.name,
            ];
            for text in parts {
                pool.share(text);
            }
        }
        let labels = std::mem::take(&mut row.labels);
        row.labels = labels
            .into_iter()
            .map(|(mut name, mut value)| {
                pool.share(&mut name);
                pool.share(&mut value);
                (name, value)
            })
            .collect::<BTreeMap<_, _>>();
        if let Some(results) = Arc::get_mut(&mut row.results) {
            for result in results {
                match result {
                    Evaluated::Missing(text) | Evaluated::Error(text) => pool.share(text),
                    Evaluated::Condition(condition) => {
                        pool.share(&mut condition.status);
                        pool.share(&mut condition.message);
                    }
                    Evaluated::Value(_) | Evaluated::NoCondition => {}
                }
            }
        }
        // Objects of one template own the same fields.
        for text in [&mut row.owned, &mut row.settled].into_iter().flatten() {
            pool.share(text);
        }
    }

    /// Drops what nobody holds any more.
    pub(super) fn sweep(&self) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.retain(|text| Arc::strong_count(text) > 1);
        texts.shrink_to_fit();
    }
}

impl Pool<'_> {
    fn share(&mut self, text: &mut Arc<str>) {
        if let Some(shared) = self.0.get(&**text) {
            *text = Arc::clone(shared);
        } else {
            self.0.insert(Arc::clone(text));
        }
    }
}

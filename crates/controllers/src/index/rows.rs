//! Rows of stamped objects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use carto_core::key::{Gvk, ObjectKey};
use carto_core::realize::Dependency;
use carto_core::row::{Expressions, Row, RowState, Uid, Version};
use tokio::time::Instant;

use super::shelf::{Name, Put, Shelf, Versioned};
use super::{Index, Inner, Wakes};
use crate::key::{Key, Kind};
use crate::queue::{Cause, Mark};
use crate::watch::Glance;

impl Versioned for Arc<Row> {
    fn version(&self) -> Version {
        self.resource_version.clone()
    }

    fn uid(&self) -> Uid {
        self.uid.clone()
    }
}

/// Which stamped objects of a kind a watch brings. No label is common to both, and a selector cannot say "or".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Flavor {
    /// Those of Workloads and Deliverables.
    Resource,
    /// Those of Runnables.
    Run,
}

impl Flavor {
    /// The flavor that passes over this kind need.
    pub(crate) fn of(kind: Kind) -> Self {
        if kind == Kind::Runnable {
            Self::Run
        } else {
            Self::Resource
        }
    }

    /// The label that every such object has.
    pub(crate) fn selector(self) -> &'static str {
        match self {
            Self::Resource => "carto.run/resource-name",
            Self::Run => "carto.run/runnable-name",
        }
    }
}

#[derive(Default)]
struct Store {
    shelf: Shelf<Arc<Row>>,
    expressions: Expressions,
    /// The rows that were read without all of the expressions, kept on every change so that nobody has to look for them.
    behind: HashSet<Name>,
    synced: HashSet<Flavor>,
}

impl Store {
    /// Adds to what rows are read with.
    fn want(&mut self, wanted: &Expressions) {
        if self.expressions.contains(wanted) {
            return;
        }
        self.expressions = self.expressions.union(wanted);
        let expressions = &self.expressions;
        let behind = self.shelf.values().filter(|row| !row.covers(expressions));
        self.behind = behind.map(|row| name_of(&row.key)).collect();
    }

    /// Notes whether the row of this name, as it is now, has all that is wanted.
    fn note(&mut self, name: &Name) {
        match self.shelf.get(name) {
            Some(row) if !row.covers(&self.expressions) => {
                self.behind.insert(name.clone());
            }
            _ => {
                self.behind.remove(name);
            }
        }
    }
}

/// All rows, by kind, and whose they are.
#[derive(Default)]
pub(super) struct Rows {
    stores: HashMap<Gvk, Store>,
    by_controller: HashMap<Arc<str>, Vec<Arc<Row>>>,
}

fn name_of(key: &ObjectKey) -> Name {
    (
        key.namespace.clone().unwrap_or_default(),
        Arc::clone(&key.name),
    )
}

impl Rows {
    pub(super) fn state(&self, key: &ObjectKey) -> RowState {
        let Some(store) = self.stores.get(&key.gvk) else {
            return RowState::Unknown;
        };
        match store.shelf.get(&name_of(key)) {
            Some(row) => RowState::Known(Arc::clone(row)),
            None if store.synced.is_empty() => RowState::Unknown,
            None => RowState::Absent,
        }
    }

    pub(super) fn of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        let rows = self.by_controller.get(owner_uid);
        rows.cloned().unwrap_or_default()
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &Gvk> {
        self.stores.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.stores.values().map(|store| store.shelf.len()).sum()
    }

    /// Enters a row under its controller, in the place of an older one of the same object.
    fn link(&mut self, row: &Arc<Row>) {
        if let Some(controller) = &row.controller {
            let rows = self
                .by_controller
                .entry(Arc::clone(&controller.uid))
                .or_default();
            match rows.iter_mut().find(|held| held.key == row.key) {
                Some(held) => *held = Arc::clone(row),
                None => rows.push(Arc::clone(row)),
            }
        }
    }

    fn unlink(&mut self, row: &Row) {
        if let Some(controller) = &row.controller
            && let Some(rows) = self.by_controller.get_mut(&controller.uid)
        {
            rows.retain(|held| held.key != row.key);
            if rows.is_empty() {
                self.by_controller.remove(&controller.uid);
            }
        }
    }
}

/// Whether anything that a pass could look at is different.
fn concerns(old: &Row, new: &Row) -> bool {
    let same_results = || {
        if old.expressions.is(&new.expressions) {
            return old.results == new.results;
        }
        // A row read with more expressions than the older one tells nothing new by that alone; one read with fewer (by
        // metadata only) leaves open what became of the others.
        old.expressions
            .iter()
            .all(|one| old.result(one) == new.result(one))
    };
    old.uid != new.uid
        || old.generation != new.generation
        || old.deleting != new.deleting
        || old.controller != new.controller
        || old.labels != new.labels
        || old.stamp_digest != new.stamp_digest
        || old.owned != new.owned
        || old.legacy != new.legacy
        || !same_results()
}

impl Inner {
    /// The keys that a row belongs to: its controller, or the owner that its labels name.
    fn add_owners_of(&self, row: &Row, cause: &Cause, wakes: &mut Wakes) {
        if let Some(controller) = &row.controller {
            wakes.add_all(self.own.by_uid(&controller.uid), cause);
            return;
        }
        for (kind, name, namespace) in [
            (
                Kind::Workload,
                "carto.run/workload-name",
                "carto.run/workload-namespace",
            ),
            (
                Kind::Deliverable,
                "carto.run/deliverable-name",
                "carto.run/deliverable-namespace",
            ),
        ] {
            if let (Some(name), Some(namespace)) = (row.labels.get(name), row.labels.get(namespace))
            {
                let key = Key {
                    kind,
                    namespace: namespace.into(),
                    name: name.into(),
                };
                if self.own.contains(&key) {
                    wakes.add(&key, cause);
                }
            }
        }
    }

    fn row_changed(&self, old: Option<&Row>, new: Option<&Row>, cause: &Cause, wakes: &mut Wakes) {
        if let (Some(old), Some(new)) = (old, new)
            && !concerns(old, new)
        {
            return;
        }
        let same_controller = old
            .zip(new)
            .is_some_and(|(old, new)| old.controller == new.controller);
        for row in old.filter(|_| !same_controller).into_iter().chain(new) {
            self.add_owners_of(row, cause, wakes);
        }
        if let Some(row) = new.or(old) {
            wakes.add_all(
                self.dependents_of(&Dependency::Object(row.key.clone())),
                cause,
            );
        }
    }

    fn put_row(&mut self, row: Arc<Row>, cause: &Cause, wakes: &mut Wakes) {
        let key = row.key.clone();
        let Some(store) = self.rows.stores.get_mut(&key.gvk) else {
            return;
        };
        if store.synced.is_empty() {
            // Nobody would tell of its next change.
            return;
        }
        let name = name_of(&key);
        let row = match store.shelf.get(&name) {
            Some(older) if row.inherits(older) => {
                Arc::new(Arc::unwrap_or_clone(row).inherit(older))
            }
            _ => row,
        };
        let put = store.shelf.put(name.clone(), Arc::clone(&row));
        store.note(&name);
        match put {
            Put::New => {
                self.rows.link(&row);
                self.note_abandoned(&row, wakes);
                self.row_changed(None, Some(&row), cause, wakes);
            }
            Put::Replaced(old) => {
                if old.controller != row.controller {
                    self.rows.unlink(&old);
                    self.note_abandoned(&row, wakes);
                }
                self.rows.link(&row);
                self.row_changed(Some(&old), Some(&row), cause, wakes);
            }
            Put::Stale => self.improve_row(&name, &row),
        }
    }

    /// The version is known, or an older one; yet the new row may know more about it.
    fn improve_row(&mut self, name: &Name, row: &Arc<Row>) {
        let Some(store) = self.rows.stores.get_mut(&row.key.gvk) else {
            return;
        };
        let Some(held) = store.shelf.get_mut(name) else {
            return;
        };
        let better = if held.resource_version == row.resource_version {
            row.covers(&held.expressions)
                .then(|| Row::clone(row).inherit(held))
        } else {
            (held.settled.is_none() && row.settled.is_some()).then(|| Row::clone(held).inherit(row))
        };
        if let Some(better) = better.map(Arc::new) {
            *held = Arc::clone(&better);
            store.note(name);
            self.rows.link(&better);
        }
    }

    pub(super) fn put_row_through(&mut self, row: Arc<Row>, wakes: &mut Wakes) {
        self.put_row(row, &Cause::default(), wakes);
    }

    fn take_row(&mut self, gvk: &Gvk, name: &Name, cause: &Cause, wakes: &mut Wakes) {
        let Some(store) = self.rows.stores.get_mut(gvk) else {
            return;
        };
        if let Some(old) = store.shelf.take(name) {
            store.note(name);
            self.rows.unlink(&old);
            self.row_changed(Some(&old), None, cause, wakes);
        }
    }

    pub(super) fn take_row_through(&mut self, key: &ObjectKey, uid: &str, wakes: &mut Wakes) {
        let name = name_of(key);
        if let RowState::Known(row) = self.rows.state(key)
            && row.uid == *uid
        {
            let Some(store) = self.rows.stores.get_mut(&key.gvk) else {
                return;
            };
            if let Some(old) = store.shelf.bury(&name) {
                store.note(&name);
                self.rows.unlink(&old);
                self.row_changed(Some(&old), None, &Cause::default(), wakes);
            }
        }
    }
}

fn cause_of(row: &Row, read_at: Instant) -> Cause {
    let mark = Mark {
        uid: row.uid.clone(),
        version: row.resource_version.number(),
    };
    Cause {
        mark: Some(mark),
        read_at: Some(read_at),
    }
}

/// The part of the index that watches of stamped kinds write to.
impl Index {
    /// Adds to what rows of a kind are read with. Returns how many rows are there without all of it.
    pub(crate) fn want_expressions(&self, gvk: &Gvk, wanted: &Expressions) -> usize {
        let mut inner = self.write();
        let inner = &mut *inner;
        let own = &inner.own;
        let store = inner
            .rows
            .stores
            .entry(gvk.clone())
            .or_insert_with(|| Store {
                expressions: own.hinted_expressions(gvk),
                ..Store::default()
            });
        store.want(wanted);
        let behind = store.behind.iter().filter_map(|name| store.shelf.get(name));
        behind.filter(|row| !row.covers(wanted)).count()
    }

    /// What rows of a kind are read with; `None` when the kind is not kept.
    pub(crate) fn expressions(&self, gvk: &Gvk) -> Option<Expressions> {
        self.read()
            .rows
            .stores
            .get(gvk)
            .map(|store| store.expressions.clone())
    }

    /// Whether the row of this very version is there, with all that rows of the kind are read with.
    pub(crate) fn knows_row(&self, gvk: &Gvk, object: &Glance<'_>) -> bool {
        let inner = self.read();
        inner.rows.stores.get(gvk).is_some_and(|store| {
            store
                .shelf
                .has(object)
                .is_some_and(|row| row.covers(&store.expressions))
        })
    }

    /// The moment now, for [`Index::rows_listed`].
    pub(crate) fn rows_clock(&self, gvk: &Gvk) -> u64 {
        self.read()
            .rows
            .stores
            .get(gvk)
            .map_or(0, |store| store.shelf.clock())
    }

    /// Makes a row share what it can with those that are there. To be called before it is handed in.
    pub(crate) fn share_row(&self, mut row: Row) -> Row {
        self.interner.share(&mut row);
        row
    }

    /// Takes in a list of one flavor of a kind.
    pub(crate) fn rows_listed(&self, gvk: &Gvk, flavor: Flavor, begun: u64, rows: Vec<Row>) {
        self.change(|inner, wakes| {
            let cause = Cause::default();
            let mut listed = HashSet::with_capacity(rows.len());
            inner
                .rows
                .stores
                .entry(gvk.clone())
                .or_default()
                .synced
                .insert(flavor);
            for row in rows {
                listed.insert(name_of(&row.key));
                inner.put_row(Arc::new(row), &cause, wakes);
            }
            let Some(store) = inner.rows.stores.get_mut(gvk) else {
                return;
            };
            let label = flavor.selector();
            let absent: Vec<Name> = store
                .shelf
                .absent(begun, &listed)
                .into_iter()
                .filter(|name| {
                    store
                        .shelf
                        .get(name)
                        .is_some_and(|row| row.labels.contains_key(label))
                })
                .collect();
            for name in absent {
                inner.take_row(gvk, &name, &cause, wakes);
            }
        });
    }

    /// Takes in one event.
    pub(crate) fn row_seen(&self, row: Row, read_at: Instant) {
        self.change(|inner, wakes| {
            let cause = cause_of(&row, read_at);
            inner.put_row(Arc::new(row), &cause, wakes);
        });
    }

    /// Takes in the end of an object, or that it no longer has the label.
    pub(crate) fn row_gone(&self, row: Row, read_at: Instant) {
        self.change(|inner, wakes| {
            let cause = cause_of(&row, read_at);
            let (gvk, name, row) = (row.key.gvk.clone(), name_of(&row.key), Arc::new(row));
            let Some(store) = inner.rows.stores.get_mut(&gvk) else {
                return;
            };
            if let Some(old) = store.shelf.remove(&name, &row) {
                store.note(&name);
                inner.rows.unlink(&old);
                inner.row_changed(Some(&old), None, &cause, wakes);
            }
        });
    }

    /// Forgets the rows of a flavor that cannot be watched any more: what is said of them would not be true for long.
    pub(crate) fn rows_lost(&self, gvk: &Gvk, flavor: Flavor) {
        let mut inner = self.write();
        let rows = &mut inner.rows;
        let Some(store) = rows.stores.get_mut(gvk) else {
            return;
        };
        store.synced.remove(&flavor);
        if store.synced.is_empty() {
            let lost = std::mem::take(&mut store.shelf);
            store.behind.clear();
            for row in lost.values() {
                rows.unlink(row);
            }
        }
    }

    /// Forgets a kind that nobody needs.
    pub(crate) fn drop_kind(&self, gvk: &Gvk) {
        let mut inner = self.write();
        if let Some(store) = inner.rows.stores.remove(gvk) {
            for row in store.shelf.values() {
                inner.rows.unlink(row);
            }
        }
    }
}

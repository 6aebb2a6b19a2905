//! What is known of the cluster, and whom a change concerns.
//!
//! One structure owns the state; watches and replies to our own writes change it, synchronously, under one lock, and
//! each change names the keys that it concerns. Those are found through maps that are kept on insert and delete:
//! controller uid → owner, template, account or object → those whose last pass depended on it, label → owners (for
//! blueprints). What is kept of our own kinds is their JSON without managed fields; of stamped objects a
//! [`Row`](carto_core::row::Row); of accounts, roles and CRDs their names.
//!
//! It makes no requests and knows no time but what it is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use carto_core::key::{BlueprintKind, Gvk, ObjectKey, ServiceAccountKey, TemplateKind};
use carto_core::model::{Blueprint, RunTemplate, Template};
use carto_core::realize::{Dependency, Outcome};
use carto_core::recall::Recall;
use carto_core::row::{Row, RowState};
use serde_json::Value;
use tokio::time::Instant;

use crate::key::{Key, Kind};
use crate::queue::{Cause, Mark, Queue};

mod abandoned;
mod document;
mod fresh;
mod intern;
mod own;
mod rights;
mod rows;
pub(crate) mod shelf;

pub(crate) use fresh::Original;
pub(crate) use own::{Own, OwnObject};
pub(crate) use rights::{Binding, Bindings, Meta, Registry};
pub(crate) use rows::Flavor;

use abandoned::Abandoned;
use fresh::Fresh;
use intern::Interner;
use own::OwnKinds;
use rights::Rights;
use rows::Rows;
use shelf::{Shelf, Versioned};

/// Repairs are counted over this time.
const REPAIR_WINDOW: Duration = Duration::from_mins(10);
/// More repairs of one object than this within the window are not counted one by one.
const REPAIRS_MAX: usize = 64;
/// For so long after a change of rights a refusal is not believed: authorizers learn of it later than we do.
const RIGHTS_SETTLE: Duration = Duration::from_secs(10);

/// Who is to be woken, and why.
#[derive(Debug, Default)]
struct Wakes(Vec<(Key, Cause)>);

impl Wakes {
    fn add(&mut self, key: &Key, cause: &Cause) {
        self.0.push((key.clone(), cause.clone()));
    }

    fn add_all<'a>(&mut self, keys: impl IntoIterator<Item = &'a Key>, cause: &Cause) {
        for key in keys {
            self.add(key, cause);
        }
    }
}

/// What the last pass over a key left behind.
#[derive(Debug, Default)]
struct Ledger {
    /// What the key is found by in [`Inner::dependents`].
    depends_on: Box<[Arc<Dependency>]>,
    watched: Box<[Gvk]>,
    /// What spares the next pass work.
    recall: Recall,
    /// Groups of kinds that were asked for and that nobody serves.
    missing: Vec<Arc<str>>,
    /// Counts the changes that concern the key.
    changed: u64,
    /// `changed` when the last pass ended with nothing more to do.
    done: u64,
    /// Until then a refusal may be the authorizer's delay.
    rights_fresh_until: Option<Instant>,
}

#[derive(Default)]
struct Inner {
    own: OwnKinds,
    rows: Rows,
    rights: Rights,
    crds: Shelf<Meta>,
    ledgers: HashMap<Key, Ledger>,
    dependents: BTreeMap<Arc<Dependency>, HashSet<Key>>,
    missing: HashMap<Arc<str>, HashSet<Key>>,
    /// How many keys name a kind as watched.
    users: HashMap<Gvk, usize>,
    repairs: HashMap<ObjectKey, VecDeque<Instant>>,
    abandoned: Abandoned,
    /// Counts changes of what is found through [`Inner::dependents`], into which a pass is entered when it ends.
    epoch: u64,
}

/// What a pass has seen at most: taken before it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    epoch: u64,
}

/// The index. Cheap lookups, synchronous changes.
pub(crate) struct Index {
    inner: RwLock<Inner>,
    fresh: Mutex<Fresh>,
    interner: Interner,
    queue: Arc<Queue>,
}

/// How a pass ended, for the ledger.
pub(crate) struct PassEnd<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) began: Moment,
    /// Groups of kinds that were not served.
    pub(crate) missing: BTreeSet<Arc<str>>,
}

impl Index {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self {
            inner: RwLock::default(),
            fresh: Mutex::default(),
            interner: Interner::default(),
            queue,
        }
    }

    // A panic while the lock is held would be a bug of this module; the state is still the best there is.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whom it concerns.
    fn change<T>(&self, change: impl FnOnce(&mut Inner, &mut Wakes) -> T) -> T {
        let mut wakes = Wakes::default();
        let mut inner = self.write();
        let result = change(&mut inner, &mut wakes);
        for (key, _) in &wakes.0 {
            inner.ledgers.entry(key.clone()).or_default().changed += 1;
        }
        drop(inner);
        for (key, cause) in wakes.0 {
            self.queue.wake(&key, cause);
        }
        result
    }

    // ---- passes ----

    /// The object of a key, without managed fields; `None` when it is gone.
    pub(crate) fn owner(&self, key: &Key) -> Option<Original> {
        let (document, version) = self.read().own.document(key)?;
        let fresh = self.fresh().take(key, &version);
        Some(fresh.map_or_else(|| Original::Text(document.json()), Original::Tree))
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment now, for a pass that begins; hand it to [`Index::pass_ended`].
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            epoch: self.read().epoch,
        }
    }

    /// Notes what a pass depended on, so that its changes wake the key; what changed of it meanwhile wakes the key now.
    /// Returns whether a refusal may still be the authorizer's delay.
    pub(crate) fn pass_ended(&self, key: &Key, end: PassEnd<'_>, now: Instant) -> bool {
        self.change(|inner, wakes| {
            if !inner.own.contains(key) {
                inner.forget_key(key);
                return false;
            }
            inner.replace_dependencies(key, end.outcome);
            inner.replace_missing(key, end.missing);
            if inner.epoch != end.began.epoch {
                wakes.add(key, &Cause::default());
            }
            let ledger = inner.ledgers.entry(key.clone()).or_default();
            if ledger.recall != end.outcome.recall {
                ledger.recall = end.outcome.recall.clone();
            }
            let refused = end
                .outcome
                .depends_on
                .iter()
                .any(|on| matches!(on, Dependency::Permissions(_)));
            refused && ledger.rights_fresh_until.is_some_and(|until| now < until)
        })
    }

    /// Counts the changes of the key so far. To be asked while the queue still holds the key, for [`Index::answered`].
    pub(crate) fn changes_of(&self, key: &Key) -> u64 {
        self.read()
            .ledgers
            .get(key)
            .map_or(0, |ledger| ledger.changed)
    }

    /// Notes that the queue let go of the key after so many changes.
    pub(crate) fn answered(&self, key: &Key, changes: u64) {
        if let Some(ledger) = self.write().ledgers.get_mut(key) {
            ledger.done = changes;
        }
    }

    /// Wakes keys with changes that no pass has answered and that the queue does not know. Returns how many.
    pub(crate) fn sweep(&self, now: Instant) -> u64 {
        self.interner.sweep();
        let mut inner = self.write();
        inner.repairs.retain(|_, times| {
            times
                .back()
                .is_some_and(|last| now.duration_since(*last) < REPAIR_WINDOW)
        });
        let lost: Vec<Key> = inner
            .ledgers
            .iter()
            .filter(|(key, ledger)| ledger.changed != ledger.done && !self.queue.contains(key))
            .map(|(key, _)| key.clone())
            .collect();
        drop(inner);
        for key in &lost {
            self.queue.wake(key, Cause::default());
        }
        lost.len() as u64
    }

    /// Wakes every key there is.
    pub(crate) fn wake_all(&self) {
        self.change(|inner, wakes| {
            wakes.add_all(&inner.own.keys(), &Cause::default());
            wakes.add_all(inner.abandoned.keys(), &Cause::default());
        });
    }

    // ---- replies to our own writes ----

    /// Takes in the reply to a status write of ours; no reason to run again.
    pub(crate) fn status_written(&self, key: &Key, object: Value) {
        if let Some(object) = OwnObject::read(Own::of(key.kind), object) {
            let object = self.share_own(object);
            let mark = Mark {
                uid: Versioned::uid(&object),
                version: Versioned::version(&object).number(),
            };
            // What a blueprint's status says concerns the owners that selected it.
            self.change(|inner, wakes| {
                inner.put_own(object, &Cause::default(), wakes);
                wakes.0.retain(|(woken, _)| woken != key);
            });
            self.queue.absolve(key, &mark);
        }
    }

    /// Takes in the row of an object that the pass over `key` has just written or read. Returns it.
    pub(crate) fn written_through(&self, key: &Key, row: Row) -> Arc<Row> {
        let row = Arc::new(self.share_row(row));
        let mark = Mark {
            uid: row.uid.clone(),
            version: row.resource_version.number(),
        };
        self.change(|inner, wakes| {
            inner.put_row_through(Arc::clone(&row), wakes);
            wakes.0.retain(|(woken, _)| woken != key);
        });
        self.queue.absolve(key, &mark);
        row
    }

    /// Takes in that an object is gone by a request of the pass over `key`.
    pub(crate) fn deleted_through(&self, key: &Key, object: &ObjectKey, uid: &str) {
        self.change(|inner, wakes| {
            inner.take_row_through(object, uid, wakes);
            wakes.0.retain(|(woken, _)| woken != key);
        });
    }

    /// Notes that a value of ours was restored on this object.
    pub(crate) fn repaired(&self, object: &ObjectKey, now: Instant) {
        let mut inner = self.write();
        let times = inner.repairs.entry(object.clone()).or_default();
        if times.len() == REPAIRS_MAX {
            times.pop_front();
        }
        times.push_back(now);
    }

    // ---- watches ----

    /// Kinds whose rows are kept although no key names them as watched any more.
    pub(crate) fn unused_kinds(&self) -> Vec<Gvk> {
        let inner = self.read();
        inner
            .rows
            .kinds()
            .filter(|gvk| !inner.users.contains_key(*gvk))
            .cloned()
            .collect()
    }

    /// What the last passes selected by labels, without namespaces.
    pub(crate) fn selections(&self) -> Vec<(Gvk, Vec<(String, String)>)> {
        let inner = self.read();
        let selections = inner.dependents.keys().filter_map(|on| match &**on {
            Dependency::Selected { gvk, labels, .. } => Some((gvk.clone(), labels.clone())),
            _ => None,
        });
        selections.collect()
    }

    /// Wakes those that selected objects of this namespace (or at cluster scope) so.
    pub(crate) fn selection_changed(&self, on: &Dependency, read_at: Option<Instant>) {
        self.change(|inner, wakes| {
            wakes.add_all(inner.dependents_of(on), &Cause::unmarked(read_at));
        });
    }

    /// Wakes those that selected objects so in any namespace.
    pub(crate) fn selection_listed(&self, gvk: &Gvk, labels: &[(String, String)]) {
        self.change(|inner, wakes| {
            for (on, keys) in &inner.dependents {
                if matches!(&**on, Dependency::Selected { gvk: g, labels: l, .. } if g == gvk && l == labels) {
                    wakes.add_all(keys, &Cause::default());
                }
            }
        });
    }

    /// Kinds of the objects that owners stamped so far, as their statuses tell.
    pub(crate) fn stamped_kinds(&self) -> BTreeSet<Gvk> {
        self.read().own.stamped_kinds()
    }

    /// Kinds that templates stamp, as far as they say so, and who stamps them.
    pub(crate) fn template_kinds(&self) -> BTreeSet<(Gvk, Flavor)> {
        self.read().own.template_kinds()
    }

    /// Keys known, and rows kept.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let inner = self.read();
        (inner.own.len(), inner.rows.len())
    }
}

impl Inner {
    fn dependents_of(&self, on: &Dependency) -> impl Iterator<Item = &Key> {
        self.dependents.get(on).into_iter().flatten()
    }

    fn replace_dependencies(&mut self, key: &Key, outcome: &Outcome) {
        let ledger = self.ledgers.entry(key.clone()).or_default();
        let users = &mut self.users;
        let watched = outcome.watched.iter().map(|gvk| use_kind(users, gvk));
        let watched = watched.collect();
        for gvk in std::mem::replace(&mut ledger.watched, watched) {
            release(&mut self.users, &gvk);
        }
        // Blueprints are found by label, not by who asked: everybody did.
        let found_by = || {
            let all = outcome.depends_on.iter();
            all.filter(|on| !matches!(on, Dependency::Blueprints(_)))
        };
        if ledger.depends_on.iter().map(|on| &**on).eq(found_by()) {
            return;
        }
        let dependents = &mut self.dependents;
        for old in std::mem::take(&mut ledger.depends_on) {
            remove_dependent(dependents, &old, key);
        }
        let added = found_by().map(|on| add_dependent(dependents, on, key));
        ledger.depends_on = added.collect();
    }

    fn replace_missing(&mut self, key: &Key, missing: BTreeSet<Arc<str>>) {
        let ledger = self.ledgers.entry(key.clone()).or_default();
        for group in std::mem::take(&mut ledger.missing) {
            remove_from(&mut self.missing, &group, key);
        }
        for group in missing {
            self.missing
                .entry(Arc::clone(&group))
                .or_default()
                .insert(key.clone());
            ledger.missing.push(group);
        }
    }

    /// Forgets what passes over a key that is gone have left.
    fn forget_key(&mut self, key: &Key) {
        if let Some(ledger) = self.ledgers.remove(key) {
            for on in &ledger.depends_on {
                remove_dependent(&mut self.dependents, on, key);
            }
            for group in &ledger.missing {
                remove_from(&mut self.missing, group, key);
            }
            for gvk in &ledger.watched {
                release(&mut self.users, gvk);
            }
        }
    }
}

fn release(users: &mut HashMap<Gvk, usize>, gvk: &Gvk) {
    if let Some(count) = users.get_mut(gvk) {
        *count -= 1;
        if *count == 0 {
            users.remove(gvk);
        }
    }
}

/// Counts one more user of a kind; returns the copy that all of them share.
fn use_kind(users: &mut HashMap<Gvk, usize>, gvk: &Gvk) -> Gvk {
    let shared = users.get_key_value(gvk).map_or(gvk, |(shared, _)| shared);
    let shared = shared.clone();
    *users.entry(shared.clone()).or_default() += 1;
    shared
}

/// Enters a key; returns the copy of the dependency that all dependents share.
fn add_dependent(
    dependents: &mut BTreeMap<Arc<Dependency>, HashSet<Key>>,
    on: &Dependency,
    key: &Key,
) -> Arc<Dependency> {
    let shared = match dependents.get_key_value(on) {
        Some((shared, _)) => Arc::clone(shared),
        None => Arc::new(on.clone()),
    };
    dependents
        .entry(Arc::clone(&shared))
        .or_default()
        .insert(key.clone());
    shared
}

fn remove_dependent(
    dependents: &mut BTreeMap<Arc<Dependency>, HashSet<Key>>,
    on: &Dependency,
    key: &Key,
) {
    if let Some(keys) = dependents.get_mut(on) {
        keys.remove(key);
        if keys.is_empty() {
            dependents.remove(on);
        }
    }
}

fn remove_from<K: std::hash::Hash + Eq, V: std::hash::Hash + Eq>(
    map: &mut HashMap<K, HashSet<V>>,
    key: &K,
    value: &V,
) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

/// What the core may ask while a pass runs.
impl carto_core::realize::Index for Index {
    fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>> {
        self.read().own.blueprints(kind)
    }

    fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>> {
        self.read().own.template(kind, name)
    }

    fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>> {
        self.read().own.run_template(name)
    }

    fn row(&self, key: &ObjectKey) -> RowState {
        self.read().rows.state(key)
    }

    fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        self.read().rows.of(owner_uid)
    }

    fn service_account_exists(&self, account: &ServiceAccountKey) -> bool {
        self.read().rights.account_exists(account)
    }

    fn recent_repairs(&self, key: &ObjectKey) -> u32 {
        let now = Instant::now();
        let inner = self.read();
        let recent = inner.repairs.get(key).map_or(0, |times| {
            times
                .iter()
                .filter(|at| now.duration_since(**at) < REPAIR_WINDOW)
                .count()
        });
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    fn recall(&self, owner_uid: &str) -> Recall {
        let inner = self.read();
        let ledger = inner
            .own
            .by_uid(owner_uid)
            .and_then(|key| inner.ledgers.get(key));
        ledger.map_or_else(Recall::default, |ledger| ledger.recall.clone())
    }
}

/// The kind of blueprint of a key's kind, if it is one.
fn blueprint_kind(kind: Kind) -> Option<BlueprintKind> {
    match kind {
        Kind::ClusterSupplyChain => Some(BlueprintKind::SupplyChain),
        Kind::ClusterDelivery => Some(BlueprintKind::Delivery),
        Kind::Workload | Kind::Deliverable | Kind::Runnable => None,
    }
}

/// The dependency on a template.
fn on_template(kind: TemplateKind, name: &Arc<str>) -> Dependency {
    Dependency::Template {
        kind,
        name: Arc::clone(name),
    }
}

#[cfg(test)]
mod tests;

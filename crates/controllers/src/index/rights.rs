//! Who exists, and whose rights changed: service accounts, roles, bindings; and which kinds the cluster serves.
//!
//! Rights are never evaluated here, that is the API server's business. What matters is whom a change may concern:
//! owners whose last pass was refused something.

use std::collections::HashSet;
use std::sync::Arc;

use carto_core::key::ServiceAccountKey;
use carto_core::realize::Dependency;
use carto_core::row::{Uid, Version};
use serde_json::Value;
use tokio::time::Instant;

use super::shelf::{Name, Put, Shelf, Versioned};
use super::{Index, Inner, RIGHTS_SETTLE, Wakes};
use crate::queue::Cause;

/// An object of which only the name counts.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    pub(crate) name: Name,
    uid: Uid,
    version: Version,
}

impl Versioned for Meta {
    fn version(&self) -> Version {
        self.version.clone()
    }

    fn uid(&self) -> Uid {
        self.uid.clone()
    }
}

impl Meta {
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |key: &str| metadata.get(key).and_then(Value::as_str);
        let namespace = text("namespace").unwrap_or_default();
        Some(Self {
            name: (namespace.into(), text("name")?.into()),
            uid: Uid::new(text("uid").unwrap_or_default()),
            version: Version::new(text("resourceVersion").unwrap_or_default()),
        })
    }
}

/// Whom a binding binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Account(ServiceAccountKey),
    /// All accounts of a namespace.
    Namespace(Arc<str>),
    Everybody,
}

/// A role: namespace (empty for a `ClusterRole`) and name.
type RoleName = Name;

/// A `RoleBinding` or `ClusterRoleBinding`.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    meta: Meta,
    role: RoleName,
    subjects: Vec<Subject>,
}

impl Versioned for Binding {
    fn version(&self) -> Version {
        self.meta.version.clone()
    }

    fn uid(&self) -> Uid {
        self.meta.uid.clone()
    }
}

impl Binding {
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let meta = Meta::read(object)?;
        let role = object.get("roleRef")?;
        let name = role.get("name").and_then(Value::as_str)?.into();
        let namespaced = role.get("kind").and_then(Value::as_str) == Some("Role");
        let namespace = if namespaced {
            Arc::clone(&meta.name.0)
        } else {
            Arc::default()
        };
        let subjects = object
            .get("subjects")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let subjects = subjects
            .filter_map(|one| subject(one, &meta.name.0))
            .collect();
        Some(Self {
            meta,
            role: (namespace, name),
            subjects,
        })
    }
}

fn subject(subject: &Value, binding_namespace: &str) -> Option<Subject> {
    let text = |key: &str| subject.get(key).and_then(Value::as_str);
    let name = text("name")?;
    match text("kind")? {
        "ServiceAccount" => {
            let namespace = text("namespace").unwrap_or(binding_namespace);
            Some(Subject::Account(ServiceAccountKey::new(namespace, name)))
        }
        "User" => {
            let (namespace, name) = name
                .strip_prefix("system:serviceaccount:")?
                .split_once(':')?;
            Some(Subject::Account(ServiceAccountKey::new(namespace, name)))
        }
        "Group" => match name {
            "system:serviceaccounts" | "system:authenticated" => Some(Subject::Everybody),
            _ => name
                .strip_prefix("system:serviceaccounts:")
                .map(|namespace| Subject::Namespace(namespace.into())),
        },
        _ => None,
    }
}

/// The two kinds of bindings, kept apart because their names may be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bindings {
    Namespaced,
    Cluster,
}

/// The kinds of which only names are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Registry {
    Accounts,
    Roles,
    ClusterRoles,
    Crds,
}

#[derive(Default)]
pub(super) struct Rights {
    accounts: Shelf<Meta>,
    accounts_listed: bool,
    roles: Shelf<Meta>,
    cluster_roles: Shelf<Meta>,
    bindings: Shelf<Binding>,
    cluster_bindings: Shelf<Binding>,
}

impl Rights {
    pub(super) fn account_exists(&self, account: &ServiceAccountKey) -> bool {
        let name = (Arc::clone(&account.namespace), Arc::clone(&account.name));
        // Without the right to see accounts, the API server is left to say whether this one is there.
        !self.accounts_listed || self.accounts.get(&name).is_some()
    }

    fn bindings(&mut self, which: Bindings) -> &mut Shelf<Binding> {
        match which {
            Bindings::Namespaced => &mut self.bindings,
            Bindings::Cluster => &mut self.cluster_bindings,
        }
    }
}

impl Inner {
    fn registry(&mut self, which: Registry) -> &mut Shelf<Meta> {
        match which {
            Registry::Accounts => &mut self.rights.accounts,
            Registry::Roles => &mut self.rights.roles,
            Registry::ClusterRoles => &mut self.rights.cluster_roles,
            Registry::Crds => &mut self.crds,
        }
    }

    fn name_changed(
        &mut self,
        which: Registry,
        name: &Name,
        came_or_went: bool,
        wakes: &mut Wakes,
    ) {
        if which != Registry::Accounts || came_or_went {
            self.epoch += 1;
        }
        match which {
            // An account's own changes (its secrets, its labels) change nobody's outcome.
            Registry::Accounts if !came_or_went => {}
            Registry::Accounts => {
                let account = ServiceAccountKey {
                    namespace: Arc::clone(&name.0),
                    name: Arc::clone(&name.1),
                };
                let on = Dependency::ServiceAccount(account);
                wakes.add_all(self.dependents_of(&on), &Cause::default());
            }
            Registry::Roles => self.role_changed(name, wakes),
            Registry::ClusterRoles => {
                self.role_changed(&(Arc::default(), Arc::clone(&name.1)), wakes);
            }
            Registry::Crds => {
                // A CRD is named plural.group.
                if let Some((_, group)) = name.1.split_once('.')
                    && let Some(keys) = self.missing.get(group)
                {
                    wakes.add_all(keys, &Cause::default());
                }
            }
        }
    }

    fn role_changed(&mut self, role: &RoleName, wakes: &mut Wakes) {
        let both = self
            .rights
            .bindings
            .values()
            .chain(self.rights.cluster_bindings.values());
        let bound = both.filter(|binding| binding.role == *role);
        let subjects: HashSet<Subject> = bound.flat_map(|b| b.subjects.iter().cloned()).collect();
        self.rights_changed(&subjects, wakes);
    }

    /// Wakes those of the subjects' owners whose last pass was refused something.
    fn rights_changed(&mut self, subjects: &HashSet<Subject>, wakes: &mut Wakes) {
        if subjects.is_empty() {
            return;
        }
        self.epoch += 1;
        // Only refused owners are in these entries: a handful, whatever the size of the cluster.
        let concerned = self.dependents.iter().filter(|(on, _)| match &***on {
            Dependency::Permissions(account) => {
                subjects.contains(&Subject::Everybody)
                    || subjects.contains(&Subject::Namespace(Arc::clone(&account.namespace)))
                    || subjects.contains(&Subject::Account(account.clone()))
            }
            _ => false,
        });
        let keys: HashSet<_> = concerned.flat_map(|(_, keys)| keys).cloned().collect();
        let until = Instant::now() + RIGHTS_SETTLE;
        for key in &keys {
            if let Some(ledger) = self.ledgers.get_mut(key) {
                ledger.rights_fresh_until = Some(until);
            }
            wakes.add(key, &Cause::default());
        }
    }
}

/// The part of the index that watches of accounts, rights and CRDs write to.
impl Index {
    pub(crate) fn registry_clock(&self, which: Registry) -> u64 {
        self.write().registry(which).clock()
    }

    /// Takes in a list. Returns the names that came, went or changed.
    pub(crate) fn registry_listed(
        &self,
        which: Registry,
        begun: u64,
        metas: Vec<Meta>,
    ) -> Vec<Name> {
        self.change(|inner, wakes| {
            inner.rights.accounts_listed |= which == Registry::Accounts;
            let mut changed = Vec::new();
            let mut listed = HashSet::with_capacity(metas.len());
            for meta in metas {
                let name = meta.name.clone();
                listed.insert(name.clone());
                match inner.registry(which).put(name.clone(), meta) {
                    Put::Stale => {}
                    put => changed.push((name, matches!(put, Put::New))),
                }
            }
            for name in inner.registry(which).absent(begun, &listed) {
                inner.registry(which).take(&name);
                changed.push((name, true));
            }
            for (name, came_or_went) in &changed {
                inner.name_changed(which, name, *came_or_went, wakes);
            }
            changed.into_iter().map(|(name, _)| name).collect()
        })
    }

    pub(crate) fn registry_seen(&self, which: Registry, meta: Meta) {
        self.change(|inner, wakes| {
            let name = meta.name.clone();
            let uid = meta.uid.clone();
            match inner.registry(which).put(name.clone(), meta) {
                Put::Stale => {}
                Put::New => inner.name_changed(which, &name, true, wakes),
                Put::Replaced(old) => inner.name_changed(which, &name, old.uid != uid, wakes),
            }
        });
    }

    pub(crate) fn registry_gone(&self, which: Registry, meta: &Meta) {
        self.change(|inner, wakes| {
            if inner.registry(which).remove(&meta.name, meta).is_some() {
                inner.name_changed(which, &meta.name, true, wakes);
            }
        });
    }

    pub(crate) fn bindings_clock(&self, which: Bindings) -> u64 {
        self.write().rights.bindings(which).clock()
    }

    pub(crate) fn bindings_listed(&self, which: Bindings, begun: u64, bindings: Vec<Binding>) {
        self.change(|inner, wakes| {
            let mut subjects = HashSet::new();
            let mut listed = HashSet::with_capacity(bindings.len());
            for binding in bindings {
                listed.insert(binding.meta.name.clone());
                subjects.extend(put_binding(inner.rights.bindings(which), binding));
            }
            let held = inner.rights.bindings(which);
            for name in held.absent(begun, &listed) {
                subjects.extend(held.take(&name).into_iter().flat_map(|old| old.subjects));
            }
            inner.rights_changed(&subjects, wakes);
        });
    }

    pub(crate) fn binding_seen(&self, which: Bindings, binding: Binding) {
        self.change(|inner, wakes| {
            let subjects = put_binding(inner.rights.bindings(which), binding);
            inner.rights_changed(&subjects.into_iter().collect(), wakes);
        });
    }

    pub(crate) fn binding_gone(&self, which: Bindings, binding: &Binding) {
        self.change(|inner, wakes| {
            let old = inner
                .rights
                .bindings(which)
                .remove(&binding.meta.name, binding);
            let subjects = old.into_iter().flat_map(|old| old.subjects).collect();
            inner.rights_changed(&subjects, wakes);
        });
    }
}

/// Puts a binding; returns those it binds or bound, if it was news.
fn put_binding(shelf: &mut Shelf<Binding>, binding: Binding) -> Vec<Subject> {
    let mut subjects = binding.subjects.clone();
    match shelf.put(binding.meta.name.clone(), binding) {
        Put::Stale => Vec::new(),
        Put::New => subjects,
        Put::Replaced(old) => {
            subjects.extend(old.subjects);
            subjects
        }
    }
}

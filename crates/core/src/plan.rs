//! What a change of files would do to a cluster.
//!
//! Two worlds are settled: the cluster as it is, and the cluster with the files applied. What
//! differs between them is the plan. So whatever the controllers would do anyway is not blamed on
//! the files, and what a change sets off further down, such as a new run of a Runnable that a
//! chain stamps, is part of it. Nothing here writes to a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::condition;
use crate::json;
use crate::key::{Gvk, Mapping, ObjectKey};
use crate::offline::{Settled, World, is_run, resource_of};
use crate::words::{API_VERSION, condition_type};

/// What there is and what is meant to be.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Everything that counts on the cluster: blueprints, templates, owners and what they stamped.
    pub live: Vec<Value>,
    /// Objects that would be applied.
    pub files: Vec<Value>,
    /// Objects that would be deleted, by key.
    pub removed: BTreeSet<ObjectKey>,
    /// How kinds are served.
    pub mappings: BTreeMap<Gvk, Mapping>,
    /// Compares with the cluster as it is, not as its controllers would leave it: what they have
    /// not done yet is part of the plan.
    pub pending: bool,
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// How many owners were looked at.
    pub examined: usize,
    /// Owners for whom something changes, in the order of their keys. What is stamped for a
    /// Runnable or Deliverable that another owner stamped counts as that owner's.
    pub owners: Vec<OwnerChange>,
    /// Owners that undo each other's work for ever.
    pub restless: bool,
}

/// What changes for one owner.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerChange {
    /// Which.
    pub owner: ObjectKey,
    /// Its blueprint, now and then.
    pub blueprint: Transition<Option<String>>,
    /// Its `Ready` condition as `status reason: message`, now and then.
    pub ready: Transition<String>,
    /// Its objects.
    pub objects: Vec<ObjectChange>,
}

/// Something now, and with the files applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition<T> {
    /// Now.
    pub before: T,
    /// With the files applied.
    pub after: T,
}

impl<T: PartialEq> Transition<T> {
    /// Reports whether it changes.
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectChange {
    /// Which.
    pub key: ObjectKey,
    /// The resource it is stamped for, when it is known.
    pub resource: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// What is there.
    pub before: Option<Value>,
    /// What would be there.
    pub after: Option<Value>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is made.
    Create,
    /// It is made and runs something.
    Run,
    /// Its fields change.
    Change,
    /// It is taken away.
    Delete,
}

impl Effect {
    /// Returns the word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Run => "run",
            Self::Change => "change",
            Self::Delete => "delete",
        }
    }
}

/// Finds out what would change.
///
/// Cost: three passes or so over every owner, twice.
pub fn plan(inputs: Inputs, now: Timestamp) -> Plan {
    let Inputs {
        live,
        files,
        removed,
        mappings,
        pending,
    } = inputs;
    let wanted = applied(&live, files, &removed);
    let before = if pending {
        Side::as_it_is(live)
    } else {
        Side::settle(live, mappings.clone(), now)
    };
    let after = Side::settle(wanted, mappings, now);
    let roots = Roots::of(&before, &after);
    let mut changes: BTreeMap<ObjectKey, OwnerChange> = BTreeMap::new();
    let owners: BTreeSet<&ObjectKey> = before.owners().chain(after.owners()).collect();
    for owner in &owners {
        if roots.of_key(owner) == *owner {
            let change = OwnerChange {
                owner: (*owner).clone(),
                blueprint: transition(&before, &after, |side| side.blueprint(owner)),
                ready: transition(&before, &after, |side| side.ready(owner)),
                objects: Vec::new(),
            };
            changes.insert((*owner).clone(), change);
        }
    }
    let examined = changes.len();
    let keys: BTreeSet<&ObjectKey> = before.objects.keys().chain(after.objects.keys()).collect();
    for key in keys {
        let Some(change) = object_change(key, before.objects.get(key), after.objects.get(key))
        else {
            continue;
        };
        if let Some(of) = changes.get_mut(roots.of_key(key)) {
            of.objects.push(change);
        }
    }
    let concerns = |change: &OwnerChange| {
        !change.objects.is_empty() || change.blueprint.is_change() || change.ready.is_change()
    };
    Plan {
        examined,
        owners: changes.into_values().filter(concerns).collect(),
        restless: before.settled.restless || after.settled.restless,
    }
}

/// One of the two worlds.
struct Side {
    settled: Settled,
    objects: BTreeMap<ObjectKey, Value>,
}

impl Side {
    fn settle(objects: Vec<Value>, mappings: BTreeMap<Gvk, Mapping>, now: Timestamp) -> Self {
        let world = Arc::new(World::new(objects, mappings, now));
        let settled = world.settle();
        Self {
            settled,
            objects: keyed(world.objects()),
        }
    }

    fn as_it_is(objects: Vec<Value>) -> Self {
        Self {
            settled: Settled::default(),
            objects: keyed(objects),
        }
    }

    fn owners(&self) -> impl Iterator<Item = &ObjectKey> {
        self.settled.passes.keys()
    }

    fn status(&self, owner: &ObjectKey) -> Option<&Value> {
        self.objects.get(owner)?.get("status")
    }

    fn blueprint(&self, owner: &ObjectKey) -> Option<String> {
        let status = self.status(owner)?;
        let name = |field| json::text(status, &[field, "name"]);
        name("supplyChainRef")
            .or_else(|| name("deliveryRef"))
            .map(str::to_owned)
    }

    fn ready(&self, owner: &ObjectKey) -> String {
        let conditions = self
            .status(owner)
            .map_or(&[][..], |status| json::list(status, &["conditions"]));
        let Some(ready) = condition::find(conditions, condition_type::READY) else {
            return String::new();
        };
        let part = |key: &str| json::string(ready, &[key]);
        let text = format!("{} {}: {}", part("status"), part("reason"), part("message"));
        text.trim_end_matches([':', ' ']).to_owned()
    }
}

fn transition<T>(before: &Side, after: &Side, read: impl Fn(&Side) -> T) -> Transition<T> {
    Transition {
        before: read(before),
        after: read(after),
    }
}

fn keyed(objects: Vec<Value>) -> BTreeMap<ObjectKey, Value> {
    let keyed = |object: Value| Some((ObjectKey::of(&object)?, object));
    objects.into_iter().filter_map(keyed).collect()
}

/// Who stands behind an object: its controller's controller's ... controller.
struct Roots<'a> {
    keys: BTreeMap<String, &'a ObjectKey>,
    controllers: BTreeMap<&'a ObjectKey, String>,
}

impl<'a> Roots<'a> {
    fn of(before: &'a Side, after: &'a Side) -> Self {
        let mut roots = Self {
            keys: BTreeMap::new(),
            controllers: BTreeMap::new(),
        };
        for (key, object) in before.objects.iter().chain(&after.objects) {
            roots
                .keys
                .insert(json::string(object, &["metadata", "uid"]), key);
            let owners = json::list(object, &["metadata", "ownerReferences"]);
            let controls = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
            if let Some(owner) = owners.iter().find(controls) {
                roots.controllers.insert(key, json::string(owner, &["uid"]));
            }
        }
        roots
    }

    fn of_key<'k>(&'k self, key: &'k ObjectKey) -> &'k ObjectKey {
        let mut at = key;
        // Owners own owners a few levels deep; a circle cannot come from a cluster.
        for _ in 0..16 {
            let above = self.controllers.get(at).and_then(|uid| self.keys.get(uid));
            match above {
                Some(above) => at = above,
                None => return at,
            }
        }
        at
    }
}

/// Puts the files over what is there, as an apply would: whoever is, keeps identity and status.
fn applied(live: &[Value], files: Vec<Value>, removed: &BTreeSet<ObjectKey>) -> Vec<Value> {
    let mut all: BTreeMap<ObjectKey, Value> = live
        .iter()
        .filter_map(|object| Some((ObjectKey::of(object)?, object.clone())))
        .filter(|(key, _)| !removed.contains(key))
        .collect();
    for mut file in files {
        let Some(key) = ObjectKey::of(&file) else {
            continue;
        };
        if let Some(live) = all.get(&key) {
            for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
                if let Some(value) = json::at(live, &["metadata", field]) {
                    file["metadata"][field] = value.clone();
                }
            }
            if let Some(status) = live.get("status") {
                file["status"] = status.clone();
            }
        }
        all.insert(key, file);
    }
    let gone: BTreeSet<String> = live
        .iter()
        .filter(|object| ObjectKey::of(object).is_some_and(|key| removed.contains(&key)))
        .map(|object| json::string(object, &["metadata", "uid"]))
        .collect();
    collect_garbage(&mut all, gone);
    all.into_values().collect()
}

/// Takes away what belongs to objects that are gone.
fn collect_garbage(all: &mut BTreeMap<ObjectKey, Value>, mut gone: BTreeSet<String>) {
    while !gone.is_empty() {
        let mut next = BTreeSet::new();
        all.retain(|_, object| {
            let owners = json::list(object, &["metadata", "ownerReferences"]);
            let orphan = owners
                .iter()
                .any(|owner| gone.contains(&json::string(owner, &["uid"])));
            if orphan {
                next.insert(json::string(object, &["metadata", "uid"]));
            }
            !orphan
        });
        gone = next;
    }
}

fn object_change(
    key: &ObjectKey,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<ObjectChange> {
    let is_owner = key.gvk.api_version() == API_VERSION
        && matches!(&*key.gvk.kind, "Workload" | "Deliverable" | "Runnable");
    let is_stamped =
        |object: &Value| !json::list(object, &["metadata", "ownerReferences"]).is_empty();
    // Owners that nobody stamped are what the files say.
    if is_owner && ![before, after].into_iter().flatten().any(is_stamped) {
        return None;
    }
    let shown = |object: &Value| content(object);
    let (old, new) = (before.map(shown), after.map(shown));
    if old == new {
        return None;
    }
    let effect = match (before, after) {
        (None, Some(object)) if is_run(object) => Effect::Run,
        (None, _) => Effect::Create,
        (Some(_), Some(_)) => Effect::Change,
        (Some(_), None) => Effect::Delete,
    };
    Some(ObjectChange {
        key: key.clone(),
        resource: after.or(before).and_then(resource_of).map(str::to_owned),
        effect,
        before: old,
        after: new,
    })
}

/// Returns what of an object a plan is about: neither status nor what servers and we keep.
fn content(object: &Value) -> Value {
    let mut object = crate::offline::bare(object);
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    object
}

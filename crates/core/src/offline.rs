//! Passes without a cluster: the same steppers over objects from files or from a listing.
//!
//! `carto render` shows what would be stamped, `carto plan` what would change, `carto test`
//! compares with expectations; all of them ask the core the same questions as the controllers do
//! and only answer its requests from memory. Writes are carried out by server-side apply on the
//! schema of objects without any, so lists are replaced as a whole.

mod alone;
mod memory;
mod served;
mod settle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::condition;
use crate::json;
use crate::key::{
    BlueprintKind, Gvk, Mapping, ObjectKey, OwnerKind, ServiceAccountKey, TemplateKind,
};
use crate::model::{Blueprint, RunTemplate, Template};
use crate::realize::{
    ApiFailure, FailureKind, Index, Observed, Outcome, Realization, Reply, Request, Step, Watch,
};
use crate::row::{Row, RowState};
use crate::runnable::RunnablePass;
use crate::words::{STAMP_DIGEST, label};
use memory::Memory;

pub use alone::{Mock, stamp_alone, stamp_in_chain};
pub use settle::Settled;

/// More requests than this are a bug in the core, which bounds them by the size of the blueprint.
const MAX_REQUESTS: usize = 4096;

/// Beginning of the uids that owners from files are given.
const INVENTED_UID: &str = "offline-";

/// Everything there is, in memory.
pub struct World {
    blueprints: Vec<Arc<Blueprint>>,
    templates: BTreeMap<(TemplateKind, Arc<str>), Arc<Template>>,
    run_templates: BTreeMap<Arc<str>, Arc<RunTemplate>>,
    mappings: BTreeMap<Gvk, Mapping>,
    now: Timestamp,
    memory: Mutex<Memory>,
}

/// Something that would be done to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Which object.
    pub key: ObjectKey,
    /// What is there; `None` when it is created.
    pub before: Option<Value>,
    /// What would be there; `None` when it is deleted.
    pub after: Option<Value>,
}

/// What a pass comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What would be done, in order.
    pub actions: Vec<Action>,
    /// The status after it.
    pub status: Value,
    /// The rest of the outcome.
    pub outcome: Outcome,
}

impl World {
    /// Makes a world of these objects: blueprints, templates and run templates are recognised by
    /// their kind, all others are what is observed on the cluster.
    ///
    /// Shape: observed objects may lack uid and managed fields, as in files; of two objects of one
    /// name the last wins. Every service account exists. A blueprint is ready when its templates
    /// are among the objects, whatever its status says. How a kind is served is taken from
    /// `mappings`, from its definition among the objects, or guessed from its name; guessed kinds
    /// live in namespaces unless Kubernetes itself has them outside.
    pub fn new(
        objects: impl IntoIterator<Item = Value>,
        mappings: BTreeMap<Gvk, Mapping>,
        now: Timestamp,
    ) -> Self {
        let mut world = Self {
            blueprints: Vec::new(),
            templates: BTreeMap::new(),
            run_templates: BTreeMap::new(),
            mappings,
            now,
            memory: Mutex::default(),
        };
        let mut blueprints = BTreeMap::new();
        for object in objects {
            if let Some((kind, blueprint)) = world.add(object) {
                blueprints.insert((kind.name(), blueprint.name.clone()), blueprint);
            }
        }
        let ready = |blueprint| Arc::new(world.examined(blueprint));
        world.blueprints = blueprints.into_values().map(ready).collect();
        world
    }

    /// Takes an object in; a blueprint is handed back.
    fn add(&mut self, object: Value) -> Option<(BlueprintKind, Blueprint)> {
        let kind = json::string(&object, &["kind"]);
        if kind == "CustomResourceDefinition" {
            for (gvk, mapping) in served::by_definition(&object) {
                self.mappings.entry(gvk).or_insert(mapping);
            }
        }
        let ours = json::string(&object, &["apiVersion"]) == crate::words::API_VERSION;
        let blueprint = [BlueprintKind::SupplyChain, BlueprintKind::Delivery];
        match TemplateKind::parse(&kind).filter(|_| ours) {
            Some(TemplateKind::Run) => {
                let template = RunTemplate::read(&object);
                let name = template.name.clone();
                self.run_templates.insert(name, Arc::new(template));
            }
            Some(kind) => {
                let template = Template::read(kind, &object);
                let name = template.name.clone();
                self.templates.insert((kind, name), Arc::new(template));
            }
            None => match blueprint.into_iter().find(|one| ours && one.name() == kind) {
                Some(kind) => return Some((kind, Blueprint::read(kind, &object))),
                None => self.with(|memory| memory.observe(object)),
            },
        }
        None
    }

    /// Says of a blueprint what its controller would.
    fn examined(&self, mut blueprint: Blueprint) -> Blueprint {
        let known = |kind, name: &str| self.templates.contains_key(&(kind, name.into()));
        let ready = crate::blueprint::templates_ready(&blueprint, known);
        let status = ready.status.name().to_owned();
        blueprint.ready = Some((status, ready.reason, ready.message));
        blueprint
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns all objects other than blueprints and templates.
    pub fn objects(&self) -> Vec<Value> {
        self.with(|memory| memory.all().cloned().collect())
    }

    /// Runs one pass over a Workload or Deliverable.
    pub fn realize(self: &Arc<Self>, kind: OwnerKind, owner: &Value) -> Rendered {
        let observed = self.observed(owner);
        let mut pass = Realization::new(kind, observed);
        self.run(owner, |reply| pass.resume(reply))
    }

    /// Runs one pass over a Runnable.
    pub fn run_runnable(self: &Arc<Self>, runnable: &Value) -> Rendered {
        let observed = self.observed(runnable);
        let mut pass = RunnablePass::new(observed);
        self.run(runnable, |reply| pass.resume(reply))
    }

    fn observed(self: &Arc<Self>, owner: &Value) -> Observed {
        let mut owner = owner.clone();
        memory::identify(&mut owner);
        Observed {
            owner: Arc::new(owner),
            now: self.now,
            index: self.clone(),
        }
    }

    fn run(&self, owner: &Value, mut resume: impl FnMut(Option<Reply>) -> Step) -> Rendered {
        self.with(|memory| memory.actions.clear());
        let mut reply = None;
        for _ in 0..MAX_REQUESTS {
            match resume(reply.take()) {
                Step::Do(request) => reply = Some(self.perform(&request)),
                Step::Done(outcome) => {
                    let current = owner.get("status").cloned().unwrap_or_default();
                    return Rendered {
                        actions: self.with(|memory| std::mem::take(&mut memory.actions)),
                        status: outcome.status.clone().unwrap_or(current),
                        outcome: *outcome,
                    };
                }
            }
        }
        Rendered {
            actions: Vec::new(),
            status: Value::Null,
            outcome: Outcome::unchanged(),
        }
    }

    fn mapping(&self, gvk: &Gvk) -> Mapping {
        let known = self.mappings.get(gvk).cloned();
        known.unwrap_or_else(|| served::guess(gvk))
    }

    fn perform(&self, request: &Request) -> Reply {
        let now = condition::timestamp(self.now);
        let reply = match request {
            Request::Resolve { gvk } => Ok(Reply::Mapping(self.mapping(gvk))),
            Request::Observe { gvk, expressions } => self.with(|memory| {
                memory.ask(gvk, expressions);
                Ok(Reply::Observed {
                    mapping: self.mapping(gvk),
                    watch: Watch::Synced,
                })
            }),
            Request::Get { key, .. } => self.with(|memory| {
                let object = memory.get(key).cloned().map(Reply::Object);
                object.ok_or_else(|| not_found(key))
            }),
            Request::List {
                gvk,
                namespace,
                labels,
                ..
            } => self.with(|memory| {
                let found = memory.list(gvk, namespace.as_deref(), labels);
                Ok(Reply::Objects(found))
            }),
            Request::Apply {
                key, object, force, ..
            } => self.with(|memory| memory.apply(key, object, *force, &now)),
            Request::Create { object, .. } => self.with(|memory| memory.create(object, &now)),
            Request::Patch { key, patch, .. } => self.with(|memory| memory.patch(key, patch)),
            Request::Delete { key, .. } => self.with(|memory| {
                memory.delete(key);
                Ok(Reply::Deleted { gone: true })
            }),
        };
        reply.unwrap_or_else(Reply::Failed)
    }
}

fn not_found(key: &ObjectKey) -> ApiFailure {
    ApiFailure {
        kind: FailureKind::NotFound,
        message: format!("\"{}\" not found", key.name),
        code: 404,
    }
}

impl Index for World {
    fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>> {
        let of_kind = self.blueprints.iter().filter(|one| one.kind == kind);
        of_kind.cloned().collect()
    }

    fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>> {
        self.templates.get(&(kind, name.into())).cloned()
    }

    fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>> {
        self.run_templates.get(name).cloned()
    }

    fn row(&self, key: &ObjectKey) -> RowState {
        self.with(|memory| memory.row(key).map_or(RowState::Absent, RowState::Known))
    }

    fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        self.with(|memory| memory.rows_of(owner_uid))
    }

    fn service_account_exists(&self, _: &ServiceAccountKey) -> bool {
        true
    }

    fn recent_repairs(&self, _: &ObjectKey) -> u32 {
        0
    }
}

/// Returns a stamped object as its author thinks of it: without the digest and what servers add,
/// and without a name that was generated.
pub fn plain(object: &Value) -> Value {
    let mut object = bare(object);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata.contains_key("generateName")
    {
        metadata.remove("name");
    }
    object
}

/// Returns an object without the digest, what servers add, and uids that were made up here.
pub(crate) fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return object;
    };
    for key in [
        "managedFields",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
    ] {
        metadata.remove(key);
    }
    for part in ["annotations", "labels"] {
        let Some(map) = metadata.get_mut(part).and_then(Value::as_object_mut) else {
            continue;
        };
        map.remove(STAMP_DIGEST);
        if map.is_empty() {
            metadata.remove(part);
        }
    }
    let owners = metadata
        .get_mut("ownerReferences")
        .and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten() {
        if json::text(owner, &["uid"]).is_some_and(|uid| uid.starts_with(INVENTED_UID)) {
            owner["uid"] = "".into();
        }
    }
    object
}

/// Returns the name of the resource that an object was stamped for.
pub fn resource_of(object: &Value) -> Option<&str> {
    json::text(object, &["metadata", "labels", label::RESOURCE_NAME])
}

/// Reports whether an object is a run: created once per stamp, never changed.
pub fn is_run(object: &Value) -> bool {
    json::text(object, &["metadata", "labels", STAMP_DIGEST]).is_some()
}

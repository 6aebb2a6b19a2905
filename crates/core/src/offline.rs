//! Passes without a cluster: the same steppers over objects from files or from a listing.
//!
//! `carto render` shows what would be stamped, `carto plan` what would change, `carto test`
//! compares with expectations; all of them ask the core the same questions as the controllers do
//! and only answer its requests from memory. Writes are carried out by server-side apply on the
//! schema of objects without any, so lists are replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use carto_merge::fieldpath::Filter;
use carto_merge::schema::Schema;
use carto_merge::smd;
use jiff::Timestamp;
use serde_json::Value;

use crate::condition;
use crate::digest;
use crate::json;
use crate::key::{
    BlueprintKind, Gvk, Mapping, ObjectKey, OwnerKind, ServiceAccountKey, TemplateKind,
};
use crate::model::{Blueprint, RunTemplate, Template};
use crate::realize::{
    ApiFailure, FIELD_MANAGER, FailureKind, Index, Observed, Outcome, Realization, Reply, Request,
    Step, Watch,
};
use crate::row::{Expressions, Row, RowState};
use crate::runnable::RunnablePass;
use crate::words::{STAMP_DIGEST, label};

/// More requests than this are a bug in the core, which bounds them by the size of the blueprint.
const MAX_REQUESTS: usize = 4096;

/// Everything there is, in memory.
pub struct World {
    blueprints: Vec<Arc<Blueprint>>,
    templates: Vec<Arc<Template>>,
    run_templates: Vec<Arc<RunTemplate>>,
    mappings: BTreeMap<Gvk, Mapping>,
    now: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<ObjectKey, Value>,
    expressions: BTreeMap<Gvk, Expressions>,
    actions: Vec<Action>,
    births: u64,
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
    /// Shape: observed objects may lack uid and managed fields, as in files. Every service account
    /// exists. A kind not in `mappings` is served with a plural made of its name, in namespaces.
    pub fn new(
        objects: impl IntoIterator<Item = Value>,
        mappings: BTreeMap<Gvk, Mapping>,
        now: Timestamp,
    ) -> Self {
        let mut world = Self {
            blueprints: Vec::new(),
            templates: Vec::new(),
            run_templates: Vec::new(),
            mappings,
            now,
            state: Mutex::default(),
        };
        objects.into_iter().for_each(|object| world.add(object));
        world
    }

    fn add(&mut self, object: Value) {
        let kind = json::string(&object, &["kind"]);
        let ours = json::string(&object, &["apiVersion"]) == crate::words::API_VERSION;
        let blueprint = [BlueprintKind::SupplyChain, BlueprintKind::Delivery];
        match TemplateKind::parse(&kind).filter(|_| ours) {
            Some(TemplateKind::Run) => {
                self.run_templates
                    .push(Arc::new(RunTemplate::read(&object)));
            }
            Some(kind) => self.templates.push(Arc::new(Template::read(kind, &object))),
            None => match blueprint.into_iter().find(|one| ours && one.name() == kind) {
                Some(kind) => self.blueprints.push(Arc::new(Self::ready(kind, &object))),
                None => {
                    if let Some(key) = ObjectKey::of(&object) {
                        self.with(|state| state.put(&key, object));
                    }
                }
            },
        }
    }

    /// Reads a blueprint from a file, where nobody has said yet that it is ready.
    fn ready(kind: BlueprintKind, object: &Value) -> Blueprint {
        let mut blueprint = Blueprint::read(kind, object);
        if blueprint.ready.is_none() {
            blueprint.ready = Some(("True".into(), "Ready".into(), String::new()));
        }
        blueprint
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns all objects other than blueprints and templates.
    pub fn objects(&self) -> Vec<Value> {
        self.with(|state| state.objects.values().cloned().collect())
    }

    /// Runs one pass over a Workload or Deliverable.
    pub fn realize(self: &Arc<Self>, kind: OwnerKind, owner: &Value) -> Rendered {
        let observed = self.observe(owner);
        let mut pass = Realization::new(kind, observed);
        self.run(owner, |reply| pass.resume(reply))
    }

    /// Runs one pass over a Runnable.
    pub fn run_runnable(self: &Arc<Self>, runnable: &Value) -> Rendered {
        let observed = self.observe(runnable);
        let mut pass = RunnablePass::new(observed);
        self.run(runnable, |reply| pass.resume(reply))
    }

    fn observe(self: &Arc<Self>, owner: &Value) -> Observed {
        let mut owner = owner.clone();
        if json::text(&owner, &["metadata", "namespace"]).is_none() {
            owner["metadata"]["namespace"] = "default".into();
        }
        if json::text(&owner, &["metadata", "uid"]).is_none() {
            owner["metadata"]["uid"] =
                format!("offline-{}", digest::short(&digest::stamp(&owner))).into();
        }
        Observed {
            owner: Arc::new(owner),
            now: self.now,
            index: self.clone(),
        }
    }

    fn run(&self, owner: &Value, mut resume: impl FnMut(Option<Reply>) -> Step) -> Rendered {
        self.with(|state| state.actions.clear());
        let mut reply = None;
        for _ in 0..MAX_REQUESTS {
            match resume(reply.take()) {
                Step::Do(request) => reply = Some(self.perform(&request)),
                Step::Done(outcome) => {
                    let current = owner.get("status").cloned().unwrap_or_default();
                    return Rendered {
                        actions: self.with(|state| std::mem::take(&mut state.actions)),
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
        self.mappings.get(gvk).cloned().unwrap_or_else(|| Mapping {
            plural: plural(&gvk.kind.to_lowercase()).into(),
            namespaced: true,
        })
    }

    fn perform(&self, request: &Request) -> Reply {
        let now = condition::timestamp(self.now);
        let reply = match request {
            Request::Resolve { gvk } => Ok(Reply::Mapping(self.mapping(gvk))),
            Request::Observe { gvk, expressions } => self.with(|state| {
                let known = state.expressions.entry(gvk.clone()).or_default();
                *known = known.union(expressions);
                Ok(Reply::Observed {
                    mapping: self.mapping(gvk),
                    watch: Watch::Synced,
                })
            }),
            Request::Get { key, .. } => self.with(|state| state.get(key).map(Reply::Object)),
            Request::List {
                gvk,
                namespace,
                labels,
                ..
            } => self.with(|state| {
                Ok(Reply::Objects(state.list(
                    gvk,
                    namespace.as_deref(),
                    labels,
                )))
            }),
            Request::Apply {
                key, object, force, ..
            } => self.with(|state| state.apply(key, object, *force, &now)),
            Request::Create { object, .. } => self.with(|state| state.create(object, &now)),
            // Taking over from the original changes no value.
            Request::Patch { key, .. } => self.with(|state| {
                let object = state.get(key)?;
                Ok(Reply::Applied {
                    object,
                    created: false,
                })
            }),
            Request::Delete { key, .. } => self.with(|state| {
                let before = state.objects.remove(key);
                state.actions.push(Action {
                    key: key.clone(),
                    before,
                    after: None,
                });
                Ok(Reply::Deleted { gone: true })
            }),
        };
        reply.unwrap_or_else(Reply::Failed)
    }
}

/// Makes a plural as kubectl guesses it.
fn plural(kind: &str) -> String {
    match kind.chars().last() {
        Some('s' | 'x') => format!("{kind}es"),
        Some('y') => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}

impl State {
    fn put(&mut self, key: &ObjectKey, mut object: Value) {
        let metadata = &mut object["metadata"];
        if json::text(metadata, &["uid"]).is_none() {
            self.births += 1;
            metadata["uid"] = format!("observed-{}", self.births).into();
        }
        self.objects.insert(key.clone(), object);
    }

    fn get(&self, key: &ObjectKey) -> Result<Value, ApiFailure> {
        self.objects.get(key).cloned().ok_or_else(|| ApiFailure {
            kind: FailureKind::NotFound,
            message: format!("\"{}\" not found", key.name),
            code: 404,
        })
    }

    fn list(&self, gvk: &Gvk, namespace: Option<&str>, labels: &[(String, String)]) -> Vec<Value> {
        let wanted = |(key, object): &(&ObjectKey, &Value)| {
            let has = |(key, value): &(String, String)| {
                json::text(object, &["metadata", "labels", key]) == Some(value)
            };
            key.gvk == *gvk
                && (namespace.is_none() || key.namespace.as_deref() == namespace)
                && labels.iter().all(has)
        };
        self.objects
            .iter()
            .filter(wanted)
            .map(|(_, object)| object.clone())
            .collect()
    }

    fn apply(
        &mut self,
        key: &ObjectKey,
        object: &Value,
        force: bool,
        now: &str,
    ) -> Result<Reply, ApiFailure> {
        let before = self.objects.get(key).cloned();
        let schema = Schema::deduced();
        let version = key.gvk.api_version();
        let request = smd::Request {
            versions: &smd::OneVersion {
                api_version: &version,
                schema: &schema,
            },
            api_version: &version,
            kind: &key.gvk.kind,
            manager: FIELD_MANAGER,
            subresource: "",
            now,
            filter: &Filter::Everything,
        };
        let applied = smd::apply(&request, before.as_ref(), object, force).map_err(|error| {
            let kind = match error {
                smd::ApplyError::Conflicts(_) => FailureKind::Conflict,
                _ => FailureKind::Invalid,
            };
            ApiFailure {
                kind,
                message: error.to_string(),
                code: 409,
            }
        })?;
        Ok(self.written(key, before, applied.object))
    }

    /// Creates a run. One that is observed under the same generated base stands for it: files
    /// cannot know the names that are made up here.
    fn create(&mut self, object: &Value, now: &str) -> Result<Reply, ApiFailure> {
        let key = ObjectKey::of(object).ok_or_else(|| ApiFailure {
            kind: FailureKind::Invalid,
            message: "name or generateName is required".to_owned(),
            code: 422,
        })?;
        let base = json::string(object, &["metadata", "generateName"]);
        let twin = |(other, live): &(&ObjectKey, &Value)| {
            let unmarked = digest::carried(live).is_none();
            other.gvk == key.gvk
                && other.namespace == key.namespace
                && unmarked
                && !base.is_empty()
                && other.name.starts_with(base.as_str())
        };
        let mut object = object.clone();
        if let Some((_, live)) = self.objects.iter().find(twin)
            && let Some(status) = live.get("status")
        {
            object["status"] = status.clone();
        }
        object["metadata"]["creationTimestamp"] = now.into();
        Ok(self.written(&key, None, object))
    }

    fn written(&mut self, key: &ObjectKey, before: Option<Value>, after: Value) -> Reply {
        self.put(key, after);
        let after = self.objects.get(key).cloned().unwrap_or_default();
        let created = before.is_none();
        self.actions.push(Action {
            key: key.clone(),
            before,
            after: Some(after.clone()),
        });
        Reply::Applied {
            object: after,
            created,
        }
    }

    fn row(&self, key: &ObjectKey) -> Option<Arc<Row>> {
        let object = self.objects.get(key)?;
        let expressions = self.expressions.get(&key.gvk).cloned().unwrap_or_default();
        Row::extract(object, &expressions).map(Arc::new)
    }
}

impl Index for World {
    fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>> {
        self.blueprints
            .iter()
            .filter(|one| one.kind == kind)
            .cloned()
            .collect()
    }

    fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>> {
        self.templates
            .iter()
            .find(|one| one.kind == kind && &*one.name == name)
            .cloned()
    }

    fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>> {
        self.run_templates
            .iter()
            .find(|one| &*one.name == name)
            .cloned()
    }

    fn row(&self, key: &ObjectKey) -> RowState {
        self.with(|state| state.row(key).map_or(RowState::Absent, RowState::Known))
    }

    fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        self.with(|state| {
            let keys: BTreeSet<ObjectKey> = state.objects.keys().cloned().collect();
            let rows = keys.iter().filter_map(|key| state.row(key));
            rows.filter(|row| {
                row.controller
                    .as_ref()
                    .is_some_and(|owner| *owner.uid == *owner_uid)
            })
            .collect()
        })
    }

    fn service_account_exists(&self, _: &ServiceAccountKey) -> bool {
        true
    }

    fn recent_repairs(&self, _: &ObjectKey) -> u32 {
        0
    }
}

/// Returns a stamped object as its author thinks of it: without the digest and what servers add.
pub fn plain(object: &Value) -> Value {
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
    if metadata.contains_key("generateName") {
        metadata.remove("name");
    }
    object
}

/// Returns the name of the resource that an object was stamped for.
pub fn resource_of(object: &Value) -> Option<&str> {
    json::text(object, &["metadata", "labels", label::RESOURCE_NAME])
}

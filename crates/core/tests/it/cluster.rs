//! An API in memory: objects, server-side apply, owner garbage collection, faults on request.
//!
//! It is what the shell and a server would be together: it performs requests, keeps the index
//! rows, and remembers what was asked. Server-side apply is the real one of `carto-merge`, on the
//! schema of objects without any.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use carto_core::key::{BlueprintKind, Gvk, Mapping, ObjectKey, ServiceAccountKey, TemplateKind};
use carto_core::model::{Blueprint, RunTemplate, Template};
use carto_core::realize::{
    ApiFailure, FailureKind, Index, Purpose, Reply, Request, WATCH_LABELS, Watch,
};
use carto_core::recall::Recall;
use carto_core::row::{Expressions, Row, RowState};
use carto_merge::fieldpath::Filter;
use carto_merge::schema::Schema;
use carto_merge::smd;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The moment at which every cluster begins.
const EPOCH: i64 = 1_700_000_000;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is carried out and the reply is lost.
    LostReply,
    /// The same, and the index hears of it one pass later.
    LostAndUnheard,
    /// It is not carried out.
    NotReached,
    /// The process dies before it.
    Crash,
    /// Somebody else was faster, where the write says what it replaces; otherwise as not reached.
    Conflict,
}

/// What begins the line of a request in the log that was not carried out.
pub(crate) const REFUSED: &str = "refused: ";

/// Everything the cluster is.
pub(crate) struct State {
    pub(crate) objects: BTreeMap<ObjectKey, Value>,
    pub(crate) kinds: BTreeMap<(String, String), Mapping>,
    pub(crate) watches: BTreeMap<Gvk, Watch>,
    /// `(verb, kind)` that service accounts may not do.
    pub(crate) forbidden: BTreeSet<(String, String)>,
    /// Whether accounts may do only what the roles and bindings of their namespace say.
    pub(crate) rbac: bool,
    pub(crate) accounts: BTreeSet<ServiceAccountKey>,
    rows: BTreeMap<ObjectKey, Arc<Row>>,
    /// Templates as read, by the version they were read at.
    templates: BTreeMap<ObjectKey, (String, Arc<Template>)>,
    /// Whether the index hears nothing but what is written through it.
    pub(crate) stale: bool,
    expressions: BTreeMap<Gvk, Expressions>,
    repairs: BTreeMap<ObjectKey, u32>,
    /// What the last pass over each owner left, by uid.
    pub(crate) recalls: BTreeMap<String, Recall>,
    versions: u64,
    /// How often an object of that key was created: uids must not depend on anything else.
    births: BTreeMap<ObjectKey, u32>,
    /// Every object that ever was, in the order in which they first came.
    order: Vec<ObjectKey>,
    seconds: i64,
    /// For how many more ends of passes the index hears nothing, and what it missed.
    deaf: u8,
    missed: BTreeSet<ObjectKey>,
    /// Whether the index lists things the other way round.
    pub(crate) reversed: bool,
    /// Every request but observations.
    pub(crate) log: Vec<String>,
    /// Faults by the number of the request, counted from when they were set.
    pub(crate) faults: BTreeMap<usize, Fault>,
    pub(crate) requests: usize,
    /// How many requests went wrong.
    pub(crate) gone_wrong: usize,
    pub(crate) crashed: bool,
}

/// The API, shared by everybody.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Mutex<State>>);

impl Cluster {
    /// Makes a cluster that serves config maps, test kinds and an account `default`.
    pub(crate) fn new() -> Self {
        let kind = |plural: &str, namespaced| Mapping {
            plural: plural.into(),
            namespaced,
        };
        let kinds = [
            ("v1", "ConfigMap", kind("configmaps", true)),
            ("test.run/v1alpha1", "Test", kind("tests", true)),
            ("test.run/v1alpha1", "TestObj", kind("testobjs", true)),
            (
                "test.run/v1alpha1",
                "ClusterTest",
                kind("clustertests", false),
            ),
        ];
        Self(Arc::new(Mutex::new(State {
            objects: BTreeMap::new(),
            kinds: kinds
                .into_iter()
                .map(|(version, kind, mapping)| ((version.into(), kind.into()), mapping))
                .collect(),
            watches: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            rbac: false,
            accounts: BTreeSet::from([ServiceAccountKey::new("ns", "default")]),
            rows: BTreeMap::new(),
            templates: BTreeMap::new(),
            stale: false,
            deaf: 0,
            missed: BTreeSet::new(),
            reversed: false,
            expressions: BTreeMap::new(),
            repairs: BTreeMap::new(),
            recalls: BTreeMap::new(),
            versions: 100,
            births: BTreeMap::new(),
            order: Vec::new(),
            seconds: 0,
            log: Vec::new(),
            faults: BTreeMap::new(),
            requests: 0,
            gone_wrong: 0,
            crashed: false,
        })))
    }

    /// Looks at or changes the state.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self
            .0
            .lock()
            .expect("no test panics while it holds the lock"))
    }

    /// Returns the moment.
    pub(crate) fn now(&self) -> Timestamp {
        let seconds = self.with(|state| state.seconds);
        Timestamp::from_second(EPOCH + seconds).expect("a small number of seconds")
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.with(|state| state.seconds += seconds);
    }

    /// Applies an object on the server's side, as `kubectl apply` does.
    pub(crate) fn user_apply(&self, object: &Value) {
        let key = ObjectKey::of(object).expect("test objects have kind and name");
        self.with(|state| {
            let applied = state.merge(&key, object, "kubectl", true);
            let (live, object, changed) = applied.expect("test objects can be applied");
            if changed {
                state.store(&key, live.as_ref(), object);
            }
        });
    }

    /// Deletes an object as a user does: with finalizers it stays.
    pub(crate) fn user_delete(&self, key: &ObjectKey) {
        self.with(|state| {
            let uid = text(&state.objects[key], "/metadata/uid");
            state.delete(key, &uid).expect("it is there");
        });
    }

    /// Returns the `number`th object, from 1, whose name was generated so.
    pub(crate) fn generated(&self, kind: &str, prefix: &str, number: usize) -> ObjectKey {
        self.with(|state| {
            let mut made = state
                .order
                .iter()
                .filter(|key| &*key.gvk.kind == kind && key.name.starts_with(prefix));
            let found = made.nth(number - 1);
            found
                .unwrap_or_else(|| panic!("there is no {kind}/{prefix}#{number}"))
                .clone()
        })
    }

    /// Writes the status that a pass came to. `None` when the process died.
    pub(crate) fn write_status(&self, key: &ObjectKey, status: Value) -> Option<()> {
        self.with(|state| {
            match state.next_fault() {
                Some(Fault::Crash) => return None,
                Some(Fault::NotReached | Fault::Conflict) => {}
                Some(Fault::LostReply | Fault::LostAndUnheard) | None => {
                    state.set_status(key, status);
                }
            }
            Some(())
        })
    }

    /// Stores an object as a user with `kubectl` would; fields that are not given stay.
    pub(crate) fn put(&self, object: Value) -> ObjectKey {
        self.with(|state| state.put(object, "kubectl"))
    }

    /// As `put`, in the name of a field manager.
    pub(crate) fn put_as(&self, object: Value, manager: &str) -> ObjectKey {
        self.with(|state| state.put(object, manager))
    }

    /// Returns an object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Value> {
        self.with(|state| state.objects.get(key).cloned())
    }

    /// Changes an object in place in the name of a field manager.
    pub(crate) fn edit(&self, key: &ObjectKey, manager: &str, change: impl FnOnce(&mut Value)) {
        self.with(|state| {
            let mut object = state
                .objects
                .get(key)
                .cloned()
                .expect("the object to edit exists");
            change(&mut object);
            state.put(object, manager);
        });
    }

    /// Sets the status of an object.
    pub(crate) fn set_status(&self, key: &ObjectKey, status: Value) {
        self.with(|state| state.set_status(key, status));
    }

    /// Removes an object and, as the garbage collector does, all it owns.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        self.with(|state| state.remove(key));
    }

    /// Returns a number that grows with every change.
    pub(crate) fn version(&self) -> u64 {
        self.with(|state| state.versions)
    }

    /// Lets the index hear what it missed, one pass after it became deaf.
    pub(crate) fn pass_ended(&self) {
        self.with(|state| {
            state.deaf = state.deaf.saturating_sub(1);
            if state.deaf == 0 {
                let missed = std::mem::take(&mut state.missed);
                missed.iter().for_each(|key| state.refresh(key));
            }
        });
    }

    /// Ends staleness: the index hears everything that it missed.
    pub(crate) fn hear_again(&self) {
        self.with(|state| {
            state.stale = false;
            let keys: BTreeSet<ObjectKey> = state
                .objects
                .keys()
                .chain(state.rows.keys())
                .cloned()
                .collect();
            keys.iter().for_each(|key| state.refresh(key));
        });
    }

    /// Returns how often each object was made, those that are gone included.
    pub(crate) fn births(&self) -> Vec<(String, u32)> {
        self.with(|state| {
            let births = state.births.iter();
            births
                .map(|(key, births)| (key.to_string(), *births))
                .collect()
        })
    }

    /// Takes what was logged.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.log))
    }

    /// Returns all objects of a kind.
    pub(crate) fn list(&self, kind: &str) -> Vec<Value> {
        self.with(|state| {
            let of_kind = state
                .objects
                .iter()
                .filter(|(key, _)| &*key.gvk.kind == kind);
            of_kind.map(|(_, object)| object.clone()).collect()
        })
    }

    /// Forgets what only a process knows, and reads the index anew.
    pub(crate) fn restart(&self) {
        self.with(|state| {
            state.crashed = false;
            state.stale = false;
            state.deaf = 0;
            state.missed.clear();
            state.expressions.clear();
            state.repairs.clear();
            state.recalls.clear();
            state.rows.clear();
            let mut named: BTreeMap<Gvk, Expressions> = BTreeMap::new();
            for (gvk, expressions) in state.objects.values().filter_map(read_by_template) {
                let all = named.entry(gvk).or_default();
                *all = all.union(&expressions);
            }
            for (gvk, expressions) in named {
                drop(state.observe(&gvk, &expressions));
            }
        });
    }

    /// Performs one request. `None` when the process died.
    pub(crate) fn perform(&self, request: Request) -> Option<Reply> {
        self.with(|state| {
            if let Request::Observe { gvk, expressions } = &request {
                return Some(state.observe(gvk, expressions));
            }
            if let Request::Resolve { gvk } = &request {
                return Some(match state.mapping(gvk) {
                    Ok(mapping) => Reply::Mapping(mapping),
                    Err(failure) => Reply::Failed(failure),
                });
            }
            match state.next_fault() {
                Some(Fault::Crash) => None,
                Some(Fault::Conflict) if matches!(request, Request::Patch { .. }) => {
                    Some(Reply::Failed(modified()))
                }
                Some(Fault::NotReached | Fault::Conflict) => Some(Reply::Failed(timeout())),
                Some(Fault::LostReply) => {
                    drop(state.perform(&request, false));
                    Some(Reply::Failed(timeout()))
                }
                Some(Fault::LostAndUnheard) => {
                    state.deaf = 2;
                    drop(state.perform(&request, false));
                    Some(Reply::Failed(timeout()))
                }
                None => Some(state.perform(&request, true).unwrap_or_else(|failure| {
                    if let Some(line) = state.log.last_mut() {
                        line.insert_str(0, REFUSED);
                    }
                    Reply::Failed(failure)
                })),
            }
        })
    }
}

/// Returns the kind that a template stamps, and what it reads of it: what the shell watches from
/// its start.
fn read_by_template(object: &Value) -> Option<(Gvk, Expressions)> {
    let kind = TemplateKind::parse(object["kind"].as_str()?)?;
    if kind == TemplateKind::Run {
        let template = RunTemplate::read(object);
        return Some((template.body.kind()?, template.expressions().clone()));
    }
    let template = Template::read(kind, object);
    Some((template.body.kind()?, template.expressions().clone()))
}

fn timeout() -> ApiFailure {
    ApiFailure {
        kind: FailureKind::Timeout,
        message: "timed out".into(),
        code: 0,
    }
}

fn modified() -> ApiFailure {
    let text = "the object has been modified".to_owned();
    failure(FailureKind::Conflict, 409, text)
}

fn failure(kind: FailureKind, code: u16, message: String) -> ApiFailure {
    ApiFailure {
        kind,
        message,
        code,
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn has_labels(object: &Value, wanted: &[(String, String)]) -> bool {
    wanted.iter().all(|(key, value)| {
        object["metadata"]["labels"]
            .get(key)
            .and_then(Value::as_str)
            == Some(value)
    })
}

impl State {
    fn mapping(&self, gvk: &Gvk) -> Result<Mapping, ApiFailure> {
        let version = gvk.api_version();
        if let Some(mapping) = self.kinds.get(&(version.clone(), gvk.kind.to_string())) {
            return Ok(mapping.clone());
        }
        let group_known = self.kinds.keys().any(|(known, _)| *known == version);
        Err(failure(
            FailureKind::NoMatch { group_known },
            404,
            String::new(),
        ))
    }

    fn observe(&mut self, gvk: &Gvk, expressions: &Expressions) -> Reply {
        let mapping = match self.mapping(gvk) {
            Ok(mapping) => mapping,
            Err(failure) => return Reply::Failed(failure),
        };
        let is_new = !self.expressions.contains_key(gvk);
        let known = self.expressions.entry(gvk.clone()).or_default();
        *known = known.union(expressions);
        let watch = self.watches.get(gvk).cloned().unwrap_or(Watch::Synced);
        if is_new {
            let keys: Vec<ObjectKey> = self
                .objects
                .keys()
                .filter(|key| key.gvk == *gvk)
                .cloned()
                .collect();
            keys.iter().for_each(|key| self.refresh(key));
        }
        Reply::Observed { mapping, watch }
    }

    /// Brings the row of an object up to date, as a watch event does.
    fn refresh(&mut self, key: &ObjectKey) {
        let Some(expressions) = self.expressions.get(&key.gvk) else {
            return;
        };
        let watch = self.watches.get(&key.gvk).cloned().unwrap_or(Watch::Synced);
        let indexed = self.objects.get(key).filter(|object| {
            WATCH_LABELS
                .iter()
                .any(|label| object["metadata"]["labels"].get(label).is_some())
        });
        let row = match (indexed, watch) {
            (Some(object), Watch::Synced) => Row::extract(object, expressions),
            (Some(object), Watch::MetadataOnly) => Row::extract_metadata(object),
            _ => None,
        };
        match row {
            Some(row) => {
                let row = match self.rows.get(key) {
                    Some(older) => row.inherit(older),
                    None => row,
                };
                self.rows.insert(key.clone(), Arc::new(row));
            }
            None => {
                self.rows.remove(key);
            }
        }
    }

    fn heard(&mut self, key: &ObjectKey) {
        if self.deaf > 0 {
            self.missed.insert(key.clone());
        } else if !self.stale {
            self.refresh(key);
        }
    }

    fn stamp_version(&mut self, object: &mut Value) {
        self.versions += 1;
        object["metadata"]["resourceVersion"] = self.versions.to_string().into();
    }

    fn time(&self) -> String {
        Timestamp::from_second(EPOCH + self.seconds)
            .expect("small")
            .to_string()
    }

    fn set_status(&mut self, key: &ObjectKey, status: Value) {
        let mut object = self.objects.get(key).cloned().expect("the object exists");
        if object["status"] == status {
            return;
        }
        object["status"] = status;
        self.stamp_version(&mut object);
        self.objects.insert(key.clone(), object);
        self.heard(key);
    }

    fn put(&mut self, mut object: Value, manager: &str) -> ObjectKey {
        let key = ObjectKey::of(&object).expect("test objects have kind and name");
        let live = self.objects.get(&key).cloned();
        if let Some(live) = &live {
            for part in ["uid", "creationTimestamp", "generation", "managedFields"] {
                if object["metadata"].get(part).is_none() {
                    object["metadata"][part] = live["metadata"][part].clone();
                }
            }
            if object.get("status").is_none()
                && let Some(status) = live.get("status")
            {
                object["status"] = status.clone();
            }
        }
        let schema = Schema::deduced();
        let version = key.gvk.api_version();
        let versions = smd::OneVersion {
            api_version: &version,
            schema: &schema,
        };
        let now = self.time();
        let request = smd::Request {
            versions: &versions,
            api_version: &version,
            kind: &key.gvk.kind,
            manager,
            subresource: "",
            now: &now,
            filter: &Filter::Everything,
        };
        let object = smd::update(&request, live.as_ref(), &object);
        let metadata = &object["metadata"];
        let held = metadata["finalizers"].as_array();
        let held = held.is_some_and(|finalizers| !finalizers.is_empty());
        let ends =
            *key.gvk.group != *"carto.run" && !held && metadata.get("deletionTimestamp").is_some();
        self.store(&key, live.as_ref(), object);
        if ends {
            self.remove(&key);
        }
        key
    }

    /// Stores what a write came to; returns it as stored.
    fn store(&mut self, key: &ObjectKey, live: Option<&Value>, mut object: Value) -> Value {
        let metadata = &mut object["metadata"];
        if live.is_none() {
            let births = self.births.entry(key.clone()).or_default();
            *births += 1;
            if *births == 1 {
                self.order.push(key.clone());
            }
            metadata["uid"] = format!("{}-{}-{births}", key.gvk.kind, key.name).into();
            metadata["creationTimestamp"] = self.time().into();
            metadata["generation"] = 1.into();
        } else if let Some(live) = live {
            let content = |object: &Value| {
                let mut object = object.clone();
                let map = object.as_object_mut().expect("objects are maps");
                map.remove("metadata");
                map.remove("status");
                object
            };
            if content(live) != content(&object) {
                let generation = live["metadata"]["generation"].as_i64().unwrap_or(1);
                object["metadata"]["generation"] = (generation + 1).into();
            }
            if *live == object {
                return object;
            }
        }
        self.stamp_version(&mut object);
        self.objects.insert(key.clone(), object.clone());
        self.heard(key);
        object
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.remove(key) else {
            return;
        };
        self.heard(key);
        let uid = text(&object, "/metadata/uid");
        let owned: Vec<ObjectKey> = self
            .objects
            .iter()
            .filter(|(_, child)| {
                let owners = child["metadata"]["ownerReferences"].as_array();
                owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == *uid))
            })
            // The collector does not find a namespaced owner of a cluster-scoped object.
            .filter(|(child, _)| child.namespace.is_some() || key.namespace.is_none())
            .map(|(child, _)| child.clone())
            .collect();
        owned.iter().for_each(|child| self.remove(child));
    }

    fn may(&self, verb: &str, gvk: &Gvk, account: &ServiceAccountKey) -> Result<(), ApiFailure> {
        let forbidden = (verb.to_owned(), gvk.kind.to_string());
        let mapping = self.mapping(gvk)?;
        if !self.forbidden.contains(&forbidden) && (!self.rbac || self.bound(verb, gvk, &mapping)) {
            return Ok(());
        }
        let message = format!(
            "{} is forbidden: User \"{}\" cannot {verb} resource \"{}\" in API group \"{}\" in \
             the namespace \"ns\"",
            mapping.qualified(gvk),
            account.user(),
            mapping.plural,
            gvk.group
        );
        Err(failure(FailureKind::Forbidden, 403, message))
    }

    /// Whether a binding in place lets accounts do this. All bindings of a test are about the one
    /// account of its namespace.
    fn bound(&self, verb: &str, gvk: &Gvk, mapping: &Mapping) -> bool {
        let of_kind = |kind: &'static str| {
            let objects = self.objects.iter();
            objects.filter(move |(key, _)| &*key.gvk.kind == kind)
        };
        let names = |list: &Value, name: &str| {
            let list = list.as_array().into_iter().flatten();
            list.into_iter().any(|one| one == name || one == "*")
        };
        of_kind("RoleBinding").any(|(binding, object)| {
            let role = &object["roleRef"];
            if role["kind"] == "ClusterRole" {
                return role["name"] == "cluster-admin";
            }
            let mut roles = of_kind("Role")
                .filter(|(key, _)| key.namespace == binding.namespace && role["name"] == *key.name);
            roles.any(|(_, role)| {
                let rules = role["rules"].as_array().into_iter().flatten();
                rules.into_iter().any(|rule| {
                    names(&rule["apiGroups"], &gvk.group)
                        && names(&rule["resources"], &mapping.plural)
                        && names(&rule["verbs"], verb)
                })
            })
        })
    }

    /// Counts a request; returns what goes wrong with it.
    fn next_fault(&mut self) -> Option<Fault> {
        let number = self.requests;
        self.requests += 1;
        let fault = self.faults.remove(&number);
        self.gone_wrong += usize::from(fault.is_some());
        self.crashed |= fault == Some(Fault::Crash);
        fault
    }

    fn not_found(&self, key: &ObjectKey) -> ApiFailure {
        let plural = self
            .mapping(&key.gvk)
            .map(|mapping| mapping.qualified(&key.gvk));
        let message = format!("{} \"{}\" not found", plural.unwrap_or_default(), key.name);
        failure(FailureKind::NotFound, 404, message)
    }

    fn perform(&mut self, request: &Request, heard: bool) -> Result<Reply, ApiFailure> {
        match request {
            Request::Observe { .. } | Request::Resolve { .. } => unreachable!("answered before"),
            Request::Get { key, account } => {
                self.log.push(format!("get {}/{}", key.gvk.kind, key.name));
                self.may("get", &key.gvk, account)?;
                self.heard(key);
                let object = self.objects.get(key).cloned();
                object.map(Reply::Object).ok_or_else(|| self.not_found(key))
            }
            Request::List {
                gvk,
                namespace,
                labels,
                account,
            } => {
                self.log.push(format!("list {}", gvk.kind));
                self.may("list", gvk, account)?;
                let found = self.objects.iter().filter(|(key, object)| {
                    key.gvk == *gvk
                        && (namespace.is_none() || key.namespace == *namespace)
                        && has_labels(object, labels)
                });
                let (keys, objects): (Vec<_>, Vec<_>) = found
                    .map(|(key, object)| (key.clone(), object.clone()))
                    .unzip();
                keys.iter().for_each(|key| self.heard(key));
                Ok(Reply::Objects(objects))
            }
            Request::Apply {
                key,
                object,
                force,
                purpose,
                account,
            } => {
                self.log
                    .push(format!("apply {}/{}", key.gvk.kind, key.name));
                self.may("patch", &key.gvk, account)?;
                if !self.objects.contains_key(key) {
                    self.may("create", &key.gvk, account)?;
                }
                if *purpose == Purpose::Repair {
                    *self.repairs.entry(key.clone()).or_default() += 1;
                }
                self.apply(key, object, *force, heard)
            }
            Request::Create {
                object, account, ..
            } => {
                let key = ObjectKey::of(object).ok_or_else(|| {
                    failure(
                        FailureKind::Invalid,
                        422,
                        "name or generateName is required".into(),
                    )
                })?;
                self.log.push(format!("create {}", key.gvk.kind));
                self.may("create", &key.gvk, account)?;
                self.create(&key, object, heard)
            }
            Request::Patch {
                key,
                patch,
                account,
            } => {
                self.log
                    .push(format!("patch {}/{}", key.gvk.kind, key.name));
                self.may("patch", &key.gvk, account)?;
                self.patch(key, patch, heard)
            }
            Request::Delete { key, uid, account } => {
                self.log
                    .push(format!("delete {}/{}", key.gvk.kind, key.name));
                self.may("delete", &key.gvk, account)?;
                self.delete(key, uid)
            }
        }
    }

    fn check(object: &Value) -> Result<(), ApiFailure> {
        let owners = object["metadata"]["ownerReferences"].as_array();
        let controllers = owners
            .into_iter()
            .flatten()
            .filter(|owner| owner["controller"] == true)
            .count();
        if controllers > 1 {
            let text = "Only one reference can have Controller set to true";
            return Err(failure(FailureKind::Invalid, 422, text.into()));
        }
        let labels = object["metadata"]["labels"].as_object();
        if labels
            .into_iter()
            .flatten()
            .any(|(_, v)| v.as_str().is_some_and(|v| v.len() > 63))
        {
            let text = "metadata.labels: Invalid value: must be no more than 63 characters";
            return Err(failure(FailureKind::Invalid, 422, text.into()));
        }
        Ok(())
    }

    fn apply(
        &mut self,
        key: &ObjectKey,
        applied: &Value,
        force: bool,
        heard: bool,
    ) -> Result<Reply, ApiFailure> {
        let (live, object, changed) = self.merge(key, applied, "carto", force)?;
        Self::check(&object)?;
        let object = if changed {
            self.store(key, live.as_ref(), object)
        } else {
            object
        };
        let row = self.write_through(key, &object, heard);
        Ok(Reply::Applied {
            object: object.into(),
            row,
            created: live.is_none(),
        })
    }

    /// Merges what is applied into what is there; returns that, the result, and whether it differs.
    fn merge(
        &self,
        key: &ObjectKey,
        applied: &Value,
        manager: &str,
        force: bool,
    ) -> Result<(Option<Value>, Value, bool), ApiFailure> {
        let live = self.objects.get(key).cloned();
        let schema = Schema::deduced();
        let version = key.gvk.api_version();
        let versions = smd::OneVersion {
            api_version: &version,
            schema: &schema,
        };
        let now = self.time();
        let request = smd::Request {
            versions: &versions,
            api_version: &version,
            kind: &key.gvk.kind,
            manager,
            subresource: "",
            now: &now,
            filter: &Filter::Everything,
        };
        let result = smd::apply(&request, live.as_ref(), applied, force).map_err(|error| {
            let kind = match error {
                smd::ApplyError::Conflicts(_) => FailureKind::Conflict,
                _ => FailureKind::Invalid,
            };
            failure(kind, 409, error.to_string())
        })?;
        let changed = live.is_none() || result.changed;
        Ok((live, result.object, changed))
    }

    /// Puts the row of a reply into the index, as the shell does, and returns it.
    fn write_through(&mut self, key: &ObjectKey, object: &Value, heard: bool) -> Option<Arc<Row>> {
        let expressions = self.expressions.get(&key.gvk).cloned().unwrap_or_default();
        let synced = self
            .watches
            .get(&key.gvk)
            .is_none_or(|watch| *watch == Watch::Synced);
        if !heard || !synced {
            return None;
        }
        let row = Arc::new(Row::applied(&object.clone().into(), &expressions)?);
        self.rows.insert(key.clone(), Arc::clone(&row));
        Some(row)
    }

    fn create(
        &mut self,
        key: &ObjectKey,
        object: &Value,
        heard: bool,
    ) -> Result<Reply, ApiFailure> {
        Self::check(object)?;
        if self.objects.contains_key(key) {
            let plural = self.mapping(&key.gvk)?.qualified(&key.gvk);
            let text = format!("{plural} \"{}\" already exists", key.name);
            return Err(failure(FailureKind::AlreadyExists, 409, text));
        }
        self.put(object.clone(), "carto");
        let object = self
            .objects
            .get(key)
            .cloned()
            .expect("stored one line before");
        let row = self.write_through(key, &object, heard);
        Ok(Reply::Applied {
            object: object.into(),
            row,
            created: true,
        })
    }

    fn patch(&mut self, key: &ObjectKey, patch: &Value, heard: bool) -> Result<Reply, ApiFailure> {
        let live = self
            .objects
            .get(key)
            .cloned()
            .ok_or_else(|| self.not_found(key))?;
        let mut object = live.clone();
        for operation in patch.as_array().expect("a list of operations") {
            let path = operation["path"]
                .as_str()
                .expect("every operation has a path");
            let (parent, last) = path.rsplit_once('/').expect("paths are absolute");
            let last = last.replace("~1", "/").replace("~0", "~");
            let slot = object.pointer_mut(parent).expect("the parent exists");
            match operation["op"].as_str() {
                Some("test") if slot[&last] != operation["value"] => return Err(modified()),
                Some("test") => {}
                Some("add" | "replace") => slot[&last] = operation["value"].clone(),
                other => panic!("unknown operation {other:?}"),
            }
        }
        let object = self.store(key, Some(&live), object);
        let row = self.write_through(key, &object, heard);
        Ok(Reply::Applied {
            object: object.into(),
            row,
            created: false,
        })
    }

    fn delete(&mut self, key: &ObjectKey, uid: &str) -> Result<Reply, ApiFailure> {
        let object = self
            .objects
            .get(key)
            .cloned()
            .ok_or_else(|| self.not_found(key))?;
        if text(&object, "/metadata/uid") != uid {
            let text = "Precondition failed: UID in precondition".to_owned();
            return Err(failure(FailureKind::Conflict, 409, text));
        }
        let finalizers = object["metadata"]["finalizers"].as_array();
        if finalizers.is_some_and(|finalizers| !finalizers.is_empty()) {
            let mut object = object;
            object["metadata"]["deletionTimestamp"] = self.time().into();
            self.stamp_version(&mut object);
            self.objects.insert(key.clone(), object);
            self.heard(key);
            return Ok(Reply::Deleted { gone: false });
        }
        self.remove(key);
        Ok(Reply::Deleted { gone: true })
    }
}

impl Index for Cluster {
    fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>> {
        let read = |object: &Value| Arc::new(Blueprint::read(kind, object));
        let mut blueprints: Vec<_> = self.list(kind.name()).iter().map(read).collect();
        if self.with(|state| state.reversed) {
            blueprints.reverse();
        }
        blueprints
    }

    fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>> {
        let key = key("carto.run/v1alpha1", kind.name(), name);
        self.with(|state| {
            let object = state.objects.get(&key)?;
            let version = text(object, "/metadata/resourceVersion");
            match state.templates.get(&key) {
                Some((known, template)) if *known == version => Some(template.clone()),
                _ => {
                    let template = Arc::new(Template::read(kind, object));
                    state.templates.insert(key, (version, template.clone()));
                    Some(template)
                }
            }
        })
    }

    fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>> {
        let objects = self.list(TemplateKind::Run.name());
        let found = objects
            .iter()
            .find(|object| object["metadata"]["name"] == *name);
        found.map(|object| Arc::new(RunTemplate::read(object)))
    }

    fn row(&self, key: &ObjectKey) -> RowState {
        self.with(|state| match state.rows.get(key) {
            Some(row) => RowState::Known(row.clone()),
            None if state.expressions.contains_key(&key.gvk) => RowState::Absent,
            None => RowState::Unknown,
        })
    }

    fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        self.with(|state| {
            let ours = |row: &&Arc<Row>| {
                row.controller
                    .as_ref()
                    .is_some_and(|owner| *owner.uid == *owner_uid)
            };
            let mut rows: Vec<_> = state.rows.values().filter(ours).cloned().collect();
            if state.reversed {
                rows.reverse();
            }
            rows
        })
    }

    fn service_account_exists(&self, account: &ServiceAccountKey) -> bool {
        self.with(|state| state.accounts.contains(account))
    }

    fn recent_repairs(&self, key: &ObjectKey) -> u32 {
        self.with(|state| state.repairs.get(key).copied().unwrap_or_default())
    }

    fn recall(&self, owner_uid: &str) -> Recall {
        self.with(|state| state.recalls.get(owner_uid).cloned().unwrap_or_default())
    }
}

/// Returns a key in namespace `ns`.
pub(crate) fn key(api_version: &str, kind: &str, name: &str) -> ObjectKey {
    let namespace = (!kind.starts_with("Cluster")).then(|| "ns".into());
    ObjectKey {
        gvk: Gvk::new(api_version, kind),
        namespace,
        name: name.into(),
    }
}

/// Returns the key of a config map.
pub(crate) fn config_map(name: &str) -> ObjectKey {
    key("v1", "ConfigMap", name)
}

/// Returns the key of a test object.
pub(crate) fn test(name: &str) -> ObjectKey {
    key("test.run/v1alpha1", "Test", name)
}

/// Makes conditions of a status: `("Ready", "True", "message")`.
pub(crate) fn conditions(list: &[(&str, &str, &str)]) -> Value {
    let one = |(kind, status, message): &(&str, &str, &str)| json!({"type": kind, "status": status, "message": message, "reason": "R"});
    json!({"conditions": list.iter().map(one).collect::<Vec<_>>()})
}

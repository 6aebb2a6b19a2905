//! Garbage collection: objects go when their owners are gone.
//!
//! The only state is who depends on which uid. Whether an owner exists is asked of the store, which
//! cannot be behind.
//!
//! Source: kubernetes `pkg/controller/garbagecollector/garbagecollector.go`, v1.36.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::Value;

use super::{CONCURRENT, call_for, current, delete};
use crate::admission::DEFINITIONS;
use crate::api::Api;
use crate::catalogue::{Catalogue, Resource};
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::pipeline::{FOREGROUND, ORPHAN, Propagation};
use crate::store::{Event, Key, Object, Owner, Scope};

/// Who depends on whom, and what is to be looked at.
#[derive(Default)]
struct Graph {
    /// By uid of the owner.
    dependents: HashMap<Box<str>, BTreeSet<Key>>,
    /// Dependents whose owners are of kinds that are not served, now.
    unresolved: HashSet<Key>,
    /// Objects to look at.
    queue: Vec<Task>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Task {
    /// May have lost its owners.
    Dependent(Key),
    /// Waits for its dependents.
    Foreground(Key),
    /// Releases its dependents.
    Orphan(Key),
}

pub(super) async fn run(api: Arc<Api>) {
    let (objects, mut subscription) = api.store.list_and_subscribe(Scope::All);
    let mut graph = Graph::default();
    for object in objects {
        graph.add(&object);
        graph.look_at(&object, true);
    }
    let mut reported = false;
    loop {
        work(&api, &mut graph).await;
        api.worker_is_ready(&mut reported);
        match subscription.next().await {
            Ok(events) => events.iter().for_each(|event| graph.see(&api, event)),
            Err(crate::store::WatchEnd::Ended) => return,
            Err(crate::store::WatchEnd::Expired(_)) => {
                // Overtaken by a storm of writes: begin again from the present.
                tracing::info!("garbage collection fell behind and starts over");
                let (objects, fresh) = api.store.list_and_subscribe(Scope::All);
                subscription = fresh;
                graph = Graph::default();
                for object in objects {
                    graph.add(&object);
                    graph.look_at(&object, true);
                }
            }
        }
    }
}

impl Graph {
    fn add(&mut self, object: &Object) {
        for owner in &object.owners {
            let of = self
                .dependents
                .entry(owner.uid.as_str().into())
                .or_default();
            of.insert(object.key.clone());
        }
    }

    fn remove(&mut self, object: &Object) {
        for owner in &object.owners {
            if let Some(of) = self.dependents.get_mut(owner.uid.as_str()) {
                of.remove(&object.key);
                if of.is_empty() {
                    self.dependents.remove(owner.uid.as_str());
                }
            }
        }
    }

    fn look_at(&mut self, object: &Object, owners_changed: bool) {
        if owners_changed && !object.owners.is_empty() {
            self.queue.push(Task::Dependent(object.key.clone()));
        }
        if object.deleting {
            let value = object.value();
            let finalizers = meta::finalizers(&value);
            if finalizers.contains(&FOREGROUND) {
                self.queue.push(Task::Foreground(object.key.clone()));
            }
            if finalizers.contains(&ORPHAN) {
                self.queue.push(Task::Orphan(object.key.clone()));
            }
        }
    }

    fn see(&mut self, api: &Api, event: &Event) {
        if event.deleted {
            self.remove(&event.object);
            self.unresolved.remove(&event.key);
            for key in self.dependents.get(&event.object.uid).into_iter().flatten() {
                self.queue.push(Task::Dependent(key.clone()));
            }
            let catalogue = api.catalogue();
            for owner in &event.object.owners {
                if let Some((_, key)) = locate(&catalogue, owner, &event.key.namespace)
                    && api.store.get(&key).is_some_and(|owner| owner.deleting)
                {
                    self.queue.push(Task::Foreground(key));
                }
            }
            return;
        }
        let before = event.prev.as_ref().map(|prev| &prev.owners);
        let owners_changed = before.is_none_or(|owners| *owners != event.object.owners);
        if owners_changed {
            if let Some(prev) = &event.prev {
                self.remove(prev);
            }
            self.add(&event.object);
        }
        self.look_at(&event.object, owners_changed);
        if &*event.key.resource == DEFINITIONS {
            self.queue
                .extend(self.unresolved.drain().map(Task::Dependent));
        }
    }
}

/// The resource and key that an owner reference means, seen from an object in `namespace`.
fn locate(catalogue: &Catalogue, owner: &Owner, namespace: &str) -> Option<(Arc<Resource>, Key)> {
    let group = owner
        .api_version
        .split_once('/')
        .map_or("", |(group, _)| group);
    let resource = catalogue.kind(group, &owner.kind)?;
    Some((resource.clone(), resource.key(namespace, &owner.name)))
}

async fn work(api: &Arc<Api>, graph: &mut Graph) {
    let mut seen = HashSet::new();
    let tasks: Vec<Task> = std::mem::take(&mut graph.queue)
        .into_iter()
        .filter(|task| seen.insert(task.clone()))
        .collect();
    let dependents = |key: &Key| -> Vec<Key> {
        let Some(object) = api.store.get(key) else {
            return vec![];
        };
        graph
            .dependents
            .get(&object.uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    };
    let planned: Vec<(Task, Vec<Key>)> = tasks
        .into_iter()
        .map(|task| {
            let (Task::Dependent(key) | Task::Foreground(key) | Task::Orphan(key)) = &task;
            let dependents = dependents(key);
            (task, dependents)
        })
        .collect();
    let results: Vec<(Task, Result<bool, ApiError>)> = futures::stream::iter(planned)
        .map(|(task, dependents)| async move {
            let result = match &task {
                Task::Dependent(key) => collect(api, key, !dependents.is_empty()).await,
                Task::Foreground(key) => wait_for_dependents(api, key, &dependents).await,
                Task::Orphan(key) => release_dependents(api, key, &dependents).await,
            };
            (task, result)
        })
        .buffer_unordered(CONCURRENT)
        .collect()
        .await;
    for (task, result) in results {
        match (task, result) {
            (_, Ok(true)) => {}
            (Task::Dependent(key), Ok(false)) => {
                graph.unresolved.insert(key);
            }
            (_, Ok(false)) => {}
            (task, Err(error)) => {
                tracing::warn!(%error, ?task, "garbage collection of one object failed");
            }
        }
    }
}

/// What became of the owners of an object.
#[derive(Default)]
struct Owners<'a> {
    solid: Vec<&'a Owner>,
    gone: Vec<&'a Owner>,
    waiting: Vec<&'a Owner>,
    unknown: bool,
}

fn classify<'a>(api: &Api, object: &'a Object) -> Owners<'a> {
    let catalogue = api.catalogue();
    let mut owners = Owners::default();
    for owner in &object.owners {
        let Some((resource, key)) = locate(&catalogue, owner, &object.key.namespace) else {
            owners.unknown = true;
            continue;
        };
        if resource.namespaced && object.key.namespace.is_empty() {
            // An object without a namespace cannot be owned by one in a namespace; nobody can tell whether that is gone.
            owners.unknown = true;
            continue;
        }
        match api.store.get(&key).filter(|there| *there.uid == *owner.uid) {
            None => owners.gone.push(owner),
            Some(there)
                if there.deleting && meta::finalizers(&there.value()).contains(&FOREGROUND) =>
            {
                owners.waiting.push(owner);
            }
            Some(_) => owners.solid.push(owner),
        }
    }
    owners
}

/// Deletes an object without owners; false when that cannot be known.
async fn collect(api: &Arc<Api>, key: &Key, has_dependents: bool) -> Result<bool, ApiError> {
    let Some(object) = api.store.get(key) else {
        return Ok(true);
    };
    let owners = classify(api, &object);
    if owners.unknown {
        return Ok(false);
    }
    if owners.gone.is_empty() && owners.waiting.is_empty() {
        return Ok(true);
    }
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(&key.resource) else {
        return Ok(true);
    };
    if !owners.solid.is_empty() {
        let lost: Vec<&str> = owners
            .gone
            .iter()
            .chain(&owners.waiting)
            .map(|owner| owner.uid.as_str())
            .collect();
        return drop_references(api, resource, key, &lost)
            .await
            .map(|()| true);
    }
    if object.deleting {
        return Ok(true);
    }
    let value = object.value();
    let finalizers = meta::finalizers(&value);
    let policy = if !owners.waiting.is_empty() && has_dependents {
        Propagation::Foreground
    } else if finalizers.contains(&ORPHAN) {
        Propagation::Orphan
    } else if finalizers.contains(&FOREGROUND) {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    delete(api, resource, key, Some(&object.uid), Some(policy))
        .await
        .map(|()| true)
}

/// Deletes the dependents of an object that waits for them, and lets it go after the last.
async fn wait_for_dependents(
    api: &Arc<Api>,
    key: &Key,
    dependents: &[Key],
) -> Result<bool, ApiError> {
    let Some(owner) = api.store.get(key) else {
        return Ok(true);
    };
    if !owner.deleting || !meta::finalizers(&owner.value()).contains(&FOREGROUND) {
        return Ok(true);
    }
    for dependent in dependents {
        Box::pin(collect(api, dependent, false)).await?;
    }
    let blocked = dependents.iter().any(|dependent| {
        api.store.get(dependent).is_some_and(|object| {
            object
                .owners
                .iter()
                .any(|o| *o.uid == *owner.uid && o.block_owner_deletion)
        })
    });
    if !blocked {
        remove_finalizer(api, key, FOREGROUND).await?;
    }
    Ok(true)
}

/// Takes an object out of its dependents' references, and lets it go then.
async fn release_dependents(
    api: &Arc<Api>,
    key: &Key,
    dependents: &[Key],
) -> Result<bool, ApiError> {
    let Some(owner) = api.store.get(key) else {
        return Ok(true);
    };
    let catalogue = api.catalogue();
    for dependent in dependents {
        if let Some(resource) = catalogue.stored(&dependent.resource) {
            drop_references(api, resource, dependent, &[&owner.uid]).await?;
        }
    }
    remove_finalizer(api, key, ORPHAN).await?;
    Ok(true)
}

async fn drop_references(
    api: &Api,
    resource: &Arc<Resource>,
    key: &Key,
    uids: &[&str],
) -> Result<(), ApiError> {
    let call = call_for(api, resource, key);
    gone_is_fine(
        api.modify(&call, Part::Main, &|value| {
            let metadata = meta::of(value);
            if let Some(list) = metadata
                .get_mut("ownerReferences")
                .and_then(Value::as_array_mut)
            {
                list.retain(|owner| owner["uid"].as_str().is_none_or(|uid| !uids.contains(&uid)));
                if list.is_empty() {
                    metadata.remove("ownerReferences");
                }
            }
        })
        .await
        .map(drop),
    )
}

async fn remove_finalizer(api: &Api, key: &Key, finalizer: &str) -> Result<(), ApiError> {
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(&key.resource) else {
        return Ok(());
    };
    if current(api, key).is_none_or(|value| !meta::finalizers(&value).contains(&finalizer)) {
        return Ok(());
    }
    let call = call_for(api, resource, key);
    gone_is_fine(
        api.modify(&call, Part::Main, &|value| {
            if let Some(list) = meta::of(value)
                .get_mut("finalizers")
                .and_then(Value::as_array_mut)
            {
                list.retain(|f| f != finalizer);
            }
        })
        .await
        .map(drop),
    )
}

fn gone_is_fine(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(ApiError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

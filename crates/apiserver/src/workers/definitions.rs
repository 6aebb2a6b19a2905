//! Definitions: accepts their names, serves their kinds, and takes both back.
//!
//! A kind is in the catalogue, and hence in discovery and in the documents, before its definition says
//! `Established`: who waits for that condition never finds the kind missing.
//!
//! Source: apiextensions-apiserver `pkg/controller/{status,establish,finalizer}`, v1.36.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::Value;

use super::{CONCURRENT, call_for, delete};
use crate::admission::DEFINITIONS;
use crate::api::Api;
use crate::catalogue::Resource;
use crate::definitions::{self, is_true, set_condition};
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::pipeline::Propagation;
use crate::store::{Object, Scope, WatchEnd};

/// Definitions compiled once per change.
#[derive(Default)]
struct Compiled(HashMap<String, (u64, Vec<Arc<Resource>>)>);

/// Serves the kinds of all definitions that were established before.
pub(crate) fn load(api: &Api) {
    Compiled::default().serve(api);
}

pub(super) async fn run(api: Arc<Api>) {
    let mut reported = false;
    let mut ending = HashSet::new();
    while follow(&api, &mut ending, &mut reported).await != WatchEnd::Ended {}
}

async fn follow(api: &Arc<Api>, ending: &mut HashSet<String>, reported: &mut bool) -> WatchEnd {
    let (objects, mut subscription) = api
        .store
        .list_and_subscribe(Scope::Resource(DEFINITIONS.into()));
    let mut compiled = Compiled::default();
    for object in objects {
        settle(api, &mut compiled, ending, &object).await;
    }
    api.worker_is_ready(reported);
    loop {
        let events = match subscription.next().await {
            Ok(events) => events,
            Err(end) => return end,
        };
        for event in events {
            if event.deleted {
                forget(api, &mut compiled, ending, &event.object);
            } else {
                settle(api, &mut compiled, ending, &event.object).await;
            }
        }
    }
}

impl Compiled {
    /// Puts the catalogue of all accepted definitions in place.
    fn serve(&mut self, api: &Api) {
        let objects: Vec<Arc<Object>> = api.store.read().list(DEFINITIONS, None).cloned().collect();
        let mut custom = vec![];
        let mut names = HashSet::new();
        for object in objects {
            let definition = object.value();
            names.insert(object.key.name.to_string());
            if is_true(&definition, "NamesAccepted") && is_serving(&definition) {
                custom.extend(self.resources(&object, &definition));
            }
        }
        self.0.retain(|name, _| names.contains(name));
        api.serve_custom(custom);
    }

    fn resources(&mut self, object: &Object, definition: &Value) -> Vec<Arc<Resource>> {
        let generation = definition["metadata"]["generation"].as_u64().unwrap_or(0);
        let name = object.key.name.to_string();
        match self.0.get(&name) {
            Some((of, resources)) if *of == generation => resources.clone(),
            _ => {
                let resources = definitions::resources(definition);
                self.0.insert(name, (generation, resources.clone()));
                resources
            }
        }
    }
}

/// Kinds are served until their last object is gone.
fn is_serving(definition: &Value) -> bool {
    definition["spec"].is_object()
}

async fn settle(
    api: &Arc<Api>,
    compiled: &mut Compiled,
    ending: &mut HashSet<String>,
    object: &Arc<Object>,
) {
    // Events may be behind; what counts is the present.
    let Some(object) = api.store.get(&object.key) else {
        return;
    };
    let definition = object.value();
    let accepted = accept_names(api, &definition);
    if accepted != definition && !write_status(api, &object, accepted).await {
        return;
    }
    compiled.serve(api);
    let Some(object) = api.store.get(&object.key) else {
        return;
    };
    let definition = object.value();
    if is_true(&definition, "NamesAccepted") && !is_true(&definition, "Established") {
        let mut established = definition.clone();
        set_condition(
            &mut established,
            "Established",
            true,
            "InitialNamesAccepted",
            "the initial names have been accepted",
        );
        write_status(api, &object, established).await;
    }
    if meta::is_deleting(&definition) && ending.insert(object.uid.to_string()) {
        let (api, object) = (api.clone(), object.clone());
        tokio::spawn(async move { clean_up(&api, &object).await });
    }
}

/// The definition with its names in the status, or why it cannot have them.
fn accept_names(api: &Api, definition: &Value) -> Value {
    let others: Vec<Value> = api
        .store
        .read()
        .list(DEFINITIONS, None)
        .map(|object| object.value())
        .filter(|other| is_true(other, "NamesAccepted"))
        .collect();
    let mut new = definition.clone();
    match definitions::conflicts(definition, &others.iter().collect::<Vec<_>>()) {
        None => {
            new["status"]["acceptedNames"] = definition["spec"]["names"].clone();
            set_condition(
                &mut new,
                "NamesAccepted",
                true,
                "NoConflicts",
                "no conflicts found",
            );
        }
        Some(conflict) => {
            set_condition(
                &mut new,
                "NamesAccepted",
                false,
                conflict.reason,
                &conflict.message,
            );
            if definitions::condition(definition, "Established").is_none() {
                set_condition(
                    &mut new,
                    "Established",
                    false,
                    "NotAccepted",
                    "not all names are accepted",
                );
            }
        }
    }
    new
}

/// Writes the status of `definition`; false when it changed meanwhile, and will be seen again.
async fn write_status(api: &Api, object: &Object, definition: Value) -> bool {
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(DEFINITIONS) else {
        return false;
    };
    let mut call = call_for(api, resource, &object.key);
    "kube-apiserver".clone_into(&mut call.agent);
    let written = api
        .modify(&call, Part::Status, &|value| {
            value["status"] = definition["status"].clone();
            value["metadata"]["resourceVersion"] = object.revision.to_string().into();
        })
        .await;
    match written {
        Ok(_) => true,
        Err(ApiError::Conflict { .. } | ApiError::NotFound { .. }) => false,
        Err(error) => {
            tracing::warn!(%error, definition = %object.key.name, "cannot write the status");
            false
        }
    }
}

fn forget(api: &Api, compiled: &mut Compiled, ending: &mut HashSet<String>, object: &Object) {
    ending.remove(&*object.uid);
    let definition = object.value();
    compiled.0.remove(&*object.key.name);
    compiled.serve(api);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spec = &definition["spec"];
    let storage = format!(
        "{}/{}",
        text(&spec["group"]),
        text(&spec["names"]["plural"])
    );
    api.store.end_watches(&storage);
}

/// Deletes the objects of a definition and lets it go when the last one is gone.
async fn clean_up(api: &Arc<Api>, definition: &Object) {
    let value = definition.value();
    let mut deleting = value.clone();
    set_condition(
        &mut deleting,
        "Terminating",
        true,
        "InstanceDeletionInProgress",
        "CustomResource deletion is in progress",
    );
    if let Some(now) = api.store.get(&definition.key) {
        write_status(api, &now, deleting).await;
    }
    let catalogue = api.catalogue();
    let Some(resource) = definitions::resources(&value)
        .into_iter()
        .find(|r| r.is_storage_version())
    else {
        return finish(api, definition).await;
    };
    // What is not in the catalogue, as its names were never accepted, has no objects of its own.
    if let Some(resource) = catalogue.stored(&resource.storage)
        && resource.definition.as_ref() == Some(&definition.key)
    {
        let scope = Scope::Resource(resource.storage.clone());
        let (objects, mut subscription) = api.store.list_and_subscribe(scope);
        futures::stream::iter(objects)
            .for_each_concurrent(CONCURRENT, |object| async move {
                let policy = Some(Propagation::Background);
                if let Err(error) = delete(api, resource, &object.key, None, policy).await {
                    tracing::warn!(%error, key = %object.key, "cannot delete with its definition");
                }
            })
            .await;
        while api.store.read().count(&resource.storage) > 0 {
            match subscription.next().await {
                Ok(_) => {}
                Err(WatchEnd::Ended) => return,
                Err(WatchEnd::Expired(_)) => {
                    let scope = Scope::Resource(resource.storage.clone());
                    subscription = api.store.list_and_subscribe(scope).1;
                }
            }
        }
    }
    finish(api, definition).await;
}

async fn finish(api: &Api, definition: &Object) {
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(DEFINITIONS) else {
        return;
    };
    let call = call_for(api, resource, &definition.key);
    let done = api
        .modify(&call, Part::Main, &|value| {
            if let Some(list) = value["metadata"]["finalizers"].as_array_mut() {
                list.retain(|finalizer| finalizer != definitions::CLEANUP);
            }
        })
        .await;
    if let Err(error) = done
        && !matches!(error, ApiError::NotFound { .. })
    {
        tracing::warn!(%error, definition = %definition.key.name, "cannot let the definition go");
    }
}

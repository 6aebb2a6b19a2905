//! Namespaces that end: everything in them goes first.
//!
//! Source: kubernetes `pkg/controller/namespace/deletion`, v1.36.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{CONCURRENT, call_for, delete};
use crate::admission::NAMESPACES;
use crate::api::Api;
use crate::catalogue::Resource;
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::pipeline::Propagation;
use crate::store::{Event, Key, Object, Scope, WatchEnd};
use crate::time;

/// A namespace whose content stays is looked at again at least so often.
const AGAIN: Duration = Duration::from_secs(15);

pub(super) async fn run(api: Arc<Api>) {
    let mut reported = false;
    let mut ending = HashSet::new();
    while follow(&api, &mut ending, &mut reported).await != WatchEnd::Ended {}
}

async fn follow(api: &Arc<Api>, ending: &mut HashSet<String>, reported: &mut bool) -> WatchEnd {
    let (objects, mut subscription) = api
        .store
        .list_and_subscribe(Scope::Resource(NAMESPACES.into()));
    let mut begin = |object: &Arc<Object>| {
        if object.deleting && ending.insert(object.uid.to_string()) {
            let (api, key) = (api.clone(), object.key.clone());
            tokio::spawn(async move { end(&api, &key).await });
        }
    };
    objects.iter().for_each(&mut begin);
    api.worker_is_ready(reported);
    loop {
        match subscription.next().await {
            Ok(events) => {
                events
                    .iter()
                    .filter(|event| !event.deleted)
                    .for_each(|event| begin(&event.object));
            }
            Err(end) => return end,
        }
    }
}

/// What is still in a namespace: resource and objects.
type Content = Vec<(Arc<Resource>, Vec<Arc<Object>>)>;

fn content(api: &Api, namespace: &str) -> Content {
    let catalogue = api.catalogue();
    let state = api.store.read();
    catalogue
        .all_stored()
        .filter(|resource| resource.namespaced)
        .map(|resource| {
            let objects: Vec<_> = state
                .list(&resource.storage, Some(namespace))
                .cloned()
                .collect();
            (resource.clone(), objects)
        })
        .filter(|(_, objects)| !objects.is_empty())
        .collect()
}

async fn end(api: &Arc<Api>, key: &Key) {
    // Subscribed first: what goes away later wakes the loop.
    let Ok(mut subscription) = api.store.subscribe(Scope::All, None) else {
        return;
    };
    loop {
        for (resource, objects) in content(api, &key.name) {
            let resource = &resource;
            futures::stream::iter(objects.into_iter().filter(|object| !object.deleting))
                .for_each_concurrent(CONCURRENT, |object| async move {
                    let policy = Some(Propagation::Background);
                    if let Err(error) = delete(api, resource, &object.key, None, policy).await {
                        tracing::warn!(%error, key = %object.key, "cannot delete with its namespace");
                    }
                })
                .await;
        }
        let rest = content(api, &key.name);
        if let Err(error) = tell(api, key, &rest).await {
            if matches!(error, ApiError::NotFound { .. }) {
                return;
            }
            tracing::warn!(%error, namespace = %key.name, "cannot write the status");
        }
        if rest.is_empty() {
            match release(api, key).await {
                Ok(()) | Err(ApiError::NotFound { .. }) => return,
                Err(error) => {
                    tracing::warn!(%error, namespace = %key.name, "cannot let the namespace go");
                }
            }
        }
        let changed = async {
            loop {
                match subscription.next().await {
                    Ok(events) => {
                        let inside =
                            |event: &Arc<Event>| event.deleted && event.key.namespace == key.name;
                        if events.iter().any(inside) {
                            return true;
                        }
                    }
                    Err(WatchEnd::Ended) => return false,
                    Err(WatchEnd::Expired(_)) => return true,
                }
            }
        };
        if let Ok(false) = tokio::time::timeout(AGAIN, changed).await {
            return;
        }
        // A new place in the ring, in case the old one was overtaken.
        match api.store.subscribe(Scope::All, None) {
            Ok(fresh) => subscription = fresh,
            Err(_) => return,
        }
    }
}

/// Writes the five conditions, if they changed.
async fn tell(api: &Api, key: &Key, rest: &Content) -> Result<(), ApiError> {
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(NAMESPACES) else {
        return Ok(());
    };
    let call = call_for(api, resource, key);
    let conditions = conditions(rest);
    api.modify(&call, Part::Status, &|value| {
        let old = value["status"]["conditions"].take();
        let merged: Vec<Value> = conditions
            .iter()
            .map(|(kind, is_true, reason, message)| {
                let status = if *is_true { "True" } else { "False" };
                let list = old.as_array().into_iter().flatten();
                let since = list
                    .filter(|c| c["type"] == *kind && c["status"] == status)
                    .map(|c| c["lastTransitionTime"].clone())
                    .next()
                    .unwrap_or_else(|| time::now().into());
                json!({"type": kind, "status": status, "lastTransitionTime": since,
                    "reason": reason, "message": message})
            })
            .collect();
        value["status"]["conditions"] = merged.into();
    })
    .await
    .map(drop)
}

fn conditions(rest: &Content) -> Vec<(&'static str, bool, &'static str, String)> {
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    let mut remaining = vec![];
    for (resource, objects) in rest {
        remaining.push(format!(
            "{} has {} resource instances",
            resource.group_resource(),
            objects.len()
        ));
        for object in objects {
            for finalizer in meta::finalizers(&object.value()) {
                *finalizers.entry(finalizer.to_owned()).or_default() += 1;
            }
        }
    }
    let held: Vec<String> = finalizers
        .into_iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
        .collect();
    vec![
        (
            "NamespaceDeletionDiscoveryFailure",
            false,
            "ResourcesDiscovered",
            "All resources successfully discovered".into(),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".into(),
        ),
        (
            "NamespaceDeletionContentFailure",
            false,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".into(),
        ),
        if remaining.is_empty() {
            (
                "NamespaceContentRemaining",
                false,
                "ContentRemoved",
                "All content successfully removed".into(),
            )
        } else {
            (
                "NamespaceContentRemaining",
                true,
                "SomeResourcesRemain",
                format!("Some resources are remaining: {}", remaining.join(", ")),
            )
        },
        if held.is_empty() {
            (
                "NamespaceFinalizersRemaining",
                false,
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished".into(),
            )
        } else {
            (
                "NamespaceFinalizersRemaining",
                true,
                "SomeFinalizersRemain",
                format!(
                    "Some content in the namespace has finalizers remaining: {}",
                    held.join(", ")
                ),
            )
        },
    ]
}

async fn release(api: &Api, key: &Key) -> Result<(), ApiError> {
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(NAMESPACES) else {
        return Ok(());
    };
    let call = call_for(api, resource, key);
    api.modify(&call, Part::Finalize, &|value| {
        if let Some(list) = value["spec"]["finalizers"].as_array_mut() {
            list.retain(|finalizer| finalizer != "kubernetes");
            if list.is_empty()
                && let Some(spec) = value["spec"].as_object_mut()
            {
                spec.remove("finalizers");
            }
        }
    })
    .await
    .map(drop)
}

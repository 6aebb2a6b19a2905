//! Definitions: accepts their names, serves their kinds, and takes both back.
//!
//! A kind is in the catalogue, and hence in discovery and in the documents, before its definition says
//! `Established`: who waits for that condition never finds the kind missing.
//!
//! Source: apiextensions-apiserver `pkg/controller/{status,establish,finalizer}`, v1.36.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{CONCURRENT, call_for, delete};
use crate::admission::DEFINITIONS;
use crate::api::Api;
use crate::catalogue::Resource;
use crate::definitions::{self, is_true, set_condition};
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::pipeline::Propagation;
use crate::store::{Key, Object, Scope, WatchEnd};

/// What is served of one definition.
struct Known {
    uid: Box<str>,
    generation: u64,
    /// All of its names were accepted.
    accepted: bool,
    /// Group and accepted names: others must keep off them.
    names: Value,
    resources: Vec<Arc<Resource>>,
}

/// What is served of all definitions.
#[derive(Default)]
pub(crate) struct Definitions(BTreeMap<String, Known>);

impl Definitions {
    /// Serves the kinds of all definitions that were accepted before.
    pub(crate) fn load(api: &Api) -> Self {
        let mut definitions = Self::default();
        let objects: Vec<Arc<Object>> = api.store.read().list(DEFINITIONS, None).cloned().collect();
        for object in objects {
            definitions.learn(&object, &object.value());
        }
        definitions.serve(api);
        definitions
    }

    /// Takes a definition up; true when what is served changes.
    fn learn(&mut self, object: &Object, definition: &Value) -> bool {
        let name = object.key.name.to_string();
        let generation = definition["metadata"]["generation"].as_u64().unwrap_or(0);
        let accepted = is_true(definition, "NamesAccepted");
        let before = self.0.get(&name).filter(|known| known.uid == object.uid);
        let same = before
            .is_some_and(|known| known.generation == generation && known.accepted == accepted);
        let names = json!({
            "metadata": {"name": name},
            "spec": {"group": definition["spec"]["group"]},
            "status": {"acceptedNames": definition["status"]["acceptedNames"]},
        });
        let resources = match before {
            Some(known) if same => known.resources.clone(),
            _ if accepted => definitions::resources(definition),
            _ => vec![],
        };
        let uid = object.uid.clone();
        self.0.insert(
            name,
            Known {
                uid,
                generation,
                accepted,
                names,
                resources,
            },
        );
        !same
    }

    fn serve(&self, api: &Api) {
        api.serve_custom(
            self.0
                .values()
                .flat_map(|known| known.resources.iter().cloned()),
        );
    }

    /// The definition with its names in the status, or why it cannot have them.
    fn accept_names(&self, definition: &Value) -> Value {
        let others: Vec<&Value> = self.0.values().map(|known| &known.names).collect();
        let mut new = definition.clone();
        let (names, conflict) = definitions::accept_names(definition, &others);
        new["status"]["acceptedNames"] = names;
        match conflict {
            None => {
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
                    let message = "not all names are accepted";
                    set_condition(&mut new, "Established", false, "NotAccepted", message);
                }
            }
        }
        new
    }
}

pub(super) async fn run(api: Arc<Api>, mut definitions: Definitions) {
    let mut reported = false;
    let mut ending = HashSet::new();
    while follow(&api, &mut definitions, &mut ending, &mut reported).await != WatchEnd::Ended {}
}

async fn follow(
    api: &Arc<Api>,
    definitions: &mut Definitions,
    ending: &mut HashSet<String>,
    reported: &mut bool,
) -> WatchEnd {
    let (objects, mut subscription) = api
        .store
        .list_and_subscribe(Scope::Resource(DEFINITIONS.into()));
    for object in objects {
        settle(api, definitions, ending, &object.key).await;
    }
    api.worker_is_ready(reported);
    loop {
        let events = match subscription.next().await {
            Ok(events) => events,
            Err(end) => return end,
        };
        for event in events {
            if event.deleted {
                forget(api, definitions, ending, &event.object).await;
            } else {
                settle(api, definitions, ending, &event.object.key).await;
            }
        }
    }
}

/// Brings one definition as far as it can get now. Every write comes back here as an event.
async fn settle(api: &Arc<Api>, known: &mut Definitions, ending: &mut HashSet<String>, key: &Key) {
    // Events may be behind; what counts is the present.
    let Some(object) = api.store.get(key) else {
        return;
    };
    let definition = object.value();
    let accepted = known.accept_names(&definition);
    if accepted != definition {
        write_status(api, &object, accepted).await;
        return;
    }
    if known.learn(&object, &definition) {
        known.serve(api);
    }
    if is_true(&definition, "NamesAccepted") && !is_true(&definition, "Established") {
        let mut established = definition.clone();
        let message = "the initial names have been accepted";
        set_condition(
            &mut established,
            "Established",
            true,
            "InitialNamesAccepted",
            message,
        );
        write_status(api, &object, established).await;
    }
    if meta::is_deleting(&definition) && ending.insert(object.uid.to_string()) {
        let (api, object) = (api.clone(), object.clone());
        tokio::spawn(async move { clean_up(&api, &object).await });
    }
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

async fn forget(
    api: &Arc<Api>,
    known: &mut Definitions,
    ending: &mut HashSet<String>,
    object: &Object,
) {
    ending.remove(&*object.uid);
    let name = &*object.key.name;
    // One of the same name may be there again already.
    if known
        .0
        .get(name)
        .is_some_and(|known| known.uid == object.uid)
    {
        known.0.remove(name);
        known.serve(api);
    }
    let definition = object.value();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spec = &definition["spec"];
    let storage = format!(
        "{}/{}",
        text(&spec["group"]),
        text(&spec["names"]["plural"])
    );
    api.store.end_watches(&storage);
    // Names that are free now may be what others wait for.
    let waiting: Vec<Key> = api
        .store
        .read()
        .list(DEFINITIONS, None)
        .map(|o| o.key.clone())
        .collect();
    for key in waiting {
        let accepted = known.0.get(&*key.name).is_some_and(|known| known.accepted);
        if !accepted {
            settle(api, known, ending, &key).await;
        }
    }
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

//! Events about objects: written by one task beside the work, equal ones counted instead of repeated.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde_json::json;
use tokio::sync::mpsc;

/// Events that wait to be written; more are dropped, they are only told.
const QUEUE: usize = 1024;

/// Equal events that are remembered for counting.
const REMEMBERED: usize = 1024;

/// A longer message is cut, as the API does not take it.
const MAX_MESSAGE_CHARS: usize = 1000;

/// Where an actor tells what happened.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    queue: mpsc::Sender<Told>,
    component: &'static str,
}

#[derive(Debug)]
struct Told {
    about: ObjectReference,
    component: &'static str,
    kind: &'static str,
    reason: String,
    message: String,
    at: Timestamp,
}

impl Events {
    /// Starts the writer, which ends with the last sender.
    pub(crate) fn start(client: Client) -> Events {
        let (queue, told) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(client, told));
        Events {
            queue,
            component: "carto",
        }
    }

    /// The same for another component, the name users see in `kubectl describe`.
    pub(crate) fn from(&self, component: &'static str) -> Events {
        Events {
            component,
            ..self.clone()
        }
    }

    pub(crate) fn normal<K: Resource>(
        &self,
        object: &K,
        kind: &K::DynamicType,
        reason: &str,
        message: &str,
    ) {
        self.tell(object.object_ref(kind), "Normal", reason, message);
    }

    pub(crate) fn warning<K: Resource>(
        &self,
        object: &K,
        kind: &K::DynamicType,
        reason: &str,
        message: &str,
    ) {
        self.tell(object.object_ref(kind), "Warning", reason, message);
    }

    fn tell(&self, about: ObjectReference, kind: &'static str, reason: &str, message: &str) {
        let told = Told {
            about,
            component: self.component,
            kind,
            reason: reason.to_owned(),
            message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
            at: Timestamp::now(),
        };
        if self.queue.try_send(told).is_err() {
            tracing::debug!("an event is dropped: too many wait to be written");
        }
    }
}

type Key = (Option<String>, String, String);

async fn write_all(client: Client, mut told: mpsc::Receiver<Told>) {
    let mut known: HashMap<Key, (String, i32)> = HashMap::new();
    while let Some(told) = told.recv().await {
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let namespace = told
            .about
            .namespace
            .clone()
            .unwrap_or_else(|| "default".to_owned());
        let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
        let key = (
            told.about.uid.clone(),
            told.reason.clone(),
            told.message.clone(),
        );
        let written = match known.get_mut(&key) {
            Some((name, count)) => {
                *count += 1;
                again(&api, name, *count, told.at).await
            }
            None => first(&api, told, &namespace).await.map(|name| {
                known.insert(key, (name, 1));
            }),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "an event could not be written");
        }
    }
}

async fn first(api: &Api<Event>, told: Told, namespace: &str) -> kube::Result<String> {
    let name = format!(
        "{}.{:x}",
        told.about.name.as_deref().unwrap_or("object"),
        told.at.as_nanosecond()
    );
    let event = Event {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        involved_object: told.about,
        type_: Some(told.kind.to_owned()),
        reason: Some(told.reason),
        message: Some(told.message),
        source: Some(EventSource {
            component: Some(told.component.to_owned()),
            host: None,
        }),
        first_timestamp: Some(Time(told.at)),
        last_timestamp: Some(Time(told.at)),
        count: Some(1),
        reporting_component: Some(told.component.to_owned()),
        ..Event::default()
    };
    api.create(&PostParams::default(), &event)
        .await
        .map(|_| name)
}

async fn again(api: &Api<Event>, name: &str, count: i32, at: Timestamp) -> kube::Result<()> {
    let patch = json!({"count": count, "lastTimestamp": Time(at)});
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(drop)
}

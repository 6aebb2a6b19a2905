//! What the actors share: objects without types, status that is written only when it differs, retries with growing
//! pauses, and running a controller until it is told to stop.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{controller, watcher};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

/// Who we are to the API.
pub(crate) const MANAGER: &str = "carto-actors";

/// Shortest and longest pause before a failed object is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(300);

/// Keys whose failures are counted; beyond, the counts start over.
const MAX_RETRIED: usize = 100_000;

/// Why a pass over one object ended early. Whatever a user can mend is a condition instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    #[error("the API refused a request: {0}")]
    Api(#[from] Box<kube::Error>),
    #[error("{0}")]
    Local(String),
}

impl From<kube::Error> for PassError {
    fn from(error: kube::Error) -> PassError {
        PassError::Api(Box::new(error))
    }
}

/// A kind by its names.
pub(crate) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// The objects of a kind in a namespace; without one, of a kind that has none.
pub(crate) fn objects(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// A field of an object, read as a type; what is missing or of another form is an error to show.
pub(crate) fn read<T: DeserializeOwned>(object: &DynamicObject, field: &str) -> Result<T, String> {
    let value = object.data.get(field).cloned().unwrap_or_else(|| json!({}));
    serde_json::from_value(value).map_err(|error| format!("{field} cannot be understood: {error}"))
}

/// The status as it is now, an empty one when there is none.
pub(crate) fn status_of(object: &DynamicObject) -> Map<String, Value> {
    object
        .data
        .get("status")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

/// Writes the status if it differs from what the object has. An object that is gone needs none.
pub(crate) async fn write_status(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    status: &Map<String, Value>,
) -> Result<(), PassError> {
    let before = Value::Object(status_of(object));
    write_status_over(
        api,
        &object.name_any(),
        &before,
        &Value::Object(status.clone()),
    )
    .await
}

/// The same for a kind with a type.
pub(crate) async fn write_typed_status<K>(
    api: &Api<K>,
    name: &str,
    before: &impl Serialize,
    after: &impl Serialize,
) -> Result<(), PassError>
where
    K: Clone + DeserializeOwned + Debug,
{
    let (before, after) = (to_value(before)?, to_value(after)?);
    write_status_over(api, name, &before, &after).await
}

fn to_value(status: &impl Serialize) -> Result<Value, PassError> {
    serde_json::to_value(status).map_err(|error| PassError::Local(error.to_string()))
}

async fn write_status_over<K>(
    api: &Api<K>,
    name: &str,
    before: &Value,
    after: &Value,
) -> Result<(), PassError>
where
    K: Clone + DeserializeOwned + Debug,
{
    let Some(change) = difference(before, after) else {
        return Ok(());
    };
    let patch = Patch::Merge(json!({"status": change}));
    let parameters = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api.patch_status(name, &parameters, &patch).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).map_err(PassError::from),
    }
}

/// The JSON merge patch that leads from one value to the other, if they differ.
pub(crate) fn difference(before: &Value, after: &Value) -> Option<Value> {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return (before != after).then(|| after.clone());
    };
    let mut change = Map::new();
    for key in old
        .keys()
        .filter(|key| new.get(*key).is_none_or(Value::is_null))
    {
        change.insert(key.clone(), Value::Null);
    }
    for (key, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        let inner = match old.get(key) {
            Some(before) => difference(before, value),
            None => Some(value.clone()),
        };
        change.extend(inner.map(|inner| (key.clone(), inner)));
    }
    (!change.is_empty()).then_some(Value::Object(change))
}

/// Counts failures per key, so that pauses grow: 1 s, 2 s, 4 s … five minutes.
#[derive(Debug)]
pub(crate) struct Retries<K>(Mutex<HashMap<K, u32>>);

impl<K: Eq + Hash> Retries<K> {
    pub(crate) fn new() -> Retries<K> {
        Retries(Mutex::new(HashMap::new()))
    }

    /// One more failure; when to try again.
    pub(crate) fn failed(&self, key: K) -> Duration {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_RETRIED {
            counts.clear();
        }
        let count = counts.entry(key).or_insert(0);
        let pause = RETRY_FIRST.saturating_mul(1 << (*count).min(9));
        *count = count.saturating_add(1);
        pause.min(RETRY_LAST)
    }

    /// It went well: the next failure is a first one.
    pub(crate) fn succeeded(&self, key: &K) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

/// What to do after an error that is not the user's: try again soon, the API may be back.
pub(crate) fn after_error<K: ResourceExt, C>(
    object: std::sync::Arc<K>,
    error: &PassError,
    _: std::sync::Arc<C>,
) -> Action {
    tracing::debug!(name = object.name_any(), namespace = object.namespace(), %error, "a pass failed");
    Action::requeue(Duration::from_secs(2))
}

/// Drives a controller's stream until stopped; its errors are logged, they never end it.
///
/// A pass under way is dropped where it waits, as a crash would do: every prefix of a pass is safe. (The controllers'
/// own graceful end never comes when it is asked for before their first list.)
pub(crate) async fn drive<K, E>(
    actor: &'static str,
    stop: &CancellationToken,
    stream: impl Stream<Item = Result<(ObjectRef<K>, Action), controller::Error<E, watcher::Error>>>,
) where
    K: kube::Resource,
    K::DynamicType: Debug + Clone,
    E: std::error::Error + 'static,
{
    let mut stream = std::pin::pin!(stream);
    while let Some(Some(outcome)) = stop.run_until_cancelled(stream.next()).await {
        match outcome {
            // An object that went away while its turn came.
            Ok(_) | Err(controller::Error::ObjectNotFound(_)) => {}
            Err(controller::Error::ReconcilerFailed(error, object)) => {
                tracing::warn!(actor, %object, error = %error, "a pass failed");
            }
            Err(error) => {
                tracing::warn!(actor, error = %chain(&error), "a watch failed, and is opened again");
            }
        }
    }
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// Whether the API said that there is no such object.
pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}

/// Runs file system and hashing work off the reactor.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PassError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PassError::Local(error.to_string()))
}

/// Waits for the work or the end, whichever is first.
pub(crate) async fn until<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    cancel.run_until_cancelled(work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_merge_patch_and_equals_have_none() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1], "gone": true});
        let after =
            json!({"a": 1, "b": {"c": 1, "d": 3}, "e": [1, 2], "new": {"x": 1}, "nothing": null});
        let expect = json!({"b": {"d": 3}, "e": [1, 2], "gone": null, "new": {"x": 1}});
        assert_eq!(difference(&before, &after), Some(expect));
        assert_eq!(difference(&before, &before), None);
        assert_eq!(
            difference(&json!({"a": null}), &json!({})),
            Some(json!({"a": null}))
        );
    }

    #[test]
    fn pauses_grow_to_a_limit_and_start_over() {
        let retries = Retries::new();
        let pauses: Vec<u64> = (0..12).map(|_| retries.failed("a").as_secs()).collect();
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert_eq!(pauses[11], 300);
        retries.succeeded(&"a");
        assert_eq!(retries.failed("a").as_secs(), 1);
    }
}

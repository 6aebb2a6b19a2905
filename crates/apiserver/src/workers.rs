//! What the server does by itself: it follows its own store and keeps promises that no single request
//! can keep.

mod definitions;
mod events;
mod garbage;
mod namespaces;
mod service_accounts;

use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use definitions::Definitions;

use crate::api::{Api, Call};
use crate::catalogue::Resource;
use crate::error::ApiError;
use crate::pipeline::DeleteOptions;
use crate::pipeline::Propagation;
use crate::store::Key;

/// Writes of one worker in flight: enough to fill a commit of the store.
const CONCURRENT: usize = 64;

/// Starts all workers; they end with the token.
pub(crate) fn start(
    api: &Arc<Api>,
    definitions: Definitions,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    let mut add = |worker: futures::future::BoxFuture<'static, ()>| {
        let stop = stop.clone();
        workers.spawn(async move {
            stop.run_until_cancelled(worker).await;
        });
    };
    add(Box::pin(definitions::run(api.clone(), definitions)));
    add(Box::pin(garbage::run(api.clone())));
    add(Box::pin(namespaces::run(api.clone())));
    add(Box::pin(service_accounts::run(api.clone())));
    add(Box::pin(events::run(api.clone())));
    add(Box::pin(crate::auth::aggregate_cluster_roles(api.clone())));
    workers
}

/// A request of a worker for a stored object.
fn call_for(api: &Api, resource: &Arc<Resource>, key: &Key) -> Call {
    let mut call = api.own_call(resource, &key.namespace, &key.name);
    "kube-controller-manager".clone_into(&mut call.agent);
    call
}

/// Deletes an object if it is still the one that is meant.
async fn delete(
    api: &Api,
    resource: &Arc<Resource>,
    key: &Key,
    uid: Option<&str>,
    propagation: Option<Propagation>,
) -> Result<(), ApiError> {
    let call = call_for(api, resource, key);
    let options = DeleteOptions {
        uid: uid.map(str::to_owned),
        propagation,
        ..DeleteOptions::default()
    };
    match api.delete(&call, &options).await {
        Ok(_) | Err(ApiError::NotFound { .. } | ApiError::Precondition { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The object as it is now, in its storage version.
fn current(api: &Api, key: &Key) -> Option<Value> {
    api.store.get(key).map(|object| object.value())
}

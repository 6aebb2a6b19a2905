//! Every namespace has a service account called `default`, and the certificate that clients trust.
//!
//! Source: kubernetes `pkg/controller/serviceaccount/serviceaccounts_controller.go`,
//! `pkg/controller/certificates/rootcacertpublisher`, v1.36.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::admission::NAMESPACES;
use crate::api::Api;
use crate::bootstrap;
use crate::error::ApiError;
use crate::store::{Event, Key, Scope, Subscription, WatchEnd};

const ACCOUNTS: &str = "/serviceaccounts";
const ACCOUNT: &str = "default";
const MAPS: &str = "/configmaps";
const TRUST: &str = "kube-root-ca.crt";

pub(super) async fn run(api: Arc<Api>) {
    let mut reported = false;
    while follow(&api, &mut reported).await != WatchEnd::Ended {}
}

async fn follow(api: &Api, reported: &mut bool) -> WatchEnd {
    let (namespaces, mut created) = api
        .store
        .list_and_subscribe(Scope::Resource(NAMESPACES.into()));
    let (_, mut accounts) = api
        .store
        .list_and_subscribe(Scope::Resource(ACCOUNTS.into()));
    let (_, mut maps) = api.store.list_and_subscribe(Scope::Resource(MAPS.into()));
    for namespace in namespaces {
        ensure(api, &namespace.key.name).await;
    }
    api.worker_is_ready(reported);
    let is_new = |event: &Event| event.prev.is_none().then(|| event.key.name.clone());
    loop {
        let affected = tokio::select! {
            affected = next(&mut created, is_new) => affected,
            affected = next(&mut accounts, |event| is_lost(event, ACCOUNT)) => affected,
            affected = next(&mut maps, |event| is_lost(event, TRUST)) => affected,
        };
        match affected {
            Ok(namespaces) => {
                for namespace in namespaces {
                    ensure(api, &namespace).await;
                }
            }
            Err(end) => return end,
        }
    }
}

fn is_lost(event: &Event, name: &str) -> Option<Arc<str>> {
    (event.deleted && *event.key.name == *name).then(|| event.key.namespace.clone())
}

/// The namespaces that the next events are about.
async fn next(
    subscription: &mut Subscription,
    namespace: impl Fn(&Event) -> Option<Arc<str>>,
) -> Result<Vec<Arc<str>>, WatchEnd> {
    let events = subscription.next().await?;
    Ok(events.iter().filter_map(|event| namespace(event)).collect())
}

async fn ensure(api: &Api, namespace: &str) {
    let there = api.store.get(&Key::new(NAMESPACES, "", namespace));
    if there.is_none_or(|namespace| namespace.deleting) {
        return;
    }
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    let trust = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": TRUST}, "data": {"ca.crt": api.trust}});
    for (storage, object) in [(ACCOUNTS, account), (MAPS, trust)] {
        create(api, storage, namespace, object).await;
    }
}

async fn create(api: &Api, storage: &str, namespace: &str, object: Value) {
    match bootstrap::ensure(api, storage, namespace, object).await {
        // The namespace may have ended meanwhile.
        Ok(()) | Err(ApiError::Forbidden { .. } | ApiError::NotFound { .. }) => {}
        Err(error) => {
            tracing::warn!(%error, namespace, storage, "cannot create what every namespace has");
        }
    }
}

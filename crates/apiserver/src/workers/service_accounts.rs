//! Every namespace has a service account called `default`.
//!
//! Source: kubernetes `pkg/controller/serviceaccount/serviceaccounts_controller.go`, v1.36.

use std::sync::Arc;

use serde_json::json;

use super::call_for;
use crate::admission::NAMESPACES;
use crate::api::Api;
use crate::codec::Decoded;
use crate::error::ApiError;
use crate::request::Query;
use crate::store::{Key, Scope};

const ACCOUNTS: &str = "/serviceaccounts";
const DEFAULT: &str = "default";

pub(super) async fn run(api: Arc<Api>) {
    let (namespaces, mut created) = api
        .store
        .list_and_subscribe(Scope::Resource(NAMESPACES.into()));
    let (_, mut deleted) = api
        .store
        .list_and_subscribe(Scope::Resource(ACCOUNTS.into()));
    for namespace in namespaces {
        ensure(&api, &namespace.key.name).await;
    }
    api.worker_is_ready(&mut false);
    loop {
        tokio::select! {
            events = created.next() => match events {
                Ok(events) => {
                    for event in events.iter().filter(|event| event.prev.is_none()) {
                        ensure(&api, &event.key.name).await;
                    }
                }
                Err(_) => return,
            },
            events = deleted.next() => match events {
                Ok(events) => {
                    let lost = |key: &Key| &*key.name == DEFAULT;
                    for event in events.iter().filter(|event| event.deleted && lost(&event.key)) {
                        ensure(&api, &event.key.namespace).await;
                    }
                }
                Err(_) => return,
            },
        }
    }
}

async fn ensure(api: &Api, namespace: &str) {
    let key = Key::new(ACCOUNTS, namespace, DEFAULT);
    let ends = api
        .store
        .get(&Key::new(NAMESPACES, "", namespace))
        .is_none_or(|namespace| namespace.deleting);
    if ends || api.store.get(&key).is_some() {
        return;
    }
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(ACCOUNTS) else {
        return;
    };
    let call = call_for(api, resource, &key);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": DEFAULT, "namespace": namespace}});
    let body = Decoded {
        value: account,
        duplicates: vec![],
    };
    let Ok(options) = Query::default().write_options("CreateOptions") else {
        return;
    };
    match api.create(&call, body, &options).await {
        Ok(_) | Err(ApiError::AlreadyExists { .. } | ApiError::Forbidden { .. }) => {}
        Err(error) => {
            tracing::warn!(%error, namespace, "cannot create the default service account");
        }
    }
}

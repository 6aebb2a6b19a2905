//! What is there from the first start on.

mod rights;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::admission::{DEFINITIONS, NAMESPACES};
use crate::api::{Api, Call};
use crate::codec::Decoded;
use crate::config::StartError;
use crate::definitions::{condition, is_true};
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::pipeline::PatchFormat;
use crate::request::{Query, WriteOptions};
use crate::store::{Scope, WatchEnd};

const STANDARD_NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];
/// The owner of what the server itself applies.
const MANAGER: &str = "carto-apiserver";
/// Until a definition is served: names are compared and schemas compiled, nothing else.
const ESTABLISH: Duration = Duration::from_secs(10);

/// Creates what every cluster has.
pub(crate) async fn objects(api: &Api) -> Result<(), ApiError> {
    for name in STANDARD_NAMESPACES {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        ensure(api, NAMESPACES, "", namespace).await?;
    }
    for (plural, object) in rights::objects() {
        ensure(api, &format!("{}/{plural}", crate::auth::GROUP), "", object).await?;
    }

    ensure(api, "/configmaps", "kube-public", capabilities()).await
}

/// What this server does and does not do, for people and programs that look.
fn capabilities() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "server-capabilities"},
        "data": {
            "custom-resources": "on",
            "server-side-apply": "on",
            "watch": "on",
            "garbage-collection": "on",
            "rbac": "on when the server is told to enforce it",
            "service-account-tokens": "on",
            "admission-webhooks": "off: their configurations are not served",
            "admission-policies": "off: they are not served",
            "conversion-webhooks": "off: definitions that ask for one are refused",
            "workloads": "stored; run only when something on this machine runs them",
            "encryption-at-rest": "off: files are readable by their owner only",
        },
    })
}

/// Creates an object unless it is there.
pub(crate) async fn ensure(
    api: &Api,
    storage: &str,
    namespace: &str,
    object: Value,
) -> Result<(), ApiError> {
    let Some(call) = call(api, storage, namespace, meta::text(&object, "name")) else {
        return Ok(());
    };
    if api
        .store
        .get(&call.resource.key(namespace, &call.target.name))
        .is_some()
    {
        return Ok(());
    }
    let body = Decoded {
        value: object,
        duplicates: vec![],
    };
    match api.create(&call, body, &WriteOptions::default()).await {
        Ok(_) | Err(ApiError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn call(api: &Api, storage: &str, namespace: &str, name: &str) -> Option<Call> {
    let catalogue = api.catalogue();
    Some(api.own_call(catalogue.stored(storage)?, namespace, name))
}

/// Applies a definition and waits until its kind is served.
pub(crate) async fn definition(api: &Arc<Api>, mut object: Value) -> Result<(), StartError> {
    let name = meta::text(&object, "name").to_owned();
    let failed = |reason: String| StartError::Definition {
        name: name.clone(),
        reason,
    };
    let Some(call) = call(api, DEFINITIONS, "", &name) else {
        return Err(failed(
            "this server has no custom resource definitions".into(),
        ));
    };
    if let Some(fields) = object.as_object_mut() {
        // Generated definitions carry an empty status, and times that are null.
        fields.remove("status");
    }
    meta::of(&mut object).retain(|_, value| !value.is_null());
    let body = serde_json::to_vec(&object).map_err(|error| failed(error.to_string()))?;
    let options = WriteOptions {
        field_manager: MANAGER.to_owned(),
        force: Some(true),
        ..Query::default()
            .write_options("PatchOptions")
            .map_err(|error| failed(error.to_string()))?
    };
    let (_, mut changes) = api
        .store
        .list_and_subscribe(Scope::Resource(DEFINITIONS.into()));
    api.patch(
        &call,
        PatchFormat::Apply,
        &body.into(),
        Part::Main,
        &options,
    )
    .await
    .map_err(|error| failed(error.to_string()))?;
    let key = call.resource.key("", &name);
    let established = async {
        loop {
            let now = api
                .store
                .get(&key)
                .map(|object| object.value())
                .unwrap_or_default();
            if is_true(&now, "Established") {
                return Ok(());
            }
            if let Some(refused) =
                condition(&now, "NamesAccepted").filter(|c| c["status"] == "False")
            {
                return Err(refused["message"].as_str().unwrap_or_default().to_owned());
            }
            match changes.next().await {
                Ok(_) => {}
                Err(WatchEnd::Ended) => return Err("the server is shutting down".to_owned()),
                Err(WatchEnd::Expired(_)) => {
                    let scope = Scope::Resource(DEFINITIONS.into());
                    changes = api.store.list_and_subscribe(scope).1;
                }
            }
        }
    };
    match tokio::time::timeout(ESTABLISH, established).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed("its kind is not served after 10 seconds".into())),
    }
}

//! The Pod object of a build: where `kubectl get pods` and `kubectl logs` look. No process belongs to it.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::BuildActor;
use crate::conditions::now;
use crate::names::{MIRROR, NODE, child_name};
use crate::shell::{PassError, is_not_found};

/// The only container; its log is the build's.
pub(super) const CONTAINER: &str = "build";

/// How the build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Succeeded,
    Failed,
}

/// The name kpack gives it.
pub(super) fn name_of(build: &DynamicObject) -> String {
    child_name(&build.name_any(), "-build-pod")
}

/// Makes the Pod unless it is there.
pub(super) async fn ensure(actor: &BuildActor, build: &DynamicObject) -> Result<(), PassError> {
    let namespace = build.namespace().unwrap_or_default();
    let mut labels = build.metadata.labels.clone().unwrap_or_default();
    labels.insert("kpack.io/build".to_owned(), build.name_any());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {
            "name": name_of(build), "namespace": namespace, "labels": labels,
            "annotations": {"kubectl.kubernetes.io/default-container": CONTAINER, MIRROR: build.name_any()},
            "ownerReferences": build.controller_owner_ref(&actor.builds).map(|owner| vec![owner]),
        },
        "spec": {
            "containers": [{"name": CONTAINER, "image": "carto/build"}],
            "restartPolicy": "Never", "nodeName": NODE, "automountServiceAccountToken": false,
        },
    }))
    .map_err(|error| PassError::Local(error.to_string()))?;
    let api: Api<Pod> = Api::namespaced(actor.client.clone(), &namespace);
    match api.create(&PostParams::default(), &pod).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop).map_err(PassError::from),
    }
}

/// Removes the Pod of a build that was deleted before its end: nobody else would let it go.
pub(super) async fn remove(actor: &BuildActor, build: &DynamicObject) -> Result<(), PassError> {
    let namespace = build.namespace().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(actor.client.clone(), &namespace);
    let now = DeleteParams::default().grace_period(0);
    match api.delete(&name_of(build), &now).await {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes how the build stands into the Pod's status.
pub(super) async fn report(
    actor: &BuildActor,
    build: &DynamicObject,
    phase: Phase,
    message: &str,
) -> Result<(), PassError> {
    let time = now();
    let (word, ready, state) = match phase {
        Phase::Running => ("Running", "True", json!({"running": {"startedAt": time}})),
        Phase::Succeeded => ("Succeeded", "False", ended(0, "Completed", "", &time)),
        Phase::Failed => ("Failed", "False", ended(1, "Error", message, &time)),
    };
    let mut status = json!({
        "phase": word, "hostIP": "127.0.0.1",
        "conditions": [
            {"type": "Initialized", "status": "True", "lastTransitionTime": time},
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": time},
            {"type": "Ready", "status": ready, "lastTransitionTime": time},
        ],
        "containerStatuses": [{
            "name": CONTAINER, "image": "carto/build", "imageID": "", "ready": phase == Phase::Running,
            "started": phase == Phase::Running, "restartCount": 0, "state": state,
        }],
    });
    if phase == Phase::Running {
        status["startTime"] = json!(time);
    }
    let api: Api<Pod> =
        Api::namespaced(actor.client.clone(), &build.namespace().unwrap_or_default());
    let patch = Patch::Merge(json!({"status": status}));
    match api
        .patch_status(&name_of(build), &PatchParams::default(), &patch)
        .await
    {
        // Somebody removed the Pod: the build goes on without.
        Err(error) if is_not_found(&error) => Ok(()),
        other => other.map(drop).map_err(PassError::from),
    }
}

fn ended(code: i32, reason: &str, message: &str, time: &str) -> serde_json::Value {
    json!({
        "running": null,
        "terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": time},
    })
}

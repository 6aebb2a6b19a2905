//! The kinds that describe how kpack builds: stored, and said to be ready, since nothing here depends on their content.

use std::sync::Arc;

use futures::future::join_all;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::kpack;
use crate::conditions::{Conditions, Truth};
use crate::shell::{PassError, after_error, drive, objects, status_of, write_status};

const KINDS: [(&str, &str); 7] = [
    ("Builder", "builders"),
    ("ClusterBuilder", "clusterbuilders"),
    ("ClusterStore", "clusterstores"),
    ("ClusterStack", "clusterstacks"),
    ("ClusterLifecycle", "clusterlifecycles"),
    ("Buildpack", "buildpacks"),
    ("ClusterBuildpack", "clusterbuildpacks"),
];

const MESSAGE: &str = "stored; on this machine images are built without buildpacks";

struct Builders {
    client: Client,
    kind: ApiResource,
}

/// Works until stopped; begins by making the builder that chains name by default, if there is none.
pub(super) async fn run(client: Client, stop: CancellationToken) {
    let default = DynamicObject::new("default", &kpack("ClusterBuilder", "clusterbuilders")).data(json!({
        "spec": {"tag": "", "stack": {"kind": "ClusterStack", "name": ""}, "store": {"kind": "ClusterStore", "name": ""}, "order": []},
    }));
    let api: Api<DynamicObject> =
        objects(&client, &kpack("ClusterBuilder", "clusterbuilders"), None);
    match api.create(&PostParams::default(), &default).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => tracing::warn!(%error, "the ClusterBuilder 'default' could not be made"),
    }
    let controllers = KINDS.iter().map(|(kind, plural)| {
        let kind = kpack(kind, plural);
        let context = Arc::new(Builders {
            client: client.clone(),
            kind: kind.clone(),
        });
        let passes = Controller::new_with(
            Api::all_with(client.clone(), &kind),
            watcher::Config::default(),
            kind,
        )
        .run(pass, after_error, context);
        drive("build", &stop, passes)
    });
    join_all(controllers).await;
}

async fn pass(object: Arc<DynamicObject>, context: Arc<Builders>) -> Result<Action, PassError> {
    let mut status = status_of(&object);
    let mut conditions = Conditions::of(&status, None);
    conditions.set("Ready", Truth::True, "Stored", MESSAGE);
    if context.kind.kind.ends_with("Builder") {
        conditions.set("UpToDate", Truth::True, "Stored", MESSAGE);
    }
    conditions.store(&mut status);
    status.insert(
        "observedGeneration".to_owned(),
        json!(object.metadata.generation),
    );
    let api = objects(
        &context.client,
        &context.kind,
        object.namespace().as_deref(),
    );
    write_status(&api, &object, &status).await?;
    Ok(Action::await_change())
}

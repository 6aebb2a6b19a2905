//! Stand-in for kpack: `Image` and its `Build`s, with the builder kinds stored so that published files apply.
//!
//! An Image whose source, builder or configuration changed gets a new Build; the Build fetches the source, makes an
//! image (static sites and finished programs from scratch, Dockerfiles with a tool of this machine), pushes it and
//! reports. A label on the Build holds the hash of all that went in, so that nothing is built twice, not after a
//! crash either. Conditions, reasons and names follow buildpacks-community/kpack pkg/reconciler/image and
//! pkg/apis/build/v1alpha2.

mod binary;
mod builders;
mod container;
mod image;
mod native;
mod pod;
mod run;
mod source;
mod spec;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use carto_artifacts::git::Git;
use carto_artifacts::oci::client::Client as RegistryClient;
use carto_artifacts::oci::name::ImageName;
use carto_artifacts::oci::registry::Registry;
use carto_artifacts::store::Store;
use kube::Client;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, controller, watcher};
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::logs::Logs;
use crate::process::Launcher;
use crate::shell::{Retries, after_error, drive, resource};

/// Images looked at, and builds under way, at once.
const CONCURRENT_IMAGES: u16 = 4;
const CONCURRENT_BUILDS: u16 = 2;

/// Everything the passes need.
pub(crate) struct BuildActor {
    client: Client,
    images: ApiResource,
    builds: ApiResource,
    git: Git,
    store: Store,
    registry: Registry,
    registry_host: String,
    registries: RegistryClient,
    work: PathBuf,
    launcher: Launcher,
    logs: Logs,
    events: Events,
    retries: Retries<ObjectRef<DynamicObject>>,
    stop: CancellationToken,
}

/// What is handed in, beside the client.
pub(crate) struct Parts {
    pub(crate) state: PathBuf,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) registry_host: String,
    pub(crate) launcher: Launcher,
    pub(crate) logs: Logs,
}

fn kpack(kind: &str, plural: &str) -> ApiResource {
    resource("kpack.io", "v1alpha2", kind, plural)
}

impl BuildActor {
    /// Prepares folders below the state folder.
    pub(crate) fn open(
        client: Client,
        parts: Parts,
        events: &Events,
        stop: CancellationToken,
    ) -> io::Result<BuildActor> {
        let work = parts.state.join("work");
        // What a crash left half done is fetched again.
        match std::fs::remove_dir_all(&work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&work)?,
        }
        Ok(BuildActor {
            client,
            images: kpack("Image", "images"),
            builds: kpack("Build", "builds"),
            git: Git::open(parts.state.join("home"))?,
            store: parts.store,
            registry: parts.registry,
            registry_host: parts.registry_host,
            registries: RegistryClient::new(),
            work,
            launcher: parts.launcher,
            logs: parts.logs,
            events: events.from("kpack"),
            retries: Retries::new(),
            stop,
        })
    }

    /// Works until stopped.
    pub(crate) async fn run(self) {
        let stop = self.stop.clone();
        let client = self.client.clone();
        let actor = Arc::new(self);
        let builders = builders::run(client.clone(), stop.clone());
        tokio::join!(builders, images(Arc::clone(&actor)), builds(actor));
    }

    /// Whether the image is kept by the registry of this home.
    fn is_ours(&self, name: &ImageName) -> bool {
        let port = self
            .registry_host
            .rsplit_once(':')
            .map_or("", |(_, port)| port);
        name.is_loopback()
            && name
                .host
                .rsplit_once(':')
                .is_some_and(|(_, named)| named == port)
    }
}

async fn images(actor: Arc<BuildActor>) {
    let all = |kind: &ApiResource| kube::Api::<DynamicObject>::all_with(actor.client.clone(), kind);
    let config = watcher::Config::default;
    let mut passes = Controller::new_with(all(&actor.images), config(), actor.images.clone())
        .with_config(controller::Config::default().concurrency(CONCURRENT_IMAGES))
        .owns_with(all(&actor.builds), actor.builds.clone(), config());
    for (kind, plural) in [
        ("ClusterBuilder", "clusterbuilders"),
        ("Builder", "builders"),
    ] {
        let reader = passes.store();
        let builder = kpack(kind, plural);
        let image = actor.images.clone();
        passes = passes.watches_with(
            all(&builder),
            builder,
            config(),
            move |builder: DynamicObject| {
                let name = builder.metadata.name.unwrap_or_default();
                let image = image.clone();
                let uses = move |object: &Arc<DynamicObject>| {
                    object.data["spec"]["builder"]["name"] == name
                };
                let refs = reader.state().into_iter().filter(uses);
                refs.map(|object| ObjectRef::from_obj_with(&*object, image.clone()))
                    .collect::<Vec<_>>()
            },
        );
    }
    let stop = actor.stop.clone();
    drive("build", &stop, passes.run(image::pass, after_error, actor)).await;
}

async fn builds(actor: Arc<BuildActor>) {
    let api = kube::Api::<DynamicObject>::all_with(actor.client.clone(), &actor.builds);
    let stop = actor.stop.clone();
    let passes = Controller::new_with(api, watcher::Config::default(), actor.builds.clone())
        .with_config(controller::Config::default().concurrency(CONCURRENT_BUILDS))
        .run(run::pass, after_error, actor);
    drive("build", &stop, passes).await;
}

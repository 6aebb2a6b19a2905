//! Stand-in for Flux's source-controller: `GitRepository`.
//!
//! One pass looks up the reference, and only when the revision (or what belongs into the archive) changed checks it
//! out, archives it and writes the status. A repository on this machine is watched, so that a commit starts a pass at
//! once; others are looked at every `spec.interval`. Conditions, reasons and messages follow
//! fluxcd/source-controller internal/controller/gitrepository_controller.go.

mod notice;
mod pass;
mod spec;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use carto_artifacts::git::Git;
use carto_artifacts::store::Store;
use futures::{Stream, StreamExt};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{Controller, Predicate, WatchStreamExt, controller, predicates, watcher};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::shell::{Retries, after_error, drive, resource};
use notice::Notices;

/// Repositories that are fetched at once.
const CONCURRENT: u16 = 4;

/// Everything a pass needs.
pub(crate) struct GitActor {
    client: Client,
    kind: ApiResource,
    git: Git,
    store: Store,
    work: PathBuf,
    events: Events,
    notices: Notices,
    retries: Retries<ObjectRef<DynamicObject>>,
}

/// The kind that is stood in for, in its stored version.
pub(crate) fn kind() -> ApiResource {
    resource(
        "source.toolkit.fluxcd.io",
        "v1",
        "GitRepository",
        "gitrepositories",
    )
}

impl GitActor {
    /// Prepares folders below `state`; archives go to `store`.
    pub(crate) fn open(
        client: Client,
        state: PathBuf,
        store: Store,
        events: &Events,
    ) -> io::Result<GitActor> {
        Ok(GitActor {
            client,
            kind: kind(),
            git: Git::open(state.join("home"))?,
            store,
            work: state.join("work"),
            events: events.from("source-controller"),
            notices: Notices::start(),
            retries: Retries::new(),
        })
    }

    /// Works until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let kind = self.kind.clone();
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind);
        let actor = Arc::new(self);
        let writer = reflector::store::Writer::new(kind.clone());
        let reader = writer.as_reader();
        let watched = watcher(api, watcher::Config::default());
        let trigger = reflector::reflector(writer, tidy(Arc::clone(&actor), watched))
            .default_backoff()
            .applied_objects()
            .predicate_filter(
                predicates::generation.combine(predicates::annotations),
                kube::runtime::PredicateConfig::default(),
            );
        let passes = Controller::for_stream_with(trigger, reader, kind)
            .with_config(controller::Config::default().concurrency(CONCURRENT))
            .reconcile_on(actor.notices.changed())
            .run(pass::pass, after_error, actor);
        drive("git", &cancel, passes).await;
    }

    fn work_folder(&self, namespace: &str, name: &str) -> PathBuf {
        self.work.join(namespace).join(name)
    }

    fn store_folder(namespace: &str, name: &str) -> String {
        format!("gitrepository/{namespace}/{name}")
    }

    /// Removes what an object left on disk.
    fn forget(&self, namespace: &str, name: &str) {
        let removed = self
            .store
            .remove_all(&GitActor::store_folder(namespace, name));
        let copy = std::fs::remove_dir_all(self.work_folder(namespace, name));
        for error in [removed.err(), copy.err()].into_iter().flatten() {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(namespace, name, %error, "cannot remove what a GitRepository left behind");
            }
        }
    }

    /// Removes what objects left behind that were deleted while nobody looked.
    fn sweep(&self, alive: &HashSet<(String, String)>) {
        let list = |path: PathBuf| {
            let entries = std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .filter_map(Result::ok);
            entries
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect::<Vec<_>>()
        };
        for root in [self.store.root().join("gitrepository"), self.work.clone()] {
            for namespace in list(root.clone()) {
                for name in list(root.join(&namespace)) {
                    if !alive.contains(&(namespace.clone(), name.clone())) {
                        self.forget(&namespace, &name);
                    }
                }
            }
        }
    }
}

/// Passes watch events on, and clears up after deleted objects.
fn tidy(
    actor: Arc<GitActor>,
    events: impl Stream<Item = watcher::Result<watcher::Event<DynamicObject>>>,
) -> impl Stream<Item = watcher::Result<watcher::Event<DynamicObject>>> {
    let key = |object: &DynamicObject| (object.namespace().unwrap_or_default(), object.name_any());
    let mut listed = HashSet::new();
    events.inspect(move |event| match event {
        Ok(watcher::Event::Init) => listed.clear(),
        Ok(watcher::Event::InitApply(object)) => {
            listed.insert(key(object));
        }
        Ok(watcher::Event::InitDone) => actor.sweep(&listed),
        Ok(watcher::Event::Delete(object)) => {
            let (namespace, name) = key(object);
            actor
                .notices
                .forget(&ObjectRef::from_obj_with(object, actor.kind.clone()));
            actor.forget(&namespace, &name);
        }
        Ok(watcher::Event::Apply(_)) | Err(_) => {}
    })
}

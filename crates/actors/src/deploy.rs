//! Stands in for the Deployment and ReplicaSet controllers, the kubelet and the Service proxy: runs the images of
//! Deployments as processes of this machine.
//!
//! ```text
//!  Deployment ─rollout─▶ ReplicaSet ─▶ Pod ─kubelet─▶ supervised processes ◀─ loopback proxy of each Service
//! ```
//!
//! Every step lives in the API: a Deployment owns ReplicaSets, those own Pods, and a Pod has one task that runs its
//! containers. After a crash the same Pods are run again. Nothing polls the API. Processes are started through
//! [`crate::internal`], which ends them when this process ends, however it ends.

mod command;
mod container;
mod deployment;
mod environment;
mod limits;
mod pod;
mod probe;
mod replica_set;
mod rollout;
mod service;
mod status;
mod volume;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use carto_artifacts::listen::Ports;
use carto_artifacts::pull::Images;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::service::Backends;
use crate::events::Events;
use crate::logs::Logs;
use crate::names::NODE;
use crate::process::Launcher;

/// Marks the Pods that this actor made.
const MANAGED: (&str, &str) = ("app.kubernetes.io/managed-by", "carto-deploy");

/// What all tasks share.
pub(crate) struct Shared {
    client: Client,
    launcher: Launcher,
    images: Images,
    state_dir: PathBuf,
    logs: Logs,
    ports: Ports,
    backends: Backends,
    /// Told by the controllers of Deployments and ReplicaSets.
    events: Events,
    /// Told by whoever runs pods.
    kubelet: Events,
    stop: CancellationToken,
}

/// What is handed in, beside the client.
pub(crate) struct Parts {
    pub(crate) state_dir: PathBuf,
    pub(crate) launcher: Launcher,
    pub(crate) images: Images,
    pub(crate) logs: Logs,
    pub(crate) ports: Ports,
}

/// Namespace and name.
type Key = (String, String);

/// Runs Deployments and Services until stopped; ends when every process has ended.
pub(crate) async fn run(client: Client, parts: Parts, events: &Events, stop: CancellationToken) {
    let Parts {
        state_dir,
        launcher,
        images,
        logs,
        ports,
    } = parts;
    let shared = Arc::new(Shared {
        client: client.clone(),
        launcher,
        images,
        state_dir,
        logs,
        ports,
        backends: Backends::default(),
        events: events.from("deployment-controller"),
        kubelet: events.from("kubelet"),
        stop: stop.clone(),
    });
    tracing::info!(isolation = %shared.launcher.isolation, "deployments run as processes");
    let ours = watcher::Config::default().fields(&format!("spec.nodeName={NODE}"));
    let runner = Arc::clone(&shared);
    let sweeper = Arc::clone(&shared);
    let pods = follow(
        Api::<Pod>::all(client.clone()),
        ours,
        &stop,
        move |latest| tokio::spawn(pod::follow(Arc::clone(&runner), latest)),
        move |alive: &[&Pod]| sweeper.sweep(alive),
    );
    let proxy = Arc::clone(&shared);
    let services = follow(
        Api::<Service>::all(client),
        watcher::Config::default(),
        &stop,
        move |latest| tokio::spawn(service::follow(Arc::clone(&proxy), latest)),
        |_alive| {},
    );
    let controllers = async {
        tokio::join!(
            deployment::run(Arc::clone(&shared)),
            replica_set::run(Arc::clone(&shared))
        )
    };
    tokio::join!(pods, services, controllers);
}

impl Shared {
    /// Removes what pods left on disk that were deleted while nobody looked.
    fn sweep(&self, alive: &[&Pod]) {
        let uids: Vec<&str> = alive
            .iter()
            .filter_map(|pod| pod.metadata.uid.as_deref())
            .collect();
        let is_alive = |uid: &str| uids.contains(&uid);
        for note in self.ports.names() {
            let uid = note
                .strip_prefix("pod/")
                .and_then(|rest| rest.split('/').next());
            if uid.is_some_and(|uid| !is_alive(uid)) {
                drop(self.ports.forget(&note));
            }
        }
        let folders = std::fs::read_dir(self.state_dir.join("containers"));
        for folder in folders.into_iter().flatten().filter_map(Result::ok) {
            let gone = folder.file_name().to_str().is_none_or(|uid| !is_alive(uid));
            if gone && let Err(error) = std::fs::remove_dir_all(folder.path()) {
                tracing::warn!(%error, folder = %folder.path().display(), "cannot remove the folder of a former pod");
            }
        }
        let names: Vec<Key> = alive.iter().map(|pod| key_of(*pod)).collect();
        self.logs
            .retain(|namespace, pod| names.iter().any(|(n, p)| n == namespace && p == pod));
    }
}

/// Keeps one task per object, fed with its latest version; a task ends when its sender is gone. `listed` is told once
/// what there is.
async fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    stop: &CancellationToken,
    start: impl Fn(watch::Receiver<Arc<K>>) -> JoinHandle<()>,
    listed: impl Fn(&[&K]),
) where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + Sync + 'static,
    K: serde::de::DeserializeOwned,
{
    let mut tasks: BTreeMap<Key, (watch::Sender<Arc<K>>, JoinHandle<()>)> = BTreeMap::new();
    let mut ending: Vec<JoinHandle<()>> = Vec::new();
    let mut list: Option<Vec<K>> = None;
    let mut is_first = true;
    let events = watcher(api, config).default_backoff();
    let mut events = events.boxed();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => break,
            event = events.next() => event,
        };
        match event {
            Some(Ok(watcher::Event::Init)) => list = Some(Vec::new()),
            Some(Ok(watcher::Event::InitApply(object))) => {
                list.get_or_insert_default().push(object);
            }
            Some(Ok(watcher::Event::InitDone)) => {
                let here = list.take().unwrap_or_default();
                if std::mem::take(&mut is_first) {
                    listed(&here.iter().collect::<Vec<_>>());
                }
                let keys: Vec<Key> = here.iter().map(key_of).collect();
                let gone = tasks.extract_if(.., |key, _task| !keys.contains(key));
                ending.extend(gone.map(|(_key, (_latest, task))| task));
                for object in here {
                    ending.extend(hand_over(&mut tasks, object, &start));
                }
            }
            Some(Ok(watcher::Event::Apply(object))) => {
                ending.extend(hand_over(&mut tasks, object, &start));
            }
            Some(Ok(watcher::Event::Delete(object))) => {
                ending.extend(tasks.remove(&key_of(&object)).map(|(_latest, task)| task));
            }
            Some(Err(error)) => tracing::warn!(%error, "a watch was interrupted"),
            None => break,
        }
        ending.retain(|task| !task.is_finished());
    }
    let last = tasks.into_values().map(|(latest, task)| {
        drop(latest);
        task
    });
    stream::iter(last.chain(ending))
        .for_each_concurrent(None, |task| async { drop(task.await) })
        .await;
}

/// Feeds the task of an object, or starts one; the task of a former object of that name is returned to be waited for.
fn hand_over<K>(
    tasks: &mut BTreeMap<Key, (watch::Sender<Arc<K>>, JoinHandle<()>)>,
    object: K,
    start: &impl Fn(watch::Receiver<Arc<K>>) -> JoinHandle<()>,
) -> Option<JoinHandle<()>>
where
    K: Resource<DynamicType = ()> + Clone,
{
    let key = key_of(&object);
    let object = Arc::new(object);
    if let Some((latest, task)) = tasks.get(&key)
        && !task.is_finished()
        && latest.borrow().meta().uid == object.meta().uid
    {
        latest.send_replace(object);
        return None;
    }
    let (latest, receiver) = watch::channel(object);
    let before = tasks.insert(key, (latest, start(receiver)));
    before.map(|(_latest, task)| task)
}

fn key_of<K: Resource<DynamicType = ()>>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The objects that a selector of labels selects.
fn select(selector: &LabelSelector) -> Result<ListParams, String> {
    let selector: kube::core::Selector = selector
        .clone()
        .try_into()
        .map_err(|error: kube::core::ParseExpressionError| error.to_string())?;
    let text = selector.to_string();
    if text.is_empty() {
        return Err("an empty selector would select every pod of the namespace".to_owned());
    }
    Ok(ListParams::default().labels(&text))
}

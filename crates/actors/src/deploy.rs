//! Stands in for the Deployment controller, the kubelet and the Service proxy: runs the images of
//! Deployments as processes of this machine.
//!
//! A Deployment is followed by one task. It starts a replica for each pod that is wanted; a replica
//! owns one Pod object and its processes. When the template changes, new replicas start beside the
//! old ones and take over once they answer, so that a broken image never replaces a sound one.
//! Every Service gets one loopback address that stays the same over restarts, and passes
//! connections on to the replicas that are ready.
//!
//! Nothing polls the API. Processes are started through [`crate::internal`], which ends them when
//! this process ends, however it ends.

mod deployment;
mod environment;
mod pod;
mod probe;
mod process;
mod service;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use carto_artifacts::{listen::Ports, pull::Images};
use futures::{StreamExt, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams},
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{process::Isolation, service::Backends};
use crate::{config::Config, config::Internal, logs::Logs};

/// Marks the Pods that this actor made.
const MANAGED: (&str, &str) = ("app.kubernetes.io/managed-by", "carto-deploy");

/// What all tasks share.
pub(crate) struct Shared {
    client: Client,
    internal: Internal,
    images: Images,
    state_dir: PathBuf,
    logs: Logs,
    isolation: Isolation,
    backends: Backends,
}

/// Namespace and name.
type Key = (String, String);

/// Runs Deployments and Services until cancelled; ends when every process has ended.
pub(crate) async fn run(
    client: Client,
    config: &Config,
    ports: Ports,
    images: Images,
    cancel: CancellationToken,
) {
    let shared = Arc::new(Shared {
        client: client.clone(),
        internal: config.internal.clone(),
        images,
        state_dir: config.state_dir.clone(),
        logs: config.logs.clone(),
        isolation: Isolation::probe().await,
        backends: Backends::default(),
    });
    tracing::info!(isolation = %shared.isolation, "deployments run as processes");
    forget_former_pods(&client).await;
    let deployments = follow(Api::<Deployment>::all(client.clone()), &cancel, {
        let shared = Arc::clone(&shared);
        move |latest| tokio::spawn(deployment::follow(Arc::clone(&shared), latest))
    });
    let services = follow(Api::<Service>::all(client), &cancel, move |latest| {
        tokio::spawn(service::follow(Arc::clone(&shared), ports.clone(), latest))
    });
    tokio::join!(deployments, services);
}

/// Keeps one task per object, fed with its latest version; a task ends when its sender is gone.
async fn follow<K>(
    api: Api<K>,
    cancel: &CancellationToken,
    start: impl Fn(watch::Receiver<Arc<K>>) -> JoinHandle<()>,
) where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + Sync + 'static,
    K: serde::de::DeserializeOwned,
{
    let mut tasks: BTreeMap<Key, (watch::Sender<Arc<K>>, JoinHandle<()>)> = BTreeMap::new();
    let mut listed: Option<Vec<Key>> = None;
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut events = events.boxed();
    loop {
        let event = tokio::select! {
            () = cancel.cancelled() => break,
            event = events.next() => event,
        };
        match event {
            Some(Ok(watcher::Event::Init)) => listed = Some(Vec::new()),
            Some(Ok(watcher::Event::InitApply(object))) => {
                if let Some(listed) = &mut listed {
                    listed.push(key_of(&object));
                }
                hand_over(&mut tasks, object, &start);
            }
            Some(Ok(watcher::Event::InitDone)) => {
                let here = listed.take().unwrap_or_default();
                tasks.retain(|key, _task| here.contains(key));
            }
            Some(Ok(watcher::Event::Apply(object))) => hand_over(&mut tasks, object, &start),
            Some(Ok(watcher::Event::Delete(object))) => drop(tasks.remove(&key_of(&object))),
            Some(Err(error)) => tracing::warn!(%error, "a watch was interrupted"),
            None => break,
        }
    }
    let ending = tasks.into_values().map(|(latest, task)| {
        drop(latest);
        task
    });
    stream::iter(ending)
        .for_each_concurrent(None, |task| async { drop(task.await) })
        .await;
}

fn hand_over<K>(
    tasks: &mut BTreeMap<Key, (watch::Sender<Arc<K>>, JoinHandle<()>)>,
    object: K,
    start: &impl Fn(watch::Receiver<Arc<K>>) -> JoinHandle<()>,
) where
    K: Resource<DynamicType = ()> + Clone,
{
    let key = key_of(&object);
    let object = Arc::new(object);
    if object.meta().deletion_timestamp.is_some() {
        tasks.remove(&key);
        return;
    }
    if let Some((latest, task)) = tasks.get(&key)
        && !task.is_finished()
        && latest.borrow().meta().uid == object.meta().uid
    {
        latest.send_replace(object);
        return;
    }
    let (latest, receiver) = watch::channel(object);
    tasks.insert(key, (latest, start(receiver)));
}

fn key_of<K: Resource<DynamicType = ()>>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Pods of a former life have no processes any more: a crash left them.
async fn forget_former_pods(client: &Client) {
    let ours = ListParams::default().labels(&format!("{}={}", MANAGED.0, MANAGED.1));
    let pods = match Api::<Pod>::all(client.clone()).list(&ours).await {
        Ok(pods) => pods,
        Err(error) => {
            tracing::warn!(%error, "cannot look for pods of a former life");
            return;
        }
    };
    for pod in pods {
        let (namespace, name) = key_of(&pod);
        let api = Api::<Pod>::namespaced(client.clone(), &namespace);
        if let Err(error) = api
            .delete(&name, &DeleteParams::default().grace_period(0))
            .await
        {
            tracing::warn!(%error, pod = name, "cannot delete a pod of a former life");
        }
    }
}

//! Stands in for the kubelet: runs the containers of one Pod, says how they are, and ends them when the Pod is deleted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde_json::Value;
use tokio::sync::watch;

use super::container::{Ending, Finished, Replica};
use super::deployment::delete_exactly;
use super::environment::Objects;
use super::service::Endpoint;
use super::status::{Now, Seen, State};
use super::{Shared, limits, volume};
use crate::conditions::now;
use crate::names::MIRROR;

/// Longest time a process gets to end, whatever its Pod says: nobody waits longer for a laptop.
const LONGEST_GRACE: Duration = Duration::from_secs(30);
/// The same when the home is stopped.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Pause before volumes that could not be made are tried again.
const VOLUME_RETRY: Duration = Duration::from_secs(5);

/// Why a pod's containers end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Why {
    /// Somebody deleted the Pod, with this much time to end.
    Deleted(Duration),
    /// The Pod is no more.
    Gone,
    /// The home is stopped; the Pod stays.
    Stopped,
}

/// Runs the pod until it is gone or the home is stopped; then none of its processes is left.
pub(super) async fn follow(shared: Arc<Shared>, mut latest: watch::Receiver<Arc<Pod>>) {
    let pod = Arc::clone(&latest.borrow_and_update());
    let worker = Worker {
        folder: shared.folder_of(&pod),
        api: Api::namespaced(shared.client.clone(), &pod.namespace().unwrap_or_default()),
        pod: &pod,
        shared: &shared,
    };
    let why = if worker.has_nothing_to_run() {
        asked_to_end(&shared, &mut latest).await
    } else {
        worker.run(&mut latest).await
    };
    worker.finish(why, &latest).await;
}

/// Waits until there is a reason to end.
async fn asked_to_end(shared: &Shared, latest: &mut watch::Receiver<Arc<Pod>>) -> Why {
    let deleted = async {
        loop {
            if let Some(grace) = grace_of(&latest.borrow_and_update()) {
                return Why::Deleted(grace);
            }
            if latest.changed().await.is_err() {
                return Why::Gone;
            }
        }
    };
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => Why::Stopped,
        why = deleted => if shared.stop.is_cancelled() { Why::Stopped } else { why },
    }
}

/// The time a deleted pod has to end.
fn grace_of(pod: &Pod) -> Option<Duration> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let seconds = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let grace = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Some(grace.min(LONGEST_GRACE))
}

struct Worker<'a> {
    shared: &'a Shared,
    pod: &'a Pod,
    api: Api<Pod>,
    folder: PathBuf,
}

/// A container and what is known of it.
struct Member<'a> {
    container: &'a Container,
    state: watch::Sender<State>,
}

impl Worker<'_> {
    fn has_nothing_to_run(&self) -> bool {
        let phase = self
            .pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let ended = matches!(phase, Some("Succeeded" | "Failed"));
        ended || self.pod.annotations().contains_key(MIRROR) || grace_of(self.pod).is_some()
    }

    fn members(&self, init: bool) -> Vec<Member<'_>> {
        let spec = self.pod.spec.as_ref();
        let containers = spec.into_iter().flat_map(|spec| {
            let inits = spec.init_containers.as_deref().unwrap_or_default();
            if init { inits } else { &spec.containers }
        });
        let members = containers.map(|container| Member {
            state: watch::Sender::new(State::of(self.pod, container, init)),
            container,
        });
        members.collect()
    }

    async fn run(&self, latest: &mut watch::Receiver<Arc<Pod>>) -> Why {
        let ignored = limits::without_effect(self.pod);
        if !ignored.is_empty() {
            let message = format!("without effect on this machine: {}", ignored.join(", "));
            self.shared
                .kubelet
                .warning(self.pod, &(), "FieldsIgnored", &message);
        }
        let (inits, mains) = (self.members(true), self.members(false));
        let (end, ending) = watch::channel(None);
        let mut work = Box::pin(self.work(&inits, &mains, Ending(ending)));
        let main = async {
            let mut done = false;
            let why = tokio::select! {
                why = asked_to_end(self.shared, latest) => why,
                () = &mut work => {
                    done = true;
                    asked_to_end(self.shared, latest).await
                }
            };
            self.withdraw();
            if !done {
                end.send_replace(Some(match why {
                    Why::Deleted(grace) => grace,
                    Why::Gone => Duration::ZERO,
                    Why::Stopped => STOP_GRACE,
                }));
                work.await;
            }
            why
        };
        tokio::select! {
            why = main => why,
            never = self.report(&inits, &mains) => match never {},
        }
    }

    /// Makes the volumes, runs the init containers one after the other, then all others, until they ended for good.
    async fn work(&self, inits: &[Member<'_>], mains: &[Member<'_>], mut ending: Ending) {
        let objects = Objects {
            client: &self.shared.client,
            pod: self.pod,
        };
        let volumes = self.folder.join("volumes");
        while let Err(problem) = self.volumes(&objects, &volumes).await {
            for member in inits.iter().chain(mains) {
                let waiting = Now::waiting("CreateContainerConfigError", &problem);
                member.state.send_modify(|state| state.now = waiting);
            }
            self.shared
                .kubelet
                .warning(self.pod, &(), "FailedMount", &problem);
            tokio::select! {
                () = tokio::time::sleep(VOLUME_RETRY) => {}
                _grace = ending.asked() => return,
            }
        }
        let replica = |container| Replica {
            shared: self.shared,
            pod: self.pod,
            container,
            folder: &self.folder,
            init: false,
        };
        for member in inits {
            let one = Replica {
                init: true,
                ..replica(member.container)
            };
            match one.run(&member.state, ending.clone()).await {
                Finished::Ended(0) => {}
                // With `restartPolicy: Never` the pod has failed.
                Finished::Ended(_) | Finished::Stopped => return,
            }
        }
        join_all(mains.iter().map(|member| {
            let (one, ending) = (replica(member.container), ending.clone());
            async move { one.run(&member.state, ending).await }
        }))
        .await;
    }

    /// Volumes of kinds that are not possible here are told by the containers that mount them.
    async fn volumes(&self, objects: &Objects<'_>, folder: &std::path::Path) -> Result<(), String> {
        let mut pod = self.pod.clone();
        if let Some(volumes) = pod.spec.as_mut().and_then(|spec| spec.volumes.as_mut()) {
            volumes.retain(|volume| volume::unsupported(volume).is_none());
        }
        volume::prepare(
            &Objects {
                client: objects.client,
                pod: &pod,
            },
            folder,
        )
        .await
    }

    /// Writes the Pod's status whenever a container's state changes, and tells the Services.
    async fn report(&self, inits: &[Member<'_>], mains: &[Member<'_>]) -> std::convert::Infallible {
        let subscribe = |members: &[Member<'_>]| -> Vec<_> {
            members
                .iter()
                .map(|member| member.state.subscribe())
                .collect()
        };
        let (mut init_states, mut main_states) = (subscribe(inits), subscribe(mains));
        let policy = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.restart_policy.clone());
        let policy = policy.unwrap_or_else(|| "Always".to_owned());
        let started = now();
        let mut written = Value::Null;
        loop {
            let look = |states: &mut Vec<watch::Receiver<State>>| {
                let states = states.iter_mut();
                states
                    .map(|state| state.borrow_and_update().clone())
                    .collect::<Vec<_>>()
            };
            let seen = Seen {
                inits: look(&mut init_states),
                mains: look(&mut main_states),
            };
            if seen.is_ready() && !self.shared.stop.is_cancelled() {
                let ports: Vec<_> = seen.mains.iter().map(|state| state.port).collect();
                self.shared.backends.add(Endpoint::of(self.pod, &ports));
            } else {
                self.withdraw();
            }
            let status = seen.status(&policy, &started, &written);
            if status != written && self.write(&status).await {
                written = status;
            }
            let changes = init_states.iter_mut().chain(&mut main_states);
            let changes: Vec<_> = changes.map(|state| Box::pin(state.changed())).collect();
            if changes.is_empty() {
                return std::future::pending().await;
            }
            // The senders live as long as this future.
            drop(futures::future::select_all(changes).await);
        }
    }

    async fn write(&self, status: &Value) -> bool {
        let patch = Patch::Merge(serde_json::json!({"status": status}));
        let parameters = PatchParams::default();
        let name = self.pod.name_any();
        match self.api.patch_status(&name, &parameters, &patch).await {
            Ok(_) => true,
            Err(kube::Error::Api(gone)) if gone.code == 404 => true,
            Err(error) => {
                tracing::warn!(%error, pod = name, "cannot write a pod's status");
                false
            }
        }
    }

    fn withdraw(&self) {
        let namespace = self.pod.namespace().unwrap_or_default();
        self.shared
            .backends
            .remove(&namespace, &self.pod.name_any());
    }

    /// Clears up after the last process has ended.
    async fn finish(&self, why: Why, latest: &watch::Receiver<Arc<Pod>>) {
        if why == Why::Stopped {
            return;
        }
        if why != Why::Gone {
            let now = DeleteParams::default().grace_period(0);
            let pod = Arc::clone(&latest.borrow());
            if let Err(error) = delete_exactly(&self.api, &*pod, now).await {
                tracing::warn!(%error, pod = pod.name_any(), "cannot delete a pod");
            }
        }
        self.shared.forget(self.pod).await;
    }
}

impl Shared {
    /// The folder of a pod: its volumes, and the changes of its containers to their images.
    pub(super) fn folder_of(&self, pod: &Pod) -> PathBuf {
        self.folder_by_uid(pod.meta().uid.as_deref().unwrap_or("unknown"))
    }

    pub(super) fn folder_by_uid(&self, uid: &str) -> PathBuf {
        self.state_dir.join("containers").join(uid)
    }

    /// Removes what a pod left on disk.
    async fn forget(&self, pod: &Pod) {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        if let Err(error) = self.logs.remove(&namespace, &name) {
            tracing::warn!(%error, pod = name, "cannot remove the logs");
        }
        let uid = pod.meta().uid.clone().unwrap_or_default();
        self.forget_uid(&uid).await;
    }

    pub(super) async fn forget_uid(&self, uid: &str) {
        if let Err(error) = self.ports.forget_below(&format!("pod/{uid}/")) {
            tracing::warn!(%error, "cannot forget the ports of a pod");
        }
        match tokio::fs::remove_dir_all(self.folder_by_uid(uid)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, pod = uid, "cannot remove the folder of a pod");
            }
            _ => {}
        }
    }
}

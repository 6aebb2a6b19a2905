//! Stands in for the Deployment controller: carries out [`super::rollout`] and says where things stand.
//!
//! Conditions, reasons and messages are Kubernetes' (pkg/controller/deployment/progress.go). Differs: while a rollout has
//! not succeeded, the message of `Progressing` goes on with what its pods say is wrong, so that whoever reads only the
//! Deployment learns why.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::rollout::{self, HASH_LABEL, Move, REVISION, Rollout};
use super::{Shared, select};
use crate::shell::{PassError, after_error, drive, is_not_found, write_typed_status};

/// How long a rollout may stand still when the Deployment says nothing.
const DEADLINE_SECONDS: i32 = 600;
/// Steps of one pass; what is left is done in the next one.
const MAX_STEPS: usize = 20;
const CONCURRENT: u16 = 8;

/// Works until stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let client = shared.client.clone();
    let stop = shared.stop.clone();
    let passes = Controller::new(
        Api::<Deployment>::all(client.clone()),
        watcher::Config::default(),
    )
    .with_config(controller::Config::default().concurrency(CONCURRENT))
    .owns(
        Api::<ReplicaSet>::all(client.clone()),
        watcher::Config::default(),
    )
    .watches(
        Api::<Pod>::all(client),
        watcher::Config::default().labels(HASH_LABEL),
        |pod| owner_of_set(&pod),
    )
    .run(pass, after_error, shared);
    drive("deploy", &stop, passes).await;
}

/// The Deployment of a pod, by the name of its ReplicaSet.
fn owner_of_set(pod: &Pod) -> Option<ObjectRef<Deployment>> {
    let hash = pod.labels().get(HASH_LABEL)?;
    let set = pod
        .owner_references()
        .iter()
        .find(|owner| owner.kind == "ReplicaSet")?;
    let name = set.name.strip_suffix(hash)?.strip_suffix('-')?;
    Some(ObjectRef::new(name).within(&pod.namespace().unwrap_or_default()))
}

async fn pass(deployment: Arc<Deployment>, shared: Arc<Shared>) -> Result<Action, PassError> {
    if deployment.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = deployment.namespace().unwrap_or_default();
    let one = Pass {
        sets: Api::namespaced(shared.client.clone(), &namespace),
        pods: Api::namespaced(shared.client.clone(), &namespace),
        deployments: Api::namespaced(shared.client.clone(), &namespace),
        shared: &shared,
        deployment: &deployment,
    };
    one.run().await
}

struct Pass<'a> {
    shared: &'a Shared,
    deployment: &'a Deployment,
    deployments: Api<Deployment>,
    sets: Api<ReplicaSet>,
    pods: Api<Pod>,
}

impl Pass<'_> {
    async fn run(&self) -> Result<Action, PassError> {
        let selector = match select(&self.deployment.spec.selector) {
            Ok(selector) => selector,
            Err(problem) => return self.refuse(&problem).await,
        };
        for _step in 0..MAX_STEPS {
            let owned = self.owned(&selector).await?;
            let pods = self.pods.list(&selector).await?.items;
            let rollout = Rollout::new(self.deployment, &owned);
            let others = alive_of_others(&pods, rollout.current());
            let moves = rollout.next(others);
            if moves.is_empty() {
                return self.report(&rollout, &owned, &pods).await;
            }
            for one in moves {
                self.carry_out(one).await?;
            }
        }
        Ok(Action::requeue(Duration::from_millis(100)))
    }

    async fn owned(&self, selector: &ListParams) -> Result<Vec<ReplicaSet>, PassError> {
        let uid = self.deployment.metadata.uid.as_deref().unwrap_or_default();
        let mut sets = self.sets.list(selector).await?.items;
        sets.retain(|set| {
            set.metadata.deletion_timestamp.is_none()
                && set.owner_references().iter().any(|owner| owner.uid == uid)
        });
        Ok(sets)
    }

    async fn carry_out(&self, one: Move) -> Result<(), PassError> {
        let kind = &();
        let events = &self.shared.events;
        let parameters = PatchParams::default();
        match one {
            Move::Create(set) => {
                let name = set.name_any();
                let count = rollout::desired(&set);
                match self.sets.create(&PostParams::default(), &set).await {
                    Err(kube::Error::Api(status)) if status.is_already_exists() => {
                        return self.step_aside(&name).await;
                    }
                    other => drop(other?),
                }
                let message = format!("Scaled up replica set {name} from 0 to {count}");
                events.normal(self.deployment, kind, "ScalingReplicaSet", &message);
            }
            Move::Scale { name, from, to } => {
                let annotations = json!({"deployment.kubernetes.io/desired-replicas":
                    self.deployment.spec.replicas.unwrap_or(1).to_string()});
                let patch =
                    json!({"metadata": {"annotations": annotations}, "spec": {"replicas": to}});
                self.sets
                    .patch(&name, &parameters, &Patch::Merge(patch))
                    .await?;
                let way = if to > from { "up" } else { "down" };
                let message = format!("Scaled {way} replica set {name} from {from} to {to}");
                events.normal(self.deployment, kind, "ScalingReplicaSet", &message);
            }
            Move::Note {
                name,
                annotations,
                min_ready_seconds,
            } => {
                let patch = json!({
                    "metadata": {"annotations": annotations},
                    "spec": {"minReadySeconds": min_ready_seconds},
                });
                self.sets
                    .patch(&name, &parameters, &Patch::Merge(patch))
                    .await?;
            }
            Move::Forget(name) => match self.sets.delete(&name, &DeleteParams::default()).await {
                Err(error) if is_not_found(&error) => {}
                other => drop(other?),
            },
        }
        Ok(())
    }

    /// The name belongs to somebody else's ReplicaSet: the next hash will be another one.
    async fn step_aside(&self, name: &str) -> Result<(), PassError> {
        let uid = self.deployment.metadata.uid.as_deref();
        let there = self.sets.get(name).await?;
        let ours = there
            .owner_references()
            .iter()
            .any(|owner| Some(owner.uid.as_str()) == uid);
        if ours {
            return Ok(());
        }
        let count = self
            .deployment
            .status
            .as_ref()
            .and_then(|s| s.collision_count);
        let patch = json!({"status": {"collisionCount": count.unwrap_or(0) + 1}});
        self.deployments
            .patch_status(
                &self.deployment.name_any(),
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await?;
        Err(PassError::Local(format!(
            "the name of the replica set {name} is taken"
        )))
    }

    /// A selector that cannot be used is said, and nothing is run.
    async fn refuse(&self, problem: &str) -> Result<Action, PassError> {
        let before = self.deployment.status.clone().unwrap_or_default();
        let mut status = before.clone();
        status.observed_generation = self.deployment.metadata.generation;
        set_condition(
            &mut status,
            "Progressing",
            ("False", "InvalidSelector", problem.to_owned()),
            false,
        );
        write_typed_status(
            &self.deployments,
            &self.deployment.name_any(),
            &before,
            &status,
        )
        .await?;
        Ok(Action::await_change())
    }

    async fn report(
        &self,
        rollout: &Rollout<'_>,
        owned: &[ReplicaSet],
        pods: &[Pod],
    ) -> Result<Action, PassError> {
        let before = self.deployment.status.clone().unwrap_or_default();
        let trouble = rollout
            .current()
            .and_then(|current| trouble_of(pods, current));
        let (status, again) = status(self.deployment, &before, rollout, owned, trouble);
        let name = self.deployment.name_any();
        write_typed_status(&self.deployments, &name, &before, &status).await?;
        let revision = rollout
            .current()
            .and_then(|set| set.annotations().get(REVISION));
        if revision != self.deployment.annotations().get(REVISION) {
            let patch = json!({"metadata": {"annotations": {REVISION: revision}}});
            let written = self
                .deployments
                .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            match written {
                Err(error) if is_not_found(&error) => {}
                other => drop(other?),
            }
        }
        Ok(again.map_or_else(Action::await_change, Action::requeue))
    }
}

/// Pods that still run for other templates.
fn alive_of_others(pods: &[Pod], current: Option<&ReplicaSet>) -> usize {
    let own = current.and_then(|set| set.metadata.uid.as_deref());
    let others = pods.iter().filter(|pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let owners = pod.owner_references();
        !matches!(phase, Some("Succeeded" | "Failed"))
            && !owners.iter().any(|owner| Some(owner.uid.as_str()) == own)
    });
    others.count()
}

/// What a pod of the current template says is wrong.
fn trouble_of(pods: &[Pod], current: &ReplicaSet) -> Option<String> {
    let uid = current.metadata.uid.as_deref()?;
    let own = pods
        .iter()
        .filter(|pod| pod.owner_references().iter().any(|owner| owner.uid == uid));
    own.filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .find_map(|pod| {
            let status = pod.status.as_ref()?;
            let all = status
                .init_container_statuses
                .iter()
                .chain(&status.container_statuses)
                .flatten();
            all.filter(|container| !container.ready)
                .find_map(|container| {
                    let waiting = container.state.as_ref()?.waiting.as_ref()?;
                    let message = waiting
                        .message
                        .as_deref()
                        .filter(|message| !message.is_empty())?;
                    let reason = waiting.reason.as_deref().unwrap_or_default();
                    let (pod, container) = (pod.name_any(), &container.name);
                    Some(format!(
                        "Pod \"{pod}\", container \"{container}\": {reason}: {message}"
                    ))
                })
        })
}

/// The status, and when to look again although nothing changes.
fn status(
    deployment: &Deployment,
    before: &DeploymentStatus,
    rollout: &Rollout<'_>,
    owned: &[ReplicaSet],
    trouble: Option<String>,
) -> (DeploymentStatus, Option<Duration>) {
    let current = rollout.current();
    let sum = |count: fn(&ReplicaSet) -> i32| owned.iter().map(count).sum::<i32>();
    let (replicas, ready, available) = (
        sum(rollout::pods),
        sum(rollout::ready),
        sum(rollout::available),
    );
    let updated = current.map_or(0, rollout::pods);
    let wanted = rollout.wanted();
    let mut status = before.clone();
    status.observed_generation = deployment.metadata.generation;
    status.replicas = Some(replicas);
    status.updated_replicas = Some(updated);
    status.ready_replicas = Some(ready);
    status.available_replicas = Some(available);
    let missing = sum(rollout::desired).saturating_sub(available).max(0);
    status.unavailable_replicas = Some(missing);
    let is_available = available >= wanted - rollout.max_unavailable();
    let word = if is_available {
        (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    set_condition(
        &mut status,
        "Available",
        (word.0, word.1, word.2.to_owned()),
        false,
    );
    let failure = owned.iter().find_map(|set| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        conditions
            .iter()
            .find(|one| is(one.type_.as_ref(), "ReplicaFailure") && is(one.status.as_ref(), "True"))
    });
    match failure {
        Some(found) => {
            let message = found.message.clone().unwrap_or_default();
            set_condition(
                &mut status,
                "ReplicaFailure",
                ("True", "FailedCreate", message),
                false,
            );
        }
        None => drop_condition(&mut status, "ReplicaFailure"),
    }
    let is_complete = updated == wanted && replicas == wanted && available == wanted;
    let again = progress(
        deployment,
        before,
        &mut status,
        current,
        is_complete,
        trouble,
    );
    (status, again)
}

/// The condition `Progressing`, and when it is to be looked at again.
fn progress(
    deployment: &Deployment,
    before: &DeploymentStatus,
    status: &mut DeploymentStatus,
    current: Option<&ReplicaSet>,
    is_complete: bool,
    trouble: Option<String>,
) -> Option<Duration> {
    let subject = current.map_or_else(
        || format!("Deployment \"{}\"", deployment.name_any()),
        |set| format!("ReplicaSet \"{}\"", set.name_any()),
    );
    let mut say = |word, reason, message: String, moved| {
        set_condition(status, "Progressing", (word, reason, message), moved);
    };
    if deployment.spec.paused == Some(true) {
        say(
            "Unknown",
            "DeploymentPaused",
            "Deployment is paused".to_owned(),
            false,
        );
        return None;
    }
    if is_complete {
        let message = format!("{subject} has successfully progressed.");
        say("True", "NewReplicaSetAvailable", message, false);
        return None;
    }
    let limit = deployment
        .spec
        .progress_deadline_seconds
        .unwrap_or(DEADLINE_SECONDS);
    let limit = Duration::from_secs(u64::try_from(limit).unwrap_or(0));
    let known = find(before, "Progressing");
    let same_template =
        known.is_some() && before.observed_generation == deployment.metadata.generation;
    let after = |field: fn(&DeploymentStatus) -> Option<i32>, now: Option<i32>| {
        now.unwrap_or(0) > field(before).unwrap_or(0)
    };
    let more = trouble.map_or(String::new(), |trouble| format!(" {trouble}"));
    let moved = after(|s| s.updated_replicas, status.updated_replicas)
        || after(|s| s.ready_replicas, status.ready_replicas)
        || after(|s| s.available_replicas, status.available_replicas)
        || !same_template
        || known.is_some_and(|known| is(known.status.as_ref(), "Unknown"))
        || known.is_some_and(|known| known.reason.as_deref() == Some("NewReplicaSetAvailable"));
    let since = known
        .and_then(|known| known.last_update_time.as_ref())
        .map_or_else(Timestamp::now, |time| time.0);
    let elapsed = Timestamp::now().duration_since(since).unsigned_abs();
    let mut say = |word, reason, message: String, moved| {
        set_condition(status, "Progressing", (word, reason, message), moved);
    };
    if !moved && elapsed >= limit {
        let message = format!("{subject} has timed out progressing.{more}");
        say("False", "ProgressDeadlineExceeded", message, false);
        return None;
    }
    let message = format!("{subject} is progressing.{more}");
    say("True", "ReplicaSetUpdated", message, moved);
    let left = if moved {
        limit
    } else {
        limit.saturating_sub(elapsed)
    };
    // Times are kept in whole seconds.
    Some(left + Duration::from_secs(1))
}

fn is(field: Option<&String>, word: &str) -> bool {
    field.is_some_and(|field| field == word)
}

fn find<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a DeploymentCondition> {
    let conditions = status.conditions.as_ref()?;
    conditions.iter().find(|one| is(one.type_.as_ref(), kind))
}

fn drop_condition(status: &mut DeploymentStatus, kind: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|one| !is(one.type_.as_ref(), kind));
    }
}

/// Sets a condition; `moved` renews the time from which the deadline counts.
fn set_condition(
    status: &mut DeploymentStatus,
    kind: &str,
    (word, reason, message): (&str, &str, String),
    moved: bool,
) {
    let now = Time(whole_seconds(Timestamp::now()));
    let known = find(status, kind).cloned();
    let same_word = known
        .as_ref()
        .is_some_and(|known| is(known.status.as_ref(), word));
    let same_reason = known
        .as_ref()
        .is_some_and(|known| known.reason.as_deref() == Some(reason));
    let kept = |keep: bool, time: fn(&DeploymentCondition) -> Option<Time>| {
        known
            .as_ref()
            .filter(|_known| keep)
            .and_then(time)
            .unwrap_or_else(|| now.clone())
    };
    let condition = DeploymentCondition {
        type_: Some(kind.to_owned()),
        status: Some(word.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(kept(same_word, |known| known.last_transition_time.clone())),
        last_update_time: Some(kept(same_word && same_reason && !moved, |known| {
            known.last_update_time.clone()
        })),
    };
    let conditions = status.conditions.get_or_insert_default();
    match conditions
        .iter_mut()
        .find(|one| is(one.type_.as_ref(), kind))
    {
        Some(there) => *there = condition,
        None => conditions.push(condition),
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Deletes an object of this very life.
pub(super) async fn delete_exactly<K>(
    api: &Api<K>,
    object: &K,
    parameters: DeleteParams,
) -> Result<(), PassError>
where
    K: Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.meta().uid.clone(),
            resource_version: None,
        }),
        ..parameters
    };
    match api.delete(&object.name_any(), &parameters).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

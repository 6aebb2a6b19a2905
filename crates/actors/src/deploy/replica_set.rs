//! Stands in for the ReplicaSet controller: as many pods as are wanted, no more.
//!
//! Pods are born on this machine's node: there is no scheduler to wait for. Source: kubernetes pkg/controller/replicaset.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};

use super::deployment::delete_exactly;
use super::rollout::desired;
use super::{MANAGED, Shared, select};
use crate::names::NODE;
use crate::shell::{PassError, after_error, drive, write_typed_status};

/// Most pods of one ReplicaSet that this machine is asked to run.
const MAX_REPLICAS: i32 = 100;
const CONCURRENT: u16 = 8;

/// Works until stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let client = shared.client.clone();
    let stop = shared.stop.clone();
    let passes = Controller::new(
        Api::<ReplicaSet>::all(client.clone()),
        watcher::Config::default(),
    )
    .with_config(controller::Config::default().concurrency(CONCURRENT))
    .owns(Api::<Pod>::all(client), watcher::Config::default())
    .run(pass, after_error, shared);
    drive("deploy", &stop, passes).await;
}

async fn pass(set: Arc<ReplicaSet>, shared: Arc<Shared>) -> Result<Action, PassError> {
    if set.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = set.namespace().unwrap_or_default();
    let sets: Api<ReplicaSet> = Api::namespaced(shared.client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(shared.client.clone(), &namespace);
    let Ok(selector) = select(&set.spec.selector) else {
        return Ok(Action::await_change());
    };
    let mut own = owned(&pods, &selector, &set).await?;
    let wanted = desired(&set).clamp(0, MAX_REPLICAS);
    let missing = usize::try_from(wanted)
        .unwrap_or(0)
        .saturating_sub(own.len());
    let mut failure = (desired(&set) > MAX_REPLICAS)
        .then(|| format!("this machine runs at most {MAX_REPLICAS} pods of a ReplicaSet"));
    for _new in 0..missing {
        match pods.create(&PostParams::default(), &pod_of(&set)).await {
            Ok(pod) => {
                let message = format!("Created pod: {}", pod.name_any());
                shared
                    .events
                    .normal(&*set, &(), "SuccessfulCreate", &message);
                own.push(pod);
            }
            Err(kube::Error::Api(status)) => {
                failure = Some(status.message.clone());
                let message = format!("Error creating: {}", status.message);
                shared.events.warning(&*set, &(), "FailedCreate", &message);
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let surplus = own
        .len()
        .saturating_sub(usize::try_from(wanted).unwrap_or(0));
    own.sort_by_key(by_worth);
    for pod in own.drain(..surplus) {
        delete_exactly(&pods, &pod, DeleteParams::default()).await?;
        let message = format!("Deleted pod: {}", pod.name_any());
        shared
            .events
            .normal(&*set, &(), "SuccessfulDelete", &message);
    }
    let before = set.status.clone().unwrap_or_default();
    let failed = failure.is_some();
    let (status, again) = status(&set, &before, &own, failure);
    write_typed_status(&sets, &set.name_any(), &before, &status).await?;
    let again = again.or(failed.then_some(Duration::from_secs(30)));
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// The pods that count: owned, and neither ended nor on their way out.
async fn owned(
    pods: &Api<Pod>,
    selector: &ListParams,
    set: &ReplicaSet,
) -> Result<Vec<Pod>, PassError> {
    let uid = set.metadata.uid.as_deref().unwrap_or_default();
    let mut own = pods.list(selector).await?.items;
    own.retain(|pod| {
        let ended = matches!(phase(pod), Some("Succeeded" | "Failed"));
        let ours = pod.owner_references().iter().any(|owner| owner.uid == uid);
        ours && !ended && pod.metadata.deletion_timestamp.is_none()
    });
    Ok(own)
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

/// Those that go first: not ready before ready, young before old.
fn by_worth(pod: &Pod) -> (bool, std::cmp::Reverse<Option<Time>>) {
    let ready = ready_since(pod).is_some();
    (ready, std::cmp::Reverse(pod.creation_timestamp()))
}

/// Since when a pod is ready.
fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions
        .iter()
        .find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(
        ready
            .last_transition_time
            .as_ref()
            .map_or_else(Timestamp::now, |time| time.0),
    )
}

fn pod_of(set: &ReplicaSet) -> Pod {
    let template = set.spec.template.clone().unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    let mut labels = metadata.labels.unwrap_or_default();
    labels.insert(MANAGED.0.to_owned(), MANAGED.1.to_owned());
    let mut pod = Pod::default();
    pod.metadata.generate_name = Some(format!("{}-", set.name_any()));
    pod.metadata.namespace = set.namespace();
    pod.metadata.labels = Some(labels);
    pod.metadata.annotations = metadata.annotations;
    pod.metadata.owner_references = set.controller_owner_ref(&()).map(|owner| vec![owner]);
    let mut spec = template.spec.unwrap_or_default();
    spec.node_name = Some(NODE.to_owned());
    pod.spec = Some(spec);
    pod
}

/// The status, and when it will change although nothing else does.
fn status(
    set: &ReplicaSet,
    before: &ReplicaSetStatus,
    own: &[Pod],
    failure: Option<String>,
) -> (ReplicaSetStatus, Option<Duration>) {
    let pause = set.spec.min_ready_seconds.unwrap_or(0);
    let pause = Duration::from_secs(u64::try_from(pause).unwrap_or(0));
    let now = Timestamp::now();
    let ready: Vec<Timestamp> = own.iter().filter_map(ready_since).collect();
    let left = |since: &Timestamp| pause.saturating_sub(now.duration_since(*since).unsigned_abs());
    let waiting: Vec<Duration> = ready
        .iter()
        .map(left)
        .filter(|left| !left.is_zero())
        .collect();
    let labels = set
        .spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref())
        .and_then(|metadata| metadata.labels.clone())
        .unwrap_or_default();
    let labelled = own.iter().filter(|pod| {
        labels
            .iter()
            .all(|(key, value)| pod.labels().get(key) == Some(value))
    });
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let status = ReplicaSetStatus {
        replicas: count(own.len()),
        fully_labeled_replicas: Some(count(labelled.count())),
        ready_replicas: Some(count(ready.len())),
        available_replicas: Some(count(ready.len() - waiting.len())),
        observed_generation: set.metadata.generation,
        conditions: failure.map(|message| vec![failed_create(before, message)]),
        terminating_replicas: None,
    };
    (status, waiting.into_iter().min())
}

fn failed_create(before: &ReplicaSetStatus, message: String) -> ReplicaSetCondition {
    let known = before
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_.as_deref() == Some("ReplicaFailure"));
    ReplicaSetCondition {
        type_: Some("ReplicaFailure".to_owned()),
        status: Some("True".to_owned()),
        reason: Some("FailedCreate".to_owned()),
        message: Some(message),
        last_transition_time: known
            .and_then(|known| known.last_transition_time.clone())
            .or_else(|| Some(Time(Timestamp::now()))),
    }
}

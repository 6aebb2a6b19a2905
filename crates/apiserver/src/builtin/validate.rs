//! What built-in kinds accept.
//!
//! Each kind has a function that walks an object in the order in which Kubernetes does, because clients are told problems
//! in that order. Objects come decoded and with defaults. The metadata of an object itself is checked by the pipelines.
//!
//! Source: kubernetes `pkg/apis/*/validation`, v1.36. Where it says `Differs:`, not.

mod affinity;
mod at;
mod batch;
mod configuration;
mod containers;
mod events;
mod labels;
mod networking;
mod numbers;
mod pods;
mod policy;
mod probes;
mod problems;
mod resources;
mod rights;
mod scheduling;
mod security;
mod services;
mod storage;
mod volumes;
mod workloads;

use serde_json::Value;

use self::at::At;
use self::problems::Problems;
use crate::error::FieldError;
use crate::kind::Part;
use crate::names;

/// All problems of `new`, an object of `group` and `kind`; `old` is `None` on create.
pub(super) fn validate(
    group: &str,
    kind: &str,
    new: &Value,
    old: Option<&Value>,
    part: Part,
) -> Vec<FieldError> {
    let mut problems = Problems::default();
    let new = At::root(new);
    let old = old.map(At::root);
    match part {
        Part::Main | Part::Scale => main(group, kind, &new, old.as_ref(), &mut problems),
        Part::Status => status(kind, &new, old.as_ref(), &mut problems),
        Part::Finalize => configuration::finalize(&new, &mut problems),
    }
    problems.into_errors()
}

fn main(group: &str, kind: &str, new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    match (group, kind) {
        ("", "ConfigMap") => configuration::config_map(new, old, problems),
        ("", "Secret") => configuration::secret(new, old, problems),
        ("", "Namespace") => configuration::namespace(new, old, problems),
        ("", "Event") => events::event(new, problems),
        ("events.k8s.io", "Event") => events::new_event(new, old, problems),
        ("", "Pod") => pods::pod(new, old, problems),
        ("", "Service") => services::service(new, old, problems),
        ("", "Endpoints") => networking::endpoints(new, problems),
        ("", "PersistentVolume") => storage::volume(new, old, problems),
        ("", "ReplicationController") => workloads::replication_controller(new, problems),
        ("", "PersistentVolumeClaim") => storage::claim(new, old, problems),
        ("", "ResourceQuota") => policy::quota(new, old, problems),
        ("", "LimitRange") => policy::limit_range(new, problems),
        ("apps", "Deployment") => workloads::deployment(new, old, problems),
        ("apps", "ReplicaSet") => workloads::replica_set(new, old, problems),
        ("apps", "StatefulSet") => workloads::stateful_set(new, old, problems),
        ("apps", "DaemonSet") => workloads::daemon_set(new, old, problems),
        ("apps", "ControllerRevision") => workloads::revision(new, old, problems),
        ("batch", "Job") => batch::job(new, old, problems),
        ("batch", "CronJob") => batch::cron_job(new, old, problems),
        ("coordination.k8s.io", "Lease") => events::lease(new, problems),
        ("networking.k8s.io", "Ingress") => networking::ingress(new, problems),
        ("networking.k8s.io", "NetworkPolicy") => networking::policy(new, problems),
        ("discovery.k8s.io", "EndpointSlice") => networking::slice(new, old, problems),
        ("policy", "PodDisruptionBudget") => policy::disruption_budget(new, problems),
        ("autoscaling", "HorizontalPodAutoscaler") => policy::autoscaler(new, problems),
        ("scheduling.k8s.io", "PriorityClass") => policy::priority_class(new, old, problems),
        ("storage.k8s.io", "StorageClass") => storage::class(new, old, problems),
        (crate::auth::GROUP, kind) => rights::validate(kind, new, old, problems),
        _ => {}
    }
}

fn status(kind: &str, new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    match kind {
        "Namespace" => configuration::namespace_status(new, problems),
        "Deployment" => workloads::deployment_status(new, old, problems),
        "ReplicaSet" => workloads::replica_set_status(new, problems),
        "DaemonSet" => workloads::daemon_set_status(new, old, problems),
        "StatefulSet" => workloads::stateful_set_status(new, old, problems),
        _ => {}
    }
}

/// Problems of a name on create.
pub(super) fn name(group: &str, kind: &str, name: &str) -> Vec<String> {
    match (group, kind) {
        (crate::auth::GROUP, _) => names::path_segment(name),
        ("", "Namespace" | "Service") | ("apps", "StatefulSet") => names::dns1123_label(name),
        _ => names::dns1123_subdomain(name),
    }
}

//! What a pod may ask for and this machine does not do: refused where the app would be wrong without it, told where it
//! only has no effect. Nothing is passed over in silence.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::{probe, volume};
use crate::process::Isolation;

/// Why a container cannot be run as specified.
pub(super) fn refusal(pod: &Pod, container: &Container, isolation: Isolation) -> Option<String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref());
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let mounted = volumes
        .unwrap_or_default()
        .iter()
        .filter(|volume| mounts.iter().any(|mount| mount.name == volume.name));
    if let Some(problem) = mounted.into_iter().find_map(volume::unsupported) {
        return Some(problem);
    }
    if !mounts.is_empty() && !isolation.has_root() {
        return Some(
            "volumeMounts need namespaces, and this machine allows none (see unshare(1))"
                .to_owned(),
        );
    }
    if container
        .volume_devices
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Some("volumeDevices are not supported on this machine".to_owned());
    }
    if let Some(problem) = probe::unsupported(container) {
        return Some(problem);
    }
    if container.lifecycle.is_some() {
        return Some("lifecycle hooks are not supported on this machine".to_owned());
    }
    None
}

/// Fields that have no effect here.
pub(super) fn without_effect(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let mut found: Vec<String> = of_pod(spec)
        .into_iter()
        .filter(|(there, _)| *there)
        .map(|(_, name)| format!("spec.{name}"))
        .collect();
    let inits = spec.init_containers.iter().flatten();
    for container in inits.chain(&spec.containers) {
        let fields = of_container(container);
        let there = fields.into_iter().filter(|(there, _)| *there);
        found.extend(
            there.map(|(_, field)| format!("{} of container \"{}\"", field, container.name)),
        );
    }
    found
}

fn of_pod(spec: &PodSpec) -> Vec<(bool, &'static str)> {
    let security = spec.security_context.as_ref();
    let bounded = |volume: &k8s_openapi::api::core::v1::Volume| {
        let folder = volume.empty_dir.as_ref();
        folder.is_some_and(|folder| folder.size_limit.is_some() || folder.medium.is_some())
    };
    vec![
        (spec.host_pid == Some(true), "hostPID"),
        (spec.host_ipc == Some(true), "hostIPC"),
        (
            spec.share_process_namespace == Some(true),
            "shareProcessNamespace",
        ),
        (spec.dns_config.is_some(), "dnsConfig"),
        (some(spec.host_aliases.as_ref()), "hostAliases"),
        (spec.hostname.is_some(), "hostname"),
        (
            spec.node_selector
                .as_ref()
                .is_some_and(|map| !map.is_empty()),
            "nodeSelector",
        ),
        (spec.affinity.is_some(), "affinity"),
        (
            some(spec.topology_spread_constraints.as_ref()),
            "topologySpreadConstraints",
        ),
        (spec.priority_class_name.is_some(), "priorityClassName"),
        (spec.runtime_class_name.is_some(), "runtimeClassName"),
        (
            spec.active_deadline_seconds.is_some(),
            "activeDeadlineSeconds",
        ),
        (
            security.is_some_and(|security| security.run_as_non_root == Some(true)),
            "securityContext.runAsNonRoot",
        ),
        (
            security.is_some_and(|security| security.fs_group.is_some()),
            "securityContext.fsGroup",
        ),
        (
            spec.volumes.iter().flatten().any(bounded),
            "volumes[].emptyDir.sizeLimit and medium",
        ),
    ]
}

fn of_container(container: &Container) -> Vec<(bool, &'static str)> {
    let security = container.security_context.as_ref();
    let resources = container.resources.as_ref();
    vec![
        (
            resources.is_some_and(|all| all.limits.as_ref().is_some_and(|map| !map.is_empty())),
            "resources.limits",
        ),
        (container.stdin == Some(true), "stdin"),
        (container.tty == Some(true), "tty"),
        (
            container
                .ports
                .iter()
                .flatten()
                .any(|port| port.host_port.is_some()),
            "ports[].hostPort",
        ),
        (
            security.is_some_and(|s| s.read_only_root_filesystem == Some(true)),
            "securityContext.readOnlyRootFilesystem",
        ),
        (
            security.is_some_and(|s| s.capabilities.is_some()),
            "securityContext.capabilities",
        ),
        (
            security.is_some_and(|s| s.privileged == Some(true)),
            "securityContext.privileged",
        ),
        (
            security.is_some_and(|s| s.seccomp_profile.is_some()),
            "securityContext.seccompProfile",
        ),
        (
            security.is_some_and(|s| s.run_as_non_root == Some(true)),
            "securityContext.runAsNonRoot",
        ),
    ]
}

fn some<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_without_effect_is_told_with_its_container() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "nodeSelector": {"disk": "ssd"},
            "containers": [{"name": "app", "resources": {"limits": {"cpu": "1"}}}, {"name": "plain"}],
        }}))
        .unwrap();
        assert_eq!(
            without_effect(&pod),
            ["spec.nodeSelector", "resources.limits of container \"app\""]
        );
    }

    #[test]
    fn what_an_app_needs_and_cannot_have_is_refused() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}],
            "containers": [
                {"name": "a", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}, {"name": "b"},
            ],
        }}))
        .unwrap();
        let containers = &pod.spec.as_ref().unwrap().containers;
        let said = |at: usize| refusal(&pod, &containers[at], Isolation::Namespaces);
        assert!(said(0).unwrap().contains("persistentVolumeClaim"));
        assert_eq!(said(1), None);
    }
}

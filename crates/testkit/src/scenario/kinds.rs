//! The kinds that scenarios speak of.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

use super::play::PlayError;

/// Kind, its `apiVersion`, and whether what becomes of its objects is part of the facts.
const KINDS: &[(&str, &str, bool)] = &[
    ("Workload", "carto.run/v1alpha1", true),
    ("Deliverable", "carto.run/v1alpha1", true),
    ("Runnable", "carto.run/v1alpha1", true),
    ("ClusterSupplyChain", "carto.run/v1alpha1", true),
    ("ClusterDelivery", "carto.run/v1alpha1", true),
    ("ClusterSourceTemplate", "carto.run/v1alpha1", false),
    ("ClusterImageTemplate", "carto.run/v1alpha1", false),
    ("ClusterConfigTemplate", "carto.run/v1alpha1", false),
    ("ClusterDeploymentTemplate", "carto.run/v1alpha1", false),
    ("ClusterTemplate", "carto.run/v1alpha1", false),
    ("ClusterRunTemplate", "carto.run/v1alpha1", false),
    ("Thing", "scenario.carto.run/v1", true),
    ("ClusterThing", "scenario.carto.run/v1", true),
    ("Note", "scenario.carto.run/v1", true),
    ("ConfigMap", "v1", true),
    ("Event", "v1", true),
    ("Namespace", "v1", false),
    ("ServiceAccount", "v1", false),
    ("Role", "rbac.authorization.k8s.io/v1", false),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", false),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", false),
];

/// The kinds whose objects are followed.
pub(super) fn followed() -> impl Iterator<Item = &'static str> {
    KINDS
        .iter()
        .filter(|(.., facts)| *facts)
        .map(|(kind, ..)| *kind)
}

/// The `apiVersion` of a kind that scenarios may name.
pub(super) fn api_version(kind: &str) -> Result<&'static str, PlayError> {
    let found = KINDS.iter().find(|(known, ..)| *known == kind);
    found
        .map(|(_, version, _)| *version)
        .ok_or_else(|| PlayError::UnknownKind(kind.to_owned()))
}

/// Whether objects of a kind have no namespace.
pub(super) fn is_cluster_wide(kind: &str) -> bool {
    kind.starts_with("Cluster") || kind == "Namespace"
}

/// Requests for objects of a kind: in a namespace, at cluster scope, or everywhere.
pub(super) fn api(
    client: &Client,
    kind: &str,
    namespace: Option<&str>,
) -> Result<Api<DynamicObject>, PlayError> {
    let (group, version) = api_version(kind)?.split_once('/').unwrap_or(("", "v1"));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Ok(match namespace {
        Some(namespace) if !is_cluster_wide(kind) => {
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
        _ => Api::all_with(client.clone(), &resource),
    })
}

//! The built-in resources, one row each.
//!
//! A closed list: what is not here is not in discovery. Source of names, short names, categories and
//! verbs: discovery of kube-apiserver 1.36.

use std::sync::Arc;

use super::resource::{Extra, Resource, Rows, Scaling};
use crate::kind::KindRules;

/// Verbs of a stored resource.
const ALL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
/// Verbs of a review.
const REVIEW: &[&str] = &["create"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Namespaced,
    Cluster,
}

use Scope::{Cluster, Namespaced};

/// Properties of a row; letters keep the table readable.
#[derive(Clone, Copy)]
struct Traits(&'static str);

impl Traits {
    fn has(self, letter: char) -> bool {
        self.0.contains(letter)
    }
}

struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    scope: Scope,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    /// `s` has a status subresource, `x` is scaled, `c` a replace creates, `r` needs a revision for a
    /// replace, `d` a delete answers with the object, `i` nothing runs it here, `v` is not stored.
    traits: Traits,
    extras: &'static [Extra],
}

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    scope: Scope,
    short: &'static [&'static str],
    traits: &'static str,
) -> Row {
    Row {
        group,
        version,
        kind,
        plural,
        scope,
        short,
        categories: &[],
        traits: Traits(traits),
        extras: &[],
    }
}

const POD_EXTRAS: &[Extra] = &[
    Extra::Stream("attach"),
    Extra::Eviction,
    Extra::Stream("exec"),
    Extra::Log,
    Extra::Stream("portforward"),
];

const IN_ALL: &[&str] = &["all"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("", "v1", "ConfigMap", "configmaps", Namespaced, &["cm"], ""),
    row("", "v1", "Endpoints", "endpoints", Namespaced, &["ep"], ""),
    row("", "v1", "Event", "events", Namespaced, &["ev"], "c"),
    row("", "v1", "LimitRange", "limitranges", Namespaced, &["limits"], ""),
    Row { extras: &[Extra::Finalize], ..row("", "v1", "Namespace", "namespaces", Cluster, &["ns"], "s") },
    row("", "v1", "Node", "nodes", Cluster, &["no"], "s"),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Namespaced, &["pvc"], "sd"),
    Row { categories: IN_ALL, extras: POD_EXTRAS, ..row("", "v1", "Pod", "pods", Namespaced, &["po"], "sdi") },
    row("", "v1", "ResourceQuota", "resourcequotas", Namespaced, &["quota"], "sd"),
    row("", "v1", "Secret", "secrets", Namespaced, &[], ""),
    Row { extras: &[Extra::Token], ..row("", "v1", "ServiceAccount", "serviceaccounts", Namespaced, &["sa"], "d") },
    Row { categories: IN_ALL, ..row("", "v1", "Service", "services", Namespaced, &["svc"], "sd") },
    Row { categories: &["api-extensions"], ..row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Cluster, &["crd", "crds"], "s") },
    row("apps", "v1", "ControllerRevision", "controllerrevisions", Namespaced, &[], ""),
    Row { categories: IN_ALL, ..row("apps", "v1", "DaemonSet", "daemonsets", Namespaced, &["ds"], "si") },
    Row { categories: IN_ALL, ..row("apps", "v1", "Deployment", "deployments", Namespaced, &["deploy"], "sxi") },
    Row { categories: IN_ALL, ..row("apps", "v1", "ReplicaSet", "replicasets", Namespaced, &["rs"], "sxi") },
    Row { categories: IN_ALL, ..row("apps", "v1", "StatefulSet", "statefulsets", Namespaced, &["sts"], "sxi") },
    row("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", Cluster, &[], "v"),
    row("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", Cluster, &[], "v"),
    row("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", Namespaced, &[], "v"),
    row("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", Cluster, &[], "v"),
    row("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", Cluster, &[], "v"),
    row("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", Cluster, &[], "v"),
    Row { categories: IN_ALL, ..row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Namespaced, &["hpa"], "s") },
    Row { categories: IN_ALL, ..row("batch", "v1", "CronJob", "cronjobs", Namespaced, &["cj"], "si") },
    Row { categories: IN_ALL, ..row("batch", "v1", "Job", "jobs", Namespaced, &[], "si") },
    row("coordination.k8s.io", "v1", "Lease", "leases", Namespaced, &[], "c"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", Namespaced, &[], ""),
    row("events.k8s.io", "v1", "Event", "events", Namespaced, &["ev"], "c"),
    row("networking.k8s.io", "v1", "Ingress", "ingresses", Namespaced, &["ing"], "s"),
    row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", Namespaced, &["netpol"], ""),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Namespaced, &["pdb"], "s"),
    row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", Cluster, &[], ""),
    row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", Cluster, &[], ""),
    row("rbac.authorization.k8s.io", "v1", "Role", "roles", Namespaced, &[], ""),
    row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", Namespaced, &[], ""),
    row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", Cluster, &["pc"], ""),
    row("storage.k8s.io", "v1", "StorageClass", "storageclasses", Cluster, &["sc"], ""),
];

/// The built-in resources for which `rules` knows the kind, by group, version and kind.
pub(crate) fn resources(
    rules: impl Fn(&str, &str, &str) -> Option<Arc<dyn KindRules>>,
) -> Vec<Arc<Resource>> {
    ROWS.iter()
        .filter_map(|row| rules(row.group, row.version, row.kind).map(|rules| build(row, rules)))
        .map(Arc::new)
        .collect()
}

fn build(row: &Row, rules: Arc<dyn KindRules>) -> Resource {
    let api_version: Arc<str> = if row.group.is_empty() {
        row.version.into()
    } else {
        format!("{}/{}", row.group, row.version).into()
    };
    let of_events_group = row.group == "events.k8s.io";
    let is_virtual = row.traits.has('v');
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let (storage_group, stored_api_version) = if of_events_group {
        ("", Arc::from("v1"))
    } else {
        (row.group, api_version.clone())
    };
    Resource {
        group: row.group.into(),
        version: row.version.into(),
        stored_api_version,
        api_version,
        kind: row.kind.into(),
        list_kind: format!("{}List", row.kind).into(),
        plural: row.plural.into(),
        singular: row.kind.to_lowercase().into(),
        short_names: texts(row.short),
        categories: texts(row.categories),
        verbs: if is_virtual { REVIEW } else { ALL }.to_vec(),
        namespaced: row.scope == Namespaced,
        storage: format!("{storage_group}/{}", row.plural).into(),
        rows: if of_events_group {
            Rows::Events
        } else if is_virtual {
            Rows::Virtual
        } else {
            Rows::Stored
        },
        rules,
        has_status: row.traits.has('s'),
        scaling: row.traits.has('x').then(scaling),
        extras: row.extras.to_vec(),
        definition: None,
        create_on_update: row.traits.has('c'),
        unconditional_update: !row.traits.has('r'),
        returns_deleted: row.traits.has('d'),
        inert: row.traits.has('i'),
        deprecation: None,
    }
}

/// All built-in kinds that scale keep their numbers in the same places.
fn scaling() -> Scaling {
    let path = |text: &str| text.split('.').map(str::to_owned).collect();
    Scaling {
        spec_replicas: path("spec.replicas"),
        status_replicas: path("status.replicas"),
        selector: Some(path("spec.selector")),
    }
}

//! How kinds are served, where nobody can be asked.

use serde_json::Value;

use crate::json;
use crate::key::{Gvk, Mapping};

/// Kinds of Kubernetes that live outside namespaces, by group.
const OUTSIDE: [(&str, &[&str]); 8] = [
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "rbac.authorization.k8s.io",
        &["ClusterRole", "ClusterRoleBinding"],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("storage.k8s.io", &["CSIDriver", "StorageClass"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("networking.k8s.io", &["IngressClass"]),
];

/// Reads how the kinds of a definition are served, one for each version.
pub(super) fn by_definition(crd: &Value) -> Vec<(Gvk, Mapping)> {
    let text = |path: &[&str]| json::string(crd, path);
    let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
    let mapping = Mapping {
        plural: text(&["spec", "names", "plural"]).into(),
        namespaced: text(&["spec", "scope"]) != "Cluster",
    };
    json::list(crd, &["spec", "versions"])
        .iter()
        .map(|version| {
            let version = json::string(version, &["name"]);
            (
                Gvk::new(&format!("{group}/{version}"), &kind),
                mapping.clone(),
            )
        })
        .collect()
}

/// Guesses how a kind is served.
pub(super) fn guess(gvk: &Gvk) -> Mapping {
    let outside = OUTSIDE
        .iter()
        .any(|(group, kinds)| *gvk.group == **group && kinds.contains(&&*gvk.kind));
    Mapping {
        plural: plural(&gvk.kind.to_lowercase()).into(),
        namespaced: !outside,
    }
}

/// Makes a plural as people do; kubectl's own guess says `gatewaies`.
fn plural(kind: &str) -> String {
    let mut last = kind.chars().rev();
    match (last.next(), last.next()) {
        _ if kind == "endpoints" => kind.to_owned(),
        (Some('s' | 'x'), _) => format!("{kind}es"),
        (Some('y'), Some('a' | 'e' | 'o' | 'u')) => format!("{kind}s"),
        (Some('y'), _) => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn guesses_are_what_kubernetes_has() {
        for (version, kind, plural, namespaced) in [
            ("v1", "ConfigMap", "configmaps", true),
            ("v1", "Endpoints", "endpoints", true),
            ("v1", "Namespace", "namespaces", false),
            ("networking.k8s.io/v1", "Ingress", "ingresses", true),
            (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "networkpolicies",
                true,
            ),
            ("gateway.networking.k8s.io/v1", "Gateway", "gateways", true),
            (
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                "clusterroles",
                false,
            ),
        ] {
            let mapping = guess(&Gvk::new(version, kind));
            assert_eq!(
                (&*mapping.plural, mapping.namespaced),
                (plural, namespaced),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_definition_says_it_of_every_version() {
        let crd = json!({"spec": {
            "group": "kpack.io", "scope": "Cluster",
            "names": {"kind": "ClusterBuilder", "plural": "clusterbuilders"},
            "versions": [{"name": "v1alpha1"}, {"name": "v1alpha2"}],
        }});
        let served = by_definition(&crd);
        assert_eq!(served.len(), 2);
        let (gvk, mapping) = &served[1];
        assert_eq!(*gvk, Gvk::new("kpack.io/v1alpha2", "ClusterBuilder"));
        assert_eq!(
            (&*mapping.plural, mapping.namespaced),
            ("clusterbuilders", false)
        );
    }
}

//! The order in which groups and versions are listed.
//!
//! Source: apimachinery `pkg/version/helpers.go` (`CompareKubeAwareVersionStrings`); kube-apiserver
//! `cmd/kube-apiserver/app/server.go` and `pkg/controlplane/apiserver/aggregator.go`
//! (`apiVersionPriorities`), v1.36.

use std::cmp::Ordering;

/// Groups of Kubernetes, in order; all others follow by name.
const GROUPS: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
];

pub(super) fn compare_groups(a: &str, b: &str) -> Ordering {
    let place = |name| {
        GROUPS
            .iter()
            .position(|g| *g == name)
            .unwrap_or(GROUPS.len())
    };
    place(a).cmp(&place(b)).then_with(|| a.cmp(b))
}

/// Best first: `v2`, `v1`, `v2beta1`, `v1beta1`, `v1alpha1`, then everything else by name.
pub(crate) fn compare_versions(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Stability, then numbers.
fn parse(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let split = |text: &str| -> Option<(u64, usize)> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        Some((text[..digits].parse().ok()?, digits))
    };
    let (major, digits) = split(rest)?;
    let rest = &rest[digits..];
    let (stability, minor) = if rest.is_empty() {
        return Some((2, major, 0));
    } else if let Some(minor) = rest.strip_prefix("beta") {
        (1, minor)
    } else {
        (0, rest.strip_prefix("alpha")?)
    };
    let (number, digits) = split(minor)?;
    (digits == minor.len()).then_some((stability, major, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_best_first() {
        let mut versions = [
            "foo1",
            "v1alpha1",
            "v10",
            "v1beta2",
            "v2",
            "v1",
            "v11alpha2",
            "v12beta1",
            "bar",
        ];
        versions.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(
            versions,
            [
                "v10",
                "v2",
                "v1",
                "v12beta1",
                "v1beta2",
                "v11alpha2",
                "v1alpha1",
                "bar",
                "foo1"
            ]
        );
    }

    #[test]
    fn groups_of_kubernetes_come_first() {
        let mut groups = ["demo.io", "batch", "apps", "", "carto.run"];
        groups.sort_by(|a, b| compare_groups(a, b));
        assert_eq!(groups, ["", "apps", "batch", "carto.run", "demo.io"]);
    }
}

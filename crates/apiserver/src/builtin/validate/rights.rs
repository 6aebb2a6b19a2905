//! Roles and bindings.
//!
//! Source: kubernetes `pkg/apis/rbac/validation/validation.go`, v1.36.

use serde_json::{Value, json};

use super::at::At;
use super::labels;
use super::problems::Problems;
use crate::auth::GROUP;
use crate::names;

pub(super) fn validate(kind: &str, new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    match kind {
        "Role" => rules(new, true, problems),
        "ClusterRole" => {
            rules(new, false, problems);
            aggregation(&new.get("aggregationRule"), problems);
        }
        "RoleBinding" => binding(new, old, true, problems),
        "ClusterRoleBinding" => binding(new, old, false, problems),
        _ => {}
    }
}

fn rules(new: &At<'_>, namespaced: bool, problems: &mut Problems) {
    for rule in new.get("rules").items() {
        self::rule(&rule, namespaced, problems);
    }
}

fn rule(at: &At<'_>, namespaced: bool, problems: &mut Problems) {
    let (verbs, urls) = (at.get("verbs"), at.get("nonResourceURLs"));
    let (groups, resources) = (at.get("apiGroups"), at.get("resources"));
    if verbs.is_empty() {
        problems.required(&verbs, "verbs must contain at least one value");
    }
    if !urls.is_empty() {
        if namespaced {
            problems.invalid(&urls, "namespaced rules cannot apply to non-resource URLs");
        }
        let names = at.get("resourceNames");
        if !groups.is_empty() || !resources.is_empty() || !names.is_empty() {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            problems.invalid(&urls, detail);
        }
        return;
    }
    if groups.is_empty() {
        problems.required(&groups, "resource rules must supply at least one api group");
    }
    if resources.is_empty() {
        problems.required(
            &resources,
            "resource rules must supply at least one resource",
        );
    }
}

fn aggregation(at: &At<'_>, problems: &mut Problems) {
    if !at.is_set() {
        return;
    }
    let selectors = at.get("clusterRoleSelectors");
    if selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        problems.required(&selectors, detail);
    }
    for selector in selectors.items() {
        labels::selector(&selector, problems);
        if labels::matches(&selector, &selector).is_none() {
            problems.invalid_as(&selector, Value::Null, "invalid label selector.");
        }
    }
}

fn binding(new: &At<'_>, old: Option<&At<'_>>, namespaced: bool, problems: &mut Problems) {
    let role = new.get("roleRef");
    problems.known(&role.get("apiGroup"), &[GROUP]);
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    problems.known(&role.get("kind"), kinds);
    let name = role.get("name");
    if name.is_empty() {
        problems.required(&name, "");
    } else {
        problems.all(&name, names::path_segment(name.text()));
    }
    for subject in new.get("subjects").items() {
        self::subject(&subject, namespaced, problems);
    }
    if old.is_some_and(|old| old.get("roleRef").value != role.value) {
        let told = json!({"APIGroup": role.get("apiGroup").text(), "Kind": role.get("kind").text(),
            "Name": name.text()});
        problems.invalid_as(&role, told, "cannot change roleRef");
    }
}

fn subject(at: &At<'_>, namespaced: bool, problems: &mut Problems) {
    let (name, group) = (at.get("name"), at.get("apiGroup"));
    if name.is_empty() {
        problems.required(&name, "");
    }
    match at.get("kind").text() {
        "ServiceAccount" => {
            if !name.is_empty() {
                problems.subdomain(&name);
            }
            problems.known(&group, &[""]);
            if !namespaced && at.get("namespace").is_empty() {
                problems.required(&at.get("namespace"), "");
            }
        }
        "User" | "Group" => problems.known(&group, &[GROUP]),
        _ => problems.not_supported(&at.get("kind"), &["ServiceAccount", "User", "Group"]),
    }
}

//! The roles and bindings that every cluster has.
//!
//! `view`, `edit` and `admin` gather rules by label, so that others can add to them. Source: kubernetes
//! `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`, v1.36; rules name the kinds that this
//! server has.

use serde_json::{Value, json};

use crate::auth::GROUP;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// Plural of the kind, and object.
pub(super) fn objects() -> Vec<(&'static str, Value)> {
    let mut objects: Vec<(&'static str, Value)> = roles()
        .into_iter()
        .map(|role| ("clusterroles", role))
        .collect();
    objects.extend(
        bindings()
            .into_iter()
            .map(|binding| ("clusterrolebindings", binding)),
    );
    objects
}

fn role(name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}},
        "rules": rules,
    })
}

fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": [group], "resources": resources})
}

fn paths(paths: &[&str]) -> Value {
    json!([{"verbs": ["get"], "nonResourceURLs": paths}])
}

fn label(to: &str) -> String {
    format!("{GROUP}/aggregate-to-{to}")
}

/// A role that gathers what is labelled for it, and is itself gathered by the next one.
fn gathering(name: &str, next: Option<&str>) -> Value {
    let mut role = role(name, json!([]));
    role["aggregationRule"] =
        json!({"clusterRoleSelectors": [{"matchLabels": {label(name): "true"}}]});
    if let Some(next) = next {
        role["metadata"]["labels"][label(next)] = "true".into();
    }
    role
}

fn gathered(to: &str, rules: Value) -> Value {
    let mut role = role(&format!("system:aggregate-to-{to}"), rules);
    role["metadata"]["labels"][label(to)] = "true".into();
    role
}

fn roles() -> Vec<Value> {
    let workloads: &[(&str, &[&str])] = &[
        (
            "",
            &[
                "configmaps",
                "endpoints",
                "persistentvolumeclaims",
                "pods",
                "serviceaccounts",
                "services",
            ],
        ),
        (
            "apps",
            &[
                "daemonsets",
                "deployments",
                "deployments/scale",
                "replicasets",
                "replicasets/scale",
                "statefulsets",
                "statefulsets/scale",
            ],
        ),
        ("autoscaling", &["horizontalpodautoscalers"]),
        ("batch", &["cronjobs", "jobs"]),
        ("coordination.k8s.io", &["leases"]),
        ("discovery.k8s.io", &["endpointslices"]),
        ("networking.k8s.io", &["ingresses", "networkpolicies"]),
        ("policy", &["poddisruptionbudgets"]),
    ];
    let all = |verbs: &[&str]| -> Vec<Value> {
        workloads
            .iter()
            .map(|(group, resources)| rule(verbs, group, resources))
            .collect()
    };
    let mut view = all(READ);
    view.push(rule(
        READ,
        "",
        &[
            "events",
            "limitranges",
            "namespaces",
            "pods/log",
            "pods/status",
            "resourcequotas",
        ],
    ));
    view.push(rule(READ, "events.k8s.io", &["events"]));
    let mut edit = all(WRITE);
    edit.push(rule(READ, "", &["secrets"]));
    edit.push(rule(WRITE, "", &["secrets", "events"]));
    edit.push(rule(&["impersonate"], "", &["serviceaccounts"]));
    edit.push(rule(&["create"], "", &["serviceaccounts/token"]));
    let every = [READ, WRITE].concat();
    let admin = vec![
        rule(&every, GROUP, &["roles", "rolebindings"]),
        rule(
            &["create"],
            "authorization.k8s.io",
            &["localsubjectaccessreviews"],
        ),
    ];
    vec![
        role(
            "cluster-admin",
            json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]}]),
        ),
        gathering("admin", None),
        gathering("edit", Some("admin")),
        gathering("view", Some("edit")),
        gathered("admin", admin.into()),
        gathered("edit", edit.into()),
        gathered("view", view.into()),
        role(
            "system:discovery",
            paths(&[
                "/.well-known",
                "/.well-known/*",
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ]),
        ),
        role(
            "system:public-info-viewer",
            paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"]),
        ),
        role(
            "system:basic-user",
            json!([
                rule(
                    &["create"],
                    "authorization.k8s.io",
                    &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
                ),
                rule(
                    &["create"],
                    "authentication.k8s.io",
                    &["selfsubjectreviews"]
                ),
            ]),
        ),
    ]
}

fn bindings() -> Vec<Value> {
    let binding = |name: &str, groups: &[&str]| {
        let subjects: Vec<Value> = groups
            .iter()
            .map(|group| json!({"kind": "Group", "apiGroup": GROUP, "name": group}))
            .collect();
        json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
                "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
            "subjects": subjects,
        })
    };
    vec![
        binding("cluster-admin", &["system:masters"]),
        binding("system:discovery", &["system:authenticated"]),
        binding("system:basic-user", &["system:authenticated"]),
        binding(
            "system:public-info-viewer",
            &["system:authenticated", "system:unauthenticated"],
        ),
    ]
}

//! Kinds other than pods.

use serde_json::{Value, json};

use super::{Fields, existing, nested, set, set_text, text};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn apply(type_name: &str, fields: &mut Fields) {
    let Some(name) = type_name.strip_prefix("io.k8s.") else {
        return;
    };
    match name {
        "api.core.v1.Secret" => set_text(fields, "type", "Opaque"),
        "api.core.v1.Namespace" => namespace(fields),
        "api.core.v1.NamespaceStatus" => set_text(fields, "phase", "Active"),
        "api.core.v1.Service" => service(fields),
        "api.core.v1.EndpointPort" => set_text(fields, "protocol", "TCP"),
        "api.core.v1.PersistentVolumeClaim" => {
            set_text(nested(fields, "status"), "phase", "Pending");
        }
        "api.core.v1.PersistentVolume" => volume(fields),
        "api.core.v1.ReplicationController" => replication_controller(fields),
        "api.core.v1.PersistentVolumeClaimSpec" => set(fields, "volumeMode", "Filesystem"),
        "api.core.v1.LimitRangeItem" => limit_range_item(fields),
        "api.core.v1.NodeStatus" => {
            if let Some(capacity) = fields.get("capacity").cloned() {
                set(fields, "allocatable", capacity);
            }
        }
        "api.apps.v1.Deployment" => deployment(nested(fields, "spec")),
        "api.apps.v1.ReplicaSet" => set(nested(fields, "spec"), "replicas", 1),
        "api.apps.v1.DaemonSet" => daemon_set(nested(fields, "spec")),
        "api.apps.v1.StatefulSet" => stateful_set(nested(fields, "spec")),
        "api.batch.v1.Job" => job(fields),
        "api.batch.v1.CronJob" => cron_job(nested(fields, "spec")),
        "api.batch.v1.PodFailurePolicyOnPodConditionsPattern" => set_text(fields, "status", "True"),
        "api.rbac.v1.RoleBinding" | "api.rbac.v1.ClusterRoleBinding" => {
            set_text(nested(fields, "roleRef"), "apiGroup", RBAC);
        }
        "api.rbac.v1.Subject" => {
            if matches!(text(fields, "kind"), "User" | "Group") {
                set_text(fields, "apiGroup", RBAC);
            }
        }
        "api.networking.v1.NetworkPolicyPort" => set(fields, "protocol", "TCP"),
        "api.networking.v1.NetworkPolicy" => network_policy(nested(fields, "spec")),
        "api.scheduling.v1.PriorityClass" => {
            set(fields, "preemptionPolicy", "PreemptLowerPriority");
        }
        "api.storage.v1.StorageClass" => {
            set(fields, "reclaimPolicy", "Delete");
            set(fields, "volumeBindingMode", "Immediate");
        }
        "api.discovery.v1.EndpointPort" => {
            set(fields, "name", "");
            set(fields, "protocol", "TCP");
        }
        "api.autoscaling.v2.HorizontalPodAutoscaler" => autoscaler(nested(fields, "spec")),
        "api.authentication.v1.TokenRequestSpec" => set(fields, "expirationSeconds", 3600),
        "api.admissionregistration.v1.ValidatingWebhook" => webhook(fields),
        "api.admissionregistration.v1.MutatingWebhook" => {
            webhook(fields);
            set(fields, "reinvocationPolicy", "Never");
        }
        "api.admissionregistration.v1.RuleWithOperations"
        | "api.admissionregistration.v1.NamedRuleWithOperations" => set(fields, "scope", "*"),
        "api.admissionregistration.v1.ServiceReference"
        | "apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference" => {
            set(fields, "port", 443);
        }
        "api.admissionregistration.v1.ValidatingAdmissionPolicySpec" => {
            set(fields, "failurePolicy", "Fail");
        }
        "api.admissionregistration.v1.MatchResources" => {
            set(fields, "matchPolicy", "Equivalent");
            set(fields, "namespaceSelector", json!({}));
            set(fields, "objectSelector", json!({}));
        }
        "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition" => {
            definition(fields);
        }
        _ => {}
    }
}

fn namespace(fields: &mut Fields) {
    let name = fields
        .get("metadata")
        .and_then(|m| m.get("name"))
        .and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.is_empty()).map(str::to_owned) else {
        return;
    };
    let labels = nested(nested(fields, "metadata"), "labels");
    labels.insert(
        "kubernetes.io/metadata.name".to_owned(),
        Value::String(name),
    );
}

fn service(fields: &mut Fields) {
    let spec = nested(fields, "spec");
    set_text(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    }
    if text(spec, "sessionAffinity") == "ClientIP" {
        let client = nested(nested(spec, "sessionAffinityConfig"), "clientIP");
        set(client, "timeoutSeconds", 10_800);
    }
    set_text(spec, "type", "ClusterIP");
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        set_text(port, "protocol", "TCP");
        let target = port.get("targetPort");
        if target.is_none_or(|target| target == &json!(0) || target == &json!("")) {
            let number = port.get("port").cloned().unwrap_or(json!(0));
            port.insert("targetPort".to_owned(), number);
        }
    }
    let kind = text(spec, "type").to_owned();
    let has_external_addresses = spec
        .get("externalIPs")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort")
        || kind == "ClusterIP" && has_external_addresses
    {
        set_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort" | "ClusterIP") {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
}

fn volume(fields: &mut Fields) {
    set_text(nested(fields, "status"), "phase", "Pending");
    let spec = nested(fields, "spec");
    set_text(spec, "persistentVolumeReclaimPolicy", "Retain");
    set(spec, "volumeMode", "Filesystem");
}

fn replication_controller(fields: &mut Fields) {
    let spec = nested(fields, "spec");
    set(spec, "replicas", 1);
    let labels = spec
        .get("template")
        .and_then(|template| template.pointer("/metadata/labels"))
        .cloned();
    let Some(labels) = labels else { return };
    let is_empty = |fields: &Fields, name: &str| {
        let map = fields.get(name).and_then(Value::as_object);
        map.is_none_or(serde_json::Map::is_empty)
    };
    if is_empty(spec, "selector") {
        spec.insert("selector".to_owned(), labels.clone());
    }
    let metadata = nested(fields, "metadata");
    if is_empty(metadata, "labels") {
        metadata.insert("labels".to_owned(), labels);
    }
}

fn limit_range_item(fields: &mut Fields) {
    if text(fields, "type") != "Container" {
        return;
    }
    for (from, into) in [
        ("max", "default"),
        ("default", "defaultRequest"),
        ("min", "defaultRequest"),
    ] {
        let source = fields
            .get(from)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if source.is_empty() {
            continue;
        }
        let target = nested(fields, into);
        for (name, amount) in source {
            target.entry(name).or_insert(amount);
        }
    }
}

fn deployment(spec: &mut Fields) {
    set(spec, "replicas", 1);
    let strategy = nested(spec, "strategy");
    set_text(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = nested(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", "25%");
        set(rolling, "maxSurge", "25%");
    }
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
}

fn daemon_set(spec: &mut Fields) {
    let strategy = nested(spec, "updateStrategy");
    set_text(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = nested(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", 1);
        set(rolling, "maxSurge", 0);
    }
    set(spec, "revisionHistoryLimit", 10);
}

fn stateful_set(spec: &mut Fields) {
    set_text(spec, "podManagementPolicy", "OrderedReady");
    let strategy = nested(spec, "updateStrategy");
    if text(strategy, "type").is_empty() {
        set_text(strategy, "type", "RollingUpdate");
        nested(strategy, "rollingUpdate");
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = existing(strategy, "rollingUpdate")
    {
        set(rolling, "partition", 0);
    }
    let retention = nested(spec, "persistentVolumeClaimRetentionPolicy");
    set_text(retention, "whenDeleted", "Retain");
    set_text(retention, "whenScaled", "Retain");
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
}

fn job(fields: &mut Fields) {
    let spec = nested(fields, "spec");
    if !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let limit = if spec.contains_key("backoffLimitPerIndex") {
        i32::MAX
    } else {
        6
    };
    set(spec, "backoffLimit", limit);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    let replacement = if spec.contains_key("podFailurePolicy") {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    set(spec, "podReplacementPolicy", replacement);
    set(spec, "manualSelector", false);
    let template = fields
        .get("spec")
        .and_then(|spec| spec.pointer("/template/metadata/labels"));
    let own = fields
        .get("metadata")
        .and_then(|m| m.get("labels"))
        .and_then(Value::as_object);
    if let Some(labels) = template
        .cloned()
        .filter(|_| own.is_none_or(serde_json::Map::is_empty))
    {
        nested(fields, "metadata").insert("labels".to_owned(), labels);
    }
}

fn cron_job(spec: &mut Fields) {
    set_text(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
}

fn network_policy(spec: &mut Fields) {
    let is_empty = |spec: &Fields, name: &str| {
        spec.get(name)
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    };
    if is_empty(spec, "policyTypes") {
        let types = if is_empty(spec, "egress") {
            json!(["Ingress"])
        } else {
            json!(["Ingress", "Egress"])
        };
        spec.insert("policyTypes".to_owned(), types);
    }
}

fn autoscaler(spec: &mut Fields) {
    set(spec, "minReplicas", 1);
    if spec
        .get("metrics")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        let metrics = json!([{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 80}}}]);
        spec.insert("metrics".to_owned(), metrics);
    }
    let Some(behavior) = existing(spec, "behavior") else {
        return;
    };
    let up = nested(behavior, "scaleUp");
    set(up, "stabilizationWindowSeconds", 0);
    set(up, "selectPolicy", "Max");
    let policies = json!([{"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15}]);
    set(up, "policies", policies);
    let down = nested(behavior, "scaleDown");
    set(down, "selectPolicy", "Max");
    set(
        down,
        "policies",
        json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]),
    );
}

fn webhook(fields: &mut Fields) {
    set(fields, "failurePolicy", "Fail");
    set(fields, "matchPolicy", "Equivalent");
    set(fields, "namespaceSelector", json!({}));
    set(fields, "objectSelector", json!({}));
    set(fields, "timeoutSeconds", 10);
}

fn definition(fields: &mut Fields) {
    let spec = nested(fields, "spec");
    let names = nested(spec, "names");
    let kind = text(names, "kind").to_owned();
    set_text(names, "singular", &kind.to_lowercase());
    if !kind.is_empty() {
        set_text(names, "listKind", &format!("{kind}List"));
    }
    if !spec.get("conversion").is_some_and(Value::is_object) {
        spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
    }
    let versions = spec
        .get("versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let stored = versions
        .filter(|version| version.get("storage") == Some(&Value::Bool(true)))
        .find_map(|version| version.get("name").cloned());
    let status = nested(fields, "status");
    let known = status.get("storedVersions").and_then(Value::as_array);
    if known.is_none_or(Vec::is_empty)
        && let Some(stored) = stored
    {
        status.insert("storedVersions".to_owned(), json!([stored]));
    }
}

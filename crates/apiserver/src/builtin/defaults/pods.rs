//! Pods and what they are made of.

use serde_json::{Value, json};

use super::{Fields, existing, nested, set, set_text, text};
use crate::builtin::quantity::Quantity;

pub(super) fn apply(type_name: &str, fields: &mut Fields) {
    let Some(name) = type_name.strip_prefix("io.k8s.api.core.v1.") else {
        return;
    };
    match name {
        "Pod" => pod(fields),
        "PodSpec" => pod_spec(fields),
        "Container" | "EphemeralContainer" => container(fields),
        "Volume" => volume(fields),
        "Probe" => {
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                set(fields, field, value);
            }
        }
        "HTTPGetAction" => {
            set_text(fields, "path", "/");
            set_text(fields, "scheme", "HTTP");
        }
        "SecretVolumeSource"
        | "ConfigMapVolumeSource"
        | "DownwardAPIVolumeSource"
        | "ProjectedVolumeSource" => set(fields, "defaultMode", 0o644),
        "ServiceAccountTokenProjection" => set(fields, "expirationSeconds", 3600),
        "HostPathVolumeSource" => set(fields, "type", ""),
        "ObjectFieldSelector" => set_text(fields, "apiVersion", "v1"),
        "ResourceRequirements" | "VolumeResourceRequirements" => {
            for list in ["limits", "requests"] {
                resources(fields.get_mut(list));
            }
        }
        _ => {}
    }
}

/// Amounts are kept in thousandths at the finest.
fn resources(list: Option<&mut Value>) {
    let amounts = list
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|list| list.values_mut());
    for amount in amounts {
        if let Some(quantity) = amount.as_str().and_then(Quantity::parse) {
            *amount = Value::String(quantity.rounded_to_milli().canonical());
        }
    }
}

fn pod(fields: &mut Fields) {
    let Some(spec) = existing(fields, "spec") else {
        return;
    };
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            requests_from_limits(container);
            if host_network {
                host_ports(container);
            }
        }
    }
    pod_requests(spec);
    set(spec, "enableServiceLinks", true);
}

fn requests_from_limits(container: &mut Fields) {
    let Some(resources) = existing(container, "resources") else {
        return;
    };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else {
        return;
    };
    let requests = nested(resources, "requests");
    for (name, amount) in limits {
        requests.entry(name).or_insert(amount);
    }
}

/// Limits of the pod stand for its requests where no container says otherwise.
fn pod_requests(spec: &mut Fields) {
    let containers_ask = |spec: &Fields, resource: &str| {
        ["containers", "initContainers"].iter().any(|list| {
            let containers = spec
                .get(*list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            containers
                .filter_map(|c| c.pointer("/resources/requests"))
                .any(|requests| requests.get(resource).is_some())
        })
    };
    let limits = spec.get("resources").and_then(|r| r.get("limits")).cloned();
    let Some(Value::Object(limits)) = limits else {
        return;
    };
    let missing: Fields = limits
        .into_iter()
        .filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory"))
        .filter(|(name, _)| !containers_ask(spec, name))
        .collect();
    if missing.is_empty() {
        return;
    }
    let requests = nested(nested(spec, "resources"), "requests");
    for (name, amount) in missing {
        requests.entry(name).or_insert(amount);
    }
}

fn host_ports(container: &mut Fields) {
    let ports = container.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(number) = port.get("containerPort").cloned() {
            set(port, "hostPort", number);
        }
    }
}

fn pod_spec(fields: &mut Fields) {
    set_text(fields, "dnsPolicy", "ClusterFirst");
    set_text(fields, "restartPolicy", "Always");
    set(fields, "securityContext", json!({}));
    set(fields, "terminationGracePeriodSeconds", 30);
    set_text(fields, "schedulerName", "default-scheduler");
    resources(fields.get_mut("overhead"));
    // The old name of the account is kept in step with the new one.
    let account = text(fields, "serviceAccountName").to_owned();
    if account.is_empty() {
        let old = text(fields, "serviceAccount").to_owned();
        if !old.is_empty() {
            set(fields, "serviceAccountName", old);
        }
    } else {
        fields.insert("serviceAccount".to_owned(), Value::String(account));
    }
}

fn container(fields: &mut Fields) {
    let policy = if is_latest(text(fields, "image")) {
        "Always"
    } else {
        "IfNotPresent"
    };
    set_text(fields, "imagePullPolicy", policy);
    set_text(fields, "terminationMessagePath", "/dev/termination-log");
    set_text(fields, "terminationMessagePolicy", "File");
}

/// An image without tag and digest has tag `latest`.
fn is_latest(image: &str) -> bool {
    let (name, digest) = image
        .split_once('@')
        .map_or((image, None), |(n, d)| (n, Some(d)));
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => digest.is_none() && !image.is_empty(),
    }
}

fn volume(fields: &mut Fields) {
    if fields.keys().all(|name| name == "name") {
        fields.insert("emptyDir".to_owned(), json!({}));
    }
    if let Some(image) = existing(fields, "image") {
        let policy = if is_latest(text(image, "reference")) {
            "Always"
        } else {
            "IfNotPresent"
        };
        set_text(image, "pullPolicy", policy);
    }
}

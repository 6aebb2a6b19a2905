//! What kinds do with an object beyond decoding and defaults: fields that are another way to write others, and fields
//! that the server sets.
//!
//! Source: kubernetes `pkg/apis/*/v1/conversion.go`, `pkg/registry/*/*/strategy.go` (`PrepareForCreate`,
//! `PrepareForUpdate`), `pkg/apis/core/v1/helper/qos`, v1.36.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::quantity::Quantity;
use crate::kind::Part;

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Brings fields that are written in one of several ways into the one in which they are read.
pub(super) fn convert(kind: &str, object: &mut Value) {
    match kind {
        "Secret" => move_texts(object),
        "StatefulSet" => name_claims(object),
        "DaemonSet" => count_templates(object),
        _ => {}
    }
}

/// Texts of a secret become data; they win.
fn move_texts(secret: &mut Value) {
    let Some(Value::Object(texts)) = secret.as_object_mut().and_then(|s| s.remove("stringData"))
    else {
        return;
    };
    let data = map(secret, "data");
    for (key, text) in texts {
        data[key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}

fn name_claims(set: &mut Value) {
    let claims = set.pointer_mut("/spec/volumeClaimTemplates");
    for claim in claims.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(claim) = claim.as_object_mut() {
            claim.insert("apiVersion".into(), "v1".into());
            claim.insert("kind".into(), "PersistentVolumeClaim".into());
        }
    }
}

fn count_templates(set: &mut Value) {
    let annotations = map(map(set, "metadata"), "annotations");
    let given = annotations[TEMPLATE_GENERATION].as_str();
    let count: i64 = given.and_then(|text| text.parse().ok()).unwrap_or(0);
    annotations[TEMPLATE_GENERATION] = count.to_string().into();
}

/// Sets what the server sets when an object is written.
pub(super) fn prepare(kind: &str, object: &mut Value, old: Option<&Value>, part: Part) {
    if part != Part::Main {
        return;
    }
    match (kind, old) {
        ("DaemonSet", _) => advance_templates(object, old),
        ("Job", None) => select_own_pods(object),
        ("Pod", None) => {
            let quality = quality(object);
            let status = map(object, "status");
            status["phase"] = "Pending".into();
            status["qosClass"] = quality.into();
        }
        ("Service", _) => repeat_address(object, old),
        ("Secret", Some(old)) if object["type"] == "" => object["type"] = old["type"].clone(),
        _ => {}
    }
}

/// The one address and the first of the list are the same; whoever sets one of them means both.
fn repeat_address(service: &mut Value, old: Option<&Value>) {
    let spec = &mut service["spec"];
    let list = spec["clusterIPs"].as_array();
    let first = list.and_then(|list| list.first()).cloned();
    let is_empty = |value: &Value| matches!(value, Value::Null) || value == "";
    let before = |field: &str| old.map_or(Value::Null, |old| old["spec"][field].clone());
    match first {
        None if !is_empty(&spec["clusterIP"]) => {
            spec["clusterIPs"] = json!([spec["clusterIP"]]);
        }
        Some(first) if is_empty(&spec["clusterIP"]) && old.is_none() => spec["clusterIP"] = first,
        Some(_)
            if before("clusterIP") != spec["clusterIP"]
                && before("clusterIPs") == spec["clusterIPs"] =>
        {
            if is_empty(&spec["clusterIP"]) {
                drop(
                    spec.as_object_mut()
                        .and_then(|spec| spec.remove("clusterIPs")),
                );
            } else {
                spec["clusterIPs"] = json!([spec["clusterIP"]]);
            }
        }
        _ => {}
    }
}

/// A changed template makes a new generation of it.
fn advance_templates(set: &mut Value, old: Option<&Value>) {
    let count = |set: &Value| -> i64 {
        let text = set["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let count = match old {
        None => count(set).max(1),
        Some(old) if old["spec"]["template"] != set["spec"]["template"] => count(old) + 1,
        Some(old) => count(old),
    };
    set["metadata"]["annotations"][TEMPLATE_GENERATION] = count.to_string().into();
}

/// A job selects its pods by its own identity, unless it brings a selector.
fn select_own_pods(job: &mut Value) {
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let (uid, name) = (
        job["metadata"]["uid"].clone(),
        job["metadata"]["name"].clone(),
    );
    let spec = &mut job["spec"];
    let labels = map(map(&mut spec["template"], "metadata"), "labels");
    for prefix in ["", "batch.kubernetes.io/"] {
        labels[format!("{prefix}controller-uid")] = uid.clone();
        labels[format!("{prefix}job-name")] = name.clone();
    }
    let selected = map(map(spec, "selector"), "matchLabels");
    selected["batch.kubernetes.io/controller-uid"] = uid;
}

/// A nested map, made when it is missing.
fn map<'a>(value: &'a mut Value, field: &str) -> &'a mut Value {
    let map = &mut value[field];
    if !map.is_object() {
        *map = json!({});
    }
    map
}

/// How a pod's resources are guaranteed.
fn quality(pod: &Value) -> &'static str {
    let spec = &pod["spec"];
    let containers: Vec<&Value> = ["containers", "initContainers"]
        .iter()
        .flat_map(|field| spec[*field].as_array().into_iter().flatten())
        .collect();
    let amounts = |container: &Value, field: &str| -> Map<String, Value> {
        let amounts = container["resources"][field].as_object();
        amounts
            .into_iter()
            .flatten()
            .filter(|(resource, _)| matches!(resource.as_str(), "cpu" | "memory"))
            .filter(|(_, amount)| {
                let amount = amount.as_str().and_then(Quantity::parse);
                amount.is_some_and(|amount| amount.is_positive())
            })
            .map(|(resource, amount)| (resource.clone(), amount.clone()))
            .collect()
    };
    let mut any = false;
    let mut guaranteed = true;
    for container in containers {
        let (requests, limits) = (amounts(container, "requests"), amounts(container, "limits"));
        any |= !requests.is_empty() || !limits.is_empty();
        guaranteed &= limits.len() == 2 && requests == limits;
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

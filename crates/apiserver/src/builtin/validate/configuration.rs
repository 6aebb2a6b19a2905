//! `ConfigMap`, `Secret` and `Namespace`.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go`, v1.36.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::at::At;
use super::problems::Problems;
use crate::error::FieldError;
use crate::names;

/// Bytes of all values of a `ConfigMap` or a `Secret`.
const DATA_MAX_BYTES: usize = 1 << 20;
const WHEN_IMMUTABLE: &str = "field is immutable when `immutable` is set";

pub(super) fn config_map(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    if let Some(old) = old {
        stays(new, old, &["data", "binaryData"], problems);
    }
    let binary = new.get("binaryData");
    let mut size_bytes = 0;
    for (key, value) in new.get("data").entries() {
        key_of_data(&value, key, problems);
        if binary.get(key).is_set() {
            problems.invalid_as(&value, key, "duplicate of key present in binaryData");
        }
        size_bytes += value.len();
    }
    for (key, value) in binary.entries() {
        key_of_data(&value, key, problems);
        size_bytes += decoded_len(value.text());
    }
    if size_bytes > DATA_MAX_BYTES {
        problems.push(FieldError::too_long("[]", DATA_MAX_BYTES));
    }
}

pub(super) fn secret(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    if let Some(old) = old {
        problems.immutable(&new.get("type"), &old.get("type"));
        stays(new, old, &["data"], problems);
    }
    let data = new.get("data");
    let mut size_bytes = 0;
    for (key, value) in data.entries() {
        key_of_data(&value, key, problems);
        size_bytes += decoded_len(value.text());
    }
    if size_bytes > DATA_MAX_BYTES {
        problems.too_long(&data, DATA_MAX_BYTES);
    }
    secret_of_type(new, &data, problems);
}

fn secret_of_type(new: &At<'_>, data: &At<'_>, problems: &mut Problems) {
    let entry = |key: &str| data.get(key).told_at(format!("data[{key}]"));
    match new.get("type").text() {
        "kubernetes.io/service-account-token" => {
            const NAME: &str = "kubernetes.io/service-account.name";
            let name = new.get("metadata").get("annotations").get(NAME);
            if name.is_empty() {
                problems.required(&name.told_at(format!("metadata.annotations[{NAME}]")), "");
            }
        }
        "kubernetes.io/dockercfg" => json_map(&entry(".dockercfg"), problems),
        "kubernetes.io/dockerconfigjson" => json_map(&entry(".dockerconfigjson"), problems),
        "kubernetes.io/basic-auth" => {
            let (username, password) = (entry("username"), entry("password"));
            if !username.is_set() && !password.is_set() {
                problems.required(&username, "");
                problems.required(&password, "");
            }
        }
        "kubernetes.io/ssh-auth" if entry("ssh-privatekey").is_empty() => {
            problems.required(&entry("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !entry(key).is_set() {
                    problems.required(&entry(key), "");
                }
            }
        }
        _ => {}
    }
}

/// A value that is a JSON object.
///
/// Differs: where the JSON is broken, the text is not that of Go's decoder.
fn json_map(at: &At<'_>, problems: &mut Problems) {
    if !at.is_set() {
        return problems.required(at, "");
    }
    let bytes = STANDARD.decode(at.text()).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<Map<String, Value>>(&bytes) {
        let detail = match bytes.as_slice() {
            [] => "unexpected end of JSON input".to_owned(),
            _ => error.to_string(),
        };
        problems.invalid_as(at, "<secret contents redacted>", detail);
    }
}

/// What was set to be immutable stays.
fn stays(new: &At<'_>, old: &At<'_>, fields: &[&str], problems: &mut Problems) {
    if !old.get("immutable").is_true() {
        return;
    }
    if !new.get("immutable").is_true() {
        problems.forbidden(&new.get("immutable"), WHEN_IMMUTABLE);
    }
    for field in fields {
        let (new, old) = (new.get(field), old.get(field));
        if new.value != old.value && !(new.is_empty() && old.is_empty()) {
            problems.forbidden(&new, WHEN_IMMUTABLE);
        }
    }
}

fn key_of_data(at: &At<'_>, key: &str, problems: &mut Problems) {
    for problem in names::config_map_key(key) {
        problems.invalid_as(at, key, problem);
    }
}

fn decoded_len(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

pub(super) fn namespace(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    if old.is_some() {
        return;
    }
    let finalizers = new.get("spec").get("finalizers");
    for finalizer in finalizers.items() {
        namespace_finalizer(&finalizer.told_at(&*finalizers.path), problems);
    }
}

pub(super) fn finalize(new: &At<'_>, problems: &mut Problems) {
    for finalizer in new.get("spec").get("finalizers").items() {
        namespace_finalizer(&finalizer, problems);
    }
}

fn namespace_finalizer(at: &At<'_>, problems: &mut Problems) {
    const STANDARD: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];
    problems.qualified_name(at);
    if !at.text().contains('/') && !STANDARD.contains(&at.text()) {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        problems.invalid(at, detail);
    }
}

pub(super) fn namespace_status(new: &At<'_>, problems: &mut Problems) {
    let phase = new.get("status").get("phase").told_at("status.Phase");
    let deleting = new.get("metadata").get("deletionTimestamp").is_set();
    let detail = match (deleting, phase.text()) {
        (false, "Active") | (true, "Terminating") => return,
        (false, _) => "may only be 'Active' if `deletionTimestamp` is empty",
        (true, _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
    };
    problems.invalid_as(&phase, phase.text(), detail);
}

//! Managed fields seen through the `scale` subresource.
//!
//! A `Scale` has no managed fields of its own: those of its object that own the replicas are shown as owning
//! `spec.replicas`, and what a write through `scale` does to them is carried back.
//!
//! Source: apimachinery pkg/util/managedfields/scalehandler.go, v0.36.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entry::{DecodeError, Managers, Owned, decode, encode};
use crate::fieldpath::{Path, PathElement, Set};

const SCALE_VERSION: &str = "autoscaling/v1";

fn replicas_in_scale() -> Path {
    vec![PathElement::field("spec"), PathElement::field("replicas")]
}

/// Where each version of a kind keeps its replicas; `None` where that version has no `scale`.
pub type ScalePaths = BTreeMap<String, Option<Path>>;

/// Returns the managed fields of the `Scale` of an object.
///
/// # Errors
/// When the entries of the object cannot be read.
pub fn to_scale(entries: Option<&Value>, paths: &ScalePaths) -> Result<Vec<Value>, DecodeError> {
    let managers = decode(entries)?;
    let mut out = Managers::default();
    for (manager, owned) in managers.fields {
        let Some(Some(path)) = paths.get(&owned.api_version) else {
            continue;
        };
        if !owned.set.has(path) {
            continue;
        }
        if let Some(time) = managers.times.get(&manager) {
            out.times.insert(manager.clone(), time.clone());
        }
        let set: Set = [replicas_in_scale().as_slice()].into_iter().collect();
        out.fields.insert(
            manager,
            Owned {
                set,
                api_version: SCALE_VERSION.to_owned(),
                applied: owned.applied,
            },
        );
    }
    Ok(encode(&out))
}

/// Returns the managed fields of the object after its `Scale` was written in `api_version` of the object.
///
/// # Errors
/// When either list of entries cannot be read.
pub fn from_scale(
    entries: Option<&Value>,
    scale_entries: Option<&Value>,
    api_version: &str,
    paths: &ScalePaths,
) -> Result<Vec<Value>, DecodeError> {
    let parent = decode(entries)?;
    let mut scale = decode(scale_entries)?;
    let mut out = Managers::default();
    for (manager, mut owned) in parent.fields {
        let Some(path) = paths.get(&owned.api_version) else {
            continue;
        };
        if let Some(path) = path.as_ref().filter(|path| owned.set.has(path))
            && scale.fields.remove(&manager).is_none()
        {
            // Somebody else set the replicas through the subresource.
            owned.set = owned
                .set
                .difference(&[path.as_slice()].into_iter().collect());
            if owned.set.is_empty() {
                continue;
            }
        }
        if let Some(time) = parent.times.get(&manager) {
            out.times.insert(manager.clone(), time.clone());
        }
        out.fields.insert(manager, owned);
    }
    let path = paths
        .get(api_version)
        .cloned()
        .flatten()
        .unwrap_or_default();
    for (manager, owned) in scale.fields {
        if !owned.set.has(&replicas_in_scale()) {
            continue;
        }
        if let Some(time) = parent.times.get(&manager) {
            out.times.insert(manager.clone(), time.clone());
        }
        let set: Set = [path.as_slice()].into_iter().collect();
        out.fields.insert(
            manager,
            Owned {
                set,
                api_version: api_version.to_owned(),
                applied: owned.applied,
            },
        );
    }
    Ok(encode(&out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths() -> ScalePaths {
        let path = vec![PathElement::field("spec"), PathElement::field("size")];
        ScalePaths::from([("demo.io/v1".to_owned(), Some(path))])
    }

    #[test]
    fn scaling_takes_the_replicas_from_their_owner() {
        let entries = json!([
            {"manager": "a", "operation": "Apply", "apiVersion": "demo.io/v1", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:spec": {"f:size": {}, "f:color": {}}}, "time": "2026-01-01T00:00:00Z"},
        ]);
        let seen = to_scale(Some(&entries), &paths()).expect("reads");
        assert_eq!(seen[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(seen[0]["apiVersion"], json!("autoscaling/v1"));

        let after = json!([
            {"manager": "scaler", "operation": "Update", "apiVersion": "autoscaling/v1",
             "subresource": "scale", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}, "time": "2026-01-02T00:00:00Z"},
        ]);
        let merged =
            from_scale(Some(&entries), Some(&after), "demo.io/v1", &paths()).expect("reads");
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0]["fieldsV1"], json!({"f:spec": {"f:color": {}}}));
        assert_eq!(merged[1]["manager"], json!("scaler"));
        assert_eq!(merged[1]["apiVersion"], json!("demo.io/v1"));
        assert_eq!(merged[1]["fieldsV1"], json!({"f:spec": {"f:size": {}}}));
    }
}

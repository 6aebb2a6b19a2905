//! Moving from client-side to server-side apply with kubectl.
//!
//! An apply by manager `kubectl` does not conflict over fields whose values are those of the
//! last-applied annotation, and keeps that annotation up to date where it exists.
//!
//! Source: apimachinery pkg/util/managedfields/internal/lastappliedmanager.go and lastappliedupdater.go, v0.36.

use serde_json::Value;

use super::{Conflicts, Request};
use crate::{
    fieldpath::Set,
    go,
    typed::{self, Duplicates},
};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Source: apimachinery pkg/api/validation (`TotalAnnotationSizeLimitB`).
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    annotations
        .get(ANNOTATION)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// Returns the conflicts that the annotation does not excuse; `None` when there is no usable annotation.
pub(super) fn remaining_conflicts(
    request: &Request<'_>,
    live: &Value,
    conflicts: &Conflicts,
) -> Option<Conflicts> {
    let excused = excused_fields(request, live)?;
    let rest = conflicts
        .0
        .iter()
        .filter(|conflict| !excused.has(&conflict.path))
        .cloned();
    Some(Conflicts(rest.collect()))
}

/// The fields of the annotation whose values the object still has.
fn excused_fields(request: &Request<'_>, live: &Value) -> Option<Set> {
    let applied: Value = serde_json::from_str(annotation(live)?).ok()?;
    if applied.get("apiVersion").and_then(Value::as_str) != Some(request.api_version) {
        return None;
    }
    let schema = request.versions.schema(request.api_version)?;
    typed::validate(schema, live, Duplicates::Refused).ok()?;
    typed::validate(schema, &applied, Duplicates::Refused).ok()?;
    let changes = typed::compare(schema, &applied, live).ok()?;
    let fields = typed::field_set(schema, &applied);
    Some(
        fields
            .difference(&changes.modified)
            .difference(&changes.added)
            .difference(&changes.removed),
    )
}

/// Renews the annotation, if the object has one, from what was applied now.
pub(super) fn refresh(object: &mut Value, applied: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut applied = applied.clone();
    if let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let text = go::json(&applied) + "\n";
    let annotations = object
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"));
    let Some(annotations) = annotations.and_then(Value::as_object_mut) else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size: usize = annotations
        .iter()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    if size > ANNOTATIONS_MAX_BYTES {
        annotations.remove(ANNOTATION);
    }
}

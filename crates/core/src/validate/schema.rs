//! Fields that the API does not know. It drops them without a word, and the object then does
//! less than its author thinks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::cursor::Cursor;
use super::{Report, suggest};

/// The schema of each kind, made from the types once.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let schema = |mut crd: Value| {
        let kind = crd["spec"]["names"]["kind"].as_str()?.to_owned();
        let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema")?;
        Some((kind, schema.take()))
    };
    carto_api::crds_json()
        .into_iter()
        .filter_map(schema)
        .collect()
});

pub(super) fn unknown_fields(root: &Cursor<'_>, report: &mut Report) {
    if root.field("apiVersion").text() != carto_api::carto::v1alpha1::API_VERSION {
        return;
    }
    if let Some(schema) = SCHEMAS.get(root.field("kind").text()) {
        visit(root, schema, report);
    }
}

/// Recursion: as deep as the schema, which is not recursive.
fn visit(place: &Cursor<'_>, schema: &Value, report: &mut Report) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true || place.path() == "metadata" {
        return;
    }
    if let Some(items) = schema.get("items") {
        for item in place.items() {
            visit(&item, items, report);
        }
    }
    if let Some(values) = schema.get("additionalProperties") {
        for (_, entry) in place.entries() {
            visit(&entry, values, report);
        }
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, entry) in place.entries() {
        if let Some(known) = properties.get(name) {
            visit(&entry, known, report);
        } else {
            let hint = suggest::hint(name, properties.keys().map(String::as_str));
            report.warn(
                entry.path(),
                format!("unknown field \"{name}\": the API drops it{hint}"),
            );
        }
    }
}

//! Tables: what `kubectl get` prints.
//!
//! Source: apimachinery `pkg/apis/meta/v1/types.go` (`Table`); apiserver
//! `pkg/endpoints/handlers/response.go`, v1.36.

use serde_json::{Value, json};

use crate::api::Call;
use crate::catalogue::Resource;
use crate::respond::partial;
use crate::time;

/// A table without rows.
pub(crate) fn new(resource: &Resource, version: &str) -> Value {
    let columns: Vec<Value> = resource
        .rules
        .columns()
        .into_iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.kind,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": {},
        "columnDefinitions": columns,
        "rows": [],
    })
}

/// The row of an object in the version of the call.
pub(crate) fn row(call: &Call, value: &Value, version: &str) -> Value {
    let cells = call.resource.rules.cells(value, time::now_seconds());
    let object = match call.query.text("includeObject") {
        Some("None") => Value::Null,
        Some("Object") => value.clone(),
        _ => partial(value, version),
    };
    json!({"cells": cells, "object": object})
}

/// How long ago a time was, as cells show it.
pub(crate) fn age(time: &str, now_seconds: i64) -> String {
    time::parse(time).map_or_else(
        || "<invalid>".into(),
        |at| time::human_duration(now_seconds - at),
    )
}

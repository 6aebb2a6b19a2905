//! Stands in for the core's reader of rows until that is on main; goes with the commit that joins the two.

use carto_core::key::ObjectKey;
use carto_core::row::{Controller, Expressions, Row};
use serde_json::Value;
use std::sync::Arc;
pub(crate) fn extract(object: &Value, expressions: &Expressions) -> Option<Row> {
    let m = object.get("metadata")?;
    let t = |p: &str| m.get(p).and_then(Value::as_str).map(Arc::<str>::from);
    Some(Row {
        key: ObjectKey::of(object)?,
        uid: t("uid")?,
        resource_version: t("resourceVersion")?,
        generation: m.get("generation").and_then(Value::as_i64),
        created: None,
        deleting: m.get("deletionTimestamp").is_some(),
        controller: m.pointer("/ownerReferences/0").map(|o| Controller {
            uid: o["uid"].as_str().unwrap().into(),
            api_version: "".into(),
            kind: "".into(),
            name: "".into(),
        }),
        labels: m
            .get("labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.as_str().into(), v.as_str().unwrap().into()))
            .collect(),
        stamp_digest: None,
        owned_digest: None,
        settled_digest: None,
        legacy: false,
        expressions: expressions.clone(),
        results: Arc::new([]),
    })
}
pub(crate) fn applied(object: &Value, expressions: &Expressions) -> Option<Row> {
    extract(object, expressions)
}

//! Reading a row out of a live object.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::expressions::Compiled;
use super::{
    ConditionRow, Controller, Evaluated, Expression, Expressions, Json, Labels, OwnedFields, Row,
    StampDigest, Uid, Version,
};
use crate::condition;
use crate::digest;
use crate::json;
use crate::key::{ObjectKey, ServiceAccountKey};
use crate::realize::FIELD_MANAGER;
use crate::words::SERVICE_ACCOUNT;

/// The field manager of the original: its binary's name.
pub(crate) const LEGACY_MANAGER: &str = "cartographer";

impl Row {
    /// Reads the row of a live object; `None` when it has no kind, name or uid.
    ///
    /// Cost: one walk per expression; nothing of the tree is kept but the values the expressions
    /// give, and the owned fields as text.
    pub fn extract(object: &Value, expressions: &Expressions) -> Option<Self> {
        let results = expressions
            .0
            .iter()
            .map(|one| evaluate(object, one))
            .collect();
        let mut row = Self::extract_metadata(object)?;
        row.has_values = true;
        row.expressions = expressions.clone();
        row.results = results;
        Some(row)
    }

    /// Reads what metadata alone tells, as for kinds that are watched by metadata only.
    pub fn extract_metadata(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let uid = json::text(metadata, &["uid"]).filter(|uid| !uid.is_empty())?;
        let version = json::text(metadata, &["resourceVersion"]);
        let created: Option<Timestamp> =
            json::text(metadata, &["creationTimestamp"]).and_then(|text| text.parse().ok());
        let controller = controller(metadata);
        let controller_uid = controller.as_ref().map(|controller| &*controller.uid);
        Some(Self {
            owned: OwnedFields::read(object, controller_uid),
            key: ObjectKey::of(object)?,
            uid: Uid::new(uid),
            resource_version: Version::new(version.unwrap_or_default()),
            generation: json::at(metadata, &["generation"]).and_then(Value::as_i64),
            created,
            deleting: json::text(metadata, &["deletionTimestamp"]).is_some(),
            controller: controller.map(Arc::new),
            labels: Labels::read(metadata),
            account: json::text(metadata, &["annotations", SERVICE_ACCOUNT])
                .and_then(ServiceAccountKey::parse)
                .map(Arc::new),
            stamp_digest: digest::carried(object).map(StampDigest::read),
            settled: None,
            has_values: false,
            legacy: is_legacy(metadata) && digest::carried(object).is_none(),
            expressions: Expressions::default(),
            results: Box::default(),
        })
    }

    /// Reads the row of the reply to an apply or create of ours: what is owned now is all that the
    /// server records of it.
    pub fn applied(object: &Value, expressions: &Expressions) -> Option<Self> {
        let mut row = Self::extract(object, expressions)?;
        row.settled.clone_from(&row.owned);
        Some(row)
    }
}

fn evaluate(object: &Value, one: &Compiled) -> Evaluated {
    match (&one.expression, &one.path) {
        (_, Some(path)) => match path.evaluate(object) {
            Ok(value) => Evaluated::Value(Json::from(&*value)),
            Err(error) if error.is_missing() => Evaluated::Missing(error.to_string().into()),
            Err(error) => Evaluated::Error(error.to_string().into()),
        },
        (Expression::Path(text) | Expression::Condition(text), None) => {
            let conditions = json::list(object, &["status", "conditions"]);
            match condition::find(conditions, text) {
                None => Evaluated::NoCondition,
                Some(found) => Evaluated::Condition(Arc::new(ConditionRow {
                    status: json::string(found, &["status"]).into(),
                    message: json::string(found, &["message"]).into(),
                })),
            }
        }
    }
}

fn controller(metadata: &Value) -> Option<Controller> {
    let is_controller = |one: &&Value| json::at(one, &["controller"]) == Some(&Value::Bool(true));
    let owner = json::list(metadata, &["ownerReferences"])
        .iter()
        .find(is_controller)?;
    let part = |key: &str| -> Arc<str> { json::string(owner, &[key]).into() };
    Some(Controller {
        uid: part("uid"),
        api_version: part("apiVersion"),
        kind: part("kind"),
        name: part("name"),
    })
}

fn is_legacy(metadata: &Value) -> bool {
    let entries = json::list(metadata, &["managedFields"]);
    let by = |manager: &str, operation: &str| {
        entries.iter().any(|entry| {
            json::text(entry, &["manager"]) == Some(manager)
                && json::text(entry, &["operation"]) == Some(operation)
                && json::text(entry, &["subresource"]).is_none()
        })
    };
    by(LEGACY_MANAGER, "Update") && !by(FIELD_MANAGER, "Apply")
}

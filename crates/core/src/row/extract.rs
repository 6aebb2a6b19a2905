//! Reading a row out of a live object.

use std::sync::Arc;

use carto_merge::managed::Written;
use jiff::Timestamp;
use serde_json::Value;

use super::expressions::Compiled;
use super::{
    ConditionRow, Controller, Evaluated, Expression, Expressions, Json, Labels, Live, OwnedFields,
    Row, StampDigest, Uid, Version,
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
    /// Cost: one walk per expression and one over the fields we own; nothing of the tree is kept but the values the
    /// expressions give, and the owned fields as text.
    pub fn read(live: &Live, expressions: &Expressions) -> Option<Self> {
        let whole = expressions.see_managers().then(|| live.whole());
        let object = whole.as_ref().unwrap_or(live.object());
        Self::of(object, live.managed(), expressions)
    }

    /// Reads what metadata alone tells, as for kinds that are watched by metadata only.
    pub fn read_metadata(live: &Live) -> Option<Self> {
        Self::of_metadata(live.object(), live.managed())
    }

    /// Reads the row of the reply to an apply or create of ours: what is owned now is all that the
    /// server records of it.
    pub fn applied(live: &Live, expressions: &Expressions) -> Option<Self> {
        let mut row = Self::read(live, expressions)?;
        row.settled.clone_from(&row.owned);
        Some(row)
    }

    /// As [`Row::read`], from a tree of the whole object.
    pub fn extract(object: &Value, expressions: &Expressions) -> Option<Self> {
        Self::of(object, &managed_text(object), expressions)
    }

    /// As [`Row::read_metadata`], from a tree of the whole object.
    pub fn extract_metadata(object: &Value) -> Option<Self> {
        Self::of_metadata(object, &managed_text(object))
    }

    /// Reads what the row of an object will tell that is about to be applied, if the server takes it as it is. It has
    /// no uid.
    pub(crate) fn expected(object: &Value, expressions: &Expressions) -> Option<Self> {
        let row = Self::of_metadata_with(object, "", "")?;
        Some(row.with_values(object, expressions))
    }

    fn of(object: &Value, managed: &str, expressions: &Expressions) -> Option<Self> {
        let row = Self::of_metadata(object, managed)?;
        Some(row.with_values(object, expressions))
    }

    fn with_values(mut self, object: &Value, expressions: &Expressions) -> Self {
        let results = expressions.0.iter().map(|one| evaluate(object, one));
        self.results = results.collect();
        self.expressions = expressions.clone();
        self.has_values = true;
        self
    }

    fn of_metadata(object: &Value, managed: &str) -> Option<Self> {
        let uid = json::text(object, &["metadata", "uid"])?;
        Self::of_metadata_with(object, uid, managed)
    }

    fn of_metadata_with(object: &Value, uid: &str, managed: &str) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let version = json::text(metadata, &["resourceVersion"]);
        let created: Option<Timestamp> =
            json::text(metadata, &["creationTimestamp"]).and_then(|text| text.parse().ok());
        let controller = controller(metadata);
        let controller_uid = controller.as_ref().map(|controller| &*controller.uid);
        let managed = Written::read(managed);
        Some(Self {
            owned: OwnedFields::read(&managed, object, controller_uid),
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
            legacy: is_legacy(&managed) && digest::carried(object).is_none(),
            expressions: Expressions::default(),
            results: Box::default(),
        })
    }
}

fn managed_text(object: &Value) -> String {
    let managed = json::at(object, &["metadata", "managedFields"]);
    managed.map(Value::to_string).unwrap_or_default()
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

fn is_legacy(managed: &Written<'_>) -> bool {
    let by = |manager: &str, operation: &str| {
        managed.entries().iter().any(|entry| {
            entry.manager == manager && entry.operation == operation && entry.subresource.is_empty()
        })
    };
    by(LEGACY_MANAGER, "Update") && !by(FIELD_MANAGER, "Apply")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "managedFields": [
                {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}}}},
                {"manager": "cartographer", "operation": "Update", "fieldsV1": {"f:data": {"f:b": {}}}},
            ]},
            "data": {"a": "1", "b": "2"},
        })
    }

    #[test]
    fn a_row_is_the_same_read_from_text_or_from_a_tree() {
        let expressions: Expressions = [
            "data.a",
            ".metadata",
            "{.metadata.managedFields[1].manager}",
        ]
        .map(|path| Expression::Path(path.into()))
        .into_iter()
        .collect();
        let live: Live = serde_json::from_str(&object().to_string()).unwrap();
        let row = Row::read(&live, &expressions).unwrap();
        assert_eq!(Some(&row), Row::extract(&object(), &expressions).as_ref());
        let result = |path: &str| match row.result(&Expression::Path(path.into())) {
            Some(Evaluated::Value(found)) => found.value(),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(
            result("{.metadata.managedFields[1].manager}"),
            "cartographer"
        );
        assert_eq!(result(".metadata"), object()["metadata"]);
        assert!(row.owned.is_some() && !row.legacy);
        let metadata = Row::read_metadata(&live);
        assert_eq!(metadata, Row::extract_metadata(&object()));
    }
}

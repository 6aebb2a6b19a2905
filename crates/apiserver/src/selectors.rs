//! Which objects of a list or watch are wanted: `labelSelector` and `fieldSelector`.

use std::sync::Arc;

use carto_query::labels::Labels;
use carto_query::{fields, labels};
use serde_json::Value;

use crate::catalogue::Resource;
use crate::error::ApiError;
use crate::request::Query;
use crate::store::Object;

/// Both selectors of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    labels: labels::Selector,
    fields: fields::Selector,
    /// The name of an item path.
    name: Option<String>,
}

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

impl Selection {
    /// Reads the selectors; an item path restricts to `name`.
    pub(crate) fn parse(query: &Query, resource: &Resource, name: &str) -> Result<Self, ApiError> {
        let bad = |error: &dyn ToString| ApiError::BadRequest(error.to_string());
        let labels = query.text("labelSelector").unwrap_or_default();
        let labels = labels::Selector::parse(labels).map_err(|error| bad(&error))?;
        let fields = query.text("fieldSelector").unwrap_or_default();
        let fields = fields::Selector::parse(fields).map_err(|error| bad(&error))?;
        for term in fields.terms() {
            let known = matches!(term.field.as_str(), NAME | NAMESPACE)
                || resource
                    .rules
                    .selectable(&Value::Null, &term.field)
                    .is_some();
            if !known {
                return Err(ApiError::BadRequest(not_supported(resource, &term.field)));
            }
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Self {
            labels,
            fields,
            name,
        })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty() && self.name.is_none()
    }

    /// The name that an object must have, if one is required.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name
            .as_deref()
            .or_else(|| self.fields.required_value(NAME))
    }

    pub(crate) fn matches(&self, resource: &Resource, object: &Arc<Object>) -> bool {
        if self
            .name
            .as_deref()
            .is_some_and(|name| name != &*object.key.name)
            || !self.labels.matches(&**object)
        {
            return false;
        }
        let mut value: Option<Value> = None;
        self.fields.terms().iter().all(|term| {
            let equal = match term.field.as_str() {
                NAME => term.value == *object.key.name,
                NAMESPACE => term.value == *object.key.namespace,
                other => {
                    let value = value.get_or_insert_with(|| resource.load(object));
                    resource.rules.selectable(value, other).unwrap_or_default() == term.value
                }
            };
            equal != term.negated
        })
    }
}

/// Kinds without fields of their own say which ones all kinds have.
fn not_supported(resource: &Resource, field: &str) -> String {
    if resource.is_custom() || resource.rules.has_selectable_fields() {
        return format!("field label not supported: {field}");
    }
    format!(
        "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    )
}

impl Labels for Object {
    fn label(&self, key: &str) -> Option<&str> {
        Self::label(self, key)
    }
}

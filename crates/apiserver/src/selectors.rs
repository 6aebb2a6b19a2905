//! Which objects of a list or watch are wanted: `labelSelector` and `fieldSelector`.

mod fields;
mod labels;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use fields::FieldSelector;
pub(crate) use labels::LabelSelector;

use crate::catalogue::Resource;
use crate::error::ApiError;
use crate::request::Query;
use crate::store::Object;

/// Both selectors of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    /// Reads the selectors; an item path restricts to `name`.
    pub(crate) fn parse(query: &Query, resource: &Resource, name: &str) -> Result<Self, ApiError> {
        let labels = LabelSelector::parse(query.text("labelSelector").unwrap_or_default())
            .map_err(|error| {
                ApiError::BadRequest(format!("unable to parse requirement: {error}"))
            })?;
        let mut fields = FieldSelector::parse(query.text("fieldSelector").unwrap_or_default())
            .map_err(ApiError::BadRequest)?;
        for field in fields.names() {
            let known = match field {
                "metadata.name" => true,
                "metadata.namespace" => resource.namespaced || !resource.is_custom(),
                other => resource.rules.selectable(&Value::Null, other).is_some(),
            };
            if !known {
                return Err(ApiError::BadRequest(format!(
                    "field label not supported: {field}"
                )));
            }
        }
        if !name.is_empty() {
            fields.require("metadata.name", name);
        }
        Ok(Self { labels, fields })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The name that an object must have, if one is required.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.required("metadata.name")
    }

    pub(crate) fn matches(&self, resource: &Resource, object: &Arc<Object>) -> bool {
        if !self.labels.matches(|key| object.label(key)) {
            return false;
        }
        if self.fields.is_everything() {
            return true;
        }
        let mut value: Option<Value> = None;
        self.fields.matches(|field| match field {
            "metadata.name" => Some(object.key.name.to_string()),
            "metadata.namespace" => Some(object.key.namespace.to_string()),
            other => {
                let value = value.get_or_insert_with(|| resource.load(object));
                resource.rules.selectable(value, other)
            }
        })
    }
}

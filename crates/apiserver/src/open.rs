//! Rules of a kind about which nothing is known.

use carto_merge::smd::Schema;
use serde_json::Value;

use crate::error::FieldError;
use crate::kind::{Column, KindRules, Part};
use crate::time;

/// Accepts every field and shows name and age.
#[derive(Debug)]
pub(crate) struct Open {
    schema: Schema,
    custom: bool,
}

impl Open {
    pub(crate) fn new(custom: bool) -> Self {
        Self {
            schema: Schema::deduced(),
            custom,
        }
    }
}

impl KindRules for Open {
    fn decode(&self, _object: &mut Value) -> Result<Vec<String>, String> {
        Ok(vec![])
    }

    fn default(&self, _object: &mut Value) {}

    fn validate(&self, _new: &Value, _old: Option<&Value>, _part: Part) -> Vec<FieldError> {
        vec![]
    }

    fn columns(&self) -> Vec<Column> {
        vec![Column::name(), Column::age()]
    }

    fn cells(&self, object: &Value, now_seconds: i64) -> Vec<Value> {
        let age = object["metadata"]["creationTimestamp"]
            .as_str()
            .and_then(time::parse)
            .map_or_else(
                || "<unknown>".to_owned(),
                |at| time::human_duration(now_seconds - at),
            );
        vec![object["metadata"]["name"].clone(), age.into()]
    }

    fn counts_generations(&self) -> bool {
        self.custom
    }

    fn merge_schema(&self) -> &Schema {
        &self.schema
    }
}

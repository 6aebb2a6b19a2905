//! The rules of a custom kind: the schema of one version of its definition.

use carto_merge::smd::Schema;
use carto_query::jsonpath::{Template, column_cell};
use serde_json::Value;

use crate::error::FieldError;
use crate::kind::{Column, KindRules, Part};
use crate::schema::Structural;
use crate::table;

/// One version of a custom kind.
#[derive(Debug)]
pub(crate) struct Custom {
    structural: Structural,
    merge: Schema,
    columns: Vec<Printer>,
    /// Fields that selectors may name, with leading dot left out.
    selectable: Vec<(String, Template)>,
    has_status: bool,
}

#[derive(Debug)]
struct Printer {
    column: Column,
    path: Template,
}

/// Why a version cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

impl Custom {
    /// Compiles a version of a definition that was accepted.
    pub(crate) fn compile(version: &Value) -> Result<Self, Unusable> {
        let schema = &version["schema"]["openAPIV3Schema"];
        let structural = Structural::compile(schema, "openAPIV3Schema").map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Unusable(errors.join("; "))
        })?;
        let merge = Schema::from_crd(schema).map_err(|error| Unusable(error.to_string()))?;
        let selectable = version["selectableFields"].as_array().into_iter().flatten();
        Ok(Self {
            structural,
            merge,
            columns: columns(&version["additionalPrinterColumns"])?,
            selectable: selectable
                .map(|field| {
                    let path = field["jsonPath"].as_str().unwrap_or_default();
                    Ok((path.trim_start_matches('.').to_owned(), template(path)?))
                })
                .collect::<Result<_, Unusable>>()?,
            has_status: version["subresources"].get("status").is_some(),
        })
    }
}

/// Parses a path of a definition.
pub(crate) fn template(path: &str) -> Result<Template, Unusable> {
    Template::parse(&format!("{{{path}}}")).map_err(|error| Unusable(error.to_string()))
}

fn columns(definition: &Value) -> Result<Vec<Printer>, Unusable> {
    let Some(columns) = definition.as_array().filter(|columns| !columns.is_empty()) else {
        let path = template(".metadata.creationTimestamp")?;
        return Ok(vec![Printer {
            column: Column::age(),
            path,
        }]);
    };
    let printer = |column: &Value| {
        let text = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
        let path = text("jsonPath");
        let described = column["description"].as_str();
        let description = described.map_or_else(
            || format!("Custom resource definition column (in JSONPath format): {path}"),
            str::to_owned,
        );
        Ok(Printer {
            path: template(&path)?,
            column: Column {
                name: text("name"),
                kind: text("type"),
                format: text("format"),
                description,
                priority: i32::try_from(column["priority"].as_i64().unwrap_or(0)).unwrap_or(0),
            },
        })
    };
    columns.iter().map(printer).collect()
}

impl KindRules for Custom {
    fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        Ok(self.structural.prune(object))
    }

    fn default(&self, object: &mut Value) {
        self.structural.default(object);
    }

    fn validate(&self, new: &Value, old: Option<&Value>, part: Part) -> Vec<FieldError> {
        match (part, old) {
            (Part::Status, Some(old)) => self.structural.validate_status(new, old),
            _ => self.structural.validate(new, old),
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![Column::name()];
        columns.extend(self.columns.iter().map(|printer| printer.column.clone()));
        columns
    }

    fn cells(&self, object: &Value, now_seconds: i64) -> Vec<Value> {
        let mut cells = vec![object["metadata"]["name"].clone()];
        cells.extend(self.columns.iter().map(|printer| {
            let found = column_cell(&printer.path, object);
            let Some(found) = found else {
                return Value::Null;
            };
            if printer.column.kind == "string" {
                return found.to_text().into_owned().into();
            }
            cell(&printer.column.kind, &found.into_value(), now_seconds)
        }));
        cells
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        let (_, path) = self.selectable.iter().find(|(name, _)| name == field)?;
        Some(
            column_cell(path, object)
                .map_or_else(String::new, |found| found.to_text().into_owned()),
        )
    }

    fn counts_generations(&self) -> bool {
        true
    }

    fn changes_generation(&self, new: &Value, old: &Value, _has_status: bool) -> bool {
        crate::kind::differs_in_specification(new, old, self.has_status)
    }

    fn merge_schema(&self) -> &Schema {
        &self.merge
    }
}

/// A value as a cell of its column's type; one that does not fit is left out.
///
/// Source: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`, v1.36.
fn cell(kind: &str, value: &Value, now_seconds: i64) -> Value {
    match (kind, value) {
        ("integer", Value::Number(number)) if number.is_f64() => {
            #[expect(clippy::cast_possible_truncation, reason = "as Go converts it")]
            let whole = number.as_f64().unwrap_or(0.0) as i64;
            whole.into()
        }
        ("integer" | "number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(time)) => table::age(time, now_seconds).into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_typed() {
        let custom = Custom::compile(&json!({
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
            "additionalPrinterColumns": [
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                {"name": "Ready", "type": "string",
                    "jsonPath": ".spec.conditions[?(@.type==\"Ready\")].status"},
                {"name": "Since", "type": "date", "jsonPath": ".spec.since", "priority": 1},
                {"name": "On", "type": "boolean", "jsonPath": ".spec.on"},
            ],
            "selectableFields": [{"jsonPath": ".spec.size"}],
        }))
        .unwrap();
        let object = json!({"metadata": {"name": "a"}, "spec": {"size": 3, "on": "yes",
            "since": "1970-01-01T00:00:00Z",
            "conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]}});
        assert_eq!(
            custom.cells(&object, 45),
            [
                json!("a"),
                json!(3),
                json!("True"),
                json!("45s"),
                Value::Null
            ]
        );
        assert_eq!(custom.columns()[3].priority, 1);
        assert_eq!(
            custom.selectable(&object, "spec.size").as_deref(),
            Some("3")
        );
        assert_eq!(custom.selectable(&object, "spec.on"), None);
    }
}

//! Comparing what was stamped with what is expected.
//!
//! Source: cartographer pkg/testing/compare.go. Differs: a whole number equals the same number
//! written with a point, always.

use carto_yaml::emit::k8s;
use serde_json::{Map, Value};

use super::case::Failure;
use crate::output;

/// What is not compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) ignore_metadata: bool,
    pub(super) ignore_owner_refs: bool,
    pub(super) ignore_labels: bool,
    pub(super) ignore_metadata_fields: Vec<String>,
}

/// Compares two objects.
pub(super) fn objects(expected: &Value, actual: &Value, options: &Options) -> Result<(), Failure> {
    let expected = options.strip(expected);
    let actual = options.strip(actual);
    if expected == actual {
        return Ok(());
    }
    let diff = output::unified(&k8s(&expected), &k8s(&actual));
    Err(Failure(format!(
        "expected does not equal actual: (-expected +actual):\n{diff}"
    )))
}

impl Options {
    fn strip(&self, object: &Value) -> Value {
        let mut object = numbers(object.clone());
        let Some(map) = object.as_object_mut() else {
            return object;
        };
        map.remove("status");
        if self.ignore_metadata {
            map.remove("metadata");
        }
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            self.strip_metadata(metadata);
        }
        object
    }

    fn strip_metadata(&self, metadata: &mut Map<String, Value>) {
        if self.ignore_labels {
            metadata.remove("labels");
        }
        if self.ignore_owner_refs {
            metadata.remove("ownerReferences");
        }
        for field in &self.ignore_metadata_fields {
            metadata.remove(field);
        }
    }
}

/// Writes whole numbers in one way.
fn numbers(value: Value) -> Value {
    /// Beyond this not every whole number is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() <= EXACT {
                #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
                let whole = float as i64;
                Value::from(whole)
            } else {
                Value::Number(number)
            }
        }
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, numbers(value)))
            .collect(),
        other => other,
    }
}

/// Checks that `actual` has everything that `expected` names; returns where it does not.
///
/// Shape: maps may have more; items of lists are found by `name` or `type`; `null` means absent.
pub(super) fn part(expected: &Value, actual: &Value) -> Vec<String> {
    let mut lacking = Vec::new();
    find_lacking(expected, Some(actual), "status", &mut lacking);
    lacking
}

fn find_lacking(expected: &Value, actual: Option<&Value>, path: &str, lacking: &mut Vec<String>) {
    let actual = actual.filter(|actual| !actual.is_null());
    match (expected, actual) {
        (Value::Null, None) => {}
        (Value::Object(fields), Some(actual)) if actual.is_object() => {
            for (key, expected) in fields {
                find_lacking(expected, actual.get(key), &format!("{path}.{key}"), lacking);
            }
        }
        (Value::Array(items), Some(Value::Array(actual))) if named(items) => {
            for item in items {
                let (key, name) = name_of(item).unwrap_or_default();
                let found = actual.iter().find(|one| one[key] == *name);
                find_lacking(item, found, &format!("{path}[{name}]"), lacking);
            }
        }
        (expected, Some(actual)) if numbers(expected.clone()) == numbers(actual.clone()) => {}
        (expected, Some(actual)) => lacking.push(format!("{path} is {actual}, not {expected}")),
        (expected, None) => lacking.push(format!("{path} is missing; expected {expected}")),
    }
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| name_of(item).is_some())
}

fn name_of(item: &Value) -> Option<(&'static str, &str)> {
    let of = |key: &'static str| Some((key, item.get(key)?.as_str()?));
    of("name").or_else(|| of("type"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        let options = Options::default();
        let (one, other) = (json!({"a": [1, 2.5]}), json!({"a": [1.0, 2.5]}));
        assert!(objects(&one, &other, &options).is_ok());
        assert!(objects(&one, &json!({"a": [1, 2.4]}), &options).is_err());
    }

    #[test]
    fn only_what_is_ignored_is_ignored() {
        let object = |label: &str, name: &str| {
            json!({
                "metadata": {"name": name, "labels": {"l": label}}, "status": {"any": name},
            })
        };
        let ignoring = |options: &Options| objects(&object("a", "n"), &object("b", "n"), options);
        let labels = Options {
            ignore_labels: true,
            ..Options::default()
        };
        assert!(ignoring(&Options::default()).is_err());
        assert!(ignoring(&labels).is_ok());
        assert!(objects(&object("a", "n"), &object("a", "m"), &labels).is_err());
        let fields = Options {
            ignore_metadata_fields: vec!["labels".into(), "name".into()],
            ..Options::default()
        };
        assert!(objects(&object("a", "n"), &object("b", "m"), &fields).is_ok());
    }

    #[test]
    fn a_part_of_a_status_is_found_by_name_and_type() {
        let status = json!({
            "conditions": [
                {"type": "A", "status": "True", "reason": "R"}, {"type": "B", "status": "False"},
            ],
            "list": [1, 2],
        });
        assert!(
            part(
                &json!({"conditions": [{"type": "B", "status": "False"}]}),
                &status
            )
            .is_empty()
        );
        assert!(part(&json!({"list": [1, 2.0], "gone": null}), &status).is_empty());
        assert_eq!(
            part(
                &json!({
                    "conditions": [{"type": "A", "status": "False"}, {"type": "C", "status": "x"}],
                    "list": null,
                }),
                &status
            ),
            [
                "status.conditions[A].status is \"True\", not \"False\"",
                "status.conditions[C] is missing; expected {\"status\":\"x\",\"type\":\"C\"}",
                "status.list is [1,2], not null",
            ]
        );
    }
}

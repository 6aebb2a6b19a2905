//! Metadata as a decoder of `ObjectMeta` leaves it: unknown fields gone, empty ones gone, times in one
//! form, wrong types refused.

use serde_json::{Map, Value};

use crate::time;

/// Drops from `object["metadata"]` what metadata does not have and returns the paths; orders nothing
/// else.
///
/// # Errors
/// The text of Go's decoder for a field of a wrong type; `kind` is the kind of the object.
pub(crate) fn decode(object: &mut Value, kind: &str) -> Result<Vec<String>, String> {
    let metadata = match object.get_mut("metadata") {
        None => {
            object["metadata"] = Value::Object(Map::new());
            return Ok(vec![]);
        }
        Some(Value::Null) => {
            object["metadata"] = Value::Object(Map::new());
            return Ok(vec![]);
        }
        Some(Value::Object(metadata)) => metadata,
        Some(other) => return Err(mismatch(other, kind, "metadata", "v1.ObjectMeta")),
    };
    let mut unknown = vec![];
    let given = std::mem::take(metadata);
    for (name, value) in given {
        if let Some(value) = field(&name, value, kind, &mut unknown)? {
            metadata.insert(name, value);
        }
    }
    Ok(unknown)
}

fn field(
    name: &str,
    value: Value,
    kind: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>, String> {
    let path = format!("metadata.{name}");
    Ok(match name {
        "name" | "generateName" | "namespace" | "selfLink" | "uid" | "resourceVersion" => {
            text(value, kind, &path)?
        }
        "generation" | "deletionGracePeriodSeconds" => number(value, kind, &path)?,
        "creationTimestamp" | "deletionTimestamp" => timestamp(value, kind, &path)?,
        "labels" | "annotations" => texts_by_name(value, kind, &path)?,
        "finalizers" => texts(value, kind, &path)?,
        "ownerReferences" => owner_references(value, kind, unknown)?,
        // What is wrong with these is found, and mended, where fields are tracked.
        "managedFields" => (!value.is_null()).then_some(value),
        _ => {
            unknown.push(path);
            None
        }
    })
}

/// `json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string`.
fn mismatch(value: &Value, kind: &str, path: &str, wanted: &str) -> String {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    // Go names the struct in which the field is.
    let within = match path.strip_prefix("metadata.") {
        None => kind,
        Some(field) if field.starts_with("ownerReferences.") => "OwnerReference",
        Some(_) => "ObjectMeta",
    };
    format!("json: cannot unmarshal {is} into Go struct field {within}.{path} of type {wanted}")
}

fn text(value: Value, kind: &str, path: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then_some(Value::String(text))),
        other => Err(mismatch(&other, kind, path, "string")),
    }
}

fn number(value: Value, kind: &str, path: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) if number.is_i64() => Ok(Some(Value::Number(number))),
        other => Err(mismatch(&other, kind, path, "int64")),
    }
}

fn timestamp(value: Value, kind: &str, path: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => match time::normalise(&text) {
            Some(time) => Ok(Some(time.into())),
            None => Err(format!(
                "parsing time \"{text}\": it is not in RFC 3339 form"
            )),
        },
        other => Err(mismatch(&other, kind, path, "v1.Time")),
    }
}

fn texts_by_name(value: Value, kind: &str, path: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(map) if map.is_empty() => Ok(None),
        Value::Object(mut map) => {
            for value in map.values_mut() {
                if value.is_null() {
                    *value = Value::String(String::new());
                }
                if !value.is_string() {
                    return Err(mismatch(value, kind, path, "string"));
                }
            }
            Ok(Some(Value::Object(map)))
        }
        other => Err(mismatch(&other, kind, path, "map[string]string")),
    }
}

fn texts(value: Value, kind: &str, path: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Array(list) if list.is_empty() => Ok(None),
        Value::Array(list) => match list.iter().find(|item| !item.is_string()) {
            None => Ok(Some(Value::Array(list))),
            Some(bad) => Err(mismatch(bad, kind, path, "string")),
        },
        other => Err(mismatch(&other, kind, path, "[]string")),
    }
}

fn owner_references(
    value: Value,
    kind: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>, String> {
    const PATH: &str = "metadata.ownerReferences";
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) if list.is_empty() => return Ok(None),
        Value::Array(list) => list,
        other => return Err(mismatch(&other, kind, PATH, "[]v1.OwnerReference")),
    };
    let mut out = Vec::with_capacity(list.len());
    for (index, item) in list.into_iter().enumerate() {
        let Value::Object(given) = item else {
            return Err(mismatch(&item, kind, PATH, "v1.OwnerReference"));
        };
        let mut reference = Map::new();
        for (name, value) in given {
            let path = format!("{PATH}.{name}");
            match name.as_str() {
                // These are written even when they are empty.
                "apiVersion" | "kind" | "name" | "uid" => {
                    let value = text(value, kind, &path)?.unwrap_or_else(|| "".into());
                    reference.insert(name, value);
                }
                "controller" | "blockOwnerDeletion" => match value {
                    Value::Null => {}
                    Value::Bool(_) => {
                        reference.insert(name, value);
                    }
                    other => return Err(mismatch(&other, kind, &path, "bool")),
                },
                _ => unknown.push(format!("{PATH}[{index}].{name}")),
            }
        }
        for name in ["apiVersion", "kind", "name", "uid"] {
            reference.entry(name).or_insert_with(|| "".into());
        }
        out.push(Value::Object(reference));
    }
    Ok(Some(Value::Array(out)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_and_unknown_fields_go() {
        let mut object = json!({"metadata": {"name": "a", "namespace": "", "labels": {}, "foo": 1,
            "creationTimestamp": null, "annotations": {"a": null}, "finalizers": [],
            "ownerReferences": [{"kind": "K", "controller": true, "bar": 1}]}});
        assert_eq!(
            decode(&mut object, "Widget").unwrap(),
            ["metadata.foo", "metadata.ownerReferences[0].bar"]
        );
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "annotations": {"a": ""}, "ownerReferences": [
                {"apiVersion": "", "kind": "K", "name": "", "uid": "", "controller": true}]}})
        );
    }

    #[test]
    fn wrong_types_are_refused_in_the_words_of_go() {
        let check = |metadata: Value, expect: &str| {
            let error = decode(&mut json!({"metadata": metadata}), "Widget").unwrap_err();
            assert_eq!(error, expect);
        };
        check(
            json!({"labels": {"a": 1}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        );
        check(
            json!([]),
            "json: cannot unmarshal array into Go struct field Widget.metadata of type v1.ObjectMeta",
        );
    }
}

//! Which metadata is allowed.

use carto_merge::managed;
use serde_json::Value;

use crate::error::FieldError;
use crate::kind::KindRules;
use crate::names;

const ANNOTATIONS_MAX_BYTES: usize = 256 << 10;
const IMMUTABLE: &str = "field is immutable";

/// Problems of the metadata of a new object.
pub(crate) fn validate_create(object: &Value, rules: &dyn KindRules) -> Vec<FieldError> {
    let mut errors = vec![];
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        errors.push(FieldError::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else {
        let problems = rules.validate_name(name);
        errors.extend(
            problems
                .into_iter()
                .map(|problem| FieldError::invalid("metadata.name", name, problem)),
        );
    }
    validate_common(metadata, &mut errors);
    errors
}

/// Problems of the metadata of a changed object.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = vec![];
    let (metadata, before) = (&new["metadata"], &old["metadata"]);
    for field in ["name", "namespace", "uid"] {
        if metadata.get(field) != before.get(field) {
            let value = metadata.get(field).cloned().unwrap_or_else(|| "".into());
            errors.push(FieldError::invalid(
                format!("metadata.{field}"),
                value,
                IMMUTABLE,
            ));
        }
    }
    if before.get("deletionTimestamp").is_none() {
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            if let Some(value) = metadata.get(field) {
                errors.push(FieldError::invalid(
                    format!("metadata.{field}"),
                    value.clone(),
                    "field is immutable; may only be changed via deletion",
                ));
            }
        }
    } else {
        no_new_finalizers(metadata, before, &mut errors);
    }
    validate_common(metadata, &mut errors);
    errors
}

fn no_new_finalizers(metadata: &Value, before: &Value, errors: &mut Vec<FieldError>) {
    let list = |metadata: &Value| -> Vec<String> {
        let list = metadata["finalizers"].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let old = list(before);
    let mut added: Vec<String> = list(metadata)
        .into_iter()
        .filter(|finalizer| !old.contains(finalizer))
        .collect();
    if added.is_empty() {
        return;
    }
    added.sort();
    let added: Vec<String> = added.iter().map(|f| crate::error::quote(f)).collect();
    errors.push(FieldError::forbidden(
        "metadata.finalizers",
        format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{{{}}}",
            added.join(", ")
        ),
    ));
}

fn validate_common(metadata: &Value, errors: &mut Vec<FieldError>) {
    if metadata["generation"]
        .as_i64()
        .is_some_and(|generation| generation < 0)
    {
        errors.push(FieldError::invalid(
            "metadata.generation",
            metadata["generation"].clone(),
            "must be greater than or equal to 0",
        ));
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let invalid = |value: &str, problem| FieldError::invalid("metadata.labels", value, problem);
        errors.extend(
            names::qualified_name(key)
                .into_iter()
                .map(|p| invalid(key, p)),
        );
        let value = value.as_str().unwrap_or_default();
        errors.extend(
            names::label_value(value)
                .into_iter()
                .map(|p| invalid(value, p)),
        );
    }
    annotations(metadata, errors);
    owner_references(metadata, errors);
    for finalizer in metadata["finalizers"].as_array().into_iter().flatten() {
        let name = finalizer.as_str().unwrap_or_default();
        errors.extend(
            names::qualified_name(name)
                .into_iter()
                .map(|problem| FieldError::invalid("metadata.finalizers", name, problem)),
        );
    }
    managed_fields(metadata, errors);
}

fn annotations(metadata: &Value, errors: &mut Vec<FieldError>) {
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        errors.extend(
            names::qualified_name(&key.to_lowercase())
                .into_iter()
                .map(|problem| FieldError::invalid("metadata.annotations", key.as_str(), problem)),
        );
    }
    if size > ANNOTATIONS_MAX_BYTES {
        errors.push(FieldError::too_long(
            "metadata.annotations",
            ANNOTATIONS_MAX_BYTES,
        ));
    }
}

fn owner_references(metadata: &Value, errors: &mut Vec<FieldError>) {
    const PATH: &str = "metadata.ownerReferences";
    let mut controller: Option<&str> = None;
    for reference in metadata["ownerReferences"].as_array().into_iter().flatten() {
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        if !text("apiVersion").contains('/') && text("apiVersion").is_empty() {
            errors.push(FieldError::invalid(
                format!("{PATH}.apiVersion"),
                "",
                "version must not be empty",
            ));
        }
        for (field, what) in [
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(field).is_empty() {
                errors.push(FieldError::invalid(format!("{PATH}.{field}"), "", what));
            }
        }
        if text("apiVersion") == "v1" && text("kind") == "Event" {
            errors.push(FieldError::invalid(
                PATH,
                "/v1, Kind=Event",
                "/v1, Kind=Event is disallowed from being an owner",
            ));
        }
        if reference["controller"].as_bool() == Some(true) {
            if let Some(first) = controller {
                errors.push(FieldError::invalid(
                    PATH,
                    metadata["ownerReferences"].clone(),
                    format!(
                        "Only one reference can have Controller set to true. Found \"true\" in \
                         references for {first} and {}",
                        text("name")
                    ),
                ));
            }
            controller = Some(text("name"));
        }
    }
}

fn managed_fields(metadata: &Value, errors: &mut Vec<FieldError>) {
    let Some(entries) = metadata["managedFields"].as_array() else {
        return;
    };
    for error in managed::validate(entries) {
        errors.push(match error {
            managed::EntryError::Invalid {
                index,
                field,
                value,
                detail,
            } => FieldError::invalid(
                format!("metadata.managedFields[{index}].{field}"),
                value,
                detail,
            ),
            managed::EntryError::TooLong { index, field, max } => {
                FieldError::too_long(format!("metadata.managedFields[{index}].{field}"), max)
            }
        });
    }
}

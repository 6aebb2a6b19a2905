//! The first steps with any object that comes from a client.

use serde_json::Value;

use crate::api::Call;
use crate::catalogue::Resource;
use crate::codec::Decoded;
use crate::error::{ApiError, FieldError};
use crate::meta;
use crate::request::FieldValidation;

/// How problems of decoding are worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The body of a create or replace.
    Body,
    /// The result of a patch.
    Patch,
}

/// Checks version and kind, drops unknown fields, fills in defaults.
pub(super) fn take_in(
    call: &Call,
    decoded: Decoded,
    validation: FieldValidation,
    origin: Origin,
) -> Result<Value, ApiError> {
    let resource = &call.resource;
    let Decoded {
        mut value,
        duplicates,
    } = decoded;
    check_type(resource, &mut value)?;
    let wrong = |text: String| cannot_be_handled(resource, &text);
    let mut problems = vec![];
    let mut unknown = meta::decode(&mut value, &resource.kind).map_err(wrong)?;
    unknown.extend(resource.rules.decode(&mut value).map_err(wrong)?);
    if !resource.is_custom() {
        // Told in the order of the document, which clients sort.
        unknown.sort_by(|a, b| top_level(a).cmp(top_level(b)));
    }
    problems.extend(
        unknown
            .iter()
            .map(|path| format!("unknown field \"{path}\"")),
    );
    // The two decoders of upstream tell in different orders.
    let at = if resource.is_custom() {
        0
    } else {
        problems.len()
    };
    problems.splice(at..at, duplicates);
    report(call, &value, problems, validation, origin)?;
    resource.rules.default(&mut value);
    Ok(value)
}

/// The field of the object in which a path begins.
fn top_level(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

fn cannot_be_handled(resource: &Resource, text: &str) -> ApiError {
    ApiError::BadRequest(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: {text}",
        kind = resource.kind,
        version = resource.version,
    ))
}

/// The object must be of the kind and version that the path is about.
pub(crate) fn check_type(resource: &Resource, value: &mut Value) -> Result<(), ApiError> {
    let Some(object) = value.as_object_mut() else {
        return Err(cannot_be_handled(resource, "an object is expected"));
    };
    let text = |object: &serde_json::Map<String, Value>, name: &str| {
        object
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (text(object, "apiVersion"), text(object, "kind"));
    if resource.is_custom() && kind.is_empty() {
        return Err(ApiError::BadRequest(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing",
            resource.kind
        )));
    }
    let api_version_is_free = api_version.is_empty() && !resource.is_custom();
    if !api_version_is_free && *api_version != *resource.api_version {
        return Err(ApiError::BadRequest(format!(
            "the API version in the data ({api_version}) does not match the expected API version \
             ({})",
            resource.api_version
        )));
    }
    if !kind.is_empty() && *kind != *resource.kind {
        if resource.is_custom() {
            let problem = FieldError::invalid("kind", &*kind, format!("must be {}", resource.kind));
            let name = object
                .get("metadata")
                .and_then(|m| m["name"].as_str())
                .unwrap_or_default();
            let of = crate::error::GroupKind::new(&*resource.group, &*kind);
            return Err(ApiError::invalid(of, name, vec![problem]));
        }
        return Err(ApiError::BadRequest(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: it is another kind",
            resource.version, resource.kind
        )));
    }
    object.insert("apiVersion".into(), Value::from(&*resource.api_version));
    object.insert("kind".into(), Value::from(&*resource.kind));
    Ok(())
}

/// Refuses, tells or forgets the problems of strict decoding.
fn report(
    call: &Call,
    value: &Value,
    problems: Vec<String>,
    validation: FieldValidation,
    origin: Origin,
) -> Result<(), ApiError> {
    if problems.is_empty() {
        return Ok(());
    }
    match validation {
        FieldValidation::Ignore => {}
        FieldValidation::Warn => problems.into_iter().for_each(|problem| call.warn(problem)),
        FieldValidation::Strict => {
            let text = format!("strict decoding error: {}", problems.join(", "));
            return Err(match origin {
                Origin::Body => cannot_be_handled(&call.resource, &text),
                Origin::Patch => ApiError::invalid(
                    crate::error::GroupKind::new("", ""),
                    "",
                    vec![FieldError::invalid("patch", value.to_string(), text)],
                ),
            });
        }
    }
    Ok(())
}

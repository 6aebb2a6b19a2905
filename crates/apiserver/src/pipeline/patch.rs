//! The four kinds of patches.
//!
//! Source: apiserver `pkg/endpoints/handlers/patch.go`, v1.36.

use carto_merge::{json_merge, strategic};
use serde_json::Value;

use super::intake::{self, Origin};
use super::update::Changed;
use super::{Written, fields};
use crate::api::{Api, Call};
use crate::codec::{Decoded, Format};
use crate::error::{ApiError, FieldError};
use crate::kind::Part;
use crate::meta;
use crate::request::{FieldValidation, WriteOptions};

/// Operations of one JSON patch.
const OPERATIONS_MAX: usize = 10_000;

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

const CUSTOM: &[&str] = &[JSON_PATCH, MERGE_PATCH, APPLY];
const BUILTIN: &[&str] = &[JSON_PATCH, MERGE_PATCH, STRATEGIC, APPLY];

/// The language of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchFormat {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchFormat {
    /// The language that a content type names, as far as the kind speaks it.
    pub(crate) fn of(content_type: Option<&str>, custom: bool) -> Result<Self, ApiError> {
        let name = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match name {
            JSON_PATCH => Ok(Self::Json),
            MERGE_PATCH => Ok(Self::Merge),
            STRATEGIC if !custom => Ok(Self::Strategic),
            APPLY => Ok(Self::Apply),
            _ => Err(ApiError::UnsupportedMediaType(if custom {
                CUSTOM
            } else {
                BUILTIN
            })),
        }
    }
}

impl PatchFormat {
    /// Patches something that is not stored as such.
    pub(super) fn apply_plain(self, body: &bytes::Bytes, to: &Value) -> Result<Value, ApiError> {
        let mut value = to.clone();
        match self {
            Self::Json => apply_json_patch(&mut value, &json_patch(body)?)?,
            // Without lists that merge, these are the same.
            Self::Merge | Self::Strategic | Self::Apply => {
                json_merge::patch(&mut value, &patch_body(body)?.value);
            }
        }
        Ok(value)
    }
}

impl Api {
    /// Patches an object or one of its parts.
    pub(crate) async fn patch(
        &self,
        call: &Call,
        format: PatchFormat,
        body: &bytes::Bytes,
        part: Part,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        check_options(format, options)?;
        match format {
            PatchFormat::Apply => self.apply(call, body, part, options).await,
            PatchFormat::Json => {
                let patch = json_patch(body)?;
                self.patch_with(call, part, options, vec![], &|object| {
                    apply_json_patch(object, &patch)
                })
                .await
            }
            PatchFormat::Merge => {
                let patch = patch_body(body)?;
                self.patch_with(call, part, options, patch.duplicates, &|object| {
                    json_merge::patch(object, &patch.value);
                    Ok(())
                })
                .await
            }
            PatchFormat::Strategic => {
                let patch = patch_body(body)?;
                let schema = call.resource.rules.merge_schema();
                self.patch_with(call, part, options, patch.duplicates, &|object| {
                    *object = strategic::patch(object, &patch.value, schema)
                        .map_err(|error| ApiError::BadRequest(error.to_string()))?;
                    Ok(())
                })
                .await
            }
        }
    }

    async fn patch_with(
        &self,
        call: &Call,
        part: Part,
        options: &WriteOptions,
        duplicates: Vec<String>,
        patch: &(dyn Fn(&mut Value) -> Result<(), ApiError> + Sync),
    ) -> Result<Written, ApiError> {
        self.change(call, part, options, &|old| {
            let mut value = old.clone();
            patch(&mut value)?;
            let decoded = Decoded {
                value,
                duplicates: duplicates.clone(),
            };
            let object = intake::take_in(call, decoded, options.field_validation, Origin::Patch)?;
            Ok(Changed {
                object,
                tracked: false,
            })
        })
        .await
    }

    async fn apply(
        &self,
        call: &Call,
        body: &bytes::Bytes,
        part: Part,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let force = options.force.unwrap_or(false);
        let manager = options.field_manager.as_str();
        let Decoded {
            value: mut applied,
            duplicates,
        } = Format::Yaml
            .decode(body, &call.resource.kind)
            .map_err(|error| ApiError::BadRequest(format!("error decoding YAML: {error}")))?;
        self.check_applied(call, &mut applied, duplicates, options)?;
        let key = call.resource.key(call.namespace(), &call.target.name);
        // Somebody may create or delete the object in between; each case is tried again once.
        for _ in 0..4 {
            if self.store.get(&key).is_none() {
                if part != Part::Main {
                    return Err(call.not_found());
                }
                let uid = meta::text(&applied, "uid");
                if !uid.is_empty() {
                    return Err(ApiError::Conflict {
                        resource: call.resource.group_resource(),
                        name: call.target.name.clone(),
                        message: format!(
                            "uid mismatch: the provided object specified uid {uid}, and no existing \
                             object was found"
                        ),
                    });
                }
                let mut first = applied.clone();
                meta::of(&mut first).remove("resourceVersion");
                let object = fields::apply(call, manager, part, None, &first, force)?;
                let object = finish_applied(call, object)?;
                match self.create_object(call, object, options).await {
                    Err(ApiError::AlreadyExists {
                        terminating: false, ..
                    }) => continue,
                    other => return other,
                }
            }
            let made = self
                .change(call, part, options, &|old| {
                    check_preconditions(call, &applied, old)?;
                    let mut bare = applied.clone();
                    meta::of(&mut bare).remove("resourceVersion");
                    let object = fields::apply(call, manager, part, Some(old), &bare, force)?;
                    Ok(Changed {
                        object: finish_applied(call, object)?,
                        tracked: true,
                    })
                })
                .await;
            match made {
                Err(ApiError::NotFound { .. }) if part == Part::Main => {}
                other => return other,
            }
        }
        Err(ApiError::modified(
            call.resource.group_resource(),
            &*call.target.name,
        ))
    }

    /// What can be said about a configuration before it meets the object.
    fn check_applied(
        &self,
        call: &Call,
        applied: &mut Value,
        duplicates: Vec<String>,
        options: &WriteOptions,
    ) -> Result<(), ApiError> {
        if !applied.is_object() {
            return Err(ApiError::BadRequest("an object is expected".into()));
        }
        if applied["metadata"]
            .get("managedFields")
            .is_some_and(|entries| !entries.is_null())
        {
            return Err(ApiError::BadRequest(
                "metadata.managedFields must be nil".into(),
            ));
        }
        let name = meta::text(applied, "name");
        if !name.is_empty() && name != call.target.name {
            return Err(ApiError::BadRequest(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                call.target.name
            )));
        }
        meta::of(applied).insert("name".into(), call.target.name.clone().into());
        if !meta::text(applied, "namespace").is_empty() {
            meta::fill_namespace(&mut applied.clone(), call.namespace())?;
        }
        match options.field_validation {
            FieldValidation::Strict if !duplicates.is_empty() => Err(ApiError::BadRequest(
                format!("error strict decoding YAML: {}", duplicates.join(", ")),
            )),
            FieldValidation::Warn => {
                duplicates
                    .into_iter()
                    .for_each(|duplicate| call.warn(duplicate));
                Ok(())
            }
            FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
        }
    }
}

fn check_options(format: PatchFormat, options: &WriteOptions) -> Result<(), ApiError> {
    let mut errors = vec![];
    if format == PatchFormat::Apply {
        if options.field_manager.is_empty() {
            errors.push(FieldError::required(
                "fieldManager",
                "is required for apply patch",
            ));
        }
    } else if options.force.is_some() {
        errors.push(FieldError::forbidden(
            "force",
            "may not be specified for non-apply patch",
        ));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid_options("PatchOptions", errors))
    }
}

/// The merged object becomes what a decoder would have made of it.
fn finish_applied(call: &Call, object: Value) -> Result<Value, ApiError> {
    let decoded = Decoded {
        value: object,
        duplicates: vec![],
    };
    intake::take_in(call, decoded, FieldValidation::Ignore, Origin::Patch)
}

/// `uid` and `resourceVersion` of a configuration are about the object that it means.
fn check_preconditions(call: &Call, applied: &Value, old: &Value) -> Result<(), ApiError> {
    for field in ["resourceVersion", "uid"] {
        let given = meta::text(applied, field);
        if !given.is_empty() && given != meta::text(old, field) {
            return Err(ApiError::modified(
                call.resource.group_resource(),
                &*call.target.name,
            ));
        }
    }
    Ok(())
}

fn patch_body(body: &bytes::Bytes) -> Result<Decoded, ApiError> {
    let decoded = Format::Json
        .decode(body, "patch")
        .map_err(|error| ApiError::BadRequest(format!("error decoding patch: {error}")))?;
    if decoded.value.is_object() {
        return Ok(decoded);
    }
    Err(ApiError::BadRequest(
        "error decoding patch: an object is expected".into(),
    ))
}

fn json_patch(body: &bytes::Bytes) -> Result<json_patch::Patch, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::BadRequest(format!("error decoding patch: {error}")))?;
    let Some(operations) = value.as_array() else {
        let is = if value.is_object() { "object" } else { "value" };
        return Err(ApiError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {is} into Go value of type \
             []handlers.jsonPatchOp"
        )));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(ApiError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        )));
    }
    serde_json::from_value(value)
        .map_err(|error| ApiError::BadRequest(format!("error decoding patch: {error}")))
}

fn apply_json_patch(object: &mut Value, patch: &json_patch::Patch) -> Result<(), ApiError> {
    json_patch::patch(object, patch).map_err(|_| ApiError::PatchFailed)
}

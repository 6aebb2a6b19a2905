//! Delete, of one object or of many.
//!
//! Source: apiserver `pkg/endpoints/handlers/delete.go`, `pkg/registry/rest/delete.go`,
//! `pkg/registry/generic/registry/store.go` (`deletionFinalizersForGarbageCollection`), v1.36.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Outcome;
use crate::admission;
use crate::api::{Api, Call};
use crate::codec::Format;
use crate::error::{ApiError, FieldError, Status};
use crate::meta;
use crate::request::{Query, dry_run};
use crate::store::{Object, Write, WriteError};

/// Attempts when others write the object meanwhile.
const ATTEMPTS: usize = 8;

pub(crate) const FOREGROUND: &str = "foregroundDeletion";
pub(crate) const ORPHAN: &str = "orphan";

/// What happens to the dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// Options of a delete.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    /// `None` when the client leaves it to the object and the server.
    pub(crate) propagation: Option<Propagation>,
    pub(crate) grace_seconds: Option<i64>,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
}

impl DeleteOptions {
    /// The options of a request; a body wins over the query.
    pub(crate) fn parse(
        body: &Bytes,
        content_type: Option<&str>,
        query: &Query,
    ) -> Result<Self, ApiError> {
        let from_body = if body.iter().all(u8::is_ascii_whitespace) {
            None
        } else {
            let format = Format::of(content_type)
                .ok_or(ApiError::UnsupportedMediaType(crate::codec::ACCEPTED))?;
            Some(format.decode(body, "DeleteOptions")?.value)
        };
        match from_body {
            Some(value) => Self::from_value(&value),
            None => Self::from_query(query),
        }
    }

    fn from_value(value: &Value) -> Result<Self, ApiError> {
        let mut errors = vec![];
        if !value.is_object() {
            return Err(ApiError::BadRequest(
                "DeleteOptions must be an object".into(),
            ));
        }
        if let Some(kind) = value["kind"].as_str()
            && kind != "DeleteOptions"
        {
            return Err(ApiError::BadRequest(format!(
                "decoded object cannot be converted to DeleteOptions: it is of kind \"{kind}\""
            )));
        }
        let values = value["dryRun"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let dry_run = dry_run(values, &mut errors);
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let propagation = propagation(
            text(&value["propagationPolicy"]).as_deref(),
            value["orphanDependents"].as_bool(),
            &mut errors,
        );
        let options = Self {
            dry_run,
            propagation,
            grace_seconds: grace(value["gracePeriodSeconds"].as_i64(), &mut errors),
            uid: text(&value["preconditions"]["uid"]),
            revision: text(&value["preconditions"]["resourceVersion"]),
        };
        if errors.is_empty() {
            Ok(options)
        } else {
            Err(invalid(errors))
        }
    }

    fn from_query(query: &Query) -> Result<Self, ApiError> {
        let mut errors = vec![];
        let options = Self {
            dry_run: dry_run(query.dry_run_values().into_iter(), &mut errors),
            propagation: propagation(
                query.text("propagationPolicy"),
                query.flag_if_given("orphanDependents"),
                &mut errors,
            ),
            grace_seconds: grace(query.number("gracePeriodSeconds")?, &mut errors),
            uid: None,
            revision: None,
        };
        if errors.is_empty() {
            Ok(options)
        } else {
            Err(invalid(errors))
        }
    }
}

fn invalid(errors: Vec<FieldError>) -> ApiError {
    ApiError::invalid_options("DeleteOptions", errors)
}

fn grace(seconds: Option<i64>, errors: &mut Vec<FieldError>) -> Option<i64> {
    if let Some(seconds) = seconds
        && seconds < 0
    {
        // Upstream corrects what old clients sent.
        let _ = errors;
        return Some(1);
    }
    seconds
}

fn propagation(
    policy: Option<&str>,
    orphan: Option<bool>,
    errors: &mut Vec<FieldError>,
) -> Option<Propagation> {
    if policy.is_some() && orphan.is_some() {
        errors.push(FieldError::invalid(
            "propagationPolicy",
            policy,
            "orphanDependents and deletionPropagation cannot be both set",
        ));
    }
    match (policy, orphan) {
        (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
        (Some("Foreground"), _) => Some(Propagation::Foreground),
        (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
        (None, None) => None,
        (Some(other), _) => {
            errors.push(FieldError::not_supported(
                "propagationPolicy",
                other,
                &["Foreground", "Background", "Orphan", "nil"],
            ));
            None
        }
    }
}

/// The reply to a delete.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a request, moved once")]
pub(crate) enum Deleted {
    /// It is gone.
    Gone(Status),
    /// The object: because it stays for a while, or because its kind answers so.
    Object(Outcome),
}

impl Api {
    /// Deletes an object, or marks it when something holds it.
    pub(crate) async fn delete(
        &self,
        call: &Call,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        let name = &*call.target.name;
        let key = call.resource.key(call.namespace(), name);
        admission::before_delete(self, call, name)?;
        for _ in 0..ATTEMPTS {
            let there = self.store.get(&key).ok_or_else(|| call.not_found())?;
            match self.delete_at(call, options, &there).await {
                Err(Attempt::Again) => {}
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(deleted) => return Ok(deleted),
            }
        }
        Err(ApiError::modified(call.resource.group_resource(), name))
    }

    async fn delete_at(
        &self,
        call: &Call,
        options: &DeleteOptions,
        there: &Arc<Object>,
    ) -> Result<Deleted, Attempt> {
        let resource = &call.resource;
        let name = &*call.target.name;
        check_preconditions(call, options, there).map_err(Attempt::Failed)?;
        let old = resource.load(there);
        let mut new = old.clone();
        let finalizers = finalizers_after(&old, options.propagation);
        set_finalizers(&mut new, &finalizers);
        admission::prepare_delete(call, &mut new);
        let grace = admission::grace_seconds(call, &old, options.grace_seconds);
        let held = grace > 0 || !admission::nothing_holds(call, &without_time(&new));
        if !held {
            if options.dry_run {
                return Ok(answer(call, there.clone()));
            }
            return match self.store.write(Write::delete(there)).await {
                Ok(gone) => {
                    self.after_write(&gone);
                    Ok(answer(call, there.clone()))
                }
                Err(WriteError::Changed(Some(_))) => Err(Attempt::Again),
                Err(error) => Err(Attempt::Failed(call.refused(error, name))),
            };
        }
        let already = meta::is_deleting(&old);
        let shorter = old["metadata"]["deletionGracePeriodSeconds"]
            .as_i64()
            .is_none_or(|g| grace < g);
        if !already || shorter {
            meta::mark_deleted(&mut new, grace);
            if !already && resource.rules.counts_generations() && !admission::ends_by_itself(call) {
                meta::bump_generation(&mut new);
            }
            admission::mark_deleted(call, &mut new);
        }
        if new == old {
            return Ok(Deleted::Object(Outcome::Stored(there.clone())));
        }
        if options.dry_run {
            return Ok(Deleted::Object(Outcome::Rehearsed(new)));
        }
        let write = Write::replace(resource.draft(there.key.clone(), new), there.revision);
        match self.store.write(write).await {
            Ok(marked) => {
                self.after_write(&marked);
                Ok(Deleted::Object(Outcome::Stored(marked)))
            }
            Err(WriteError::Changed(Some(_))) => Err(Attempt::Again),
            Err(error) => Err(Attempt::Failed(call.refused(error, name))),
        }
    }
}

/// The reply to a delete that left nothing behind.
fn answer(call: &Call, last: Arc<Object>) -> Deleted {
    if call.resource.returns_deleted {
        return Deleted::Object(Outcome::Stored(last));
    }
    let resource = call.resource.group_resource();
    Deleted::Gone(Status::deleted(&resource, &last.key.name, &last.uid))
}

enum Attempt {
    Again,
    Failed(ApiError),
}

fn check_preconditions(
    call: &Call,
    options: &DeleteOptions,
    there: &Object,
) -> Result<(), ApiError> {
    let failed = |message: String| {
        Err(ApiError::Precondition {
            resource: call.resource.group_resource(),
            kind: call.resource.kind.to_string(),
            name: call.target.name.clone(),
            message,
        })
    };
    if let Some(uid) = &options.uid
        && **uid != *there.uid
    {
        return failed(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object \
             might have been deleted and then recreated",
            there.uid
        ));
    }
    if let Some(revision) = &options.revision
        && *revision != there.revision.to_string()
    {
        return failed(format!(
            "the ResourceVersion in the precondition ({revision}) does not match the \
             ResourceVersion in record ({}). The object might have been modified",
            there.revision
        ));
    }
    Ok(())
}

/// The finalizers that hold an object once it is deleted with this policy.
fn finalizers_after(object: &Value, policy: Option<Propagation>) -> Vec<String> {
    let mut finalizers: Vec<String> = meta::finalizers(object)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let Some(policy) = policy else {
        return finalizers;
    };
    finalizers.retain(|finalizer| finalizer != FOREGROUND && finalizer != ORPHAN);
    match policy {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
    }
    finalizers
}

/// The object as if it had been given no time to stop: whatever it was given before, it has none left.
fn without_time(object: &Value) -> Value {
    let mut object = object.clone();
    meta::of(&mut object).remove("deletionGracePeriodSeconds");
    object
}

fn set_finalizers(object: &mut Value, finalizers: &[String]) {
    let metadata = meta::of(object);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), finalizers.into());
    }
}

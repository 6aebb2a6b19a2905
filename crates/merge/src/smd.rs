//! Server-side apply and the tracking of other writes.
//!
//! [`apply`] merges a configuration into an object for one manager; [`update`] records what any other write
//! changed. Both return the object with its `metadata.managedFields`. Neither defaults, prunes unknown fields or
//! validates: that is for the caller, before an update and after an apply.
//!
//! Source: structured-merge-diff merge/update.go v6.3; apimachinery pkg/util/managedfields/internal v0.36.

mod conflict;
mod last_applied;
mod updater;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

pub use conflict::{Conflict, Conflicts};

use self::updater::{Failure, Updater};
pub use crate::{
    fieldpath,
    schema::{Schema, SchemaError, TypeId},
};
use crate::{
    fieldpath::{Filter, Set},
    managed::{self, Manager, Managers, Operation, Owned},
    typed::{self, Duplicates},
};

/// How many entries for updates an object keeps; the oldest are merged into `ancient-changes`.
///
/// Source: apimachinery pkg/util/managedfields/internal/fieldmanager.go (`DefaultMaxUpdateManagers`).
const UPDATE_MANAGERS_MAX: usize = 10;
const ANCIENT_CHANGES: &str = "ancient-changes";
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The versions of one kind: their schemas, and how objects are converted between them.
pub trait Versions {
    /// Returns the schema of a version, or `None` when it is no longer served: what was recorded for it is
    /// dropped.
    fn schema(&self, api_version: &str) -> Option<&Schema>;

    /// Returns `object` in another version. Both have schemas.
    ///
    /// # Errors
    /// A sentence that says why the object cannot be converted.
    fn convert(&self, object: &Value, api_version: &str) -> Result<Value, String> {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(api_version));
        }
        Ok(object)
    }

    /// Returns the object that a create starts from: what the server would store if a client sent nothing.
    /// Fields in it are nobody's when they stay as they are.
    fn empty(&self, api_version: &str, kind: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind})
    }
}

/// Versions that differ in nothing but their schemas.
impl Versions for BTreeMap<String, Arc<Schema>> {
    fn schema(&self, api_version: &str) -> Option<&Schema> {
        self.get(api_version).map(AsRef::as_ref)
    }
}

/// A kind with one version.
#[derive(Debug, Clone, Copy)]
pub struct OneVersion<'a> {
    /// The version, for example `apps/v1`.
    pub api_version: &'a str,
    /// Its schema.
    pub schema: &'a Schema,
}

impl Versions for OneVersion<'_> {
    fn schema(&self, api_version: &str) -> Option<&Schema> {
        (api_version == self.api_version).then_some(self.schema)
    }
}

/// A write, as far as managed fields are concerned.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The kind's versions.
    pub versions: &'a dyn Versions,
    /// The version of the request; all objects given with it are in this version.
    pub api_version: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// Who writes; empty becomes `unknown`.
    pub manager: &'a str,
    /// The subresource written to; empty for the object itself.
    pub subresource: &'a str,
    /// The time of the write, RFC 3339 in UTC with seconds.
    pub now: &'a str,
    /// What of the object this endpoint lets anybody own.
    pub filter: &'a Filter,
}

/// The outcome of an apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The merged object with managed fields, not yet defaulted.
    pub object: Value,
    /// Whether any value changed. Ownership may have changed regardless.
    pub changed: bool,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// Other managers own fields that would change.
    #[error("{0}")]
    Conflicts(Conflicts),
    /// The request itself is wrong (HTTP 400).
    #[error("{0}")]
    BadRequest(String),
    /// The configuration or the stored object does not fit the schema (HTTP 500, as in the original).
    #[error("{0}")]
    Internal(String),
}

/// Applies the configuration `applied` to the object `live`; `None` creates it.
///
/// # Errors
/// Conflicts, unless `force`; a configuration of another kind or version, with managed fields, or not fitting the
/// schema; managed fields in `live` that cannot be read.
pub fn apply(
    request: &Request<'_>,
    live: Option<&Value>,
    applied: &Value,
    force: bool,
) -> Result<Applied, ApplyError> {
    let manager = Manager::new(
        request.manager,
        Operation::Apply,
        request.api_version,
        request.subresource,
    );
    check_kind(request, applied)?;
    let mut live = match live {
        Some(live) => live.clone(),
        None => request.versions.empty(request.api_version, request.kind),
    };
    let entries = managed::take(&mut live);
    let mut managers = managed::decode(entries.as_ref())
        .map_err(|e| ApplyError::Internal(format!("failed to decode managed fields: {e}")))?;
    if managers.fields.is_empty() {
        managers = track_existing(request, &live, managers)?;
    }
    let first = structured_apply(request, &live, applied, managers.clone(), &manager, force);
    let (object, mut managers) = match first {
        Err(ApplyError::Conflicts(conflicts)) if request.manager == "kubectl" => {
            // kubectl takes over what it once applied from the client's side.
            let rest = last_applied::remaining_conflicts(request, &live, &conflicts);
            match rest {
                None => return Err(ApplyError::Conflicts(conflicts)),
                Some(rest) if !rest.0.is_empty() => return Err(ApplyError::Conflicts(rest)),
                Some(_) => structured_apply(request, &live, applied, managers, &manager, true)?,
            }
        }
        other => other?,
    };
    let changed = object.is_some();
    if changed {
        managers.times.insert(manager, request.now.to_owned());
    }
    let mut object = object.unwrap_or(live);
    if request.manager == "kubectl" {
        last_applied::refresh(&mut object, applied);
    }
    managed::put(&mut object, managed::encode(&managers));
    Ok(Applied { object, changed })
}

/// Returns `new` with managed fields that record how it differs from `live`; `None` creates it.
///
/// Shape: managed fields in `new` are taken as the client's wish, an empty list starts afresh. Objects that are not
/// tracked yet stay so. If anything prevents tracking, the object comes back without managed fields, as a
/// write must not fail for them.
pub fn update(request: &Request<'_>, live: Option<&Value>, new: &Value) -> Value {
    let mut object = new.clone();
    match try_update(request, live, &mut object) {
        Some(managers) => managed::put(&mut object, managed::encode(&managers)),
        None => {
            managed::take(&mut object);
        }
    }
    object
}

fn try_update(request: &Request<'_>, live: Option<&Value>, object: &mut Value) -> Option<Managers> {
    let creating = live.is_none_or(|live| live.pointer("/metadata/uid").is_none());
    let mut live = match live {
        Some(live) => live.clone(),
        None => request.versions.empty(request.api_version, request.kind),
    };
    let live_entries = managed::take(&mut live);
    let new_entries = managed::take(object);
    let managers = wanted_managers(request, live_entries.as_ref(), new_entries.as_ref());
    if managers.fields.is_empty() && !creating {
        return Some(managers);
    }
    let managers = track_update(request, &live, object, managers, request.manager).ok()?;
    Some(cap(managers))
}

/// Which managers an update starts from: those it sends, unless they are unusable.
fn wanted_managers(request: &Request<'_>, live: Option<&Value>, new: Option<&Value>) -> Managers {
    let live = || managed::decode(live).unwrap_or_default();
    if !request.subresource.is_empty() {
        return live();
    }
    if managed::is_reset(new) {
        return Managers::default();
    }
    match managed::decode(new) {
        Ok(managers) if !managers.fields.is_empty() => managers,
        _ => live(),
    }
}

fn check_kind(request: &Request<'_>, applied: &Value) -> Result<(), ApplyError> {
    let text = |name: &str| {
        applied
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("apiVersion") != request.api_version || text("kind") != request.kind {
        return Err(ApplyError::BadRequest(format!(
            "invalid object type: {}",
            group_version_kind(text("apiVersion"), text("kind"))
        )));
    }
    if applied
        .pointer("/metadata/managedFields")
        .is_some_and(|entries| !entries.is_null())
    {
        return Err(ApplyError::BadRequest(
            "metadata.managedFields must be nil".to_owned(),
        ));
    }
    Ok(())
}

/// Everything that exists before the first apply gets an owner.
fn track_existing(
    request: &Request<'_>,
    live: &Value,
    managers: Managers,
) -> Result<Managers, ApplyError> {
    let empty = request.versions.empty(request.api_version, request.kind);
    track_update(request, &empty, live, managers, BEFORE_FIRST_APPLY)
        .map(cap)
        .map_err(|e| {
            ApplyError::Internal(format!("failed to create manager for existing fields: {e}"))
        })
}

fn track_update(
    request: &Request<'_>,
    live: &Value,
    new: &Value,
    mut managers: Managers,
    name: &str,
) -> Result<Managers, String> {
    let schema = request
        .versions
        .schema(request.api_version)
        .ok_or_else(|| format!("no corresponding type for {}", request.api_version))?;
    for (object, what) in [(new, "new"), (live, "live")] {
        typed::validate(schema, object, Duplicates::Allowed).map_err(|e| {
            format!(
                "failed to convert {what} object ({}) to smd typed: {e}",
                describe(object)
            )
        })?;
    }
    let updater = Updater {
        versions: request.versions,
        filter: request.filter,
    };
    let fields = std::mem::take(&mut managers.fields);
    let mut fields = updater.update(live, new, request.api_version, fields)?;
    let current = Manager::current();
    strip_names(&mut fields, &current);
    if let Some(mut written) = fields.remove(&current) {
        let manager = Manager::new(
            name,
            Operation::Update,
            request.api_version,
            request.subresource,
        );
        if let Some(before) = fields.get(&manager) {
            written.set.extend(&before.set);
        }
        fields.insert(manager.clone(), written);
        managers.times.insert(manager, request.now.to_owned());
    }
    managers.fields = fields;
    Ok(managers)
}

/// Returns the merged object, or `None` when it equals the live one.
fn structured_apply(
    request: &Request<'_>,
    live: &Value,
    applied: &Value,
    mut managers: Managers,
    manager: &Manager,
    force: bool,
) -> Result<(Option<Value>, Managers), ApplyError> {
    let internal = ApplyError::Internal;
    let schema = request
        .versions
        .schema(request.api_version)
        .ok_or_else(|| {
            internal(format!(
                "no corresponding type for {}, Kind={}",
                request.api_version, request.kind
            ))
        })?;
    typed::validate(schema, applied, Duplicates::Refused).map_err(|e| {
        internal(format!(
            "failed to create typed patch object ({}): {e}",
            describe(applied)
        ))
    })?;
    typed::validate(schema, live, Duplicates::Allowed).map_err(|e| {
        internal(format!(
            "failed to create typed live object ({}): {e}",
            describe(live)
        ))
    })?;
    let updater = Updater {
        versions: request.versions,
        filter: request.filter,
    };
    let fields = std::mem::take(&mut managers.fields);
    let (object, mut fields) = updater
        .apply(live, applied, request.api_version, fields, manager, force)
        .map_err(|failure| match failure {
            Failure::Conflicts(conflicts) => ApplyError::Conflicts(conflicts),
            Failure::Other(reason) => internal(reason),
        })?;
    strip_names(&mut fields, manager);
    managers.fields = fields;
    Ok((object, managers))
}

/// Nobody owns what identifies an object or belongs to the server.
fn strip_names(fields: &mut BTreeMap<Manager, Owned>, manager: &Manager) {
    let Some(owned) = fields.get_mut(manager) else {
        return;
    };
    let stripped = Set::of_fields([
        &["apiVersion"][..],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ]);
    owned.set = owned.set.difference(&stripped);
    if owned.set.is_empty() {
        fields.remove(manager);
    }
}

/// Merges the oldest updates into one entry per version while there are too many.
fn cap(mut managers: Managers) -> Managers {
    let mut updaters: Vec<Manager> = managers
        .fields
        .iter()
        .filter(|(_, o)| !o.applied)
        .map(|(m, _)| m.clone())
        .collect();
    let mut count = updaters.len();
    if count <= UPDATE_MANAGERS_MAX {
        return managers;
    }
    updaters.sort_by_key(|manager| {
        let time = managers
            .times
            .get(manager)
            .map_or(0, |time| managed::unix_seconds(time));
        (time, manager.identifier())
    });
    let mut first_of_version: BTreeMap<String, Manager> = BTreeMap::new();
    for manager in updaters {
        if count <= UPDATE_MANAGERS_MAX {
            break;
        }
        let Some(owned) = managers.fields.get(&manager).cloned() else {
            continue;
        };
        let bucket = Manager::new(ANCIENT_CHANGES, Operation::Update, &owned.api_version, "");
        let Some(first) = first_of_version.get(&owned.api_version) else {
            first_of_version.insert(owned.api_version.clone(), manager);
            continue;
        };
        if !managers.fields.contains_key(&bucket)
            && let Some(moved) = managers.fields.remove(first)
        {
            managers.fields.insert(bucket.clone(), moved);
        }
        if let Some(into) = managers.fields.get_mut(&bucket) {
            into.set.extend(&owned.set);
        }
        managers.fields.remove(&manager);
        count -= 1;
        // The later of the two times.
        match managers.times.get(&manager).cloned() {
            Some(time) => managers.times.insert(bucket, time),
            None => managers.times.remove(&bucket),
        };
    }
    managers
}

/// Prints a kind as Go does: the core group has an empty name.
fn group_version_kind(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

/// Names an object in error texts, as the original does.
fn describe(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    format!(
        "{}/{}; {}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        group_version_kind(text("/apiVersion"), text("/kind"))
    )
}

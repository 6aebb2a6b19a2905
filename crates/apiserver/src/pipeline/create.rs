//! Create.
//!
//! Source: apiserver `pkg/endpoints/handlers/create.go`, `pkg/registry/rest/create.go`,
//! `pkg/registry/generic/registry/store.go`, v1.36.

use serde_json::Value;

use super::intake::{self, Origin};
use super::{Outcome, Written, fields};
use crate::admission;
use crate::api::{Api, Call};
use crate::catalogue::Resource;
use crate::codec::Decoded;
use crate::error::ApiError;
use crate::kind::Part;
use crate::meta;
use crate::request::WriteOptions;
use crate::store::{Key, Write, WriteError};

/// Attempts at a name that nobody has.
const NAMES: usize = 8;

/// The largest object that is stored.
pub(super) const OBJECT_MAX_BYTES: usize = 3 << 19;

impl Api {
    /// Creates the object of a request body.
    pub(crate) async fn create(
        &self,
        call: &Call,
        body: Decoded,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let object = intake::take_in(call, body, options.field_validation, Origin::Body)?;
        self.create_object(call, object, options).await
    }

    /// Creates an object that was taken in.
    pub(super) async fn create_object(
        &self,
        call: &Call,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        meta::fill_namespace(&mut object, call.namespace())?;
        if !meta::text(&object, "resourceVersion").is_empty() {
            return Err(ApiError::Unreasoned(
                "resourceVersion should not be set on objects to be created".into(),
            ));
        }
        let base = meta::text(&object, "generateName").to_owned();
        let generated = meta::text(&object, "name").is_empty() && !base.is_empty();
        if !generated {
            return self.create_named(call, object, options).await;
        }
        let mut last = None;
        for _ in 0..NAMES {
            let mut attempt = object.clone();
            meta::of(&mut attempt).insert("name".into(), meta::generate_name(&base).into());
            match self.create_named(call, attempt, options).await {
                Err(error @ ApiError::AlreadyExists { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    async fn create_named(
        &self,
        call: &Call,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let resource = &call.resource;
        let name = meta::text(&object, "name").to_owned();
        if resource.has_status {
            clear_status(resource, &mut object);
        }
        meta::prepare_create(&mut object, resource.rules.counts_generations());
        let manager = fields::manager(call, &options.field_manager);
        let applied = object["metadata"]["managedFields"]
            .as_array()
            .is_some_and(|entries| entries.iter().any(|entry| entry["operation"] == "Apply"));
        if !applied {
            fields::track(call, manager, Part::Main, None, &mut object);
        }
        resource.rules.prepare(&mut object, None, Part::Main);
        resource.rules.default(&mut object);
        let guards = admission::before_create(self, call, &mut object, &name)?;
        let mut errors = meta::validate_create(&object, &*resource.rules);
        errors.extend(resource.rules.validate(&object, None, Part::Main));
        admission::validate_create(self, call, &object, &mut errors)?;
        if !errors.is_empty() {
            return Err(ApiError::invalid(resource.group_kind(), name, errors));
        }
        resource
            .rules
            .warnings(&object, None)
            .into_iter()
            .for_each(|text| call.warn(text));
        admission::warnings(call, &object, None);
        self.write_new(call, object, &name, guards, options.dry_run)
            .await
    }

    async fn write_new(
        &self,
        call: &Call,
        object: Value,
        name: &str,
        guards: Vec<Key>,
        dry_run: bool,
    ) -> Result<Written, ApiError> {
        let key = call.resource.key(call.namespace(), name);
        if dry_run {
            if let Some(there) = self.store.get(&key) {
                return Err(call.refused(WriteError::Exists(there), name));
            }
            return Ok(Written {
                object: Outcome::Rehearsed(object),
                created: true,
            });
        }
        let draft = call.resource.draft(key, object);
        check_size(draft.size_bytes())?;
        let stored = self
            .store
            .write(Write::create(draft, guards))
            .await
            .map_err(|error| call.refused(error, name))?;
        self.after_write(&stored);
        Ok(Written {
            object: Outcome::Stored(stored),
            created: true,
        })
    }
}

/// The status that an object has before anybody wrote one.
fn clear_status(resource: &Resource, object: &mut Value) {
    let empty = resource
        .rules
        .empty()
        .and_then(|empty| empty.get("status").cloned());
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    match empty {
        Some(status) => {
            fields.insert("status".into(), status);
        }
        None => {
            fields.remove("status");
        }
    }
}

pub(super) fn check_size(size_bytes: usize) -> Result<(), ApiError> {
    if size_bytes > OBJECT_MAX_BYTES {
        return Err(ApiError::TooLarge(format!(
            "Request entity too large: limit is {OBJECT_MAX_BYTES}"
        )));
    }
    Ok(())
}

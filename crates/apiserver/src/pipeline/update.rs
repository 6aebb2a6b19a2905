//! Replace, and what every change of an object has in common.
//!
//! Source: apiserver `pkg/endpoints/handlers/update.go`, `pkg/registry/rest/update.go`,
//! `pkg/registry/generic/registry/store.go`, v1.36.

use std::sync::Arc;

use serde_json::Value;

use super::create::check_size;
use super::intake::{self, Origin};
use super::{Outcome, Written, fields};
use crate::admission;
use crate::api::{Api, Call};
use crate::codec::Decoded;
use crate::error::{ApiError, FieldError};
use crate::kind::Part;
use crate::meta;
use crate::request::{Verb, WriteOptions};
use crate::store::{Object, Write, WriteError};

/// Attempts at a change that depends on what it finds.
const ATTEMPTS: usize = 5;

/// What a change makes of the object it finds.
pub(super) struct Changed {
    /// The new object, taken in, in the version of the request.
    pub(super) object: Value,
    /// Managed fields are done: an apply computes them itself.
    pub(super) tracked: bool,
}

impl Api {
    /// Replaces an object, or its status.
    pub(crate) async fn replace(
        &self,
        call: &Call,
        body: Decoded,
        part: Part,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let resource = &call.resource;
        let mut object = intake::take_in(call, body, options.field_validation, Origin::Body)?;
        meta::fill_namespace(&mut object, call.namespace())?;
        check_name(call, &object)?;
        let key = resource.key(call.namespace(), &call.target.name);
        let exists = self.store.get(&key).is_some();
        if !exists && resource.create_on_update && part == Part::Main {
            return self.create_object(call, object, options).await;
        }
        if !exists {
            return Err(call.not_found());
        }
        if meta::text(&object, "resourceVersion").is_empty() && !resource.unconditional_update {
            let problem = FieldError::invalid(
                "metadata.resourceVersion",
                0,
                "must be specified for an update",
            );
            let of = crate::error::GroupKind::new(&*resource.group, &*resource.plural);
            return Err(ApiError::invalid(of, &*call.target.name, vec![problem]));
        }
        self.change(call, part, options, &|_| {
            Ok(Changed {
                object: object.clone(),
                tracked: false,
            })
        })
        .await
    }

    /// A change that the server itself makes.
    pub(crate) async fn modify(
        &self,
        call: &Call,
        part: Part,
        change: &(dyn Fn(&mut Value) + Sync),
    ) -> Result<Written, ApiError> {
        let options = WriteOptions::default();
        self.change(call, part, &options, &|old| {
            let mut object = old.clone();
            change(&mut object);
            Ok(Changed {
                object,
                tracked: false,
            })
        })
        .await
    }

    /// Reads, changes and writes, again when somebody else was faster, unless the change names the
    /// revision it is for.
    pub(super) async fn change(
        &self,
        call: &Call,
        part: Part,
        options: &WriteOptions,
        make: &(dyn Fn(&Value) -> Result<Changed, ApiError> + Sync),
    ) -> Result<Written, ApiError> {
        let name = &*call.target.name;
        let key = call.resource.key(call.namespace(), name);
        for attempt in 1..=ATTEMPTS {
            let there = self.store.get(&key).ok_or_else(|| call.not_found())?;
            let old = call.resource.load(&there);
            let changed = make(&old)?;
            let conditional = !meta::text(&changed.object, "resourceVersion").is_empty()
                && meta::text(&changed.object, "resourceVersion")
                    != meta::text(&old, "resourceVersion");
            if conditional {
                return Err(ApiError::modified(call.resource.group_resource(), name));
            }
            let Some(write) = self.prepare(call, part, options, &there, &old, changed)? else {
                return Ok(Written {
                    object: Outcome::Stored(there),
                    created: false,
                });
            };
            match write {
                Prepared::Rehearsed(value) => {
                    return Ok(Written {
                        object: Outcome::Rehearsed(value),
                        created: false,
                    });
                }
                Prepared::Write(write) => match self.store.write(*write).await {
                    Ok(stored) => {
                        self.after_write(&stored);
                        return Ok(Written {
                            object: Outcome::Stored(stored),
                            created: false,
                        });
                    }
                    Err(WriteError::Changed(Some(_))) if attempt < ATTEMPTS => {}
                    Err(error) => return Err(call.refused(error, name)),
                },
                Prepared::Delete(last) => match self.store.write(Write::delete(&there)).await {
                    Ok(gone) => {
                        self.after_write(&gone);
                        return Ok(Written {
                            object: Outcome::Rehearsed(last),
                            created: false,
                        });
                    }
                    Err(WriteError::Changed(Some(_))) if attempt < ATTEMPTS => {}
                    Err(error) => return Err(call.refused(error, name)),
                },
            }
        }
        Err(ApiError::modified(call.resource.group_resource(), name))
    }

    /// Everything between reading and writing; `None` when nothing changes.
    fn prepare(
        &self,
        call: &Call,
        part: Part,
        options: &WriteOptions,
        there: &Arc<Object>,
        old: &Value,
        changed: Changed,
    ) -> Result<Option<Prepared>, ApiError> {
        let resource = &call.resource;
        let Changed {
            object: mut new,
            tracked,
        } = changed;
        check_uid(call, &new, old)?;
        meta::prepare_update(&mut new, old);
        meta::of(&mut new).insert(
            "resourceVersion".into(),
            old["metadata"]["resourceVersion"].clone(),
        );
        if !tracked {
            let manager = fields::manager(call, &options.field_manager);
            fields::track(call, manager, part, Some(old), &mut new);
        }
        keep_other_parts(resource.has_status, part, &mut new, old);
        resource.rules.prepare(&mut new, Some(old), part);
        resource.rules.default(&mut new);
        if part != Part::Status
            && resource.rules.counts_generations()
            && resource
                .rules
                .changes_generation(&new, old, resource.has_status)
        {
            meta::bump_generation(&mut new);
        }
        admission::before_update(self, call, &mut new, old, part)?;
        if fields::is_unchanged(old, &mut new) {
            return Ok(None);
        }
        let mut errors = meta::validate_update(&new, old);
        errors.extend(resource.rules.validate(&new, Some(old), part));
        admission::validate_update(self, call, &new, old, part, &mut errors)?;
        if !errors.is_empty() {
            return Err(ApiError::invalid(
                resource.group_kind(),
                &*call.target.name,
                errors,
            ));
        }
        resource
            .rules
            .warnings(&new, Some(old))
            .into_iter()
            .for_each(|text| call.warn(text));
        admission::warnings(call, &new, Some(old));
        if options.dry_run {
            return Ok(Some(Prepared::Rehearsed(new)));
        }
        if meta::is_deleting(&new) && admission::nothing_holds(call, &new) {
            return Ok(Some(Prepared::Delete(new)));
        }
        let draft = resource.draft(there.key.clone(), new);
        check_size(draft.size_bytes())?;
        Ok(Some(Prepared::Write(Box::new(Write::replace(
            draft,
            there.revision,
        )))))
    }
}

enum Prepared {
    Write(Box<Write>),
    /// It was only waiting for this; the object as it was last.
    Delete(Value),
    Rehearsed(Value),
}

fn check_name(call: &Call, object: &Value) -> Result<(), ApiError> {
    let (given, name) = (meta::text(object, "name"), &*call.target.name);
    if given == name {
        return Ok(());
    }
    Err(ApiError::BadRequest(if given.is_empty() {
        "name must be provided".to_owned()
    } else {
        format!("the name of the object ({given}) does not match the name on the URL ({name})")
    }))
}

/// A uid in a replace is a precondition.
fn check_uid(call: &Call, new: &Value, old: &Value) -> Result<(), ApiError> {
    let (given, is) = (meta::text(new, "uid"), meta::text(old, "uid"));
    check_name(call, new)?;
    if call.verb == Verb::Update && !given.is_empty() && given != is {
        return Err(ApiError::Conflict {
            resource: call.resource.group_resource(),
            name: call.target.name.clone(),
            message: format!(
                "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{}, ResourceVersion: 0, \
                 AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object \
                 meta: {is}",
                call.resource.plural,
                call.namespace(),
                call.target.name
            ),
        });
    }
    Ok(())
}

/// A write to one part leaves the others as they are.
fn keep_other_parts(has_status: bool, part: Part, new: &mut Value, old: &Value) {
    match part {
        Part::Status => {
            let status = new.get("status").cloned();
            let managed = new["metadata"].get("managedFields").cloned();
            new.clone_from(old);
            set(new, "status", status);
            set(&mut new["metadata"], "managedFields", managed);
        }
        Part::Main | Part::Scale | Part::Finalize if has_status => {
            set(new, "status", old.get("status").cloned());
        }
        Part::Main | Part::Scale | Part::Finalize => {}
    }
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    match value {
        Some(value) => {
            map.insert(field.to_owned(), value);
        }
        None => {
            map.remove(field);
        }
    }
}

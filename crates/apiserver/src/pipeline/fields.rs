//! Tracking who owns which fields, for the kind at hand.
//!
//! Source of what each endpoint resets: apiserver `pkg/registry/rest` (`GetResetFields`),
//! apiextensions-apiserver `pkg/registry/customresource`, v1.36.

use carto_merge::fieldpath::{Filter, PathElement, Pattern, Set};
use carto_merge::managed;
use carto_merge::smd::{self, ApplyError, Schema};
use serde_json::{Value, json};

use crate::api::Call;
use crate::catalogue::{Catalogue, Resource};
use crate::error::{ApiError, Cause};
use crate::kind::Part;
use crate::time;

/// The versions of a resource, for the merge library.
struct Versions<'a> {
    catalogue: &'a Catalogue,
    resource: &'a Resource,
}

impl smd::Versions for Versions<'_> {
    fn schema(&self, api_version: &str) -> Option<&Schema> {
        if *api_version == *self.resource.api_version {
            return Some(self.resource.rules.merge_schema());
        }
        self.catalogue
            .versions(self.resource)
            .find(|version| *api_version == *version.api_version)
            .map(|version| version.rules.merge_schema())
    }

    fn empty(&self, api_version: &str, kind: &str) -> Value {
        self.resource
            .rules
            .empty()
            .unwrap_or_else(|| json!({"apiVersion": api_version, "kind": kind}))
    }
}

fn filter(resource: &Resource, part: Part) -> Filter {
    match part {
        Part::Main | Part::Scale if resource.has_status => {
            Filter::Except(Set::of_fields([&["status"][..]]))
        }
        Part::Status => Filter::Only(Pattern::prefix([Some(PathElement::field("status"))])),
        Part::Main | Part::Scale | Part::Finalize => Filter::Everything,
    }
}

fn subresource(part: Part) -> &'static str {
    match part {
        Part::Main => "",
        Part::Status => "status",
        Part::Scale => "scale",
        Part::Finalize => "finalize",
    }
}

/// The name under which a write is recorded.
pub(super) fn manager<'a>(call: &'a Call, given: &'a str) -> &'a str {
    if given.is_empty() { &call.agent } else { given }
}

fn with_request<T>(
    call: &Call,
    manager: &str,
    part: Part,
    then: impl FnOnce(&smd::Request<'_>) -> T,
) -> T {
    let versions = Versions {
        catalogue: &call.catalogue,
        resource: &call.resource,
    };
    let now = time::now();
    let filter = filter(&call.resource, part);
    then(&smd::Request {
        versions: &versions,
        api_version: &call.resource.api_version,
        kind: &call.resource.kind,
        manager,
        subresource: subresource(part),
        now: &now,
        filter: &filter,
    })
}

/// Records in `new` what a create, replace or patch changed.
pub(super) fn track(call: &Call, manager: &str, part: Part, live: Option<&Value>, new: &mut Value) {
    *new = with_request(call, manager, part, |request| {
        smd::update(request, live, new)
    });
    if part == Part::Scale {
        forget_time(new, manager);
    }
}

/// A write through `scale` leaves an entry without a time, which therefore comes first.
///
/// Source: apimachinery `pkg/util/managedfields/scalehandler.go` (`ToParent`), v1.36.
fn forget_time(object: &mut Value, manager: &str) {
    let Some(mut entries) = managed::take(object) else {
        return;
    };
    for entry in entries
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let is_it = |name: &str, value: &str| entry.get(name).is_some_and(|v| v == value);
        if is_it("subresource", "scale") && is_it("manager", manager) {
            entry.remove("time");
        }
    }
    let entries = match managed::decode(Some(&entries)) {
        Ok(managers) => managed::encode(&managers),
        Err(_) => entries.as_array().cloned().unwrap_or_default(),
    };
    managed::put(object, entries);
}

/// Applies a configuration; the result has managed fields and no defaults yet.
pub(super) fn apply(
    call: &Call,
    manager: &str,
    part: Part,
    live: Option<&Value>,
    applied: &Value,
    force: bool,
) -> Result<Value, ApiError> {
    with_request(call, manager, part, |request| {
        smd::apply(request, live, applied, force)
    })
    .map(|applied| applied.object)
    .map_err(|error| match error {
        ApplyError::Conflicts(conflicts) => ApiError::ApplyConflict {
            causes: conflicts
                .0
                .iter()
                .map(|conflict| Cause {
                    reason: "FieldManagerConflict".into(),
                    message: conflict.message(),
                    field: conflict.field(),
                })
                .collect(),
            message: conflicts.to_string(),
        },
        ApplyError::BadRequest(message) => ApiError::BadRequest(message),
        ApplyError::Internal(message) => ApiError::Unreasoned(message),
    })
}

/// Whether `new` is what `old` was; gives it the times of `old` then.
pub(super) fn is_unchanged(old: &Value, new: &mut Value) -> bool {
    managed::keep_times_if_unchanged(old, new)
}

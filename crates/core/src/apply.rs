//! Getting one stamped object onto the cluster, request by request.
//!
//! Two ways: [`mutable`] objects are applied in place, [`run`]s are created once per stamp. Both
//! are little steppers that a pass drives: they ask for a request, get the reply and end with the
//! row of the object or with why there is none. Objects of other owners are never touched.

pub(crate) mod adopt;
pub(crate) mod mutable;
pub(crate) mod rival;
pub(crate) mod run;

use std::sync::Arc;

use serde_json::Value;

use crate::json;
use crate::key::{Gvk, Mapping, ObjectKey, ServiceAccountKey};
use crate::realize::{ApiFailure, FailureKind, Index, Request};
use crate::row::{Controller, Expressions, Live, Row};

/// What a stepper needs of its surroundings.
pub(crate) struct Env<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) account: &'a ServiceAccountKey,
    pub(crate) owner_uid: &'a str,
}

/// What a stepper wants.
#[derive(Debug)]
pub(crate) enum Progress<T> {
    Ask(Request),
    Ready(T),
}

/// What happened to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Created,
    Patched,
}

/// An object that is on the cluster as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    /// Its row, with all that was asked for.
    pub(crate) row: Arc<Row>,
    pub(crate) mapping: Mapping,
    pub(crate) change: Change,
    /// Other runs for the same purpose, this one excepted; empty for mutable objects.
    pub(crate) siblings: Vec<Arc<Row>>,
    /// Why its kind cannot be watched.
    pub(crate) unwatched: Option<String>,
    /// Who keeps changing its fields.
    pub(crate) rival: Option<String>,
    /// Whether it carries this very stamp, and all that was sent is still ours.
    pub(crate) as_sent: bool,
}

/// Why an object is not on the cluster as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApplyError {
    /// In the words of the original.
    pub(crate) text: String,
    /// Whether rights are missing.
    pub(crate) forbidden: bool,
    /// Whether it may pass by itself.
    pub(crate) retry: bool,
    /// The object that is in the way.
    pub(crate) blocker: Option<ObjectKey>,
}

/// The result of a stepper.
pub(crate) type Result<T> = std::result::Result<T, ApplyError>;

impl ApplyError {
    fn new(text: String) -> Self {
        Self {
            text,
            forbidden: false,
            retry: false,
            blocker: None,
        }
    }

    /// Wraps a failure of the API; `stage` is `create`, `patch` and so on.
    fn failed(stage: &str, failure: &ApiFailure) -> Self {
        let forbidden = failure.kind == FailureKind::Forbidden;
        let text = format!("{stage}: {}", failure.message);
        Self {
            forbidden,
            retry: !forbidden,
            ..Self::new(text)
        }
    }

    /// Wraps a failure to read an object, as the original words it.
    fn get(namespace: &str, name: &str, failure: &ApiFailure, gvk: &Gvk) -> Self {
        let stage = format!("failed to get unstructured [{namespace}/{name}] from api server");
        Self {
            text: format!("{stage}: {}", text(failure, gvk)),
            ..Self::failed(&stage, failure)
        }
    }

    /// Wraps a failure to list runs, as the original words it.
    fn list(failure: &ApiFailure, gvk: &Gvk) -> Self {
        let stage = "unable to list from api server";
        Self {
            text: format!("{stage}: {}", text(failure, gvk)),
            ..Self::failed(stage, failure)
        }
    }

    /// Says that somebody else owns an object of that name.
    fn foreign(row: &Row, controller: &Controller) -> Self {
        let Controller {
            kind,
            name,
            api_version,
            ..
        } = controller;
        let what = format!("{} [{}]", row.key.gvk.kind, row.key.name);
        let text = format!(
            "{what} is controlled by {kind} [{name}] ({api_version}) and is not taken over; \
             give the object another name, or remove it there"
        );
        Self {
            blocker: Some(row.key.clone()),
            ..Self::new(text)
        }
    }
}

/// Returns the failure's text; for kinds that are not served in the words of a REST mapper.
fn text(failure: &ApiFailure, gvk: &Gvk) -> String {
    let version = gvk.api_version();
    match failure.kind {
        FailureKind::NoMatch { group_known: true } => {
            format!(
                "no matches for kind \"{}\" in version \"{version}\"",
                gvk.kind
            )
        }
        FailureKind::NoMatch { group_known: false } => format!(
            "failed to get API group resources: unable to retrieve the complete list of server \
             APIs: {version}: the server could not find the requested resource"
        ),
        _ => failure.message.clone(),
    }
}

/// Returns the kind of a rendered object, or the text about its lack in the words of the original.
pub(crate) fn kind_of(object: &Value, namespace: &str) -> Result<Gvk> {
    if let Some(gvk) = Gvk::of(object) {
        return Ok(gvk);
    }
    let lack = if json::text(object, &["kind"]).is_none() {
        "Object 'Kind' is missing in 'unstructured object has no kind'"
    } else {
        "Object 'apiVersion' is missing in 'unstructured object has no version'"
    };
    let name = json::string(object, &["metadata", "name"]);
    let text = format!("failed to get unstructured [{namespace}/{name}] from api server: {lack}");
    Err(ApplyError::new(text))
}

/// Reports whether a failure says that the account may not set `blockOwnerDeletion`.
fn is_about_block(failure: &ApiFailure) -> bool {
    failure.kind == FailureKind::Forbidden && failure.message.contains("blockOwnerDeletion")
}

/// Returns the row of the reply to a write of ours, as the shell read it if that tells enough.
fn applied_row(
    object: &Live,
    row: Option<Arc<Row>>,
    expressions: &Expressions,
) -> Result<Arc<Row>> {
    match row.filter(|row| row.covers(expressions)) {
        Some(row) => Ok(row),
        None => Row::applied(object, expressions)
            .map(Arc::new)
            .ok_or_else(odd_object),
    }
}

fn odd_object() -> ApplyError {
    ApplyError::new("the server returned an object without kind, name or uid".to_owned())
}

//! Requests for objects, written once for all kinds.

mod create;
mod delete;
mod fields;
mod intake;
mod patch;
mod read;
mod scale;
mod update;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use delete::{DeleteOptions, Deleted, FOREGROUND, ORPHAN, Propagation};
pub(crate) use intake::check_type;
pub(crate) use patch::PatchFormat;
pub(crate) use read::{ListPage, ListRequest};
pub(crate) use scale::scale_of;

use crate::catalogue::{Resource, Rows};
use crate::store::Object;

/// The object that a write leaves.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) object: Outcome,
    /// It was not there before.
    pub(crate) created: bool,
}

/// An object as it is, or as it would be.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored(Arc<Object>),
    /// In the version of the request.
    Rehearsed(Value),
}

impl Outcome {
    /// JSON in the version of `resource`.
    pub(crate) fn json(&self, resource: &Resource) -> Bytes {
        match self {
            Self::Stored(object) => json_of(object, resource),
            Self::Rehearsed(value) => to_json(value),
        }
    }

    pub(crate) fn value(&self, resource: &Resource) -> Value {
        match self {
            Self::Stored(object) => resource.load(object),
            Self::Rehearsed(value) => value.clone(),
        }
    }
}

/// JSON of a stored object in the version of `resource`: mostly the bytes as they are.
pub(crate) fn json_of(object: &Object, resource: &Resource) -> Bytes {
    match resource.rows {
        Rows::Stored | Rows::Virtual if !resource.is_dated(object) => object.json.clone(),
        _ => to_json(&resource.load(object)),
    }
}

pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Bytes {
    serde_json::to_vec(value)
        .expect("replies are trees of JSON values")
        .into()
}

//! Index rows: what the core keeps of a live object, and how it is read out of one.
//!
//! A row is small and is all that a pass needs: who owns the object, which stamp it carries, which
//! fields our field manager owns, and the results of the expressions that
//! templates name. Trees of JSON are read once, here, and dropped.
//!
//! Memory: there are as many rows as stamped objects. What rows have in common is behind pointers that an index can
//! make the same (kind, controller, labels, owned fields, results), and nothing in a row has spare room.

mod expressions;
mod extract;
mod fields;
mod found;
mod labels;
mod live;
mod names;
mod stamp;

use std::sync::Arc;

use jiff::Timestamp;

use crate::key::{ObjectKey, ServiceAccountKey};

pub use expressions::{Expression, Expressions};
pub use fields::OwnedFields;
pub use found::{ConditionRow, Evaluated, Json};
pub use labels::Labels;
pub use live::Live;
pub use names::{Uid, Version};
pub use stamp::StampDigest;

pub(crate) use extract::LEGACY_MANAGER;

/// The controller owner reference of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    /// uid of the owner.
    pub uid: Arc<str>,
    /// apiVersion of the owner.
    pub api_version: Arc<str>,
    /// Kind of the owner.
    pub kind: Arc<str>,
    /// Name of the owner.
    pub name: Arc<str>,
}

/// What the index keeps of one live object.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion`.
    pub resource_version: Version,
    /// `metadata.generation`, when the kind counts it.
    pub generation: Option<i64>,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The owner reference with `controller: true`.
    pub controller: Option<Arc<Controller>>,
    /// The labels whose key begins with `carto.run/`.
    pub labels: Labels,
    /// Annotation `carto.run/service-account`, which objects without a namespace have.
    pub account: Option<Arc<ServiceAccountKey>>,
    /// Annotation `carto.run/stamp-digest`.
    pub stamp_digest: Option<StampDigest>,
    /// The fields that field manager `carto` owns through apply; `None` when it owns nothing.
    pub owned: Option<OwnedFields>,
    /// The same right after our own last apply of this stamp. A server may not record all that was sent; a row that
    /// still has it has not drifted. Only known to the process that applied; see [`Row::inherit`].
    pub settled: Option<OwnedFields>,
    /// Whether the object was read with its values, not by its metadata alone.
    pub has_values: bool,
    /// Whether the original's field manager (`cartographer`) wrote the object and ours has not
    /// taken it over.
    pub legacy: bool,
    /// The set the results are for; empty for rows of metadata-only watches.
    pub expressions: Expressions,
    /// One result per expression, in order.
    pub results: Box<[Evaluated]>,
}

/// What the index can say about an object.
#[derive(Clone, Debug)]
pub enum RowState {
    /// The index has it.
    Known(Arc<Row>),
    /// The kind is watched and in sync, and no object of that name carries our labels.
    Absent,
    /// The kind is not watched (yet), or may not be.
    Unknown,
}

impl Row {
    /// Returns the result of one expression, or `None` when the row was read without it.
    pub fn result(&self, expression: &Expression) -> Option<&Evaluated> {
        self.results.get(self.expressions.position(expression)?)
    }

    /// Reports whether the row has results for all of `expressions`.
    pub fn covers(&self, expressions: &Expressions) -> bool {
        self.expressions.contains(expressions)
    }

    /// uid of the controller.
    pub fn controller_uid(&self) -> Option<&str> {
        self.controller.as_ref().map(|controller| &*controller.uid)
    }

    /// Carries over what only this process knows from the row that this one replaces.
    ///
    /// The index calls it for every watch event before it stores the new row.
    #[must_use]
    pub fn inherit(mut self, older: &Self) -> Self {
        if self.inherits(older) {
            self.settled.clone_from(&older.settled);
        }
        self
    }

    /// Reports whether [`Row::inherit`] would carry anything over.
    pub fn inherits(&self, older: &Self) -> bool {
        self.settled.is_none()
            && older.settled.is_some()
            && self.uid == older.uid
            && self.stamp_digest == older.stamp_digest
    }

    /// Reports whether the object carries this stamp digest.
    pub fn carries(&self, digest: &str) -> bool {
        self.stamp_digest
            .as_ref()
            .is_some_and(|carried| carried.is(digest))
    }
}

//! Index rows: what the core keeps of a live object, and how it is read out of one.
//!
//! A row is small and is all that a pass needs: who owns the object, which stamp it carries, which
//! fields our field manager owns, and the results of the expressions that
//! templates name. Trees of JSON are read once, here, and dropped.

mod extract;

use std::collections::BTreeMap;
use std::sync::Arc;

use carto_query::Path;
use jiff::Timestamp;
use serde_json::Value;

use crate::key::{ObjectKey, ServiceAccountKey};

pub(crate) use extract::LEGACY_MANAGER;

/// Something to read out of a live object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expression {
    /// A path as templates write it (`status.latestImage`, `.data`, `{.a}`): one result.
    Path(Arc<str>),
    /// The entry of that type in `status.conditions`.
    Condition(Arc<str>),
}

/// A sorted set of expressions, shared by all rows of a kind.
#[derive(Clone, Debug, Default)]
pub struct Expressions(Arc<[Compiled]>);

/// An expression, ready to be evaluated.
#[derive(Debug)]
struct Compiled {
    expression: Expression,
    /// `None` for conditions.
    path: Option<Path>,
}

impl PartialEq for Expressions {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.iter().eq(other.iter())
    }
}

impl Eq for Expressions {}

impl FromIterator<Expression> for Expressions {
    fn from_iter<T: IntoIterator<Item = Expression>>(iter: T) -> Self {
        let set: std::collections::BTreeSet<_> = iter.into_iter().collect();
        let compile = |expression| {
            let path = match &expression {
                Expression::Path(text) => Some(Path::new(text)),
                Expression::Condition(_) => None,
            };
            Compiled { expression, path }
        };
        Self(set.into_iter().map(compile).collect())
    }
}

impl Expressions {
    /// Returns the set that holds both; shares memory when `other` adds nothing.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.contains(other) {
            return self.clone();
        }
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// Reports whether every expression of `other` is in this set.
    pub fn contains(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || other.iter().all(|one| self.position(one).is_some())
    }

    /// Reports whether both are the very same set in memory.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Iterates in sorted order.
    pub fn iter(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().map(|one| &one.expression)
    }

    fn position(&self, one: &Expression) -> Option<usize> {
        self.0
            .binary_search_by(|each| each.expression.cmp(one))
            .ok()
    }
}

/// What an expression gave on one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// A path had exactly this value (which may be null).
    Value(Value),
    /// A path gave nothing; the text says so as the original does.
    Missing(Arc<str>),
    /// A path is ambiguous, does not parse or cannot be evaluated; the text says why.
    Error(Arc<str>),
    /// A condition is there.
    Condition(ConditionRow),
    /// A condition is not there.
    NoCondition,
}

/// The parts of a condition that health rules look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionRow {
    /// `status`, normally `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// `message`, empty when absent.
    pub message: Arc<str>,
}

/// The controller owner reference of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: Arc<str>,
    /// `metadata.generation`, when the kind counts it.
    pub generation: Option<i64>,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The owner reference with `controller: true`.
    pub controller: Option<Controller>,
    /// The labels whose key begins with `carto.run/`.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Annotation `carto.run/service-account`, which objects without a namespace have.
    pub account: Option<ServiceAccountKey>,
    /// Annotation `carto.run/stamp-digest`.
    pub stamp_digest: Option<Arc<str>>,
    /// The fields that field manager `carto` owns through apply, as text (see
    /// [`carto_merge::managed::applied_fields`]); `None` when it owns nothing.
    pub owned: Option<Arc<str>>,
    /// The same right after our own last apply of this stamp. A server may not record all that was sent; a row that
    /// still has it has not drifted. Only known to the process that applied; see [`Row::inherit`].
    pub settled: Option<Arc<str>>,
    /// Whether the object was read with its values, not by its metadata alone.
    pub has_values: bool,
    /// Whether the original's field manager (`cartographer`) wrote the object and ours has not
    /// taken it over.
    pub legacy: bool,
    /// The set the results are for; empty for rows of metadata-only watches.
    pub expressions: Expressions,
    /// One result per expression, in order.
    pub results: Arc<[Evaluated]>,
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

    /// Carries over what only this process knows from the row that this one replaces.
    ///
    /// The index calls it for every watch event before it stores the new row.
    #[must_use]
    pub fn inherit(mut self, older: &Self) -> Self {
        if self.settled.is_none()
            && self.uid == older.uid
            && self.stamp_digest == older.stamp_digest
        {
            self.settled.clone_from(&older.settled);
        }
        self
    }
}

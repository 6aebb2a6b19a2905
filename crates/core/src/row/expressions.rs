//! What is to be read out of live objects.

use std::sync::Arc;

use carto_query::Path;

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
pub struct Expressions(pub(super) Arc<[Compiled]>);

/// An expression, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) expression: Expression,
    /// `None` for conditions.
    pub(super) path: Option<Path>,
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

    /// Reports whether one of them may look at `metadata.managedFields`.
    pub(super) fn see_managers(&self) -> bool {
        let may = |one: &Compiled| {
            one.path
                .as_ref()
                .is_some_and(|path| path.may_reach(&["metadata", "managedFields"]))
        };
        self.0.iter().any(may)
    }

    pub(super) fn position(&self, one: &Expression) -> Option<usize> {
        self.0
            .binary_search_by(|each| each.expression.cmp(one))
            .ok()
    }
}

//! Several named JSON values, as one root for expressions.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

/// The names that a template can refer to. Borrows or shares what is large (the owner) and owns
/// what is put together for the occasion.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    /// Sorted by name.
    entries: Vec<(Cow<'a, str>, Held<'a>)>,
    /// Where a path that finds nothing is tried again.
    unset: Option<&'a Scope<'a>>,
}

/// A value of a scope.
#[derive(Clone, Debug)]
enum Held<'a> {
    Borrowed(&'a Value),
    Shared(Arc<Value>),
}

impl Deref for Held<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Borrowed(value) => value,
            Self::Shared(value) => value,
        }
    }
}

impl<'a> Scope<'a> {
    /// Returns a scope without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value by reference; replaces the one of the same name.
    #[must_use]
    pub fn with(self, name: impl Into<Cow<'a, str>>, value: &'a Value) -> Self {
        self.insert(name.into(), Held::Borrowed(value))
    }

    /// Adds a value, owned or shared; replaces the one of the same name.
    #[must_use]
    pub fn with_owned(self, name: impl Into<Cow<'a, str>>, value: impl Into<Arc<Value>>) -> Self {
        self.insert(name.into(), Held::Shared(value.into()))
    }

    /// Adds a scope on which a path that finds nothing here is tried once more: what is not set,
    /// as it would be if it were.
    #[must_use]
    pub fn with_unset(mut self, unset: &'a Scope<'a>) -> Self {
        self.unset = Some(unset);
        self
    }

    /// Returns the scope of what is not set.
    pub(crate) fn unset(&self) -> Option<&'a Scope<'a>> {
        self.unset
    }

    fn insert(mut self, name: Cow<'a, str>, value: Held<'a>) -> Self {
        match self.position(&name) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => self.entries.insert(at, (name, value)),
        }
        self
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(key, _)| (**key).cmp(name))
    }

    /// Returns the value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|at| &*self.entries[at].1)
    }

    /// Iterates over names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Names and values to keep: a value that is borrowed is copied, others are shared.
    pub fn to_shared(&self) -> impl Iterator<Item = (&str, Arc<Value>)> {
        self.entries.iter().map(|(name, value)| {
            let value = match value {
                Held::Borrowed(value) => Arc::new((*value).clone()),
                Held::Shared(value) => Arc::clone(value),
            };
            (&**name, value)
        })
    }

    /// Copies everything into one JSON object.
    pub fn to_map(&self) -> Map<String, Value> {
        self.iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

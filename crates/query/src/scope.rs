//! Several named JSON values, as one root for expressions.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The names that a template can refer to. Borrows what is large (the owner) and owns what is
/// put together for the occasion.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    /// Sorted by name.
    entries: Vec<(Cow<'a, str>, Cow<'a, Value>)>,
    /// Where a path that finds nothing is tried again.
    unset: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// Returns a scope without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value by reference; replaces the one of the same name.
    #[must_use]
    pub fn with(self, name: impl Into<Cow<'a, str>>, value: &'a Value) -> Self {
        self.insert(name.into(), Cow::Borrowed(value))
    }

    /// Adds a value; replaces the one of the same name.
    #[must_use]
    pub fn with_owned(self, name: impl Into<Cow<'a, str>>, value: Value) -> Self {
        self.insert(name.into(), Cow::Owned(value))
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

    fn insert(mut self, name: Cow<'a, str>, value: Cow<'a, Value>) -> Self {
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

    /// Copies everything into one JSON object.
    pub fn to_map(&self) -> Map<String, Value> {
        self.iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

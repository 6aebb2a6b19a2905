//! A value and where it stands.

use serde_json::Value;

use super::super::quantity::Quantity;

/// A value with its path as problems name it. What is absent is there as null.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

impl<'a> At<'a> {
    /// A whole object.
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
        }
    }

    /// A field.
    pub(super) fn get(&self, field: &str) -> Self {
        static ABSENT: Value = Value::Null;
        let path = match &*self.path {
            "" => field.to_owned(),
            path => format!("{path}.{field}"),
        };
        Self {
            value: self.value.get(field).unwrap_or(&ABSENT),
            path,
        }
    }

    /// The same value under another path: some problems are told in places of their own.
    pub(super) fn told_at(&self, path: impl Into<String>) -> Self {
        Self {
            value: self.value,
            path: path.into(),
        }
    }

    /// The items of a list, by index.
    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = Self> + use<'a, '_> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(|(index, value)| Self {
            value,
            path: format!("{}[{index}]", self.path),
        })
    }

    /// The entries of a map, by key.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a, '_> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, value)| {
            let path = format!("{}[{key}]", self.path);
            (key.as_str(), Self { value, path })
        })
    }

    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub(super) fn integer(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(super) fn number(&self) -> i64 {
        self.integer().unwrap_or(0)
    }

    pub(super) fn quantity(&self) -> Option<Quantity> {
        Quantity::parse(self.text())
    }

    pub(super) fn is_true(&self) -> bool {
        self.value == &Value::Bool(true)
    }

    /// Whether it is there; an empty text or list may be.
    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// How many items, entries or bytes there are.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

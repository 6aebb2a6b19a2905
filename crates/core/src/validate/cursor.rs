//! A JSON value together with the path that led to it.

use serde_json::Value;

/// What an absent value looks like.
static NULL: Value = Value::Null;

/// A place in an object. Absent values are null.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    /// Steps into a field. A name that would be misread in a path stands in brackets.
    pub(super) fn field(&self, name: &str) -> Self {
        let plain = !name.is_empty() && !name.contains(['.', '[', ']']);
        let path = match (self.path.is_empty(), plain) {
            (true, true) => name.to_owned(),
            (false, true) => format!("{}.{name}", self.path),
            (_, false) => format!("{}[{name}]", self.path),
        };
        Self {
            path,
            value: self.value.get(name).unwrap_or(&NULL),
        }
    }

    /// Steps into a field of a field.
    pub(super) fn fields(&self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self.clone(), |cursor, name| cursor.field(name))
    }

    /// The items of a list; none when it is no list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .enumerate()
            .map(|(index, value)| Self {
                path: format!("{}[{index}]", self.path),
                value,
            })
            .collect()
    }

    /// The entries of an object, sorted by name; none when it is no object.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(|(name, _)| (name.as_str(), self.field(name)))
            .collect()
    }

    pub(super) fn is_present(&self) -> bool {
        !self.value.is_null()
    }

    /// The text, empty when there is none.
    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Vec<String> {
        let items = self.value.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The names and texts of a map.
    pub(super) fn pairs(&self) -> Vec<(&'a str, &'a str)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect()
    }

    /// The number of items or entries.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    /// The name of the object, for a cursor at its root.
    pub(super) fn object_name(&self) -> &'a str {
        self.fields(&["metadata", "name"]).text()
    }
}

//! What goes into an evaluation and what comes out of each step.

use std::borrow::Cow;

use serde_json::Value;

use crate::go;
use crate::scope::Scope;

/// What a template is evaluated on.
#[derive(Clone, Copy, Debug)]
pub enum Root<'a> {
    /// One JSON value.
    Value(&'a Value),
    /// Several, by name.
    Scope(&'a Scope<'a>),
}

impl<'a> From<&'a Value> for Root<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Value(value)
    }
}

impl<'a> From<&'a Scope<'a>> for Root<'a> {
    fn from(scope: &'a Scope<'a>) -> Self {
        Self::Scope(scope)
    }
}

impl<'a> Root<'a> {
    /// Follows a chain of fields; `None` when one is not there.
    pub(crate) fn follow(self, fields: &[Box<str>]) -> Option<&'a Value> {
        let (first, rest) = fields.split_first()?;
        let first = match self {
            Self::Value(value) => value.as_object()?.get(&**first)?,
            Self::Scope(scope) => scope.get(first)?,
        };
        rest.iter()
            .try_fold(first, |value, field| value.as_object()?.get(&**field))
    }
}

/// One result.
#[derive(Clone, Debug)]
pub struct Found<'a>(Item<'a>);

impl<'a> Found<'a> {
    pub(super) fn new(item: Item<'a>) -> Self {
        Self(item)
    }

    /// Returns the result as JSON.
    pub fn into_value(self) -> Cow<'a, Value> {
        match self.0 {
            Item::Held(value) | Item::Bare(value) => Cow::Borrowed(value),
            Item::Text(text) => Cow::Owned(text.into()),
            Item::Int(whole) => Cow::Owned(whole.into()),
            Item::Byte(byte) => Cow::Owned(byte.into()),
            Item::Float(float) => Cow::Owned(float.into()),
            Item::Bool(on) => Cow::Owned(on.into()),
            Item::Scope(scope) => Cow::Owned(Value::Object(scope.to_map())),
            Item::Nothing => Cow::Owned(Value::Null),
        }
    }

    /// Prints the result as kubectl does: lists and objects as JSON, text as it is.
    pub fn to_text(&self) -> Cow<'a, str> {
        match self.0 {
            Item::Text(text) => Cow::Borrowed(text),
            Item::Held(Value::String(text)) | Item::Bare(Value::String(text)) => {
                Cow::Borrowed(text)
            }
            Item::Held(value) | Item::Bare(value) => Cow::Owned(match value {
                Value::Null => "null".to_owned(),
                Value::Array(_) | Value::Object(_) => go::json(value),
                scalar => go::display(scalar),
            }),
            Item::Int(whole) => Cow::Owned(whole.to_string()),
            Item::Byte(byte) => Cow::Owned(byte.to_string()),
            Item::Float(float) => Cow::Owned(go::float_shortest(float)),
            Item::Bool(on) => Cow::Borrowed(if on { "true" } else { "false" }),
            Item::Scope(scope) => Cow::Owned(go::json(&Value::Object(scope.to_map()))),
            Item::Nothing => Cow::Borrowed("<no value>"),
        }
    }

    /// Prints the result as Go prints a `reflect.Value`: text as it is, anything else by its
    /// type, such as `<interface {} Value>`.
    pub(crate) fn to_reflected(&self) -> String {
        match self.0 {
            Item::Text(text) => text.to_owned(),
            Item::Bare(Value::String(text)) => text.clone(),
            Item::Held(_) => "<interface {} Value>".to_owned(),
            Item::Nothing => "<invalid Value>".to_owned(),
            other => format!("<{} Value>", other.type_name()),
        }
    }
}

/// A result on its way through the steps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    /// An entry of a map or list.
    Held(&'a Value),
    /// A value on its own: the root, or what recursive descent gives.
    Bare(&'a Value),
    /// The root, when it is several values by name.
    Scope(&'a Scope<'a>),
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// One byte of a text that was taken apart.
    Byte(u8),
    /// A root that is null; what the body of a loop sees when there is nothing to loop over.
    Nothing,
}

impl<'a> Item<'a> {
    /// The name of the type that Go's JSON decoder would have given it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Held(value) | Self::Bare(value) => match value {
                Value::Null => "<nil>",
                Value::Bool(_) => "bool",
                Value::Number(number) if number.is_i64() => "int64",
                Value::Number(_) => "float64",
                Value::String(_) => "string",
                Value::Array(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
            },
            Self::Scope(_) => "map[string]interface {}",
            Self::Text(_) => "string",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::Byte(_) => "uint8",
            Self::Nothing => "<nil>",
        }
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Held(Value::Null) | Self::Bare(Value::Null))
    }

    pub(super) fn field(self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Held(value) | Self::Bare(value) => value.as_object()?.get(name),
            Self::Scope(scope) => scope.get(name),
            _ => None,
        }
    }

    /// The entries of a map or list, or the bytes of a text.
    pub(super) fn children(self) -> Vec<Item<'a>> {
        match self {
            Self::Held(value) | Self::Bare(value) => match value {
                Value::Array(items) => items.iter().map(Item::Held).collect(),
                Value::Object(entries) => entries.values().map(Item::Held).collect(),
                Value::String(text) => text.bytes().map(Item::Byte).collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
            },
            Self::Scope(scope) => scope.iter().map(|(_, value)| Item::Held(value)).collect(),
            Self::Text(text) => text.bytes().map(Item::Byte).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn list(self) -> Option<&'a [Value]> {
        match self {
            Self::Held(Value::Array(items)) | Self::Bare(Value::Array(items)) => Some(items),
            _ => None,
        }
    }
}

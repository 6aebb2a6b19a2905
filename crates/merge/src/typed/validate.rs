//! Does a value fit its schema?

use std::collections::BTreeSet;

use serde_json::Value;

use super::{TypeError, TypeErrors, items::element_of};
use crate::{
    fieldpath::{Path, PathElement, display},
    go,
    schema::{List, Map, Scalar, Schema, Shape, TypeId},
};

/// Whether sets and keyed lists may hold the same item twice. Applied configurations may not; stored objects
/// may, as they can be older than the list type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// They are errors.
    Refused,
    /// They pass.
    Allowed,
}

/// Checks `value` against the schema.
///
/// # Errors
/// Every undeclared field, wrong kind of value, and bad or repeated list item.
pub fn validate(schema: &Schema, value: &Value, duplicates: Duplicates) -> Result<(), TypeErrors> {
    let mut walk = Walk {
        schema,
        duplicates,
        path: Path::new(),
        errors: Vec::new(),
    };
    walk.visit(schema.root(), value);
    if walk.errors.is_empty() {
        Ok(())
    } else {
        Err(TypeErrors(walk.errors))
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    duplicates: Duplicates,
    path: Path,
    errors: Vec<TypeError>,
}

impl Walk<'_> {
    fn error(&mut self, message: String) {
        self.errors.push(TypeError {
            path: display(&self.path),
            message,
        });
    }

    fn visit(&mut self, ty: TypeId, value: &Value) {
        let schema = self.schema;
        match schema.shape(ty, Some(value)) {
            Shape::Map(map) => self.map(map, value),
            Shape::Scalar(scalar) => {
                if let Err(message) = check_scalar(scalar, Some(value), "") {
                    self.error(message);
                }
            }
            Shape::List(list) => self.list(list, value),
            Shape::Nothing => {
                let name = schema
                    .atom(ty)
                    .name
                    .as_ref()
                    .map(|name| format!("named type: {name}"));
                let name = name.as_deref().unwrap_or("inlined");
                self.error(format!("schema error: invalid atom: {name}"));
            }
        }
    }

    fn map(&mut self, map: &Map, value: &Value) {
        let fields = match value {
            Value::Null => return,
            Value::Object(fields) => fields,
            other => return self.error(format!("expected map, got &{{{}}}", go::plain(other))),
        };
        for (name, field) in fields {
            self.path.push(PathElement::field(name));
            match map.type_of(name) {
                Some(ty) => self.visit(ty, field),
                None => {
                    self.error("field not declared in schema".to_owned());
                    self.path.pop();
                    // As the original: the first undeclared field ends the visit of its map.
                    return;
                }
            }
            self.path.pop();
        }
    }

    fn list(&mut self, list: &List, value: &Value) {
        let items = match value {
            Value::Null => return,
            Value::Array(items) => items,
            other => return self.error(format!("expected list, got &{{{}}}", go::plain(other))),
        };
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let element = if list.associative {
                let element = match element_of(self.schema, list, item) {
                    Ok(element) => element,
                    Err(reason) => return self.error(format!("element {index}: {reason}")),
                };
                if !seen.insert(element.clone()) && self.duplicates == Duplicates::Refused {
                    self.error(format!("duplicate entries for key {element}"));
                }
                element
            } else {
                PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX))
            };
            self.path.push(element);
            self.visit(list.element, item);
            self.path.pop();
        }
    }
}

/// Checks one scalar; null and absent values fit everywhere.
pub(super) fn check_scalar(
    scalar: Scalar,
    value: Option<&Value>,
    prefix: &str,
) -> Result<(), String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(());
    };
    match scalar {
        Scalar::Numeric if !value.is_number() => Err(format!(
            "{prefix}expected numeric (int or float), got {}",
            go::type_name(value)
        )),
        Scalar::String if !value.is_string() => Err(format!(
            "{prefix}expected string, got &value.valueUnstructured{{Value:{}}}",
            go::syntax(value)
        )),
        Scalar::Boolean if !value.is_boolean() => Err(format!(
            "{prefix}expected boolean, got &{{{}}}",
            go::plain(value)
        )),
        Scalar::Untyped if value.is_array() || value.is_object() => Err(format!(
            "{prefix}expected any scalar, got &{{{}}}",
            go::plain(value)
        )),
        _ => Ok(()),
    }
}

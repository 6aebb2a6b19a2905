//! The defaults of built-in kinds.
//!
//! Defaults belong to types: wherever a container stands, it gets those of containers. The walk follows the Go types and
//! applies the function of each, parents before children, and the defaults that fields declare.
//!
//! Source: kubernetes pkg/apis/*/*/defaults.go and zz_generated.defaults.go, v1.36.

mod kinds;
mod pods;

use serde_json::{Map, Value};

use super::types::{self, Struct, StructId, Type};

/// The fields of an object.
pub(super) type Fields = Map<String, Value>;

/// Fills in the defaults of `object`, a value of the struct `ty`.
pub(super) fn default(ty: StructId, object: &mut Value) {
    if let Value::Object(fields) = object {
        visit(types::get(ty), fields);
    }
}

fn visit(ty: &'static Struct, fields: &mut Fields) {
    kinds::apply(&ty.name, fields);
    pods::apply(&ty.name, fields);
    for field in &ty.fields {
        if let Some(default) = &field.default
            && fields.get(&field.name).is_none_or(Value::is_null)
        {
            fields.insert(field.name.clone(), default.clone());
        }
        if let Some(value) = fields.get_mut(&field.name) {
            descend(&field.ty, value);
        }
    }
}

fn descend(ty: &Type, value: &mut Value) {
    match (ty, value) {
        (Type::Struct(id), Value::Object(fields)) => visit(types::get(*id), fields),
        (Type::List(item), Value::Array(items)) => {
            items.iter_mut().for_each(|value| descend(item, value));
        }
        (Type::Map(item), Value::Object(fields)) => {
            fields.values_mut().for_each(|value| descend(item, value));
        }
        _ => {}
    }
}

/// Sets a field that is absent.
pub(super) fn set(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    if !fields.contains_key(name) {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Sets a text that is absent or empty.
pub(super) fn set_text(fields: &mut Fields, name: &str, value: &str) {
    if text(fields, name).is_empty() {
        fields.insert(name.to_owned(), Value::String(value.to_owned()));
    }
}

pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A nested map, made if it is absent or null.
pub(super) fn nested<'a>(fields: &'a mut Fields, name: &str) -> &'a mut Fields {
    let value = fields.entry(name.to_owned()).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made a map just above")
}

/// A nested map that is there.
pub(super) fn existing<'a>(fields: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    fields.get_mut(name).and_then(Value::as_object_mut)
}

//! The fields that a configuration mentions: what its applier owns.

use std::collections::BTreeSet;

use serde_json::Value;

use super::items::element_of;
use crate::{
    fieldpath::{Path, PathElement, Set},
    schema::{List, Map, Schema, Shape, TypeId},
};

/// Returns the set of fields in `value`: leaves, atomic containers, list items, and fields that are not
/// declared or empty. Of items that occur twice only the item itself.
pub fn field_set(schema: &Schema, value: &Value) -> Set {
    let mut walk = Walk {
        schema,
        path: Path::new(),
        set: Set::new(),
    };
    walk.visit(schema.root(), value);
    walk.set
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Path,
    set: Set,
}

impl Walk<'_> {
    fn visit(&mut self, ty: TypeId, value: &Value) {
        match self.schema.shape(ty, Some(value)) {
            Shape::Map(map) if map.atomic => self.set.insert(&self.path),
            Shape::Map(map) => self.map(map, value),
            Shape::List(list) if !list.associative => self.set.insert(&self.path),
            Shape::List(list) => self.list(list, value),
            Shape::Scalar(_) => self.set.insert(&self.path),
            Shape::Nothing => {}
        }
    }

    fn map(&mut self, map: &Map, value: &Value) {
        let Value::Object(fields) = value else { return };
        for (name, field) in fields {
            self.path.push(PathElement::field(name));
            if let Some(ty) = map.type_of(name) {
                self.visit(ty, field);
            }
            let empty = match field {
                Value::Null => true,
                Value::Object(fields) => fields.is_empty(),
                _ => false,
            };
            if empty || !map.fields.contains_key(name) {
                self.set.insert(&self.path);
            }
            self.path.pop();
        }
    }

    fn list(&mut self, list: &List, value: &Value) {
        let Value::Array(items) = value else { return };
        let elements: Vec<Option<PathElement>> = items
            .iter()
            .map(|item| element_of(self.schema, list, item).ok())
            .collect();
        let mut seen = BTreeSet::new();
        let mut repeated = BTreeSet::new();
        for element in elements.iter().flatten() {
            if !seen.insert(element.clone()) {
                repeated.insert(element.clone());
            }
        }
        for (element, item) in elements.iter().zip(items) {
            let Some(element) = element else { continue };
            self.path.push(element.clone());
            if !repeated.contains(element) {
                self.visit(list.element, item);
            }
            self.set.insert(&self.path);
            self.path.pop();
        }
    }
}

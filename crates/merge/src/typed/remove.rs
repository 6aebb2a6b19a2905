//! Taking fields out of an object, or taking out everything else.

use serde_json::{Map as Json, Value};

use super::{fields::field_set, items::element_of};
use crate::{
    fieldpath::{Path, PathElement, Set},
    schema::{List, Map, Schema, Shape, TypeId},
};

/// Returns `value` without the members of `fields`.
///
/// Shape: a granular map or list that loses everything becomes null; an atomic one on the way does too.
pub fn remove(schema: &Schema, value: &Value, fields: &Set) -> Value {
    Walk {
        schema,
        extract: false,
    }
    .visit(schema.root(), value, fields)
}

/// Returns only the members of `fields`; atomic parts come whole.
pub fn extract(schema: &Schema, value: &Value, fields: &Set) -> Value {
    Walk {
        schema,
        extract: true,
    }
    .visit(schema.root(), value, fields)
}

/// Like [`extract`], and adds the keys of every list item on the way to a member.
pub fn extract_with_keys(schema: &Schema, value: &Value, fields: &Set) -> Value {
    let present = field_set(schema, value);
    let mut fields = fields.clone();
    for path in fields.paths() {
        if !present.has(&path) {
            continue;
        }
        for (position, element) in path.iter().enumerate() {
            let PathElement::Key(keys) = element else {
                continue;
            };
            for (name, _) in keys {
                let mut key_path: Path = path[..=position].to_vec();
                key_path.push(PathElement::field(name));
                fields.insert(&key_path);
            }
        }
    }
    extract(schema, value, &fields)
}

struct Walk<'a> {
    schema: &'a Schema,
    extract: bool,
}

impl Walk<'_> {
    fn visit(&self, ty: TypeId, value: &Value, fields: &Set) -> Value {
        let out = match self.schema.shape(ty, Some(value)) {
            Shape::Map(map) => self.map(map, value, fields),
            Shape::List(list) => self.list(list, value, fields),
            Shape::Scalar(_) => Some(value.clone()),
            Shape::Nothing => None,
        };
        out.unwrap_or(Value::Null)
    }

    /// What becomes of a part that is not looked into.
    fn whole(&self, value: &Value) -> Option<Value> {
        self.extract.then(|| value.clone())
    }

    fn list(&self, list: &List, value: &Value, fields: &Set) -> Option<Value> {
        let items = value.as_array()?;
        if items.is_empty() || !list.associative {
            return self.whole(value);
        }
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let element = element_of(self.schema, list, item).ok();
            let exact = element
                .as_ref()
                .is_some_and(|element| fields.members.contains(element));
            let below = element
                .as_ref()
                .and_then(|element| fields.below(element))
                .filter(|below| !below.is_empty());
            if self.extract && !exact && below.is_none() || !self.extract && exact {
                continue;
            }
            out.push(match below {
                Some(below) => self.visit(list.element, item, below),
                None => item.clone(),
            });
        }
        (!out.is_empty()).then_some(Value::Array(out))
    }

    fn map(&self, map: &Map, value: &Value, fields: &Set) -> Option<Value> {
        let object = value.as_object()?;
        if object.is_empty() || map.atomic {
            return self.whole(value);
        }
        let mut out = Json::new();
        for (name, field) in object {
            let element = PathElement::field(name);
            let ty = map.type_of(name);
            let visit = |fields: &Set| match ty {
                Some(ty) => self.visit(ty, field, fields),
                None => Value::Null,
            };
            if fields.members.contains(&element) {
                if self.extract {
                    // The whole set is passed on, as in the original: a member comes with what is below it
                    // only where names happen to repeat; leaves and atomic parts come whole.
                    out.insert(name.clone(), visit(fields));
                }
                continue;
            }
            match fields.below(&element).filter(|below| !below.is_empty()) {
                Some(below) => {
                    out.insert(name.clone(), visit(below));
                }
                None if self.extract => {}
                None => {
                    out.insert(name.clone(), field.clone());
                }
            }
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }
}

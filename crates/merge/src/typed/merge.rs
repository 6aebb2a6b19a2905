//! Merging a configuration into an object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map as Json, Value};

use super::{TypeError, TypeErrors, items::element_of, validate::check_scalar};
use crate::{
    fieldpath::{Path, PathElement, display},
    schema::{List, Map, Schema, Shape, TypeId},
};

/// Returns `left` with everything that `right` says laid over it.
///
/// Shape: maps merge by field, associative lists by item, the rest is taken from `right`. Items of `right` keep
/// their order; items only in `left` keep their place relative to shared ones.
///
/// # Errors
/// When values of both sides fit no common type, or `right` repeats a list item.
pub fn merge(schema: &Schema, left: &Value, right: &Value) -> Result<Value, TypeErrors> {
    let mut walk = Walk {
        schema,
        path: Path::new(),
        errors: Vec::new(),
    };
    let merged = walk.visit(schema.root(), Some(left), Some(right));
    if walk.errors.is_empty() {
        Ok(merged.unwrap_or(Value::Null))
    } else {
        Err(TypeErrors(walk.errors))
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Path,
    errors: Vec<TypeError>,
}

/// What a leaf becomes: the right side if there is one.
fn leaf(left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
    right.or(left).cloned()
}

impl Walk<'_> {
    fn error(&mut self, message: String) {
        self.errors.push(TypeError {
            path: display(&self.path),
            message,
        });
    }

    fn visit(&mut self, ty: TypeId, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
        let atom = self.schema.atom(ty);
        let (left_forms, right_forms) = (atom.forms(left), atom.forms(right));
        let forms = if right.is_none() {
            left_forms
        } else {
            right_forms
        };
        if left.is_some() && right.is_some() && left_forms != right_forms {
            // The forms differ: the right one wins, but both are checked.
            self.handle(atom.shape(left_forms), left, right);
        }
        self.handle(atom.shape(forms), left, right)
    }

    fn handle(
        &mut self,
        shape: Shape<'_>,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Option<Value> {
        match shape {
            Shape::Map(map) => self.map(map, left, right),
            Shape::List(list) => self.list(list, left, right),
            Shape::Scalar(scalar) => {
                if let (Err(l), Err(r)) = (
                    check_scalar(scalar, left, "lhs: "),
                    check_scalar(scalar, right, "rhs: "),
                ) {
                    self.error(l);
                    self.error(r);
                    return None;
                }
                leaf(left, right)
            }
            Shape::Nothing => {
                self.error("schema error: invalid atom: inlined".to_owned());
                None
            }
        }
    }

    fn map(&mut self, map: &Map, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
        let nothing = Json::new();
        let left_map = left.and_then(Value::as_object).unwrap_or(&nothing);
        let right_map = right.and_then(Value::as_object).unwrap_or(&nothing);
        // Two empty maps are a leaf, which keeps the difference between null and empty.
        if map.atomic || (left_map.is_empty() && right_map.is_empty()) {
            return leaf(left, right);
        }
        let names: BTreeSet<&String> = left_map.keys().chain(right_map.keys()).collect();
        let mut out = Json::new();
        for name in names {
            self.path.push(PathElement::field(name));
            match map.type_of(name) {
                Some(ty) => {
                    if let Some(value) = self.visit(ty, left_map.get(name), right_map.get(name)) {
                        out.insert(name.clone(), value);
                    }
                }
                None => self.error("schema error: no type found matching: inlined type".to_owned()),
            }
            self.path.pop();
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    fn list(&mut self, list: &List, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
        let left_items = left
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let right_items = right
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if !list.associative || (left_items.is_empty() && right_items.is_empty()) {
            return leaf(left, right);
        }
        let errors_before = self.errors.len();
        let right_index = self.index(list, right_items, false);
        let left_index = self.index(list, left_items, true);
        if self.errors.len() > errors_before {
            return None;
        }
        let out = self.interleave(list, &left_index, &right_index, left_items);
        (!out.is_empty()).then_some(Value::Array(out))
    }

    /// Walks both lists at once, so that shared items come in the order of the right list and the others stay
    /// where they were relative to them. Each step advances at least one side: bounded by both lengths.
    fn interleave(
        &mut self,
        list: &List,
        left: &Index<'_>,
        right: &Index<'_>,
        left_items: &[Value],
    ) -> Vec<Value> {
        let mut shared: VecDeque<&PathElement> = right
            .order
            .iter()
            .filter(|element| left.items.contains_key(*element))
            .collect();
        let mut next_shared = shared.pop_front();
        let mut merged: BTreeSet<&PathElement> = BTreeSet::new();
        let mut out = Vec::with_capacity(left.order.len().max(right.order.len()));
        let (mut l, mut r) = (0, 0);
        while l < left.order.len() || r < right.order.len() {
            if let (Some(element), Some(other)) = (left.order.get(l), right.order.get(r)) {
                if element == other {
                    merged.insert(element);
                    out.extend(self.item(list, element, left.get(element), right.get(element)));
                    l += 1;
                    r += 1;
                    next_shared = shared.pop_front();
                    continue;
                }
                if right.items.contains_key(element)
                    && next_shared.is_some_and(|next| next != element)
                {
                    // Shared, but another shared item comes first.
                    l += 1;
                    continue;
                }
            }
            if let Some(element) = left.order.get(l) {
                if !right.items.contains_key(element) {
                    out.extend(self.item(list, element, left_items.get(l), None));
                    l += 1;
                    continue;
                }
                if merged.contains(element) {
                    l += 1;
                }
            }
            if let Some(element) = right.order.get(r) {
                merged.insert(element);
                out.extend(self.item(list, element, left.get(element), right.get(element)));
                r += 1;
                if next_shared == Some(element) {
                    next_shared = shared.pop_front();
                }
            }
        }
        out
    }

    fn item(
        &mut self,
        list: &List,
        element: &PathElement,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Option<Value> {
        if left.is_none() && right.is_none() {
            return None;
        }
        self.path.push(element.clone());
        let out = self.visit(list.element, left, right);
        self.path.pop();
        out
    }

    fn index<'v>(&mut self, list: &List, items: &'v [Value], duplicates: bool) -> Index<'v> {
        let mut index = Index {
            order: Vec::with_capacity(items.len()),
            items: BTreeMap::new(),
        };
        for (position, item) in items.iter().enumerate() {
            let element = match element_of(self.schema, list, item) {
                Ok(element) => element,
                Err(reason) => {
                    self.error(format!("element {position}: {reason}"));
                    continue;
                }
            };
            match index.items.get_mut(&element) {
                None => {
                    index.items.insert(element.clone(), Some(item));
                }
                // Repeated items of the left are kept as they are and not merged.
                Some(slot) if duplicates => *slot = None,
                Some(_) => {
                    self.error(format!("duplicate entries for key {element}"));
                    continue;
                }
            }
            index.order.push(element);
        }
        index
    }
}

/// The items of a list by element; repeated ones are present without a value.
struct Index<'v> {
    order: Vec<PathElement>,
    items: BTreeMap<PathElement, Option<&'v Value>>,
}

impl<'v> Index<'v> {
    fn get(&self, element: &PathElement) -> Option<&'v Value> {
        self.items.get(element).copied().flatten()
    }
}

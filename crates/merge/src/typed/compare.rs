//! What changed between two versions of an object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as Json, Value};

use super::{TypeError, TypeErrors, items::element_of, validate::check_scalar};
use crate::{
    fieldpath::{Filter, Path, PathElement, Set, display},
    order,
    schema::{List, Map, Schema, Shape, TypeId},
};

/// The difference between two objects; no field is in more than one of the sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Fields that only the first object has.
    pub removed: Set,
    /// Fields that both have with different values.
    pub modified: Set,
    /// Fields that only the second object has.
    pub added: Set,
}

impl Comparison {
    /// Tells whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Returns the part that an endpoint looks at.
    #[must_use]
    pub fn filtered(&self, filter: &Filter) -> Self {
        Self {
            removed: filter.filter(&self.removed),
            modified: filter.filter(&self.modified),
            added: filter.filter(&self.added),
        }
    }
}

/// Compares two objects of one schema.
///
/// # Errors
/// When a list item cannot be identified or a value fits no form of its type.
pub fn compare(schema: &Schema, left: &Value, right: &Value) -> Result<Comparison, TypeErrors> {
    let mut walk = Walk {
        schema,
        path: Path::new(),
        out: Comparison::default(),
        errors: Vec::new(),
    };
    walk.visit(schema.root(), Some(left), Some(right));
    if walk.errors.is_empty() {
        Ok(walk.out)
    } else {
        Err(TypeErrors(walk.errors))
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Path,
    out: Comparison,
    errors: Vec<TypeError>,
}

impl Walk<'_> {
    fn error(&mut self, message: String) {
        self.errors.push(TypeError {
            path: display(&self.path),
            message,
        });
    }

    fn visit(&mut self, ty: TypeId, left: Option<&Value>, right: Option<&Value>) {
        let atom = self.schema.atom(ty);
        let (left_forms, right_forms) = (atom.forms(left), atom.forms(right));
        let forms = if right.is_none() {
            left_forms
        } else {
            right_forms
        };
        if left.is_some() && right.is_some() && left_forms != right_forms {
            self.handle(atom.shape(left_forms), left, right);
        }
        let leaf = self.handle(atom.shape(forms), left, right);
        if leaf {
            return;
        }
        match (left, right) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            _ => {}
        }
    }

    /// Returns whether the value was treated as a leaf.
    fn handle(&mut self, shape: Shape<'_>, left: Option<&Value>, right: Option<&Value>) -> bool {
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
                    return false;
                }
                self.leaf(left, right)
            }
            Shape::Nothing => {
                self.error("schema error: invalid atom: inlined".to_owned());
                false
            }
        }
    }

    fn leaf(&mut self, left: Option<&Value>, right: Option<&Value>) -> bool {
        match (left, right) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            (Some(l), Some(r)) if !order::equal(l, r) => self.out.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn map(&mut self, map: &Map, left: Option<&Value>, right: Option<&Value>) -> bool {
        let nothing = Json::new();
        let left_map = left.and_then(Value::as_object).unwrap_or(&nothing);
        let right_map = right.and_then(Value::as_object).unwrap_or(&nothing);
        if map.atomic || (left_map.is_empty() && right_map.is_empty()) {
            return self.leaf(left, right);
        }
        let names: BTreeSet<&String> = left_map.keys().chain(right_map.keys()).collect();
        for name in names {
            self.path.push(PathElement::field(name));
            match map.type_of(name) {
                Some(ty) => self.visit(ty, left_map.get(name), right_map.get(name)),
                None => self.error("schema error: no type found matching: inlined type".to_owned()),
            }
            self.path.pop();
        }
        false
    }

    fn list(&mut self, list: &List, left: Option<&Value>, right: Option<&Value>) -> bool {
        let left_items = left
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let right_items = right
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if !list.associative || (left_items.is_empty() && right_items.is_empty()) {
            return self.leaf(left, right);
        }
        let left_index = self.index(list, left_items);
        let right_index = self.index(list, right_items);
        let elements: BTreeSet<&PathElement> =
            left_index.keys().chain(right_index.keys()).collect();
        for element in elements {
            let ours = left_index.get(element).map_or(&[][..], Vec::as_slice);
            let theirs = right_index.get(element).map_or(&[][..], Vec::as_slice);
            self.path.push(element.clone());
            self.items(list, ours, theirs);
            self.path.pop();
        }
        false
    }

    /// Compares all items of both sides that share one element. Repeated items are compared as a whole.
    fn items(&mut self, list: &List, left: &[&Value], right: &[&Value]) {
        match (left, right) {
            ([], []) => {}
            ([_, _, ..], [_, _, ..]) => {
                let same = left.len() == right.len()
                    && left.iter().zip(right).all(|(l, r)| order::equal(l, r));
                if !same {
                    self.out.modified.insert(&self.path);
                }
            }
            ([_, _, ..], _) => {
                if let Some(item) = right.first() {
                    self.visit(list.element, None, Some(item));
                }
                self.out.removed.insert(&self.path);
            }
            (_, [_, _, ..]) => {
                if let Some(item) = left.first() {
                    self.visit(list.element, Some(item), None);
                }
                self.out.added.insert(&self.path);
            }
            _ => self.visit(list.element, left.first().copied(), right.first().copied()),
        }
    }

    fn index<'v>(
        &mut self,
        list: &List,
        items: &'v [Value],
    ) -> BTreeMap<PathElement, Vec<&'v Value>> {
        let mut index: BTreeMap<PathElement, Vec<&'v Value>> = BTreeMap::new();
        for (position, item) in items.iter().enumerate() {
            match element_of(self.schema, list, item) {
                Ok(element) => index.entry(element).or_default().push(item),
                Err(reason) => self.error(format!("element {position}: {reason}")),
            }
        }
        index
    }
}

//! Adjusting owned fields when a type became atomic since they were recorded.

use crate::{
    fieldpath::{Path, PathElement, Set},
    schema::{Schema, Shape, TypeId},
};

/// Returns the adjusted set, or `None` when nothing changed.
///
/// Shape: whoever owned fields inside a list or map that is atomic now, owns the list or map. Changes in the
/// other direction need nothing.
pub fn reconcile(schema: &Schema, fields: &Set) -> Option<Set> {
    let mut walk = Walk {
        schema,
        path: Path::new(),
        atomic: Set::new(),
    };
    walk.visit(schema.root(), Some(fields), false);
    if walk.atomic.is_empty() {
        return None;
    }
    Some(
        fields
            .recursive_difference(&walk.atomic)
            .union(&walk.atomic),
    )
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Path,
    /// The roots of atomic parts.
    atomic: Set,
}

impl Walk<'_> {
    fn visit(&mut self, ty: TypeId, fields: Option<&Set>, was_atomic: bool) {
        let atom = self.schema.atom(ty);
        match atom.shape(atom.forms(None)) {
            Shape::Scalar(_) | Shape::Nothing => {}
            Shape::List(list) => {
                if !was_atomic && !list.associative {
                    self.atomic.insert(&self.path);
                } else if let Some(fields) = fields {
                    let element = list.element;
                    self.children(fields, |_| Some(element));
                }
            }
            Shape::Map(map) => {
                if self.schema.is_untyped_map(map) {
                    return;
                }
                if !was_atomic && map.atomic {
                    if fields.is_some_and(|fields| !fields.is_empty()) {
                        self.atomic.insert(&self.path);
                    }
                } else if let Some(fields) = fields {
                    self.children(fields, |element| match element {
                        PathElement::Field(name) => map.type_of(name),
                        _ => map.element,
                    });
                }
            }
        }
    }

    fn children(&mut self, fields: &Set, type_of: impl Fn(&PathElement) -> Option<TypeId>) {
        let below = fields
            .children
            .keys()
            .filter(|element| !fields.members.contains(*element));
        for element in below.chain(&fields.members) {
            let Some(ty) = type_of(element) else { continue };
            let child = fields.children.get(element);
            let is_member = fields.members.contains(element);
            self.path.push(element.clone());
            self.visit(ty, child, is_member && child.is_none());
            self.path.pop();
        }
    }
}

//! Giving nodes their types, and missing map items their defaults.
//!
//! Source: ytt pkg/schema/assign.go.

use std::rc::Rc;

use super::report::SchemaFailure;
use super::{Type, TypeKind, TypeRef};
use crate::node::{Node, Value, walk};

/// Gives `node` and everything in it their types; gives what does not have the right structure.
pub(crate) fn assign(expected: &TypeRef, node: &Node) -> Vec<SchemaFailure> {
    let mismatch = || vec![SchemaFailure::mismatch(node, expected)];
    match (&expected.kind, node) {
        (TypeKind::Document(value), Node::Document(_))
        | (TypeKind::MapItem { value, .. }, Node::MapItem(_))
        | (TypeKind::ArrayItem(value), Node::ArrayItem(_)) => {
            node.common().set_schema_type(Rc::clone(expected));
            match node.value() {
                Some(Value::Node(child)) => assign(value, &child),
                _ => Vec::new(),
            }
        }
        (TypeKind::Map(items), Node::Map(map)) => {
            node.common().set_schema_type(Rc::clone(expected));
            let mut failures = Vec::new();
            let mut found = vec![false; items.len()];
            for item in map.items.borrow().iter() {
                let key = item.key.borrow();
                let known = items.iter().position(|known| is_for(known, &key));
                if let Some(index) = known {
                    found[index] = true;
                    failures.extend(assign(&items[index], &Node::MapItem(Rc::clone(item))));
                }
            }
            for (missing, _) in items.iter().zip(&found).filter(|(_, found)| !**found) {
                let item = Rc::new(missing.default_item());
                // What is wrong with a default was reported when the schema was read.
                assign(missing, &Node::MapItem(Rc::clone(&item)));
                map.items.borrow_mut().push(item);
            }
            node.close();
            failures
        }
        (TypeKind::Array(item_type), Node::Array(array)) => {
            node.common().set_schema_type(Rc::clone(expected));
            let items = array.items.borrow();
            items
                .iter()
                .flat_map(|item| assign(item_type, &Node::ArrayItem(Rc::clone(item))))
                .collect()
        }
        (TypeKind::Any, _) => Vec::new(),
        (TypeKind::Null(value), _) => assign(value, node),
        _ => mismatch(),
    }
}

fn is_for(item: &Type, key: &Value) -> bool {
    matches!(&item.kind, TypeKind::MapItem { key: known, .. } if known.deep_equal(key))
}

/// Gives every node the rules of its type.
pub(crate) fn assign_validations(root: &Node) {
    let visited = walk(root, &mut |node| {
        let expected = node.common().schema_type();
        if let Some(validation) = expected.and_then(|found| found.validation.clone()) {
            node.common().set_validation(validation);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    match visited {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

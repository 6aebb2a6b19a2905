//! Giving nodes their types, and missing map items their defaults.
//!
//! Source: ytt pkg/schema/assign.go.

use std::rc::Rc;

use super::report::SchemaFailure;
use super::{Type, TypeKind, TypeRef};
use crate::node::{NODE_BYTES, Node, Value, walk};
use crate::star::{Budget, Error};

/// Gives `node` and everything in it their types; gives what does not have the right structure.
///
/// # Errors
/// A used up budget.
pub(crate) fn assign(
    expected: &TypeRef,
    node: &Node,
    budget: &Budget,
) -> Result<Vec<SchemaFailure>, Error> {
    budget.work(1)?;
    let mismatch = || Ok(vec![SchemaFailure::mismatch(node, expected)]);
    match (&expected.kind, node) {
        (TypeKind::Document(value), Node::Document(_))
        | (TypeKind::MapItem { value, .. }, Node::MapItem(_))
        | (TypeKind::ArrayItem(value), Node::ArrayItem(_)) => {
            node.common().set_schema_type(Rc::clone(expected));
            match node.value() {
                Some(Value::Node(child)) => assign(value, &child, budget),
                _ => Ok(Vec::new()),
            }
        }
        (TypeKind::Map(items), Node::Map(map)) => {
            node.common().set_schema_type(Rc::clone(expected));
            let mut failures = Vec::new();
            let mut found = vec![false; items.len()];
            for item in map.items.borrow().iter() {
                let key = item.key.borrow();
                budget.work(items.len() / 4)?;
                let known = items.iter().position(|known| is_for(known, &key));
                if let Some(index) = known {
                    found[index] = true;
                    let item = Node::MapItem(Rc::clone(item));
                    failures.extend(assign(&items[index], &item, budget)?);
                }
            }
            for (missing, _) in items.iter().zip(&found).filter(|(_, found)| !**found) {
                budget.allocate(NODE_BYTES)?;
                let item = Rc::new(missing.default_item());
                // What is wrong with a default was reported when the schema was read.
                assign(missing, &Node::MapItem(Rc::clone(&item)), budget)?;
                map.items.borrow_mut().push(item);
            }
            node.close();
            Ok(failures)
        }
        (TypeKind::Array(item_type), Node::Array(array)) => {
            node.common().set_schema_type(Rc::clone(expected));
            let items = array.items.borrow();
            let mut failures = Vec::new();
            for item in items.iter() {
                let item = Node::ArrayItem(Rc::clone(item));
                failures.extend(assign(item_type, &item, budget)?);
            }
            Ok(failures)
        }
        (TypeKind::Any, _) => Ok(Vec::new()),
        (TypeKind::Null(value), _) => assign(value, node, budget),
        _ => mismatch(),
    }
}

fn is_for(item: &Type, key: &Value) -> bool {
    matches!(&item.kind, TypeKind::MapItem { key: known, .. } if known.deep_equal(key))
}

/// Gives every node the rules of its type.
///
/// # Errors
/// A used up budget.
pub(crate) fn assign_validations(root: &Node, budget: &Budget) -> Result<(), Error> {
    walk(root, budget, &mut |node| {
        let expected = node.common().schema_type();
        if let Some(validation) = expected.and_then(|found| found.validation.clone()) {
            node.common().set_validation(validation);
        }
        Ok(())
    })
}

//! Checking nodes against the types they were given.
//!
//! Source: ytt pkg/schema/check.go.

use super::report::SchemaFailure;
use super::{ScalarKind, Type, TypeKind};
use crate::node::{Node, Value, walk};
use crate::star::{Budget, Error};

/// Checks `root` and everything in it; gives what is not as its type wants it.
///
/// # Errors
/// A used up budget.
pub(crate) fn check_node(root: &Node, budget: &Budget) -> Result<Vec<SchemaFailure>, Error> {
    let mut failures = Vec::new();
    walk(root, budget, &mut |node| {
        if let Some(expected) = node.common().schema_type() {
            failures.extend(check(&expected, node, budget)?);
        }
        Ok::<_, Error>(())
    })?;
    Ok(failures)
}

/// Checks one node: its keys if it is a map, its value if that is a scalar.
///
/// # Errors
/// A used up budget.
pub(super) fn check(
    expected: &Type,
    node: &Node,
    budget: &Budget,
) -> Result<Vec<SchemaFailure>, Error> {
    let mismatch = || vec![SchemaFailure::mismatch(node, expected)];
    Ok(match (&expected.kind, node) {
        (TypeKind::Document(value), Node::Document(_))
        | (TypeKind::MapItem { value, .. }, Node::MapItem(_))
        | (TypeKind::ArrayItem(value), Node::ArrayItem(_)) => match node.value() {
            Some(Value::Node(_)) | None => Vec::new(),
            Some(_) => check(value, node, budget)?,
        },
        (TypeKind::Map(items), Node::Map(map)) => {
            let keys: Vec<&Value> = items
                .iter()
                .filter_map(|item| match &item.kind {
                    TypeKind::MapItem { key, .. } => Some(key),
                    _ => None,
                })
                .collect();
            let mut failures = Vec::new();
            for item in map.items.borrow().iter() {
                let key = item.key.borrow();
                budget.work(keys.len() / 4)?;
                if !keys.iter().any(|known| known.deep_equal(&key)) {
                    // Every failure looks at all keys for its hint.
                    budget.allocate_values(keys.len())?;
                    let allowed = keys.iter().map(|key| key.go_string()).collect();
                    let position = &expected.position;
                    failures.push(SchemaFailure::unexpected_key(item, position, allowed));
                }
            }
            failures
        }
        (TypeKind::Array(_), Node::Array(_)) | (TypeKind::Any, _) => Vec::new(),
        (TypeKind::Null(value), _) => match node.value() {
            Some(value) if value.is_null() => Vec::new(),
            _ => check(value, node, budget)?,
        },
        (TypeKind::Scalar(kind), _) => {
            let found = match node.value() {
                Some(Value::Scalar(scalar)) => ScalarKind::of(&scalar),
                _ => None,
            };
            match found {
                Some(found) if found == *kind => Vec::new(),
                // Integers fit a float without loss up to 2^53.
                Some(ScalarKind::Int) if *kind == ScalarKind::Float => Vec::new(),
                _ => mismatch(),
            }
        }
        _ => mismatch(),
    })
}

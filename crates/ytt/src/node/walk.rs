//! Visiting every node of a tree, outermost first.

use super::{Node, Value};
use crate::star::{Budget, Error};

/// Calls `visit` for `node` and every node in it. Parts that are shared are visited, and paid
/// for, at every place.
///
/// # Errors
/// That of the first visit that fails, or a used up budget.
pub(crate) fn walk<E: From<Error>>(
    node: &Node,
    budget: &Budget,
    visit: &mut impl FnMut(&Node) -> Result<(), E>,
) -> Result<(), E> {
    budget.work(1)?;
    visit(node)?;
    for value in node.values() {
        if let Value::Node(child) = value {
            walk(&child, budget, visit)?;
        }
    }
    Ok(())
}

/// The path to a child: `a.b[0]`.
///
/// Source: ytt pkg/yamlmeta/walk.go.
pub(crate) fn path_to(parent: &str, child: &Node, index: usize) -> String {
    match child {
        Node::MapItem(item) if parent.is_empty() => item.key.borrow().go_string(),
        Node::MapItem(item) => format!("{parent}.{}", item.key.borrow().go_string()),
        Node::ArrayItem(_) => format!("{parent}[{index}]"),
        _ => parent.to_owned(),
    }
}

//! Visiting every node of a tree, outermost first.

use super::{Node, Value};

/// Calls `visit` for `node` and every node in it.
pub(crate) fn walk<E>(
    node: &Node,
    visit: &mut impl FnMut(&Node) -> Result<(), E>,
) -> Result<(), E> {
    visit(node)?;
    for value in node.values() {
        if let Value::Node(child) = value {
            walk(&child, visit)?;
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

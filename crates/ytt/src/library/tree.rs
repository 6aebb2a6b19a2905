//! Between values of the language and plain trees.

use crate::bridge::to_tree;
use crate::node::{Value as Tree, to_plain};
use crate::star::{Error, Thread, Value};

/// A value as a tree without nodes.
pub(super) fn plain(thread: &Thread, value: &Value) -> Result<Tree, Error> {
    let tree = to_tree(value, thread.budget())?;
    to_plain(&tree, thread.budget())
}

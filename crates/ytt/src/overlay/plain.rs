//! Plain merges: a tree without annotations that replaces what it names.
//!
//! Source: ytt pkg/yttlibrary/overlay/plain_merge.go.

use std::rc::Rc;
use std::sync::Arc;

use crate::annotation::{Annotation, Annotations, name};
use crate::node::{Node, Value};
use crate::position::Position;
use crate::star;
use crate::template::meta::has_templating;

/// Annotates a tree so that it accepts new keys and replaces arrays and scalars.
///
/// # Errors
/// When the tree has annotations of its own.
pub(crate) fn annotate_for_plain_merge(node: &Node) -> Result<(), String> {
    if has_templating(node) {
        return Err("Expected to be plain YAML, having no annotations \
                    (hint: remove comments starting with `#@`)"
            .to_owned());
    }
    annotate(node);
    Ok(())
}

fn annotate(node: &Node) {
    let mut replaces = false;
    for value in node.values() {
        match value {
            Value::Node(Node::Array(_)) => replaces = true,
            Value::Node(child) => annotate(&child),
            Value::Scalar(_) | Value::Dict(_) | Value::List(_) => replaces = true,
        }
    }
    let annotations = if replaces {
        annotations_for_replacement()
    } else {
        annotations_for_merge()
    };
    node.common().set_annotations(annotations);
}

/// The annotations of an item that may be missing.
fn annotations_for_merge() -> Annotations {
    let mut annotations = Annotations::default();
    annotations.set(Arc::from(name::OVERLAY_MATCH), flag("missing_ok"));
    annotations
}

/// The annotations of an item that may be missing and is replaced as a whole.
pub(crate) fn annotations_for_replacement() -> Annotations {
    let mut annotations = annotations_for_merge();
    annotations.set(Arc::from(name::OVERLAY_REPLACE), flag("or_add"));
    annotations
}

fn flag(kwarg: &str) -> Annotation {
    Annotation {
        args: Rc::from([]),
        kwargs: Rc::from([(kwarg.to_owned(), star::Value::Bool(true))]),
        position: Position::Unknown,
    }
}

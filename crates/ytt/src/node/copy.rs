//! Deep copies.
//!
//! Source: ytt pkg/yamlmeta/deep_copy.go: comments and annotations are copied, types and
//! validations are not; plain dicts and lists are shared, because nobody changes them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Array, ArrayItem, Common, Document, DocumentSet, Map, MapItem, Node, Value};

impl Value {
    pub(crate) fn deep_copy(&self) -> Self {
        match self {
            Self::Node(node) => Self::Node(node.deep_copy()),
            other => other.clone(),
        }
    }
}

impl Node {
    pub(crate) fn deep_copy(&self) -> Self {
        match self {
            Self::DocumentSet(node) => Self::DocumentSet(Rc::new(node.deep_copy())),
            Self::Document(node) => Self::Document(Rc::new(node.deep_copy())),
            Self::Map(node) => Self::Map(Rc::new(node.deep_copy())),
            Self::MapItem(node) => Self::MapItem(Rc::new(node.deep_copy())),
            Self::Array(node) => Self::Array(Rc::new(node.deep_copy())),
            Self::ArrayItem(node) => Self::ArrayItem(Rc::new(node.deep_copy())),
        }
    }
}

impl Common {
    fn copy(&self) -> Self {
        Self {
            position: self.position.clone(),
            comments: self.comments.clone(),
            annotations: self.annotations.clone(),
            schema_type: RefCell::default(),
            validations: RefCell::default(),
        }
    }
}

fn items<T>(items: &RefCell<Vec<Rc<T>>>, copy: fn(&T) -> T) -> RefCell<Vec<Rc<T>>> {
    RefCell::new(
        items
            .borrow()
            .iter()
            .map(|item| Rc::new(copy(item)))
            .collect(),
    )
}

fn value(value: &RefCell<Value>) -> RefCell<Value> {
    RefCell::new(value.borrow().deep_copy())
}

impl DocumentSet {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            items: items(&self.items, Document::deep_copy),
        }
    }
}

impl Document {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            value: value(&self.value),
            injected: self.injected,
        }
    }
}

impl Map {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            items: items(&self.items, MapItem::deep_copy),
            depth: Cell::new(self.depth.get()),
        }
    }
}

impl MapItem {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            key: self.key.clone(),
            value: value(&self.value),
        }
    }
}

impl Array {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            items: items(&self.items, ArrayItem::deep_copy),
            depth: Cell::new(self.depth.get()),
        }
    }
}

impl ArrayItem {
    pub(crate) fn deep_copy(&self) -> Self {
        Self {
            common: self.common.copy(),
            value: value(&self.value),
        }
    }
}

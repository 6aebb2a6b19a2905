//! Deep copies.
//!
//! Source: ytt pkg/yamlmeta/deep_copy.go: comments and annotations are copied, types and
//! validations are not; plain dicts and lists are shared, because nobody changes them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{
    Array, ArrayItem, Common, Document, DocumentSet, Map, MapItem, NODE_BYTES, Node, Value,
};
use crate::star::{Budget, Error};

/// A copy that shares nothing with the original, as far as it could be changed. What is shared
/// within the original is copied, and paid for, at every place.
pub(crate) trait DeepCopy: Sized {
    /// Copies the value.
    ///
    /// # Errors
    /// A used up budget.
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error>;
}

impl DeepCopy for Value {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        match self {
            Self::Node(node) => node.deep_copy(budget).map(Self::Node),
            other => Ok(other.clone()),
        }
    }
}

impl DeepCopy for Node {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(match self {
            Self::DocumentSet(node) => Self::DocumentSet(node.deep_copy(budget)?),
            Self::Document(node) => Self::Document(node.deep_copy(budget)?),
            Self::Map(node) => Self::Map(node.deep_copy(budget)?),
            Self::MapItem(node) => Self::MapItem(node.deep_copy(budget)?),
            Self::Array(node) => Self::Array(node.deep_copy(budget)?),
            Self::ArrayItem(node) => Self::ArrayItem(node.deep_copy(budget)?),
        })
    }
}

impl<T: DeepCopy> DeepCopy for Rc<T> {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        budget.allocate_tree(NODE_BYTES)?;
        T::deep_copy(self, budget).map(Rc::new)
    }
}

impl<T: DeepCopy> DeepCopy for RefCell<T> {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        self.borrow().deep_copy(budget).map(RefCell::new)
    }
}

impl<T: DeepCopy> DeepCopy for Vec<T> {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        self.iter().map(|item| item.deep_copy(budget)).collect()
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

impl DeepCopy for DocumentSet {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            items: self.items.deep_copy(budget)?,
        })
    }
}

impl DeepCopy for Document {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            value: self.value.deep_copy(budget)?,
            injected: self.injected,
        })
    }
}

impl DeepCopy for Map {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            items: self.items.deep_copy(budget)?,
            depth: Cell::new(self.depth.get()),
        })
    }
}

impl DeepCopy for MapItem {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            key: self.key.clone(),
            value: self.value.deep_copy(budget)?,
        })
    }
}

impl DeepCopy for Array {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            items: self.items.deep_copy(budget)?,
            depth: Cell::new(self.depth.get()),
        })
    }
}

impl DeepCopy for ArrayItem {
    fn deep_copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self {
            common: self.common.copy(),
            value: self.value.deep_copy(budget)?,
        })
    }
}

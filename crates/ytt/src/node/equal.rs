//! Equality of values as Go's `reflect.DeepEqual` sees it: types count.

use std::rc::Rc;

use super::{Node, Scalar, Value};

impl Value {
    /// Whether both have the same type and content.
    pub(crate) fn deep_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a == b,
            (Self::Dict(a), Self::Dict(b)) => {
                a.entries.len() == b.entries.len()
                    && a.entries
                        .iter()
                        .zip(&b.entries)
                        .all(|(a, b)| a.0.deep_equal(&b.0) && a.1.deep_equal(&b.1))
            }
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.deep_equal(b))
            }
            (Self::Node(a), Self::Node(b)) => a.same(b),
            _ => false,
        }
    }

    /// Whether both are integers of the same value, whatever their types, or deeply equal.
    pub(crate) fn leaf_equal(&self, other: &Self) -> bool {
        let integer = |value: &Self| match value {
            Self::Scalar(Scalar::Int(value) | Scalar::Int64(value)) => Some(*value),
            _ => None,
        };
        match (integer(self), integer(other)) {
            (Some(a), Some(b)) => a == b,
            _ => self.deep_equal(other),
        }
    }
}

impl Node {
    /// Whether both are the very same node.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::DocumentSet(a), Self::DocumentSet(b)) => Rc::ptr_eq(a, b),
            (Self::Document(a), Self::Document(b)) => Rc::ptr_eq(a, b),
            (Self::Map(a), Self::Map(b)) => Rc::ptr_eq(a, b),
            (Self::MapItem(a), Self::MapItem(b)) => Rc::ptr_eq(a, b),
            (Self::Array(a), Self::Array(b)) => Rc::ptr_eq(a, b),
            (Self::ArrayItem(a), Self::ArrayItem(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

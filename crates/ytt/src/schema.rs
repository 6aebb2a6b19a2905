//! Schemas: types and default values of data values.
//!
//! Source: ytt pkg/schema.

mod annotation;
mod assign;
mod check;
mod infer;
pub(crate) mod openapi;
pub(crate) mod report;

use std::cell::RefCell;
use std::rc::Rc;

use crate::node::{DeepCopy, Document, Map, MapItem, Node, Scalar, Value};
use crate::position::Position;
use crate::star::{Budget, Error};
use crate::validation::NodeValidation;

pub(crate) use assign::{assign, assign_validations};
pub(crate) use check::check_node;
pub(crate) use infer::infer;
use report::SchemaFailure;

/// A type, shared by the nodes that have it.
pub(crate) type TypeRef = Rc<Type>;

/// What a part of the data values must look like.
pub(crate) struct Type {
    pub(crate) kind: TypeKind,
    pub(crate) position: Position,
    default: RefCell<Value>,
    documentation: RefCell<Documentation>,
    pub(crate) validation: Option<Rc<NodeValidation>>,
}

pub(crate) enum TypeKind {
    Document(TypeRef),
    /// Types of map items.
    Map(Vec<TypeRef>),
    MapItem {
        key: Value,
        value: TypeRef,
    },
    /// Type of array items.
    Array(TypeRef),
    ArrayItem(TypeRef),
    Scalar(ScalarKind),
    /// Accepts everything.
    Any,
    /// Accepts null besides another type.
    Null(TypeRef),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    String,
    Float,
    Int,
    Bool,
}

/// What a schema says about a type for its readers.
#[derive(Clone, Default)]
pub(crate) struct Documentation {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) examples: Vec<Example>,
}

/// An example value and what it shows.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) description: String,
    pub(crate) value: Value,
}

impl ScalarKind {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Float => "float",
            Self::Int => "integer",
            Self::Bool => "boolean",
        }
    }

    /// The kind of a scalar that is not null.
    fn of(scalar: &Scalar) -> Option<Self> {
        match scalar {
            Scalar::Null => None,
            Scalar::Bool(_) => Some(Self::Bool),
            Scalar::Int(_) | Scalar::Int64(_) | Scalar::Uint(_) => Some(Self::Int),
            Scalar::Float(_) => Some(Self::Float),
            Scalar::Str(_) => Some(Self::String),
        }
    }
}

impl Type {
    fn new(kind: TypeKind, position: Position, default: Value) -> Self {
        Self {
            kind,
            position,
            default: RefCell::new(default),
            documentation: RefCell::default(),
            validation: None,
        }
    }

    /// A type that accepts everything.
    pub(crate) fn any() -> TypeRef {
        Rc::new(Self::new(TypeKind::Any, Position::Unknown, Value::NULL))
    }

    /// The type of a document that may hold anything.
    pub(crate) fn any_document() -> TypeRef {
        let kind = TypeKind::Document(Self::any());
        Rc::new(Self::new(kind, Position::Unknown, Value::NULL))
    }

    /// The name of the type, for users.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            TypeKind::Document(_) => "document".to_owned(),
            TypeKind::Map(_) => "map".to_owned(),
            TypeKind::MapItem { key, value } => format!("{}: {}", key.go_string(), value.name()),
            TypeKind::Array(_) => "array".to_owned(),
            TypeKind::ArrayItem(value) => format!("- {}", value.name()),
            TypeKind::Scalar(kind) => kind.name().to_owned(),
            TypeKind::Any => "any".to_owned(),
            TypeKind::Null(_) => "null".to_owned(),
        }
    }

    /// The default value.
    ///
    /// Shape: arrays, and the values of items, are shared with the type, as in the original.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn default_value(&self, budget: &Budget) -> Result<Value, Error> {
        Ok(match &self.kind {
            TypeKind::Document(_) => Value::Node(Node::Document(Rc::new(self.default_document()))),
            TypeKind::Map(items) => {
                let items = items
                    .iter()
                    .map(|item| Rc::new(item.default_item()))
                    .collect();
                let map = Map {
                    items: RefCell::new(items),
                    ..Map::default()
                };
                map.common.set_position(self.position.clone());
                let value = Value::map(map);
                value.as_node().into_iter().for_each(Node::close);
                value
            }
            TypeKind::MapItem { .. } => Value::Node(Node::MapItem(Rc::new(self.default_item()))),
            TypeKind::Array(_) | TypeKind::ArrayItem(_) | TypeKind::Scalar(_) => {
                self.default.borrow().clone()
            }
            TypeKind::Any => self.default.borrow().deep_copy(budget)?,
            TypeKind::Null(_) => Value::NULL,
        })
    }

    /// The default of a document type.
    pub(crate) fn default_document(&self) -> Document {
        let document = Document {
            value: RefCell::new(self.default.borrow().clone()),
            ..Document::default()
        };
        document.common.set_position(self.position.clone());
        document
    }

    /// The default of a map item type.
    fn default_item(&self) -> MapItem {
        let key = match &self.kind {
            TypeKind::MapItem { key, .. } => key.clone(),
            _ => Value::NULL,
        };
        let item = MapItem {
            key: RefCell::new(key),
            value: RefCell::new(self.default.borrow().clone()),
            ..MapItem::default()
        };
        item.common.set_position(self.position.clone());
        item
    }

    fn set_default(&self, value: Value) {
        match &self.kind {
            TypeKind::Map(_) => {}
            TypeKind::Null(wrapped) => wrapped.set_default(value),
            _ => *self.default.borrow_mut() = value,
        }
    }

    pub(crate) fn documentation(&self) -> Documentation {
        self.documentation.borrow().clone()
    }

    fn document(&self, change: impl FnOnce(&mut Documentation)) {
        match &self.kind {
            TypeKind::Document(_) | TypeKind::MapItem { .. } | TypeKind::ArrayItem(_) => {}
            _ => change(&mut self.documentation.borrow_mut()),
        }
    }
}

/// What is wrong with a schema: a report, or something that is not about schemas.
#[derive(Debug)]
pub(crate) enum SchemaProblem {
    /// One failure, to be put into a report.
    Failure(Box<SchemaFailure>),
    /// A finished report, or another message.
    Message(String),
}

impl From<SchemaFailure> for SchemaProblem {
    fn from(failure: SchemaFailure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl From<Error> for SchemaProblem {
    fn from(error: Error) -> Self {
        Self::Message(error.into())
    }
}

impl From<String> for SchemaProblem {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

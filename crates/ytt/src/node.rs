//! The tree that templates are read into and rendered from.
//!
//! As in the original, nodes are shared and changed in place: a fragment that a template inserts
//! twice is one node, and an overlay that changes it changes both places. Whoever must not be
//! affected takes a [deep copy](Node::deep_copy) first.
//!
//! Source: ytt pkg/yamlmeta.

mod convert;
mod copy;
mod equal;
mod keys;
mod read;
mod walk;

use std::cell::{Cell, Ref, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::annotation::Annotations;
use crate::position::Position;
use crate::schema::TypeRef;
use crate::star::Str;
use crate::validation::NodeValidation;

pub(crate) use convert::{
    duplicate_key, not_in_document, plain_to_nodes, plain_to_nodes_from_memory, to_plain,
};
pub(crate) use copy::DeepCopy;
pub(crate) use keys::{KeyIndex, short_form};
pub(crate) use read::{ReadOptions, read, read_plain};
pub(crate) use walk::{path_to, walk};

/// A scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    /// An integer that was read from YAML (Go `int`).
    Int(i64),
    /// An integer that was computed (Go `int64`); unequal to every [`Scalar::Int`].
    Int64(i64),
    /// An integer that only fits without sign (Go `uint64`).
    Uint(u64),
    Float(f64),
    Str(Str),
}

/// Anything that can be the value of an item.
#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    /// A mapping that was computed and is not a node.
    Dict(Rc<Dict>),
    /// A list that was computed and is not a node.
    List(Rc<Vec<Value>>),
    Node(Node),
}

/// What one value of a plain dict or list takes.
pub(crate) const PLAIN_BYTES: usize = size_of::<(Value, Value)>();

/// What one node takes, its place in the node around it included.
pub(crate) const NODE_BYTES: usize = size_of::<MapItem>() + 32;

/// Entries in order, each key once.
#[derive(Clone, Default)]
pub(crate) struct Dict {
    pub(crate) entries: Vec<(Value, Value)>,
}

/// A node, shared.
#[derive(Clone)]
pub(crate) enum Node {
    DocumentSet(Rc<DocumentSet>),
    Document(Rc<Document>),
    Map(Rc<Map>),
    MapItem(Rc<MapItem>),
    Array(Rc<Array>),
    ArrayItem(Rc<ArrayItem>),
}

/// What all kinds of nodes have.
#[derive(Default)]
pub(crate) struct Common {
    position: RefCell<Position>,
    comments: RefCell<Vec<Comment>>,
    annotations: RefCell<Annotations>,
    /// The schema's type of this node; not copied with the node.
    schema_type: RefCell<Option<TypeRef>>,
    /// Rules that the value must satisfy; not copied with the node.
    validations: RefCell<Vec<Rc<NodeValidation>>>,
}

/// A comment that is attached to a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comment {
    pub(crate) text: Rc<str>,
    pub(crate) position: Position,
}

#[derive(Default)]
pub(crate) struct DocumentSet {
    pub(crate) common: Common,
    pub(crate) items: RefCell<Vec<Rc<Document>>>,
}

#[derive(Default)]
pub(crate) struct Document {
    pub(crate) common: Common,
    pub(crate) value: RefCell<Value>,
    /// Not in the text: carries the comments behind the last document.
    pub(crate) injected: bool,
}

#[derive(Default)]
pub(crate) struct Map {
    pub(crate) common: Common,
    pub(crate) items: RefCell<Vec<Rc<MapItem>>>,
    pub(crate) depth: Cell<u32>,
}

#[derive(Default)]
pub(crate) struct MapItem {
    pub(crate) common: Common,
    pub(crate) key: RefCell<Value>,
    pub(crate) value: RefCell<Value>,
}

#[derive(Default)]
pub(crate) struct Array {
    pub(crate) common: Common,
    pub(crate) items: RefCell<Vec<Rc<ArrayItem>>>,
    pub(crate) depth: Cell<u32>,
}

#[derive(Default)]
pub(crate) struct ArrayItem {
    pub(crate) common: Common,
    pub(crate) value: RefCell<Value>,
}

impl Common {
    pub(crate) fn at(position: Position) -> Self {
        Self {
            position: RefCell::new(position),
            ..Self::default()
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.position.borrow().clone()
    }

    pub(crate) fn set_position(&self, position: Position) {
        *self.position.borrow_mut() = position;
    }

    pub(crate) fn comments(&self) -> Ref<'_, Vec<Comment>> {
        self.comments.borrow()
    }

    pub(crate) fn set_comments(&self, comments: Vec<Comment>) {
        *self.comments.borrow_mut() = comments;
    }

    pub(crate) fn add_comment(&self, comment: Comment) {
        self.comments.borrow_mut().push(comment);
    }

    pub(crate) fn annotations(&self) -> Ref<'_, Annotations> {
        self.annotations.borrow()
    }

    pub(crate) fn set_annotations(&self, annotations: Annotations) {
        *self.annotations.borrow_mut() = annotations;
    }

    pub(crate) fn change_annotations(&self, change: impl FnOnce(&mut Annotations)) {
        change(&mut self.annotations.borrow_mut());
    }

    pub(crate) fn schema_type(&self) -> Option<TypeRef> {
        self.schema_type.borrow().clone()
    }

    pub(crate) fn set_schema_type(&self, found: TypeRef) {
        *self.schema_type.borrow_mut() = Some(found);
    }

    pub(crate) fn validations(&self) -> Vec<Rc<NodeValidation>> {
        self.validations.borrow().clone()
    }

    pub(crate) fn set_validation(&self, validation: Rc<NodeValidation>) {
        *self.validations.borrow_mut() = vec![validation];
    }

    pub(crate) fn add_validation(&self, validation: Rc<NodeValidation>) {
        self.validations.borrow_mut().push(validation);
    }
}

impl Scalar {
    pub(crate) fn text(text: impl Into<Str>) -> Self {
        Self::Str(text.into())
    }

    /// How Go prints the value with `%s`, which keys in messages go through.
    pub(crate) fn go_string(&self) -> String {
        match self {
            Self::Null => "%!s(<nil>)".to_owned(),
            Self::Bool(value) => format!("%!s(bool={value})"),
            Self::Int(value) => format!("%!s(int={value})"),
            Self::Int64(value) => format!("%!s(int64={value})"),
            Self::Uint(value) => format!("%!s(uint64={value})"),
            Self::Float(value) => {
                format!("%!s(float64={})", carto_yaml::number::format_float(*value))
            }
            Self::Str(text) => text.to_text().into_owned(),
        }
    }
}

impl Value {
    pub(crate) const NULL: Self = Self::Scalar(Scalar::Null);

    pub(crate) fn text(text: impl Into<Str>) -> Self {
        Self::Scalar(Scalar::text(text))
    }

    pub(crate) fn map(map: Map) -> Self {
        Self::Node(Node::Map(Rc::new(map)))
    }

    pub(crate) fn array(array: Array) -> Self {
        Self::Node(Node::Array(Rc::new(array)))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Null))
    }

    pub(crate) fn as_node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Rc<Map>> {
        match self {
            Self::Node(Node::Map(map)) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&Rc<Array>> {
        match self {
            Self::Node(Node::Array(array)) => Some(array),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&Str> {
        match self {
            Self::Scalar(Scalar::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The kind of value, in words for users.
    ///
    /// Source: ytt pkg/yamlmeta/node.go `TypeName`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => match scalar {
                Scalar::Null => "null",
                Scalar::Bool(_) => "boolean",
                Scalar::Int(_) | Scalar::Int64(_) | Scalar::Uint(_) => "integer",
                Scalar::Float(_) => "float",
                Scalar::Str(_) => "string",
            },
            Self::Dict(_) => "*orderedmap.Map",
            Self::List(_) => "[]interface {}",
            Self::Node(node) => node.type_name(),
        }
    }

    /// The name of the value's type in the original, which leaks into messages.
    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => match scalar {
                Scalar::Null => "<nil>",
                Scalar::Bool(_) => "bool",
                Scalar::Int(_) => "int",
                Scalar::Int64(_) => "int64",
                Scalar::Uint(_) => "uint64",
                Scalar::Float(_) => "float64",
                Scalar::Str(_) => "string",
            },
            Self::Dict(_) => "*orderedmap.Map",
            Self::List(_) => "[]interface {}",
            Self::Node(node) => node.go_type(),
        }
    }

    /// How Go prints the value with `%s`.
    pub(crate) fn go_string(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.go_string(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::go_string).collect();
                format!("[{}]", items.join(" "))
            }
            other => other.go_type().to_owned(),
        }
    }

    /// Whether the value may be put into an item or a document.
    fn is_content(&self) -> bool {
        match self {
            Self::Scalar(_) | Self::Dict(_) | Self::List(_) => true,
            Self::Node(node) => matches!(node, Node::Map(_) | Node::Array(_)),
        }
    }

    /// Levels of collections in the value, as far as they were counted when it was closed.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::Scalar(_) => 0,
            Self::Dict(dict) => {
                1 + dict
                    .entries
                    .iter()
                    .map(|(_, value)| value.depth())
                    .max()
                    .unwrap_or(0)
            }
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Node(Node::Map(map)) => map.depth.get(),
            Self::Node(Node::Array(array)) => array.depth.get(),
            Self::Node(Node::MapItem(item)) => item.value.borrow().depth(),
            Self::Node(Node::ArrayItem(item)) => item.value.borrow().depth(),
            Self::Node(Node::Document(document)) => document.value.borrow().depth(),
            Self::Node(Node::DocumentSet(set)) => {
                let items = set.items.borrow();
                items
                    .iter()
                    .map(|item| item.value.borrow().depth())
                    .max()
                    .unwrap_or(0)
            }
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::NULL
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Dict(dict) => f
                .debug_map()
                .entries(dict.entries.iter().map(|(k, v)| (k, v)))
                .finish(),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Node(node) => node.fmt(f),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.go_type())?;
        f.debug_list().entries(self.values()).finish()
    }
}

impl Node {
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::DocumentSet(node) => &node.common,
            Self::Document(node) => &node.common,
            Self::Map(node) => &node.common,
            Self::MapItem(node) => &node.common,
            Self::Array(node) => &node.common,
            Self::ArrayItem(node) => &node.common,
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.common().position()
    }

    /// The kind of node, in words for users.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::DocumentSet(_) => "document set",
            Self::Document(_) => "document",
            Self::Map(_) => "map",
            Self::MapItem(_) => "map item",
            Self::Array(_) => "array",
            Self::ArrayItem(_) => "array item",
        }
    }

    /// The name of the node's type in the original, which leaks into messages.
    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Self::DocumentSet(_) => "*yamlmeta.DocumentSet",
            Self::Document(_) => "*yamlmeta.Document",
            Self::Map(_) => "*yamlmeta.Map",
            Self::MapItem(_) => "*yamlmeta.MapItem",
            Self::Array(_) => "*yamlmeta.Array",
            Self::ArrayItem(_) => "*yamlmeta.ArrayItem",
        }
    }

    /// The children: items of a collection, or the one value of an item or document.
    pub(crate) fn values(&self) -> Vec<Value> {
        fn nodes<T>(items: &RefCell<Vec<Rc<T>>>, wrap: fn(Rc<T>) -> Node) -> Vec<Value> {
            items
                .borrow()
                .iter()
                .map(|item| Value::Node(wrap(Rc::clone(item))))
                .collect()
        }
        match self {
            Self::DocumentSet(node) => nodes(&node.items, Node::Document),
            Self::Map(node) => nodes(&node.items, Node::MapItem),
            Self::Array(node) => nodes(&node.items, Node::ArrayItem),
            Self::Document(node) => vec![node.value.borrow().clone()],
            Self::MapItem(node) => vec![node.value.borrow().clone()],
            Self::ArrayItem(node) => vec![node.value.borrow().clone()],
        }
    }

    /// The one value of an item or document.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Self::Document(node) => Some(node.value.borrow().clone()),
            Self::MapItem(node) => Some(node.value.borrow().clone()),
            Self::ArrayItem(node) => Some(node.value.borrow().clone()),
            Self::DocumentSet(_) | Self::Map(_) | Self::Array(_) => None,
        }
    }

    /// Puts `value` in place of what an item or document holds.
    pub(crate) fn set_value(&self, value: Value) -> Result<(), String> {
        match self {
            Self::Document(_) | Self::MapItem(_) | Self::ArrayItem(_) => self.add_value(value),
            Self::Array(_) => Err(format!("cannot set value on an {}", self.type_name())),
            Self::DocumentSet(_) | Self::Map(_) => {
                Err(format!("cannot set value on a {}", self.type_name()))
            }
        }
    }

    /// Adds an item to a collection, or sets the value of an item or document.
    ///
    /// Source: ytt pkg/yamlmeta/node.go; the messages are the original's.
    pub(crate) fn add_value(&self, value: Value) -> Result<(), String> {
        let what = value.type_name();
        match (self, value) {
            (Self::DocumentSet(set), Value::Node(Node::Document(item))) => {
                set.items.borrow_mut().push(item);
            }
            (Self::DocumentSet(_), _) => {
                return Err(format!(
                    "document sets can only contain documents; this is a {what}"
                ));
            }
            (Self::Map(map), Value::Node(Node::MapItem(item))) => {
                map.items.borrow_mut().push(item);
            }
            (Self::Map(_), _) => {
                return Err(format!("maps can only contain map items; this is a {what}"));
            }
            (Self::Array(array), Value::Node(Node::ArrayItem(item))) => {
                array.items.borrow_mut().push(item);
            }
            (Self::Array(_), _) => {
                return Err(format!(
                    "arrays can only contain array items; this is a {what}"
                ));
            }
            (Self::Document(document), value) if value.is_content() => {
                *document.value.borrow_mut() = value;
            }
            (Self::Document(_), _) => {
                return Err(format!(
                    "documents can only contain arrays, maps, or scalars; this is a {what}"
                ));
            }
            (Self::MapItem(item), value) if value.is_content() => {
                *item.value.borrow_mut() = value;
            }
            (Self::MapItem(_), _) => {
                return Err(format!(
                    "map items can only contain arrays, maps, or scalars; this is a {what}"
                ));
            }
            (Self::ArrayItem(item), value) if value.is_content() => {
                *item.value.borrow_mut() = value;
            }
            (Self::ArrayItem(_), _) => {
                return Err(format!(
                    "array items can only contain maps, arrays, or scalars; this is a {what}"
                ));
            }
        }
        Ok(())
    }

    /// Counts the levels in a collection whose items are complete.
    pub(crate) fn close(&self) {
        match self {
            Self::Map(map) => {
                let items = map.items.borrow();
                let inner = items.iter().map(|item| item.value.borrow().depth()).max();
                map.depth.set(1 + inner.unwrap_or(0));
            }
            Self::Array(array) => {
                let items = array.items.borrow();
                let inner = items.iter().map(|item| item.value.borrow().depth()).max();
                array.depth.set(1 + inner.unwrap_or(0));
            }
            Self::DocumentSet(_) | Self::Document(_) | Self::MapItem(_) | Self::ArrayItem(_) => {}
        }
    }
}

impl Document {
    /// Whether the document prints nothing and takes no part in overlays.
    ///
    /// Source: ytt pkg/yamlmeta/document.go; an empty dict that is not a node does not count.
    pub(crate) fn is_empty(&self) -> bool {
        match &*self.value.borrow() {
            Value::Scalar(Scalar::Null) => true,
            Value::Node(Node::Map(map)) => map.items.borrow().is_empty(),
            Value::Node(Node::Array(array)) => array.items.borrow().is_empty(),
            _ => false,
        }
    }
}

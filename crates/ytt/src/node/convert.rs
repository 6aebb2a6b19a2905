//! Between nodes and the plain dicts and lists of the language.
//!
//! Source: ytt pkg/yamlmeta/convert.go.

use std::cell::RefCell;
use std::rc::Rc;

use super::{
    Array, ArrayItem, Common, Dict, KeyIndex, Map, MapItem, NODE_BYTES, Node, PLAIN_BYTES, Scalar,
    Value,
};
use crate::position::Position;
use crate::star::{Budget, Error};

/// The value without nodes: maps become dicts, arrays lists.
///
/// # Errors
/// A document inside the value, or a key that occurs twice: the original crashes there. Or a used
/// up budget.
pub(crate) fn to_plain(value: &Value, budget: &Budget) -> Result<Value, Error> {
    budget.allocate_tree(PLAIN_BYTES)?;
    Ok(match value {
        Value::Scalar(_) => value.clone(),
        Value::List(items) => {
            let items: Result<_, _> = items.iter().map(|item| to_plain(item, budget)).collect();
            Value::List(Rc::new(items?))
        }
        Value::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.entries.len());
            for (key, value) in &dict.entries {
                entries.push((key.clone(), to_plain(value, budget)?));
            }
            Value::Dict(Rc::new(Dict { entries }))
        }
        Value::Node(Node::Map(map)) => {
            let items = map.items.borrow();
            let mut known = KeyIndex::default();
            let mut entries = Vec::with_capacity(items.len());
            for item in items.iter() {
                let key = item.key.borrow();
                if !known.insert(&key) {
                    return Err(duplicate_key(&key));
                }
                entries.push((key.clone(), to_plain(&item.value.borrow(), budget)?));
            }
            Value::Dict(Rc::new(Dict { entries }))
        }
        Value::Node(Node::Array(array)) => {
            let items = array.items.borrow();
            let plain: Result<_, _> = items
                .iter()
                .map(|item| to_plain(&item.value.borrow(), budget))
                .collect();
            Value::List(Rc::new(plain?))
        }
        Value::Node(node @ (Node::DocumentSet(_) | Node::Document(_))) => {
            return Err(not_in_document(node));
        }
        Value::Node(Node::MapItem(_) | Node::ArrayItem(_)) => value.clone(),
    })
}

/// A key that occurs twice in a map.
pub(crate) fn duplicate_key(key: &Value) -> Error {
    Error::panic(format!("Unexpected duplicate key: {}", key.go_string()))
}

/// A document where there can be none.
pub(crate) fn not_in_document(node: &Node) -> Error {
    Error::panic(format!(
        "Unexpected {} value within *yamlmeta.Document",
        node.go_type()
    ))
}

/// The value with dicts and lists turned into nodes at `position`; nodes in it are changed in
/// place.
///
/// # Errors
/// A used up budget.
pub(crate) fn plain_to_nodes(
    value: &Value,
    position: &Position,
    budget: &Budget,
) -> Result<Value, Error> {
    let place = |_: Option<&Value>, _: &Value| position.clone();
    Conversion {
        place: &place,
        collection: position.clone(),
        budget,
    }
    .value(value)
}

/// The same with positions that stand for computed values.
///
/// # Errors
/// A used up budget.
pub(crate) fn plain_to_nodes_from_memory(value: &Value, budget: &Budget) -> Result<Value, Error> {
    let place = |key: Option<&Value>, value: &Value| {
        let shown = go_syntax(value);
        let text = match key {
            Some(key) => format!("{}: {shown}", key.go_display()),
            None => format!("- {shown}"),
        };
        Position::Memory(text.into())
    };
    Conversion {
        place: &place,
        collection: Position::Unknown,
        budget,
    }
    .value(value)
}

/// Turns dicts and lists into nodes.
struct Conversion<'a> {
    /// Position of an item, from its key, if it has one, and its value.
    place: &'a dyn Fn(Option<&Value>, &Value) -> Position,
    /// Position of maps and arrays themselves.
    collection: Position,
    budget: &'a Budget,
}

impl Conversion<'_> {
    fn value(&self, value: &Value) -> Result<Value, Error> {
        Ok(match value {
            Value::Scalar(_) => value.clone(),
            Value::List(items) => {
                self.budget.allocate_tree(NODE_BYTES)?;
                let items: Result<_, Error> = items.iter().map(|item| self.item(item)).collect();
                closed(Node::Array(Rc::new(Array {
                    common: Common::at(self.collection.clone()),
                    items: RefCell::new(items?),
                    ..Array::default()
                })))
            }
            Value::Dict(dict) => {
                self.budget.allocate_tree(NODE_BYTES)?;
                let entries = dict.entries.iter();
                let items: Result<_, Error> =
                    entries.map(|(key, value)| self.entry(key, value)).collect();
                closed(Node::Map(Rc::new(Map {
                    common: Common::at(self.collection.clone()),
                    items: RefCell::new(items?),
                    ..Map::default()
                })))
            }
            Value::Node(node) => {
                self.inside(node)?;
                value.clone()
            }
        })
    }

    fn item(&self, item: &Value) -> Result<Rc<ArrayItem>, Error> {
        self.budget.allocate_tree(NODE_BYTES)?;
        let value = self.value(item)?;
        Ok(Rc::new(ArrayItem {
            common: Common::at((self.place)(None, &value)),
            value: RefCell::new(value),
        }))
    }

    fn entry(&self, key: &Value, value: &Value) -> Result<Rc<MapItem>, Error> {
        self.budget.allocate_tree(NODE_BYTES)?;
        let value = self.value(value)?;
        Ok(Rc::new(MapItem {
            common: Common::at((self.place)(Some(key), &value)),
            key: RefCell::new(key.clone()),
            value: RefCell::new(value),
        }))
    }

    /// Converts what a node holds, in place.
    fn inside(&self, node: &Node) -> Result<(), Error> {
        self.budget.work(1)?;
        let convert = |value: &RefCell<Value>| {
            let converted = self.value(&value.borrow())?;
            *value.borrow_mut() = converted;
            Ok::<_, Error>(())
        };
        match node {
            Node::DocumentSet(set) => {
                let items = set.items.borrow();
                items.iter().try_for_each(|item| convert(&item.value))?;
            }
            Node::Document(document) => convert(&document.value)?,
            Node::Map(map) => {
                let items = map.items.borrow();
                items.iter().try_for_each(|item| convert(&item.value))?;
            }
            Node::MapItem(item) => convert(&item.value)?,
            Node::Array(array) => {
                let items = array.items.borrow();
                items.iter().try_for_each(|item| convert(&item.value))?;
            }
            Node::ArrayItem(item) => convert(&item.value)?,
        }
        node.close();
        Ok(())
    }
}

fn closed(node: Node) -> Value {
    node.close();
    Value::Node(node)
}

impl Value {
    /// How Go prints the value with `%v`.
    pub(crate) fn go_display(&self) -> String {
        match self {
            Self::Scalar(Scalar::Null) => "<nil>".to_owned(),
            Self::Scalar(Scalar::Bool(value)) => value.to_string(),
            Self::Scalar(Scalar::Int(value) | Scalar::Int64(value)) => value.to_string(),
            Self::Scalar(Scalar::Uint(value)) => value.to_string(),
            Self::Scalar(Scalar::Float(value)) => go_display_float(*value),
            Self::Scalar(Scalar::Str(text)) => text.to_text().into_owned(),
            other => other.go_type().to_owned(),
        }
    }
}

/// `%v` of a float is `%g`, with an exponent from 21 digits on.
fn go_display_float(value: f64) -> String {
    let general = carto_yaml::number::format_float(value);
    let magnitude = value.abs();
    if value.is_finite() && (1e6..1e21).contains(&magnitude) {
        format!("{value}")
    } else {
        general
    }
}

/// How Go prints the value with `%#v`, as far as it is shown to users: scalars.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Scalar(Scalar::Str(text)) => format!("{:?}", text.to_text()),
        Value::Scalar(Scalar::Float(value)) => go_display_float(*value),
        Value::Scalar(Scalar::Uint(value)) => format!("{value:#x}"),
        other => other.go_display(),
    }
}

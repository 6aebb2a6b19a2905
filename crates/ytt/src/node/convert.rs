//! Between nodes and the plain dicts and lists of the language.
//!
//! Source: ytt pkg/yamlmeta/convert.go.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Array, ArrayItem, Common, Dict, Map, MapItem, Node, Scalar, Value};
use crate::position::Position;

/// The value without nodes: maps become dicts, arrays lists.
///
/// # Errors
/// A document inside the value, or a key that occurs twice: the original crashes there.
pub(crate) fn to_plain(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Scalar(_) => value.clone(),
        Value::List(items) => Value::List(Rc::new(
            items.iter().map(to_plain).collect::<Result<_, _>>()?,
        )),
        Value::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.entries.len());
            for (key, value) in &dict.entries {
                entries.push((key.clone(), to_plain(value)?));
            }
            Value::Dict(Rc::new(Dict { entries }))
        }
        Value::Node(Node::Map(map)) => {
            let items = map.items.borrow();
            let mut dict = Dict {
                entries: Vec::with_capacity(items.len()),
            };
            for item in items.iter() {
                let key = item.key.borrow();
                if dict.get(&key).is_some() {
                    return Err(format!("Unexpected duplicate key: {}", key.go_string()));
                }
                dict.entries
                    .push((key.clone(), to_plain(&item.value.borrow())?));
            }
            Value::Dict(Rc::new(dict))
        }
        Value::Node(Node::Array(array)) => {
            let items = array.items.borrow();
            let plain: Result<_, _> = items
                .iter()
                .map(|item| to_plain(&item.value.borrow()))
                .collect();
            Value::List(Rc::new(plain?))
        }
        Value::Node(node @ (Node::DocumentSet(_) | Node::Document(_))) => {
            return Err(format!(
                "Unexpected {} value within *yamlmeta.Document",
                node.go_type()
            ));
        }
        Value::Node(Node::MapItem(_) | Node::ArrayItem(_)) => value.clone(),
    })
}

/// The value with dicts and lists turned into nodes at `position`; nodes in it are changed in
/// place.
pub(crate) fn plain_to_nodes(value: &Value, position: &Position) -> Value {
    into_nodes(value, &|_, _| position.clone())
}

/// The same with positions that stand for computed values.
pub(crate) fn plain_to_nodes_from_memory(value: &Value) -> Value {
    into_nodes(value, &|key, value| {
        let shown = go_syntax(value);
        let text = match key {
            Some(key) => format!("{}: {shown}", key.go_display()),
            None => format!("- {shown}"),
        };
        Position::Memory(text.into())
    })
}

/// Position of an item, from its key, if it has one, and its value.
type PositionOf<'a> = dyn Fn(Option<&Value>, &Value) -> Position + 'a;

fn into_nodes(value: &Value, position: &PositionOf<'_>) -> Value {
    match value {
        Value::Scalar(_) => value.clone(),
        Value::List(items) => {
            let items = items
                .iter()
                .map(|item| {
                    let value = into_nodes(item, position);
                    let common = Common::at(position(None, &value));
                    Rc::new(ArrayItem {
                        common,
                        value: RefCell::new(value),
                    })
                })
                .collect();
            let common = Common::at(collection_position(position));
            let node = Node::Array(Rc::new(Array {
                common,
                items: RefCell::new(items),
                ..Array::default()
            }));
            node.close();
            Value::Node(node)
        }
        Value::Dict(dict) => {
            let items = dict
                .entries
                .iter()
                .map(|(key, value)| {
                    let value = into_nodes(value, position);
                    Rc::new(MapItem {
                        common: Common::at(position(Some(key), &value)),
                        key: RefCell::new(key.clone()),
                        value: RefCell::new(value),
                    })
                })
                .collect();
            let common = Common::at(collection_position(position));
            let node = Node::Map(Rc::new(Map {
                common,
                items: RefCell::new(items),
                ..Map::default()
            }));
            node.close();
            Value::Node(node)
        }
        Value::Node(node) => {
            node_into_nodes(node, position);
            value.clone()
        }
    }
}

/// Collections themselves get the default position, or none when values are computed.
fn collection_position(position: &PositionOf<'_>) -> Position {
    match position(None, &Value::NULL) {
        Position::Memory(_) => Position::Unknown,
        known => known,
    }
}

fn node_into_nodes(node: &Node, position: &PositionOf<'_>) {
    let convert = |value: &RefCell<Value>| {
        let converted = into_nodes(&value.borrow(), position);
        *value.borrow_mut() = converted;
    };
    match node {
        Node::DocumentSet(set) => {
            for item in set.items.borrow().iter() {
                convert(&item.value);
            }
        }
        Node::Document(document) => convert(&document.value),
        Node::Map(map) => {
            for item in map.items.borrow().iter() {
                convert(&item.value);
            }
        }
        Node::MapItem(item) => convert(&item.value),
        Node::Array(array) => {
            for item in array.items.borrow().iter() {
                convert(&item.value);
            }
        }
        Node::ArrayItem(item) => convert(&item.value),
    }
    node.close();
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

//! The instruction machine: what the calls of a compiled template do.
//!
//! A stack of contexts, one per function that produces nodes and one for the template. Each
//! context has a stack of open nodes; starting a node first closes nodes until the top is an
//! ancestor of the new one *in the template*, so that loops append siblings and nodes of several
//! branches meet under one parent. Source: ytt pkg/template/evaluation_ctx.go,
//! compiled_template.go, pkg/yamltemplate/evaluation_ctx.go, map_key_overrides.go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::compile::{Key, NO_PARENT, NodeKind, NodeTable, NodeTemplate};

use crate::annotation::{Annotation, Annotations, name};
use crate::bridge::{MAX_DEPTH, to_tree, too_deep};
use crate::fragment::Fragment;
use crate::node::{
    Array, ArrayItem, Comment, Common, Dict, Document, DocumentSet, KeyIndex, Map, MapItem,
    NODE_BYTES, Node, Value, plain_to_nodes,
};
use crate::position::Position;
use crate::star::{self, Budget, Error, Str};

/// Which kind of nodes a context makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Yaml,
    Text,
}

/// A node in the making.
#[derive(Clone)]
pub(crate) enum Built {
    Yaml(Node),
    TextRoot(Rc<RefCell<Vec<Rc<RefCell<Str>>>>>),
    Text(Rc<RefCell<Str>>),
}

/// An open node.
struct Open {
    tag: u32,
    node: Built,
    /// Keys of a large map, so that a repeated key is found fast.
    keys: Option<KeyIndex>,
}

struct Context {
    dialect: Dialect,
    root: Option<Built>,
    open: Vec<Open>,
    annotations: BTreeMap<u32, Annotations>,
    keys: BTreeMap<u32, Value>,
}

/// The machine of one template that is being evaluated.
pub(crate) struct Machine {
    nodes: Arc<NodeTable>,
    implicit_key_overrides: bool,
    contexts: Vec<Context>,
    /// Root of the template's own context, once that is closed.
    result: Option<Built>,
}

impl Machine {
    pub(crate) fn new(nodes: Arc<NodeTable>, implicit_key_overrides: bool) -> Self {
        Self {
            nodes,
            implicit_key_overrides,
            contexts: Vec::new(),
            result: None,
        }
    }

    /// What the template made. Code without nodes makes nothing.
    ///
    /// # Errors
    /// When contexts are left open.
    pub(crate) fn finish(&mut self) -> Result<Option<Built>, Error> {
        // A text template leaves by an `end_ctx` of its own, as does a YAML template.
        if self.contexts.is_empty() {
            Ok(self.result.take())
        } else {
            Err(Error::panic("expected all ctxs to end"))
        }
    }

    pub(crate) fn start_context(&mut self, dialect: &[u8]) {
        let dialect = if dialect == b"text" {
            Dialect::Text
        } else {
            Dialect::Yaml
        };
        self.contexts.push(Context {
            dialect,
            root: None,
            open: Vec::new(),
            annotations: BTreeMap::new(),
            keys: BTreeMap::new(),
        });
    }

    /// Closes a context; gives its root as a value of the language.
    pub(crate) fn end_context(&mut self, budget: &Rc<Budget>) -> Result<star::Value, Error> {
        let Some(mut context) = self.contexts.pop() else {
            return Err(Error::panic("unexpected ctx end"));
        };
        context.close_from(0);
        let value = match &context.root {
            Some(Built::Yaml(node)) => {
                Fragment::new(Value::Node(node.clone()), Rc::clone(budget)).into_value()
            }
            Some(Built::TextRoot(pieces)) => star::Value::Str(join(&pieces.borrow(), budget)?),
            Some(Built::Text(text)) => star::Value::Str(text.borrow().clone()),
            None if context.dialect == Dialect::Text => {
                return Err(Error::panic("Unexpected root value <nil>"));
            }
            None => Fragment::new(Value::NULL, Rc::clone(budget)).into_value(),
        };
        if self.contexts.is_empty() && self.result.is_none() {
            self.result = context.root;
        }
        Ok(value)
    }

    pub(crate) fn start_node_annotation(
        &mut self,
        tag: u32,
        name: &str,
        args: &[star::Value],
        kwargs: &[(String, star::Value)],
        budget: &Budget,
    ) -> Result<(), Error> {
        let nodes = Arc::clone(&self.nodes);
        // Each is looked for among all of the node.
        budget.work(nodes.get(tag).map_or(0, |node| node.annotations.len()))?;
        let known = nodes.get(tag).and_then(|node| {
            // Of several annotations of one name the position of the last counts.
            node.annotations
                .iter()
                .rev()
                .find(|(known, _)| **known == *name)
        });
        let Some((name, position)) = known else {
            return Err(Error::new(format!(
                "expected to find {name} on node node tag {tag}"
            )));
        };
        let annotation = Annotation {
            args: Rc::from(args),
            kwargs: Rc::from(kwargs),
            position: position.clone(),
        };
        let name = Arc::clone(name);
        let annotations = self.context()?.annotations.entry(tag).or_default();
        annotations.set(name, annotation);
        Ok(())
    }

    pub(crate) fn set_map_item_key(
        &mut self,
        tag: u32,
        key: &star::Value,
        budget: &Budget,
    ) -> Result<(), Error> {
        let key = to_tree(key, budget)?;
        let context = self.context()?;
        if context.keys.insert(tag, key).is_some() {
            return Err(Error::panic(format!(
                "expected to find not map item key for node node tag {tag}"
            )));
        }
        Ok(())
    }

    /// Gives the open node the value that it has in the template.
    pub(crate) fn set_node_default(&mut self, tag: u32, budget: &Budget) -> Result<(), Error> {
        let nodes = Arc::clone(&self.nodes);
        let Some(template) = nodes.get(tag) else {
            return Err(no_such_node(tag));
        };
        let value = match &template.kind {
            NodeKind::Document { value, .. }
            | NodeKind::MapItem { value, .. }
            | NodeKind::ArrayItem { value } => Value::Scalar(value.clone()),
            NodeKind::Text(text) => Value::text(text.as_str()),
            NodeKind::DocumentSet | NodeKind::Map | NodeKind::Array | NodeKind::TextRoot => {
                return Ok(());
            }
        };
        self.set_open_value(value, budget)
    }

    /// Gives the open node a computed value.
    pub(crate) fn set_node_value(
        &mut self,
        value: &star::Value,
        budget: &Budget,
    ) -> Result<(), Error> {
        self.set_open_value(to_tree(value, budget)?, budget)
    }

    fn set_open_value(&mut self, value: Value, budget: &Budget) -> Result<(), Error> {
        let context = self.context()?;
        let levels = u32::try_from(context.open.len() / 2).unwrap_or(u32::MAX);
        if levels.saturating_add(value.depth()) > MAX_DEPTH {
            return Err(too_deep(budget));
        }
        let Some(open) = context.open.last() else {
            return Err(Error::panic("runtime error: index out of range [-1]"));
        };
        match (&open.node, value) {
            (Built::Yaml(node), value) => node.set_value(value).map_err(Error::new),
            (Built::Text(text), Value::Scalar(crate::node::Scalar::Str(value))) => {
                *text.borrow_mut() = value;
                Ok(())
            }
            (Built::Text(_), value) => Err(Error::new(format!(
                "cannot set non-string value ({}), consider using str(...) to convert to string",
                value.go_type()
            ))),
            (Built::TextRoot(_), _) => Err(Error::new("cannot set value on a noderoot")),
        }
    }

    pub(crate) fn start_node(&mut self, tag: u32, budget: &Budget) -> Result<(), Error> {
        budget.allocate(NODE_BYTES)?;
        let nodes = Arc::clone(&self.nodes);
        let implicit = self.implicit_key_overrides;
        let context = self.context()?;
        if context.open.len() / 2 > MAX_DEPTH as usize {
            return Err(too_deep(budget));
        }
        context.start_node(&nodes, tag, implicit, budget)
    }

    /// Puts the items of `value` in place of the open node.
    pub(crate) fn replace(&mut self, value: &star::Value, budget: &Budget) -> Result<(), Error> {
        let value = to_tree(value, budget)?;
        let implicit = self.implicit_key_overrides;
        let context = self.context()?;
        if context.dialect == Dialect::Text {
            return Err(Error::new("unsupported operation"));
        }
        context.replace(&value, implicit, budget)
    }

    fn context(&mut self) -> Result<&mut Context, Error> {
        self.contexts
            .last_mut()
            .ok_or_else(|| Error::panic("runtime error: index out of range [-1]"))
    }
}

impl Context {
    fn start_node(
        &mut self,
        nodes: &NodeTable,
        tag: u32,
        implicit_key_overrides: bool,
        budget: &Budget,
    ) -> Result<(), Error> {
        let Some(template) = nodes.get(tag) else {
            return Err(no_such_node(tag));
        };
        let node = build(template);
        if let Built::Yaml(node) = &node {
            if let Some(annotations) = self.annotations.remove(&tag) {
                node.common().set_annotations(annotations);
            }
            if let (Some(key), Node::MapItem(item)) = (self.keys.remove(&tag), node) {
                *item.key.borrow_mut() = key;
            }
        }
        if self.root.is_none() {
            if self.needs_wrapper(&node) {
                self.start_node(nodes, template.parent, implicit_key_overrides, budget)?;
            } else {
                self.root = Some(node.clone());
            }
        }
        if let Some(current) = self.open.last().map(|open| open.tag) {
            let common = nodes.common_ancestor(current, tag);
            self.unwind_to(common)?;
            self.add(&node, implicit_key_overrides, budget)?;
        }
        self.open.push(Open {
            tag,
            node,
            keys: None,
        });
        Ok(())
    }

    /// Whether a node can only be a part of something.
    fn needs_wrapper(&self, node: &Built) -> bool {
        match node {
            Built::Yaml(node) => {
                matches!(
                    node,
                    Node::Document(_) | Node::MapItem(_) | Node::ArrayItem(_)
                )
            }
            Built::TextRoot(_) => false,
            Built::Text(_) => true,
        }
    }

    /// Adds a node to the innermost open one.
    fn add(
        &mut self,
        node: &Built,
        implicit_key_overrides: bool,
        budget: &Budget,
    ) -> Result<(), Error> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        match (&open.node, node) {
            (Built::Yaml(parent), Built::Yaml(node)) => {
                if let (Node::Map(map), Node::MapItem(item)) = (parent, node) {
                    let index = open.keys.get_or_insert_with(KeyIndex::default);
                    budget.work(index.keep_up_with(map))?;
                    if index.contains(&item.key.borrow()) {
                        // The index stays as it is: the key goes and comes back at the end.
                        override_key(map, item, implicit_key_overrides, true, budget)?;
                    }
                }
                parent
                    .add_value(Value::Node(node.clone()))
                    .map_err(Error::new)
            }
            (Built::TextRoot(pieces), Built::Text(text)) => {
                pieces.borrow_mut().push(Rc::clone(text));
                Ok(())
            }
            _ => Err(Error::panic(
                "interface conversion: interface {} is not string",
            )),
        }
    }

    /// Closes open nodes until the node with `tag` is the innermost.
    fn unwind_to(&mut self, tag: u32) -> Result<(), Error> {
        let Some(index) = self.open.iter().position(|open| open.tag == tag) else {
            let shown = if tag == NO_PARENT {
                -100
            } else {
                i64::from(tag)
            };
            return Err(Error::panic(format!(
                "expected to find node tag {shown} when unwinding"
            )));
        };
        self.close_from(index + 1);
        Ok(())
    }

    fn close_from(&mut self, index: usize) {
        while self.open.len() > index {
            if let Some(Open {
                node: Built::Yaml(node),
                ..
            }) = self.open.pop()
            {
                node.close();
            }
        }
    }

    fn replace(
        &mut self,
        value: &Value,
        implicit_key_overrides: bool,
        budget: &Budget,
    ) -> Result<(), Error> {
        let mut nodes = self.open.iter_mut().rev();
        let current = nodes.next().map(|open| open.node.clone());
        let parent = nodes.next();
        let Some(Built::Yaml(current)) = current else {
            return Err(Error::new("unsupported operation"));
        };
        let parent_node = match &parent {
            Some(Open {
                node: Built::Yaml(node),
                ..
            }) => Some(node.clone()),
            _ => None,
        };
        match &current {
            Node::Document(placeholder) => {
                let Some(Node::DocumentSet(set)) = &parent_node else {
                    return Err(not_enough_parents("document set"));
                };
                let documents = to_documents(value, budget)?;
                let what = "document in document set";
                replace_in(&mut set.items.borrow_mut(), placeholder, documents, what)
            }
            Node::MapItem(placeholder) => {
                let (Some(Node::Map(map)), Some(open)) = (&parent_node, parent) else {
                    return Err(not_enough_parents("map"));
                };
                let (items, checked) = to_map_items(value, &placeholder.common.position(), budget)?;
                // The index knows all items before the placeholder, which is the last.
                let index = open.keys.take();
                let index = index.filter(|index| index.lacks_only(map, placeholder));
                let mut is_current = index.is_some();
                for item in &items {
                    let key = item.key.borrow();
                    let is_new = index.as_ref().is_some_and(|index| !index.contains(&key))
                        && !placeholder.key.borrow().deep_equal(&key);
                    if !is_new {
                        override_key(map, item, implicit_key_overrides, checked, budget)?;
                        is_current = false;
                    }
                }
                open.keys = index.filter(|_| is_current);
                let what = "map item in map";
                replace_in(&mut map.items.borrow_mut(), placeholder, items, what)
            }
            Node::ArrayItem(placeholder) => {
                let Some(Node::Array(array)) = &parent_node else {
                    return Err(not_enough_parents("array"));
                };
                let items = to_array_items(value, &placeholder.common.position(), budget)?;
                replace_in(
                    &mut array.items.borrow_mut(),
                    placeholder,
                    items,
                    "array item in array",
                )
            }
            other => Err(Error::new(format!(
                "expected to replace document value, map item or array item, but found {}",
                other.type_name()
            ))),
        }
    }
}

fn replace_in<T>(
    items: &mut Vec<Rc<T>>,
    placeholder: &Rc<T>,
    replacement: Vec<Rc<T>>,
    what: &str,
) -> Result<(), Error> {
    // It is among the last that were added.
    let Some(at) = items.iter().rposition(|item| Rc::ptr_eq(item, placeholder)) else {
        return Err(Error::new(format!("expected to find placeholder {what}")));
    };
    items.splice(at..=at, replacement);
    Ok(())
}

fn to_documents(value: &Value, budget: &Budget) -> Result<Vec<Rc<Document>>, Error> {
    match value {
        Value::List(items) => items
            .iter()
            .map(|item| {
                budget.allocate(NODE_BYTES)?;
                Ok(Rc::new(Document {
                    value: RefCell::new(item.clone()),
                    ..Document::default()
                }))
            })
            .collect(),
        Value::Node(Node::DocumentSet(set)) => Ok(set.items.borrow().clone()),
        other => Err(Error::new(format!(
            "expected value to be document set, but was {}",
            other.type_name()
        ))),
    }
}

/// The items, and whether repeated keys among them are errors.
fn to_map_items(
    value: &Value,
    position: &Position,
    budget: &Budget,
) -> Result<(Vec<Rc<MapItem>>, bool), Error> {
    match value {
        Value::Dict(dict) => {
            let items = dict.entries.iter().map(|(key, value)| {
                budget.allocate(NODE_BYTES)?;
                Ok(Rc::new(MapItem {
                    common: Common::at(position.clone()),
                    key: RefCell::new(key.clone()),
                    value: RefCell::new(plain_to_nodes(value, position, budget)?),
                }))
            });
            Ok((items.collect::<Result<_, Error>>()?, false))
        }
        Value::Node(Node::Map(map)) => Ok((map.items.borrow().clone(), true)),
        other => Err(Error::new(format!(
            "expected value to be map, but was {}",
            other.type_name()
        ))),
    }
}

fn to_array_items(
    value: &Value,
    position: &Position,
    budget: &Budget,
) -> Result<Vec<Rc<ArrayItem>>, Error> {
    match value {
        Value::List(items) => items
            .iter()
            .map(|item| {
                budget.allocate(NODE_BYTES)?;
                Ok(Rc::new(ArrayItem {
                    common: Common::at(position.clone()),
                    value: RefCell::new(plain_to_nodes(item, position, budget)?),
                }))
            })
            .collect(),
        Value::Node(Node::Array(array)) => Ok(array.items.borrow().clone()),
        other => Err(Error::new(format!(
            "expected value to be array, but was {}",
            other.type_name()
        ))),
    }
}

/// Makes room for an item whose key may be there already. Looks at all of the map, as does
/// whoever makes its index again.
fn override_key(
    map: &Map,
    item: &MapItem,
    implicit: bool,
    strict: bool,
    budget: &Budget,
) -> Result<(), Error> {
    let key = item.key.borrow();
    let mut items = map.items.borrow_mut();
    budget.work(items.len())?;
    // The last item of a key counts, should there be several.
    let Some(at) = items
        .iter()
        .rposition(|known| known.key.borrow().deep_equal(&key))
    else {
        return Ok(());
    };
    if implicit || !strict || item.common.annotations().has(name::MAP_KEY_OVERRIDE) {
        items.remove(at);
        return Ok(());
    }
    Err(Error::new(format!(
        "expected key '{}' to not be specified again (unless '{}' annotation is added)",
        key.go_string(),
        name::MAP_KEY_OVERRIDE
    )))
}

fn join(pieces: &[Rc<RefCell<Str>>], budget: &Budget) -> Result<Str, Error> {
    let bytes = pieces.iter().map(|piece| piece.borrow().len()).sum();
    budget.allocate_text(bytes)?;
    let mut text = Vec::with_capacity(bytes);
    for piece in pieces {
        text.extend_from_slice(piece.borrow().as_bytes());
    }
    Ok(Str::from(text))
}

impl Built {
    /// The text of a text template.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn to_text(&self, budget: &Budget) -> Result<Option<Str>, Error> {
        match self {
            Self::TextRoot(pieces) => join(&pieces.borrow(), budget).map(Some),
            Self::Text(text) => Ok(Some(text.borrow().clone())),
            Self::Yaml(_) => Ok(None),
        }
    }
}

fn build(template: &NodeTemplate) -> Built {
    let common = || {
        let common = Common::at(template.position.clone());
        if !template.comments.is_empty() {
            let comments = template.comments.iter().map(|(text, position)| Comment {
                text: text.as_str().into(),
                position: position.clone(),
            });
            common.set_comments(comments.collect());
        }
        common
    };
    Built::Yaml(match &template.kind {
        NodeKind::DocumentSet => Node::DocumentSet(Rc::new(DocumentSet {
            common: common(),
            ..DocumentSet::default()
        })),
        NodeKind::Document { injected, .. } => Node::Document(Rc::new(Document {
            common: common(),
            injected: *injected,
            ..Document::default()
        })),
        NodeKind::Map => Node::Map(Rc::new(Map {
            common: common(),
            ..Map::default()
        })),
        NodeKind::MapItem { key, .. } => Node::MapItem(Rc::new(MapItem {
            common: common(),
            key: RefCell::new(key_value(key)),
            ..MapItem::default()
        })),
        NodeKind::Array => Node::Array(Rc::new(Array {
            common: common(),
            ..Array::default()
        })),
        NodeKind::ArrayItem { .. } => Node::ArrayItem(Rc::new(ArrayItem {
            common: common(),
            ..ArrayItem::default()
        })),
        NodeKind::TextRoot => return Built::TextRoot(Rc::default()),
        NodeKind::Text(_) => return Built::Text(Rc::new(RefCell::new(Str::from("")))),
    })
}

fn key_value(key: &Key) -> Value {
    match key {
        Key::Scalar(scalar) => Value::Scalar(scalar.clone()),
        Key::Dict(entries) => Value::Dict(Rc::new(Dict {
            entries: entries
                .iter()
                .map(|(k, v)| (key_value(k), key_value(v)))
                .collect(),
        })),
        Key::List(items) => Value::List(Rc::new(items.iter().map(key_value).collect())),
    }
}

fn not_enough_parents(wanted: &str) -> Error {
    Error::new(format!(
        "expected to find {wanted}, but was not enough parents"
    ))
}

fn no_such_node(tag: u32) -> Error {
    Error::new(format!("expected to find node tag {tag}"))
}

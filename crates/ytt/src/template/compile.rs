//! From a tree with comments to lines of code.
//!
//! Source: ytt pkg/yamltemplate/template.go, pkg/template/instructions.go, nodes.go.

use std::sync::Arc;

use super::meta::{self, Metas, Unknown};
use super::text;
use crate::annotation::name;
use crate::node::{Comment, Node, Scalar, Value};
use crate::position::Position;
use crate::star::{Line, Origin};

/// Parent of nodes that have none.
pub(crate) const NO_PARENT: u32 = 0;

/// A template, translated.
#[derive(Debug)]
pub(crate) struct Translation {
    pub(crate) lines: Vec<Line>,
    pub(crate) nodes: NodeTable,
    pub(crate) calls: Calls,
}

/// The nodes of a template by tag, counted from one.
#[derive(Debug, Default)]
pub(crate) struct NodeTable {
    nodes: Vec<NodeTemplate>,
}

/// What is known about a node before it is evaluated.
#[derive(Debug)]
pub(crate) struct NodeTemplate {
    pub(crate) parent: u32,
    pub(crate) kind: NodeKind,
    pub(crate) position: Position,
    /// Texts and positions of the comments that are annotations.
    pub(crate) comments: Vec<(String, Position)>,
    /// Names and positions of the annotations.
    pub(crate) annotations: Vec<(Arc<str>, Position)>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    DocumentSet,
    Document {
        injected: bool,
        value: Scalar,
    },
    Map,
    MapItem {
        key: Key,
        value: Scalar,
    },
    Array,
    ArrayItem {
        value: Scalar,
    },
    /// The whole of a text.
    TextRoot,
    /// A piece of a text.
    Text(String),
}

/// A key as it was read.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Scalar(Scalar),
    /// A collection as a key, entries or items.
    Dict(Vec<(Key, Key)>),
    List(Vec<Key>),
}

impl NodeTable {
    pub(crate) fn push(&mut self, node: NodeTemplate) -> u32 {
        self.nodes.push(node);
        u32::try_from(self.nodes.len()).expect("a template has fewer nodes than bytes")
    }

    pub(crate) fn get(&self, tag: u32) -> Option<&NodeTemplate> {
        self.nodes.get(usize::try_from(tag).ok()?.checked_sub(1)?)
    }

    pub(crate) fn get_mut(&mut self, tag: u32) -> Option<&mut NodeTemplate> {
        self.nodes
            .get_mut(usize::try_from(tag).ok()?.checked_sub(1)?)
    }

    /// The deepest node that is `current` or above it, and above `other`.
    pub(crate) fn common_ancestor(&self, current: u32, other: u32) -> u32 {
        let mut a = current;
        let mut b = self.parent(other);
        while a != b {
            // Parents have smaller tags than their children.
            if a > b {
                a = self.parent(a);
            } else {
                b = self.parent(b);
            }
        }
        a
    }

    fn parent(&self, tag: u32) -> u32 {
        self.get(tag).map_or(NO_PARENT, |node| node.parent)
    }
}

/// Names of the calls that a program makes; the number tells programs of one run apart.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) set_ctx_type: String,
    pub(crate) start_ctx: String,
    pub(crate) end_ctx: String,
    pub(crate) start_node_annotation: String,
    pub(crate) collect_node_annotation: String,
    pub(crate) start_node: String,
    pub(crate) set_node: String,
    pub(crate) set_map_item_key: String,
}

impl Calls {
    pub(crate) fn numbered(number: u32) -> Self {
        let call = |name: &str| format!("__ytt_tpl{number}_{name}");
        Self {
            set_ctx_type: call("set_ctx_type"),
            start_ctx: call("start_ctx"),
            end_ctx: call("end_ctx"),
            start_node_annotation: call("start_node_annotation"),
            collect_node_annotation: call("collect_node_annotation"),
            start_node: call("start_node"),
            set_node: call("set_node"),
            set_map_item_key: call("set_map_item_key"),
        }
    }
}

/// Translates a document set that was read from `text`.
///
/// # Errors
/// A comment or a text template that cannot be understood.
pub(crate) fn compile(
    set: &Node,
    file: &Arc<str>,
    text: &str,
    unknown: Unknown,
    number: u32,
) -> Result<Translation, String> {
    let mut compiler = Compiler {
        file: Arc::clone(file),
        source: text.split('\n').map(Arc::from).collect(),
        unknown,
        lines: Vec::new(),
        nodes: NodeTable::default(),
        calls: Calls::numbered(number),
    };
    compiler.reset_ctx_type();
    let start = format!("{}(\"yaml\")", compiler.calls.start_ctx);
    compiler.lines.push(Line::generated(start));
    compiler.node(set, NO_PARENT, false)?;
    let end = format!("{}(None)", compiler.calls.end_ctx);
    compiler.lines.push(Line::generated(end));
    Ok(Translation {
        lines: compiler.lines,
        nodes: compiler.nodes,
        calls: compiler.calls,
    })
}

/// Translates a text template.
///
/// # Errors
/// An opening or closing of code that has no counterpart.
pub(crate) fn compile_text(
    text: &str,
    file: &Arc<str>,
    number: u32,
) -> Result<Translation, String> {
    let calls = Calls::numbered(number);
    let pieces = text::parse(text, 1)?;
    let mut nodes = NodeTable::default();
    let mut lines = Vec::new();
    text::compile(pieces, file, &calls, &mut nodes, &mut lines);
    lines.push(Line::generated(format!("{}()", calls.end_ctx)));
    Ok(Translation {
        lines,
        nodes,
        calls,
    })
}

struct Compiler {
    file: Arc<str>,
    /// Lines of the template.
    source: Vec<Arc<str>>,
    unknown: Unknown,
    lines: Vec<Line>,
    nodes: NodeTable,
    calls: Calls,
}

impl Compiler {
    fn node(&mut self, node: &Node, parent: u32, templated_strings: bool) -> Result<(), String> {
        let metas = meta::extract(node, self.unknown)?;
        let tag = self.nodes.push(node_template(node, parent, &metas));
        let templated_strings = templated_strings
            || metas
                .annotations
                .iter()
                .any(|a| a.name == name::TEXT_TEMPLATED_STRINGS);
        let debug = debug_remark(node);
        for (code, position) in &metas.code {
            self.push(code.clone(), position);
        }
        for annotation in &metas.annotations {
            let code = format!(
                "{}({tag}, \"{}\", {}({})){debug}",
                self.calls.start_node_annotation,
                annotation.name,
                self.calls.collect_node_annotation,
                annotation.content,
            );
            self.push(code, &annotation.comment.position);
        }
        let position = node.position();
        if let (Node::MapItem(item), true) = (node, templated_strings)
            && let Some(key) = item.key.borrow().as_str()
        {
            let set_key = self.calls.set_map_item_key.clone();
            self.templated_string(&key.to_text(), node, tag, &set_key)?;
        }
        self.push(
            format!("{}({tag}){debug}", self.calls.start_node),
            &position,
        );
        if metas.values.is_empty() {
            for value in node.values() {
                match value {
                    Value::Node(child) => self.node(&child, tag, templated_strings)?,
                    Value::Scalar(Scalar::Str(text)) if templated_strings => {
                        let set_node = self.calls.set_node.clone();
                        self.templated_string(&text.to_text(), node, tag, &set_node)?;
                    }
                    _ => self.push(format!("{}({tag}){debug}", self.calls.set_node), &position),
                }
            }
        } else {
            for (code, position) in &metas.values {
                let code = format!("{}({tag}, ({code})){debug}", self.calls.set_node);
                self.push(code, position);
            }
        }
        if metas.needs_end {
            self.lines.push(Line::generated("end"));
        }
        Ok(())
    }

    /// A string with code in it: a text program whose result goes to `call`.
    fn templated_string(
        &mut self,
        text: &str,
        node: &Node,
        tag: u32,
        call: &str,
    ) -> Result<(), String> {
        let position = node.position();
        // Line numbers in a block scalar are one too small, as in the original.
        let pieces = text::parse(text, position.line().unwrap_or(1))?;
        let mut lines = Vec::new();
        text::compile(pieces, &self.file, &self.calls, &mut self.nodes, &mut lines);
        for mut line in lines {
            if let Some(part) = line.origin.take() {
                line.origin = Some(match self.origin(part.line) {
                    Some(whole) => Origin {
                        selection: Some(Box::new(part)),
                        ..whole
                    },
                    None => part,
                });
            }
            self.lines.push(line);
        }
        let end = format!(
            "{call}({tag}, ({}())){}",
            self.calls.end_ctx,
            debug_remark(node)
        );
        self.push(end, &position);
        self.reset_ctx_type();
        Ok(())
    }

    fn reset_ctx_type(&mut self) {
        self.lines.push(Line::generated(format!(
            "{}(\"yaml\")",
            self.calls.set_ctx_type
        )));
    }

    fn push(&mut self, code: String, position: &Position) {
        let origin = position.line().and_then(|line| self.origin(line));
        self.lines.push(Line { code, origin });
    }

    fn origin(&self, line: u32) -> Option<Origin> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let text = self.source.get(index)?;
        Some(Origin::new(Arc::clone(&self.file), line, Arc::clone(text)))
    }
}

/// A remark that shows up when an error shows the generated line.
fn debug_remark(node: &Node) -> String {
    let details = match node {
        Node::MapItem(item) => format!(" key={}", item.key.borrow().go_string()),
        Node::ArrayItem(_) => " idx=?".to_owned(),
        _ => String::new(),
    };
    // Differs: in the original, a line break in a key ends the remark, and what follows is run.
    format!(
        " # {}{}",
        node.go_type(),
        details.replace(['\n', '\r'], " ")
    )
}

fn node_template(node: &Node, parent: u32, metas: &Metas) -> NodeTemplate {
    let scalar = |value: &std::cell::RefCell<Value>| match &*value.borrow() {
        Value::Scalar(scalar) => scalar.clone(),
        _ => Scalar::Null,
    };
    let kind = match node {
        Node::DocumentSet(_) => NodeKind::DocumentSet,
        Node::Document(document) => NodeKind::Document {
            injected: document.injected,
            value: scalar(&document.value),
        },
        Node::Map(_) => NodeKind::Map,
        Node::MapItem(item) => NodeKind::MapItem {
            key: Key::of(&item.key.borrow()),
            value: scalar(&item.value),
        },
        Node::Array(_) => NodeKind::Array,
        Node::ArrayItem(item) => NodeKind::ArrayItem {
            value: scalar(&item.value),
        },
    };
    let comments = metas
        .annotations
        .iter()
        .map(|a| &a.comment)
        .map(|Comment { text, position }| (text.to_string(), position.clone()));
    NodeTemplate {
        parent,
        kind,
        position: node.position(),
        comments: comments.collect(),
        annotations: metas
            .annotations
            .iter()
            .map(|a| (Arc::from(a.name.as_str()), a.comment.position.clone()))
            .collect(),
    }
}

impl Key {
    fn of(value: &Value) -> Self {
        match value {
            Value::Scalar(scalar) => Self::Scalar(scalar.clone()),
            Value::Dict(dict) => Self::Dict(
                dict.entries
                    .iter()
                    .map(|(k, v)| (Self::of(k), Self::of(v)))
                    .collect(),
            ),
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Node(_) => Self::Scalar(Scalar::Null),
        }
    }
}

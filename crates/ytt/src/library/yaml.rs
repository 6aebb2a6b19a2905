//! `@ytt:yaml`.
//!
//! Source: ytt pkg/yttlibrary/yaml.go.

use std::cell::RefCell;
use std::rc::Rc;

use super::arguments::{one, string};
use crate::bridge::{from_tree, to_tree};
use crate::node::{Document, DocumentSet, Node, Value as Tree, read_plain};
use crate::print;
use crate::star::{Args, Error, ErrorKind, Native, Str, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("encode", Native::wrapping("yaml.encode", encode_value)),
    ("decode", Native::wrapping("yaml.decode", decode_text)),
];

/// The module as a value, for the checks of assertions.
pub(super) fn module() -> Value {
    super::module::Module::of_natives("yaml", MEMBERS).into_value()
}

fn encode_value(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::from(encode(thread, one(args)?)?))
}

fn decode_text(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    decode(thread, string(one(args)?)?)
}

/// Prints a value; a document set gives all its documents.
pub(super) fn encode(thread: &Thread, value: &Value) -> Result<String, Error> {
    let tree = to_tree(value, thread.budget())?;
    let left = thread.budget().bytes_left();
    let text = match tree {
        Tree::Node(Node::DocumentSet(set)) => print::yaml(&set, left),
        value => {
            let document = Document {
                value: RefCell::new(value),
                ..Document::default()
            };
            let items = RefCell::new(vec![Rc::new(document)]);
            print::yaml(
                &DocumentSet {
                    items,
                    ..DocumentSet::default()
                },
                left,
            )
        }
    }
    .map_err(|error| match error.kind() {
        // More than all bytes that are left.
        ErrorKind::Budget => thread.budget().out_of_bytes(),
        ErrorKind::Failure | ErrorKind::Panic => error,
    })?;
    thread.budget().work(text.len() / 4)?;
    thread.budget().allocate(text.len())?;
    Ok(text)
}

/// Reads a text that is one document, as plain values.
pub(super) fn decode(thread: &Thread, text: &Str) -> Result<Value, Error> {
    thread.budget().work(text.len())?;
    thread.budget().allocate(text.len().saturating_mul(16))?;
    let mut documents = read_plain(text, thread.budget())?;
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => from_tree(&document, thread.budget()),
        _ => Err(Error::new("Expected to find exactly one YAML document")),
    }
}

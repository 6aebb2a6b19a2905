//! `@ytt:struct`.
//!
//! Source: ytt pkg/yttlibrary/struct.go.

use std::rc::Rc;

use super::arguments::one;
use crate::bridge::{from_tree, from_tree_with_structs, to_tree};
use crate::node::Value as Tree;
use crate::star::{Args, Closure, Error, Native, Str, Struct, Thread, Value, quote};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("make", Native::wrapping("struct.make", make)),
    (
        "make_and_bind",
        Native::wrapping("struct.make_and_bind", make_and_bind),
    ),
    ("bind", Native::wrapping("struct.bind", bind)),
    ("encode", Native::wrapping("struct.encode", encode)),
    ("decode", Native::wrapping("struct.decode", decode)),
];

fn make(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    if !args.positional.is_empty() {
        return Err(Error::new(
            "unexpected positional arguments (structs are made from keyword arguments only)",
        ));
    }
    struct_of(thread, args.named.to_vec())
}

fn struct_of(thread: &Thread, fields: Vec<(Str, Value)>) -> Result<Value, Error> {
    thread.budget().allocate(fields.len() * 64 + 64)?;
    Ok(Value::Struct(Rc::new(Struct::new(fields))))
}

fn make_and_bind(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [object] = args.positional else {
        return Err(Error::new("expected at exactly one argument"));
    };
    let mut fields = Vec::with_capacity(args.named.len());
    for (name, value) in args.named {
        let value = if value.is_callable() {
            bound(thread, value, std::slice::from_ref(object))
                .map_err(|error| error.prefixed(&format!("binding {}", quote(name))))?
        } else {
            value.clone()
        };
        fields.push((name.clone(), value));
    }
    struct_of(thread, fields)
}

fn bind(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    match args.positional {
        [function, first, rest @ ..] => {
            let mut bound_args = vec![first.clone()];
            bound_args.extend_from_slice(rest);
            bound(thread, function, &bound_args)
        }
        _ => Err(Error::new("expected at least two arguments")),
    }
}

/// A function that calls `function` with arguments put in front.
fn bound(thread: &Thread, function: &Value, args: &[Value]) -> Result<Value, Error> {
    thread.budget().allocate(args.len() * 24 + 96)?;
    let mut captured = vec![function.clone()];
    captured.extend_from_slice(args);
    let closure = Closure::with_captured("struct.bind_result", captured, |thread, args| {
        let Some((function, first)) = args.captured.split_first() else {
            return Ok(Value::None);
        };
        let all = [first, args.positional].concat();
        thread
            .call(function, &all, args.named)
            .map_err(|error| error.within(args.name))
    });
    Ok(Value::Closure(Rc::new(closure)))
}

fn encode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    from_tree_with_structs(&without_nodes(thread, one(args)?)?, thread.budget())
}

fn decode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    from_tree(&without_nodes(thread, one(args)?)?, thread.budget())
}

/// A value as a tree that contains no nodes, which the original cannot convert back.
fn without_nodes(thread: &Thread, value: &Value) -> Result<Tree, Error> {
    let tree = to_tree(value, thread.budget())?;
    check_nodes(&tree)?;
    Ok(tree)
}

fn check_nodes(tree: &Tree) -> Result<(), Error> {
    match tree {
        Tree::Scalar(_) => Ok(()),
        Tree::List(items) => items.iter().try_for_each(check_nodes),
        Tree::Dict(dict) => dict
            .entries
            .iter()
            .try_for_each(|(_, value)| check_nodes(value)),
        Tree::Node(node) => Err(Error::panic(format!(
            "unknown type {} for conversion to starlark value",
            node.go_type()
        ))),
    }
}

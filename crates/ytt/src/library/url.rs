//! `@ytt:url`.
//!
//! Source: ytt pkg/yttlibrary/url.go.

mod address;
mod escape;

use std::collections::BTreeMap;
use std::rc::Rc;

use self::address::{Url, User};
use self::escape::{Mode, escape, unescape};
use super::arguments::{none, one, string};
use crate::bridge::to_tree;
use crate::node::Value as Tree;
use crate::star::{Args, Closure, Dict, Error, Native, Str, Struct, StructKind, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    (
        "path_segment_encode",
        Native::wrapping("url.path_segment_encode", path_segment_encode),
    ),
    (
        "path_segment_decode",
        Native::wrapping("url.path_segment_decode", path_segment_decode),
    ),
    (
        "query_param_value_encode",
        Native::wrapping("url.query_param_value_encode", query_encode),
    ),
    (
        "query_param_value_decode",
        Native::wrapping("url.query_param_value_decode", query_decode),
    ),
    (
        "query_params_encode",
        Native::wrapping("url.query_params_encode", query_params_encode),
    ),
    (
        "query_params_decode",
        Native::wrapping("url.query_params_decode", query_params_decode),
    ),
    ("parse", Native::wrapping("url.parse", parse)),
];

/// Most parameters of a query. Source: Go net/url, `defaultMaxParams`.
const MAX_PARAMS: usize = 10_000;

fn escaped(thread: &Thread, args: &Args<'_>, mode: Mode) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len() / 4)?;
    thread.budget().allocate(text.len() * 3)?;
    Ok(Value::Str(Str::from(escape(text, mode))))
}

fn unescaped(thread: &Thread, args: &Args<'_>, mode: Mode) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len() / 4)?;
    thread.budget().allocate(text.len())?;
    Ok(Value::Str(Str::from(unescape(text, mode)?)))
}

fn path_segment_encode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    escaped(thread, args, Mode::PathSegment)
}

fn path_segment_decode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    unescaped(thread, args, Mode::PathSegment)
}

fn query_encode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    escaped(thread, args, Mode::QueryComponent)
}

fn query_decode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    unescaped(thread, args, Mode::QueryComponent)
}

fn query_params_encode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let value = to_tree(one(args)?, thread.budget())?;
    let Tree::Dict(dict) = &value else {
        return Err(Error::new(format!(
            "expected argument to be a map, but was {}",
            value.go_type()
        )));
    };
    let mut params: BTreeMap<Str, Vec<Str>> = BTreeMap::new();
    for (key, value) in &dict.entries {
        let Some(key) = key.as_str() else {
            let found = key.go_type();
            return Err(Error::new(format!(
                "expected map key to be string, but was {found}"
            )));
        };
        let Tree::List(items) = value else {
            let found = value.go_type();
            return Err(Error::new(format!(
                "expected map value to be array, but was {found}"
            )));
        };
        let values = params.entry(key.clone()).or_default();
        for item in items.iter() {
            let Some(text) = item.as_str() else {
                let found = item.go_type();
                return Err(Error::new(format!(
                    "expected array value to be string, but was {found}"
                )));
            };
            values.push(text.clone());
        }
    }
    let mut out = Vec::new();
    for (key, values) in &params {
        for value in values {
            thread.budget().allocate((key.len() + value.len()) * 3)?;
            if !out.is_empty() {
                out.push(b'&');
            }
            out.extend(escape(key, Mode::QueryComponent));
            out.push(b'=');
            out.extend(escape(value, Mode::QueryComponent));
        }
    }
    thread.budget().work(out.len() / 8)?;
    Ok(Value::Str(Str::from(out)))
}

fn query_params_decode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len() / 4)?;
    thread.budget().allocate(text.len() * 8)?;
    // Before Go 1.17 a semicolon separated parameters; here it still does.
    let parts = || text.split(|byte| matches!(byte, b'&' | b';'));
    if parts().count() > MAX_PARAMS {
        return Err(Error::new("number of URL query parameters exceeded limit"));
    }
    let mut params: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
    let mut problem = None;
    for part in parts().filter(|part| !part.is_empty()) {
        let (key, value) = match part.iter().position(|byte| *byte == b'=') {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, b"".as_slice()),
        };
        let decoded = unescape(key, Mode::QueryComponent)
            .and_then(|key| Ok((key, unescape(value, Mode::QueryComponent)?)));
        match decoded {
            Ok((key, value)) => {
                params
                    .entry(Str::from(key))
                    .or_default()
                    .push(Value::Str(Str::from(value)));
            }
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    if let Some(problem) = problem {
        return Err(Error::new(problem));
    }
    let entries = params
        .into_iter()
        .map(|(key, values)| (Value::Str(key), Value::list(values)));
    Ok(Value::Dict(Rc::new(Dict::from_entries(entries)?)))
}

fn parse(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len())?;
    thread.budget().allocate(text.len() * 4 + 1024)?;
    Ok(url_value(Rc::new(Url::parse(text)?)))
}

const HINT: &str = "does not automatically encode (hint: use .string())";

fn url_value(url: Rc<Url>) -> Value {
    let user = url.user.as_ref().map_or(Value::None, user_value);
    let fields = vec![
        (Str::from("user"), user),
        (
            Str::from("without_user"),
            method("url.value.without_user", &url, |url| {
                url_value(Rc::new(url.without_user()))
            }),
        ),
        (
            Str::from("string"),
            method("url.value.string", &url, |url| {
                Value::Str(Str::from(url.to_bytes()))
            }),
        ),
        (
            Str::from("hostname"),
            method("url.value.hostname", &url, |url| {
                Value::Str(Str::from(url.hostname()))
            }),
        ),
    ];
    let kind = StructKind::Named {
        type_name: "@ytt:url.value",
        go_type: "*yttlibrary.URLValue",
        hint: HINT,
    };
    Value::Struct(Rc::new(Struct::of_kind(kind, fields)))
}

fn user_value(user: &User) -> Value {
    let password = user.password.as_ref().map_or(Value::None, |password| {
        Value::Str(Str::from(password.as_slice()))
    });
    let fields = vec![
        (
            Str::from("name"),
            Value::Str(Str::from(user.name.as_slice())),
        ),
        (Str::from("password"), password),
        (
            Str::from("string"),
            method("string", &Rc::new(user.clone()), |user| {
                Value::Str(Str::from(user.to_bytes()))
            }),
        ),
    ];
    let kind = StructKind::Named {
        type_name: "@ytt:url.user",
        go_type: "*yttlibrary.URLUser",
        hint: HINT,
    };
    Value::Struct(Rc::new(Struct::of_kind(kind, fields)))
}

/// A method without arguments.
fn method<T: 'static>(name: &'static str, state: &Rc<T>, function: fn(&T) -> Value) -> Value {
    let state = Rc::clone(state);
    Value::Closure(Rc::new(Closure::wrapping(name, move |_, args| {
        none(args)?;
        Ok(function(&state))
    })))
}

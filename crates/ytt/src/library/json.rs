//! `@ytt:json`.
//!
//! Keys come out sorted, both ways, and numbers come in as floats. Source: ytt
//! pkg/yttlibrary/json.go, Go encoding/json.

mod decode;
mod encode;

use super::arguments::{flag, indent, one, only_named, string};
use super::tree::plain;
use crate::star::{Args, Error, Native, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("encode", Native::wrapping("json.encode", encode_value)),
    ("decode", Native::wrapping("json.decode", decode_text)),
];

/// What Go's reader says about a text that is not JSON.
pub(crate) fn syntax_error(text: &str) -> Option<String> {
    let error = decode::decode(text.as_bytes()).err()?;
    Some(error.message().to_owned())
}

fn encode_value(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let value = one(args)?;
    only_named(args, &["indent", "escape_html"])?;
    let tree = plain(thread, value)?;
    let layout = encode::Layout {
        indent: indent(args)?,
        escape_html: flag(args, "escape_html", true)?,
    };
    let text = encode::encode(thread.budget(), &tree, layout)?;
    Ok(Value::from(text))
}

fn decode_text(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len())?;
    thread.budget().allocate(text.len().saturating_mul(16))?;
    decode::decode(text)
}

//! Functions that look at values, fail and print.

use super::super::access;
use super::super::args::{Args, unpack_string};
use super::super::error::{Error, fail};
use super::super::format::push_str;
use super::super::iter::runes;
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::value::Value;

pub(super) fn dir(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    if args.positional.len() != 1 {
        fail!("dir: got {} arguments, want 1", args.positional.len());
    }
    let mut names = access::attr_names(&args.positional[0]).unwrap_or_default();
    names.sort();
    Ok(Value::list(names.into_iter().map(Value::Str).collect()))
}

pub(super) fn type_(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    if args.positional.len() != 1 {
        fail!(
            "type: got {} arguments, want exactly 1",
            args.positional.len()
        );
    }
    Ok(Value::from(args.positional[0].type_name()))
}

pub(super) fn len(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 1)?;
    let value = &args.positional[0];
    match value.len() {
        Some(len) => Ok(Value::from_len(len)),
        None => fail!("len: value of type {} has no len", value.type_name()),
    }
}

pub(super) fn getattr(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(2, 3)?;
    let object = &args.positional[0];
    let name = args.string(1)?;
    let found = access::find_attr(object, name).or_else(|| args.get(2).cloned());
    match found {
        Some(value) => Ok(value),
        None => {
            let before = format!("getattr: {} has no .", object.type_name());
            Err(Error::of_parts(&[
                before.as_bytes(),
                name,
                b" field or method",
            ]))
        }
    }
}

pub(super) fn hasattr(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(2, 2)?;
    let name = args.string(1)?;
    Ok(Value::Bool(
        access::find_attr(&args.positional[0], name).is_some(),
    ))
}

/// The hash of Java's strings: the same on every run and machine.
pub(super) fn hash(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 1)?;
    let text = args.string(0)?;
    thread.budget.work(text.len() / 4)?;
    // The original means to hash UTF-16, but never splits a character in two.
    let hash = runes(text).fold(0i32, |hash, (_, c)| {
        hash.wrapping_mul(31)
            .wrapping_add(u32::from(c).cast_signed())
    });
    Ok(Value::Int(i64::from(hash)))
}

/// Arguments as `print` and `fail` join them.
fn joined(thread: &Thread, args: &Args<'_>) -> Result<Str, Error> {
    let named_only = Args {
        positional: &[],
        ..*args
    };
    let [separator] = named_only.unpack([("sep?", |value| unpack_string(value).map(|_| ()))])?;
    let separator = match separator {
        Some(Value::Str(separator)) => separator.as_bytes(),
        _ => b" ",
    };
    let mut out = Vec::new();
    for (at, value) in args.positional.iter().enumerate() {
        if at > 0 {
            thread.budget.allocate(separator.len())?;
            out.extend_from_slice(separator);
        }
        push_str(thread, &mut out, value)?;
    }
    Ok(Str::from(out))
}

pub(super) fn fail(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    Err(Error::of_parts(&[b"fail: ", &joined(thread, args)?]))
}

pub(super) fn print(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let line = joined(thread, args)?;
    thread.print(&line.to_text());
    Ok(Value::None)
}

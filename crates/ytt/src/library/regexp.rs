//! `@ytt:regexp`.
//!
//! Source: ytt pkg/yttlibrary/regexp.go, Go regexp.

mod syntax;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::arguments::string;
use crate::star::{Args, Error, Native, Str, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("match", Native::wrapping("regexp.match", match_)),
    ("replace", Native::wrapping("regexp.replace", replace)),
];

/// Bytes that one compiled expression may take.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A compiled expression and the names of its groups.
struct Expression {
    regex: Regex,
    /// Names from group 1 on; empty for groups without.
    names: Vec<String>,
}

/// Compiles an expression written for Go.
fn compile(thread: &Thread, pattern: &Str) -> Result<Expression, Error> {
    thread.budget().work(pattern.len().saturating_mul(64))?;
    thread.budget().allocate(pattern.len().saturating_mul(64))?;
    let Some(text) = pattern.as_utf8() else {
        let words = b"error parsing regexp: invalid UTF-8: `";
        return Err(Error::of_parts(&[words, pattern, b"`"]));
    };
    let translated = syntax::translate(text).map_err(|problem| {
        Error::new(format!(
            "error parsing regexp: {}: `{}`",
            problem.kind, problem.text
        ))
    })?;
    let regex = RegexBuilder::new(&translated.pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(syntax::MAX_NESTING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                Error::new("error parsing regexp: expression too large")
            }
            other => {
                let last = other.to_string();
                let last = last.lines().last().unwrap_or_default().to_owned();
                Error::new(format!("error parsing regexp: {last}"))
            }
        })?;
    Ok(Expression {
        regex,
        names: translated.names,
    })
}

fn match_(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [pattern, target] = args.positional else {
        return Err(Error::new("expected exactly two arguments"));
    };
    let (pattern, target) = (string(pattern)?, string(target)?);
    let expression = compile(thread, pattern)?;
    thread.budget().work(target.len())?;
    Ok(Value::Bool(expression.regex.is_match(target)))
}

fn replace(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [pattern, source, replacement] = args.positional else {
        return Err(Error::new("expected exactly 3 arguments"));
    };
    let expression = compile(thread, string(pattern)?)?;
    let source = string(source)?;
    thread.budget().work(source.len())?;
    let template = match replacement {
        callable if callable.is_callable() => None,
        text => Some(string(text)?),
    };
    let mut out: Vec<u8> = Vec::new();
    let mut from = 0;
    for found in expression.regex.captures_iter(source) {
        let Some(whole) = found.get(0) else { continue };
        let before = out.len();
        out.extend_from_slice(&source[from..whole.start()]);
        match template {
            Some(template) => expand(template, &expression.names, &found, &mut out),
            None => {
                let arg = Value::Str(Str::from(whole.as_bytes()));
                let result = thread.call(replacement, &[arg], &[])?;
                out.extend_from_slice(string(&result)?);
            }
        }
        thread.budget().work(whole.end() - from)?;
        thread.budget().allocate((out.len() - before) * 2)?;
        from = whole.end();
    }
    out.extend_from_slice(&source[from..]);
    thread.budget().allocate(out.len())?;
    Ok(Value::Str(Str::from(out)))
}

/// Appends a replacement, with `$1`, `${1}`, `$name`, `${name}` and `$$` expanded.
fn expand(template: &[u8], names: &[String], found: &Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = after;
            continue;
        }
        // A dollar sign that begins nothing stands for itself.
        let Some((name, after)) = reference(rest) else {
            out.push(b'$');
            continue;
        };
        let group = match number(name) {
            Some(number) => found.get(number),
            None => (1..)
                .zip(names)
                .filter(|(_, known)| *known == name)
                .find_map(|(number, _)| found.get(number)),
        };
        out.extend_from_slice(group.map_or(b"", |group| group.as_bytes()));
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// The group that a name numbers; leading zeros make it a name.
fn number(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|digit| digit.is_ascii_digit());
    let plain = name == "0" || !name.starts_with('0');
    if digits && plain {
        name.parse().ok()
    } else {
        None
    }
}

/// The name after a dollar sign, and what follows it.
fn reference(rest: &[u8]) -> Option<(&str, &[u8])> {
    let (body, braced) = match rest.strip_prefix(b"{") {
        Some(body) => (body, true),
        None => (rest, false),
    };
    let valid = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).ok()?,
    };
    let end = valid
        .char_indices()
        .find(|(_, c)| !(*c == '_' || c.is_alphanumeric()))
        .map_or(valid.len(), |(at, _)| at);
    let name = valid.get(..end).filter(|name| !name.is_empty())?;
    let after = &body[end..];
    if braced {
        after.strip_prefix(b"}").map(|after| (name, after))
    } else {
        Some((name, after))
    }
}

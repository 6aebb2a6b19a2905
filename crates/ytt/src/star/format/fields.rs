//! `format.format(…)`.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/library.go, `string_format`.

use super::super::args::Args;
use super::super::error::{Error, fail};
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::value::Value;
use super::{push_str, quote, repr};

/// How fields are numbered: automatically or by hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Undecided,
    Automatic,
    Manual,
}

/// Replaces the fields of `format`.
pub(crate) fn format_fields(
    thread: &mut Thread,
    format: &[u8],
    args: &Args<'_>,
) -> Result<Value, Error> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut numbering = Numbering::Undecided;
    let mut next = 0;
    let mut rest = format;
    loop {
        let open = rest.iter().position(|byte| *byte == b'{');
        push_literal(&mut out, &rest[..open.unwrap_or(rest.len())])?;
        let Some(open) = open else { break };
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix(b"{") {
            out.push(b'{');
            rest = after;
            continue;
        }
        let Some(close) = rest.iter().position(|byte| *byte == b'}') else {
            fail!("format: unmatched '{{' in format")
        };
        let field = Field::parse(&rest[..close]);
        rest = &rest[close + 1..];
        let value = field.value(args, &mut numbering, &mut next)?;
        if !field.spec.is_empty() {
            return Err(Error::of_parts(&[
                b"format spec features not supported in replacement fields: ",
                field.spec,
            ]));
        }
        match field.conversion {
            b"s" => push_str(thread, &mut out, value)?,
            b"r" => out.extend_from_slice(repr(thread, value)?.as_bytes()),
            other => fail!("format: unknown conversion {}", quote(other)),
        }
    }
    thread.budget.allocate_text(out.len())?;
    Ok(Value::Str(Str::from(out)))
}

/// Copies text outside fields; braces are doubled there.
fn push_literal(out: &mut Vec<u8>, mut literal: &[u8]) -> Result<(), Error> {
    while let Some(at) = literal.iter().position(|byte| *byte == b'}') {
        if literal.get(at + 1) != Some(&b'}') {
            fail!("format: single '}}' in format");
        }
        out.extend_from_slice(&literal[..=at]);
        literal = &literal[at + 2..];
    }
    out.extend_from_slice(literal);
    Ok(())
}

/// The parts of `{name!conversion:spec}`.
struct Field<'a> {
    name: &'a [u8],
    conversion: &'a [u8],
    spec: &'a [u8],
}

impl<'a> Field<'a> {
    fn parse(field: &'a [u8]) -> Self {
        match split(field, b'!') {
            None => {
                let (name, spec) = split(field, b':').unwrap_or((field, b""));
                Self {
                    name,
                    conversion: b"s",
                    spec,
                }
            }
            Some((name, rest)) => {
                let (conversion, spec) = split(rest, b':').unwrap_or((rest, b""));
                Self {
                    name,
                    conversion,
                    spec,
                }
            }
        }
    }

    /// The argument that the field stands for.
    fn value<'v>(
        &self,
        args: &Args<'v>,
        numbering: &mut Numbering,
        next: &mut usize,
    ) -> Result<&'v Value, Error> {
        let name = self.name;
        let (at, wanted) = if name.is_empty() {
            *next += 1;
            (*next - 1, Numbering::Automatic)
        } else if let Some(at) = decimal(name) {
            (at, Numbering::Manual)
        } else {
            return keyword(args, name);
        };
        match (*numbering, wanted) {
            (Numbering::Manual, Numbering::Automatic) => fail!(
                "format: cannot switch from manual field specification to automatic field numbering"
            ),
            (Numbering::Automatic, Numbering::Manual) => fail!(
                "format: cannot switch from automatic field numbering to manual field specification"
            ),
            _ => *numbering = wanted,
        }
        match args.get(at) {
            Some(value) => Ok(value),
            None => fail!("format: tuple index out of range"),
        }
    }
}

fn keyword<'v>(args: &Args<'v>, name: &[u8]) -> Result<&'v Value, Error> {
    if let Some((_, value)) = args
        .named
        .iter()
        .find(|(known, _)| known.as_bytes() == name)
    {
        return Ok(value);
    }
    let parts: [&[u8]; 3] = if name.contains(&b'.') {
        let words = b"format: attribute syntax x.y is not supported in replacement fields: ";
        [words, name, b""]
    } else if name.contains(&b'[') {
        let words = b"format: element syntax a[i] is not supported in replacement fields: ";
        [words, name, b""]
    } else if name.contains(&b'{') {
        fail!("format: nested replacement fields not supported");
    } else {
        [b"format: keyword ", name, b" not found"]
    };
    Err(Error::of_parts(&parts))
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == at)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Digits as a number, unless it is too large.
fn decimal(digits: &[u8]) -> Option<usize> {
    digits
        .iter()
        .try_fold(0i64, |value, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            value.checked_mul(10)?.checked_add(i64::from(digit))
        })?
        .try_into()
        .ok()
}

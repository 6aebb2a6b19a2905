//! Methods of strings.

use super::super::access::indices;
use super::super::args::{Args, unpack_bool, unpack_iterable};
use super::super::error::{Error, fail};
use super::super::format::format_fields;
use super::super::iter::{Iter, runes};
use super::super::search;
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::unicode;
use super::super::value::{Elems, Native, Value};
use super::{named, words};
use std::rc::Rc;

pub(super) const METHODS: &[Native] = &[
    Native::new("capitalize", capitalize),
    Native::new("codepoint_ords", elements),
    Native::new("codepoints", elements),
    Native::new("count", count),
    Native::new("elem_ords", elements),
    Native::new("elems", elements),
    Native::new("endswith", has_affix),
    Native::new("find", find),
    Native::new("format", format),
    Native::new("index", find),
    Native::new("isalnum", isalnum),
    Native::new("isalpha", isalpha),
    Native::new("isdigit", isdigit),
    Native::new("islower", islower),
    Native::new("isspace", isspace),
    Native::new("istitle", istitle),
    Native::new("isupper", isupper),
    Native::new("join", join),
    Native::new("lower", lower),
    Native::new("lstrip", words::strip),
    Native::new("partition", partition),
    Native::new("replace", replace),
    Native::new("rfind", find),
    Native::new("rindex", find),
    Native::new("rpartition", partition),
    Native::new("rsplit", words::split),
    Native::new("rstrip", words::strip),
    Native::new("split", words::split),
    Native::new("splitlines", splitlines),
    Native::new("startswith", has_affix),
    Native::new("strip", words::strip),
    Native::new("title", title),
    Native::new("upper", upper),
];

/// The string that a method is called on.
pub(super) fn receiver<'a>(args: &Args<'a>) -> Result<&'a Str, Error> {
    match args.receiver() {
        Value::Str(text) => Ok(text),
        other => fail!("{}: got {}, want string", args.name, other.type_name()),
    }
}

/// Pays for work on a string that makes another one of about its length.
fn pay(thread: &Thread, text: &[u8]) -> Result<(), Error> {
    thread.budget.work(text.len() / 4)?;
    thread.budget.allocate_text(text.len())
}

/// Makes a string of a function of every character and its position.
fn map_chars(
    thread: &Thread,
    args: &Args<'_>,
    mut map: impl FnMut(usize, char) -> char,
) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 0)?;
    pay(thread, text)?;
    let mapped: String = runes(text).map(|(at, c)| map(at, c)).collect();
    Ok(Value::Str(Str::from(mapped)))
}

fn capitalize(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    map_chars(thread, args, |at, c| {
        if at == 0 {
            unicode::to_title(c)
        } else {
            unicode::to_lower(c)
        }
    })
}

fn lower(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    map_chars(thread, args, |_, c| unicode::to_lower(c))
}

fn upper(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    map_chars(thread, args, |_, c| unicode::to_upper(c))
}

fn title(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let mut after_cased = false;
    map_chars(thread, args, |_, c| {
        let mapped = if after_cased {
            unicode::to_lower(c)
        } else {
            unicode::to_title(c)
        };
        after_cased = unicode::is_cased(mapped);
        mapped
    })
}

fn elements(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?.clone();
    args.check(0, 0)?;
    Ok(Value::Elems(Rc::new(Elems {
        text,
        ords: args.name.ends_with("_ords"),
        codepoints: args.name.starts_with('c'),
    })))
}

/// The part of the receiver between the bounds at `at` and after, and where it begins.
fn bounded<'a>(args: &Args<'a>, at: usize) -> Result<(&'a [u8], i64), Error> {
    let text = receiver(args)?;
    let none = Value::None;
    let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let bounds = indices(
        args.get(at).unwrap_or(&none),
        args.get(at + 1).unwrap_or(&none),
        len,
    );
    let (from, to) = named(args.name, bounds)?;
    let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
    Ok((text.get(range).unwrap_or_default(), from))
}

fn count(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 3)?;
    let wanted = args.string(0)?;
    let (text, _) = bounded(args, 1)?;
    thread.budget.work(text.len() / 4)?;
    Ok(Value::from_len(if wanted.is_empty() {
        runes(text).count() + 1
    } else {
        search::find_all(text, wanted).len()
    }))
}

/// `find`, `rfind`, `index` and `rindex`.
fn find(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 3)?;
    let wanted = args.string(0)?;
    let (text, from) = bounded(args, 1)?;
    thread.budget.work(text.len() / 4)?;
    let found = if args.name.starts_with('r') {
        search::find_last(text, wanted)
    } else {
        search::find(text, wanted)
    };
    match found.and_then(|at| i64::try_from(at).ok()) {
        Some(at) => Ok(Value::Int(from + at)),
        None if args.name.ends_with("index") => fail!("{}: substring not found", args.name),
        None => Ok(Value::Int(-1)),
    }
}

/// `startswith` and `endswith`.
fn has_affix(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 3)?;
    let (text, _) = bounded(args, 1)?;
    let matches = |affix: &[u8]| {
        if args.name == "startswith" {
            text.starts_with(affix)
        } else {
            text.ends_with(affix)
        }
    };
    match &args.positional[0] {
        Value::Str(affix) => Ok(Value::Bool(matches(affix))),
        Value::Tuple(affixes) => {
            for (at, affix) in affixes.iter().enumerate() {
                thread.budget.step()?;
                let Value::Str(affix) = affix else {
                    fail!(
                        "{}: want string, got {}, for element {at}",
                        args.name,
                        affix.type_name()
                    )
                };
                if matches(affix) {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        other => {
            fail!(
                "{}: got {}, want string or tuple of string",
                args.name,
                other.type_name()
            )
        }
    }
}

fn format(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    format_fields(thread, text, args)
}

/// Whether all characters of a string that is not empty are of a class.
fn all_chars(
    thread: &Thread,
    args: &Args<'_>,
    class: impl Fn(char) -> bool,
) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.work(text.len() / 2)?;
    Ok(Value::Bool(
        !text.is_empty() && runes(text).all(|(_, c)| class(c)),
    ))
}

fn isalnum(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    all_chars(thread, args, |c| {
        unicode::is_letter(c) || unicode::is_digit(c)
    })
}

fn isalpha(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    all_chars(thread, args, unicode::is_letter)
}

fn isdigit(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    all_chars(thread, args, unicode::is_digit)
}

fn isspace(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    all_chars(thread, args, unicode::is_space)
}

/// Whether some character has case and a mapping of case changes none.
fn unchanged_by(
    thread: &Thread,
    args: &Args<'_>,
    map: impl Fn(char) -> char,
) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.work(text.len() / 2)?;
    // Mapping turns bytes that are no characters into replacement characters, a change.
    let unchanged = text
        .as_utf8()
        .is_some_and(|text| text.chars().all(|c| map(c) == c));
    Ok(Value::Bool(
        unchanged && runes(text).any(|(_, c)| unicode::is_cased(c)),
    ))
}

fn islower(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    unchanged_by(thread, args, unicode::to_lower)
}

fn isupper(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    unchanged_by(thread, args, unicode::to_upper)
}

fn istitle(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.work(text.len() / 2)?;
    let (mut cased, mut after_cased) = (false, false);
    for (_, c) in runes(text) {
        if c.is_ascii_uppercase() || unicode::is_title(c) {
            if after_cased {
                return Ok(Value::Bool(false));
            }
            (cased, after_cased) = (true, true);
        } else if unicode::is_lower(c) {
            if !after_cased {
                return Ok(Value::Bool(false));
            }
            (cased, after_cased) = (true, true);
        } else if unicode::is_upper(c) {
            return Ok(Value::Bool(false));
        } else {
            after_cased = false;
        }
    }
    Ok(Value::Bool(cased))
}

fn join(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let separator = receiver(args)?;
    args.check(1, 1)?;
    let values = args.positional(0, unpack_iterable)?;
    let mut out = Vec::new();
    for (at, value) in values
        .and_then(Iter::begin)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let Value::Str(text) = &value else {
            fail!("join: in list, want string, got {}", value.type_name())
        };
        thread.budget.step()?;
        thread.budget.allocate(separator.len() + text.len())?;
        if at > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(text);
    }
    thread.budget.work(out.len() / 32)?;
    Ok(Value::Str(Str::from(out)))
}

/// `partition` and `rpartition`.
fn partition(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(1, 1)?;
    let separator = args.string(0)?;
    if separator.is_empty() {
        fail!("{}: empty separator", args.name);
    }
    pay(thread, text)?;
    let from_end = args.name == "rpartition";
    let found = if from_end {
        search::find_last(text, separator)
    } else {
        search::find(text, separator)
    };
    let parts = match found {
        Some(at) => [&text[..at], separator, &text[at + separator.len()..]],
        None if from_end => [b"".as_slice(), b"", text],
        None => [text.as_bytes(), b"", b""],
    };
    Ok(Value::tuple(
        parts
            .iter()
            .map(|part| Value::Str(Str::from(*part)))
            .collect(),
    ))
}

fn replace(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(2, 3)?;
    let (old, new) = (args.string(0)?, args.string(1)?);
    let max = usize::try_from(args.int(2, -1)?).unwrap_or(usize::MAX);
    thread.budget.work(text.len() / 4)?;
    let mut at: Vec<usize> = if old.is_empty() {
        runes(text).map(|(at, _)| at).chain([text.len()]).collect()
    } else {
        search::find_all(text, old)
    };
    at.truncate(max);
    thread
        .budget
        .allocate_text(text.len() + at.len().saturating_mul(new.len() + 8))?;
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in at {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&text[from..]);
    Ok(Value::Str(Str::from(out)))
}

fn splitlines(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 1)?;
    let keep_ends = args.positional(0, unpack_bool)?.unwrap_or(false);
    pay(thread, text)?;
    let mut lines = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => (&rest[..end + usize::from(keep_ends)], &rest[end + 1..]),
            None => (rest, b"".as_slice()),
        };
        thread.budget.allocate_text(line.len())?;
        lines.push(Value::Str(Str::from(line)));
        rest = after;
    }
    Ok(Value::list(lines))
}

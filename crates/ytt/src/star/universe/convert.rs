//! Functions that make values of one type from others.

use super::super::args::{Args, unpack_int, unpack_iterable};
use super::super::error::{Error, fail};
use super::super::format;
use super::super::iter::{Iter, decode_rune, runes};
use super::super::methods::update_dict;
use super::super::numbers;
use super::super::ops::collect;
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::value::{Dict, Set, Value};
use num_bigint::BigInt;
use std::rc::Rc;

pub(super) fn bool_(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(0, 1)?;
    Ok(Value::Bool(args.get(0).is_some_and(Value::truth)))
}

pub(super) fn chr(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    let [value] = args.positional else {
        fail!("chr: got {} arguments, want 1", args.positional.len())
    };
    let Ok(code) = unpack_int(value) else {
        fail!("chr: got {}, want int", value.type_name())
    };
    if code < 0 {
        fail!("chr: Unicode code point {code} out of range (<0)");
    }
    if code > 0x0010_ffff {
        fail!("chr: Unicode code point U+{code:X} out of range (>0x10FFFF)");
    }
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    Ok(Value::from(
        c.unwrap_or(char::REPLACEMENT_CHARACTER).to_string(),
    ))
}

pub(super) fn ord(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    let [value] = args.positional else {
        fail!("ord: got {} arguments, want 1", args.positional.len())
    };
    let Value::Str(text) = value else {
        fail!("ord: got {}, want string", value.type_name())
    };
    if text.is_empty() || decode_rune(text).1 != text.len() {
        let count = runes(text).count();
        fail!("ord: string encodes {count} Unicode code points, want 1");
    }
    Ok(Value::Int(i64::from(u32::from(decode_rune(text).0))))
}

pub(super) fn dict(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    if args.positional.len() > 1 {
        fail!(
            "dict: got {} arguments, want at most 1",
            args.positional.len()
        );
    }
    let dict = Rc::new(Dict::default());
    update_dict(thread, &dict, args).map_err(|error| error.prefixed("dict"))?;
    Ok(Value::Dict(dict))
}

/// Everything that the argument gives when iterated over.
fn elements(thread: &Thread, args: &Args<'_>) -> Result<Vec<Value>, Error> {
    args.check(0, 1)?;
    match args.positional(0, unpack_iterable)?.and_then(Iter::begin) {
        Some(iter) => collect(thread, iter),
        None => Ok(Vec::new()),
    }
}

pub(super) fn list(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::list(elements(thread, args)?))
}

pub(super) fn tuple(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::tuple(elements(thread, args)?))
}

pub(super) fn set(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let set = Set::default();
    for value in elements(thread, args)? {
        thread.budget.allocate(super::super::budget::ENTRY_BYTES)?;
        set.insert(value).map_err(|error| error.prefixed("set"))?;
    }
    Ok(Value::Set(Rc::new(set)))
}

pub(super) fn repr(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.check(1, 1)?;
    Ok(Value::from(format::repr(thread, &args.positional[0])?))
}

pub(super) fn str(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    let [value] = args.positional else {
        fail!(
            "str: got {} arguments, want exactly 1",
            args.positional.len()
        )
    };
    match value {
        Value::Str(_) => Ok(value.clone()),
        other => Ok(Value::from(format::repr(thread, other)?)),
    }
}

pub(super) fn float(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    args.refuse_named()?;
    let value = match args.positional {
        [] => return Ok(Value::Float(0.0)),
        [value] => value,
        more => fail!("float got {} arguments, wants 1", more.len()),
    };
    match value {
        Value::Bool(value) => Ok(Value::Float(f64::from(u8::from(*value)))),
        Value::Str(text) => match parse_float(text) {
            Ok(value) => Ok(Value::Float(value)),
            Err(problem) => fail!(
                "float: strconv.ParseFloat: parsing {}: {problem}",
                format::quote(text)
            ),
        },
        other => match numbers::to_float(other) {
            Some(value) => Ok(Value::Float(value)),
            None => fail!("float got {}, want number or string", other.type_name()),
        },
    }
}

/// Reads a float as Go's `strconv.ParseFloat` does.
fn parse_float(text: &[u8]) -> Result<f64, &'static str> {
    const SYNTAX: &str = "invalid syntax";
    let text = std::str::from_utf8(text).map_err(|_| SYNTAX)?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_hex = unsigned
        .get(..2)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    if text.contains('_') && !underscores_separate_digits(unsigned, is_hex) {
        return Err(SYNTAX);
    }
    let plain = text.replace('_', "");
    if is_hex {
        return hexadecimal_float(&plain).ok_or(SYNTAX);
    }
    // Rust takes the same words for infinity and NaN, but a sign before NaN too.
    if unsigned.eq_ignore_ascii_case("nan") && unsigned.len() != text.len() {
        return Err(SYNTAX);
    }
    let value: f64 = plain.parse().map_err(|_| SYNTAX)?;
    let digits = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if value.is_infinite() && digits {
        Err("value out of range")
    } else {
        Ok(value)
    }
}

/// Whether every underscore stands between digits, or after the prefix of a base.
fn underscores_separate_digits(text: &str, is_hex: bool) -> bool {
    let (body, mut after_digit) = if is_hex {
        (&text[2..], true)
    } else {
        (text, false)
    };
    let mut after_underscore = false;
    for c in body.chars() {
        let digit = c.is_ascii_digit() || (is_hex && c.is_ascii_hexdigit());
        if (c == '_' && !after_digit) || (after_underscore && !digit) {
            return false;
        }
        (after_digit, after_underscore) = (digit, c == '_');
    }
    !after_underscore
}

/// `0x1.8p3`: hexadecimal digits and a binary exponent, which must be there.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (unsigned, negative) = unsigned(text);
    let (mantissa, exponent) = unsigned[2..].split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut exponent: i32 = exponent.parse().ok()?;
    let digits = [whole, fraction].concat();
    if digits.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for digit in digits.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    exponent = exponent.saturating_sub(i32::try_from(fraction.len()).ok()?.saturating_mul(4));
    let scaled = value * 2.0f64.powi(exponent);
    Some(if negative { -scaled } else { scaled })
}

pub(super) fn int(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [value, base] = args.unpack([("x", |_| Ok(())), ("base?", |_| Ok(()))])?;
    let Some(value) = value else {
        return Ok(Value::Int(0));
    };
    if let Value::Str(text) = value {
        return parse_int(thread, text, base);
    }
    if base.is_some() {
        fail!("int: can't convert non-string with explicit base");
    }
    if let Value::Bool(value) = value {
        return Ok(Value::Int(i64::from(*value)));
    }
    numbers::to_int(value).map_err(|error| error.prefixed("int"))
}

fn parse_int(thread: &Thread, text: &Str, base: Option<&Value>) -> Result<Value, Error> {
    let base = match base.map(unpack_int) {
        None => 10,
        Some(Ok(base @ (0 | 2..=36))) => u32::try_from(base).unwrap_or(10),
        Some(_) => fail!("int: base must be an integer >= 2 && <= 36"),
    };
    // Conversion takes time that grows with the square of the length.
    thread
        .budget
        .work(text.len().saturating_mul(text.len()) / 4096)?;
    thread.budget.allocate(text.len())?;
    match text.as_utf8().and_then(|text| integer(text, base)) {
        Some(value) => Ok(Value::from_big(value)),
        None => {
            // With an automatic base the original names the base it had settled on.
            let base = if base == 0 { shown_base(text) } else { base };
            let words = format!("int: invalid literal with base {base}: ");
            Err(Error::of_parts(&[words.as_bytes(), text]))
        }
    }
}

/// Takes the sign off.
fn unsigned(text: &str) -> (&str, bool) {
    match text.as_bytes().first() {
        Some(b'+') => (&text[1..], false),
        Some(b'-') => (&text[1..], true),
        _ => (text, false),
    }
}

/// Takes a prefix such as `0x` off; gives its base, zero if there is none.
fn without_prefix(text: &str) -> (&str, u32) {
    if text.len() <= 2 || !text.starts_with('0') {
        return (text, 0);
    }
    match text.as_bytes()[1].to_ascii_lowercase() {
        b'o' => (&text[2..], 8),
        b'x' => (&text[2..], 16),
        b'b' => (&text[2..], 2),
        _ => (text, 0),
    }
}

fn shown_base(text: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(text);
    let (digits, _) = unsigned(&text);
    match without_prefix(digits) {
        (digits, 0) if digits.len() > 1 && digits.starts_with('0') => 0,
        (_, 0) => 10,
        (_, base) => base,
    }
}

fn integer(text: &str, base: u32) -> Option<BigInt> {
    let (digits, negative) = unsigned(text);
    let (digits, prefix) = without_prefix(digits);
    if prefix == 0 && base == 0 && digits.len() > 1 && digits.starts_with('0') {
        return digits
            .bytes()
            .all(|digit| digit == b'0')
            .then(BigInt::default);
    }
    if base != 0 && prefix != 0 && prefix != base {
        return None;
    }
    let base = match (base, prefix) {
        (0, 0) => 10,
        (0, prefix) => prefix,
        (base, _) => base,
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) || digits.contains('_') {
        return None;
    }
    let value = BigInt::parse_bytes(digits.as_bytes(), base)?;
    Some(if negative { -value } else { value })
}

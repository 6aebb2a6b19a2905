//! `format % values`.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/eval.go, `interpolate`.

use super::super::error::{Error, fail};
use super::super::iter::decode_rune;
use super::super::numbers;
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::value::Value;
use super::{Style, format_float, push_str, repr};
use crate::star::access;

/// Formats `values`, a tuple or a single value, after `format`.
pub(crate) fn format_percent(
    thread: &mut Thread,
    format: &[u8],
    values: &Value,
) -> Result<Value, Error> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let count = if let Value::Tuple(tuple) = values {
        tuple.len()
    } else {
        1
    };
    let mut used = 0;
    let mut rest = format;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(b"%") {
            out.push(b'%');
            rest = after;
            continue;
        }
        let value = if let Some(after) = rest.strip_prefix(b"(") {
            let Some(end) = after.iter().position(|byte| *byte == b')') else {
                fail!("incomplete format key")
            };
            rest = &after[end + 1..];
            keyed(values, &after[..end])?
        } else {
            if used >= count {
                fail!("not enough arguments for format string");
            }
            match values {
                Value::Tuple(tuple) => tuple[used].clone(),
                other => other.clone(),
            }
        };
        let Some((&conversion, after)) = rest.split_first() else {
            fail!("incomplete format")
        };
        convert(thread, &mut out, conversion, &value)?;
        rest = after;
        used += 1;
    }
    if used < count {
        fail!("too many arguments for format string");
    }
    out.extend_from_slice(rest);
    thread.budget.allocate_text(out.len())?;
    Ok(Value::Str(Str::from(out)))
}

/// The value that `%(key)` names.
fn keyed(values: &Value, key: &[u8]) -> Result<Value, Error> {
    match access::get(values, &Value::Str(Str::from(key))) {
        Ok(access::Got::Found(value)) => Ok(value),
        Ok(access::Got::Unsupported) => fail!("format requires a mapping"),
        Ok(access::Got::Missing) | Err(_) => Err(Error::of_parts(&[b"key not found: ", key])),
    }
}

fn convert(
    thread: &mut Thread,
    out: &mut Vec<u8>,
    conversion: u8,
    value: &Value,
) -> Result<(), Error> {
    let shown = char::from(conversion);
    match conversion {
        b's' => push_str(thread, out, value)?,
        b'r' => out.extend_from_slice(repr(thread, value)?.as_bytes()),
        b'd' | b'i' | b'o' | b'x' | b'X' => {
            let number = match numbers::to_int(value) {
                Ok(number) => number,
                Err(error) => fail!("%{shown} format requires integer: {}", error.message()),
            };
            let text = numbers::in_radix(thread, &number, conversion)?;
            out.extend_from_slice(text.as_bytes());
        }
        b'e' | b'f' | b'g' | b'E' | b'F' | b'G' => {
            let Some(number) = numbers::to_float(value) else {
                fail!("%{shown} format requires float, not {}", value.type_name())
            };
            let style = match conversion.to_ascii_lowercase() {
                b'e' => Style::Exponent(6),
                b'f' => Style::Fixed(6),
                _ => Style::General(None),
            };
            let mut text = format_float(number, style);
            if conversion.is_ascii_uppercase() && number.is_finite() {
                text = text.replace('e', "E");
            }
            out.extend_from_slice(text.as_bytes());
        }
        b'c' => push_char(thread, out, value)?,
        _ => {
            // The original shows one byte here, as the character of that number.
            fail!("unknown conversion %{shown}")
        }
    }
    Ok(())
}

fn push_char(thread: &Thread, out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    let c = match value {
        Value::Int(_) | Value::Big(_) => {
            let code = match value {
                Value::Int(code) => u32::try_from(*code).ok(),
                _ => None,
            };
            let Some(code) = code.filter(|code| *code <= 0x0010_ffff) else {
                fail!(
                    "%c format requires a valid Unicode code point, got {}",
                    repr(thread, value)?
                )
            };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        Value::Str(text) => {
            if text.is_empty() || decode_rune(text).1 != text.len() {
                fail!("%c format requires a single-character string");
            }
            decode_rune(text).0
        }
        other => fail!(
            "%c format requires int or single-character string, not {}",
            other.type_name()
        ),
    };
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

//! `@ytt:base64`.
//!
//! Decoding is written out because its failures name the place Go names. Source: ytt
//! pkg/yttlibrary/base64.go, Go encoding/base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::arguments::{flag, one, string};
use crate::star::{Args, Error, Native, Str, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("decode", Native::wrapping("base64.decode", decode)),
    ("encode", Native::wrapping("base64.encode", encode)),
];

/// Which of the encodings is meant.
#[derive(Debug, Clone, Copy)]
struct Encoding {
    url: bool,
    raw: bool,
    strict: bool,
}

impl Encoding {
    fn of(args: &Args<'_>) -> Result<Self, Error> {
        Ok(Self {
            url: flag(args, "url", false)?,
            raw: flag(args, "raw", false)?,
            strict: flag(args, "strict", false)?,
        })
    }

    /// The six bits that a character stands for.
    fn bits(self, byte: u8) -> Option<u8> {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' if !self.url => 62,
            b'/' if !self.url => 63,
            b'-' if self.url => 62,
            b'_' if self.url => 63,
            _ => return None,
        })
    }
}

fn encode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    let encoding = Encoding::of(args)?;
    thread.budget().work(text.len() / 16)?;
    thread.budget().allocate(text.len() / 3 * 4 + 32)?;
    let engine = match (encoding.url, encoding.raw) {
        (false, false) => &STANDARD,
        (false, true) => &STANDARD_NO_PAD,
        (true, false) => &URL_SAFE,
        (true, true) => &URL_SAFE_NO_PAD,
    };
    Ok(Value::from(engine.encode(text.as_bytes())))
}

fn decode(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    let encoding = Encoding::of(args)?;
    thread.budget().work(text.len() / 8)?;
    thread.budget().allocate(text.len() + 32)?;
    match decoded(text, encoding) {
        Ok(bytes) => Ok(Value::Str(Str::from(bytes))),
        Err(at) => Err(Error::new(format!(
            "illegal base64 data at input byte {at}"
        ))),
    }
}

/// Decodes; a failure is the position of the byte at fault.
fn decoded(text: &[u8], encoding: Encoding) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    loop {
        let Group {
            bits,
            count,
            next,
            ends,
        } = group(text, at, encoding)?;
        at = next;
        let value = bits
            .iter()
            .fold(0u32, |value, bits| value << 6 | u32::from(*bits));
        let [_, bytes @ ..] = value.to_be_bytes();
        let whole = count.saturating_sub(1);
        if encoding.strict && count > 0 && bytes[whole..].iter().any(|byte| *byte != 0) {
            return Err(if count == 2 { at - 2 } else { at - 1 });
        }
        out.extend_from_slice(&bytes[..whole]);
        if ends {
            return Ok(out);
        }
    }
}

/// Up to four characters.
struct Group {
    bits: [u8; 4],
    /// How many of them there are.
    count: usize,
    /// Where the next group begins.
    next: usize,
    /// Whether it is the last group.
    ends: bool,
}

/// Reads a group. Line breaks do not count.
fn group(text: &[u8], from: usize, encoding: Encoding) -> Result<Group, usize> {
    let mut bits = [0; 4];
    let mut count = 0;
    let mut at = from;
    while count < 4 {
        let Some(&byte) = text.get(at) else {
            if count == 0 {
                return Ok(Group {
                    bits,
                    count,
                    next: at,
                    ends: true,
                });
            }
            if count == 1 || !encoding.raw {
                return Err(at - count);
            }
            return Ok(Group {
                bits,
                count,
                next: at,
                ends: true,
            });
        };
        at += 1;
        if let Some(value) = encoding.bits(byte) {
            bits[count] = value;
            count += 1;
        } else if !matches!(byte, b'\n' | b'\r') {
            if byte != b'=' || encoding.raw {
                return Err(at - 1);
            }
            let next = padding(text, at, count)?;
            return Ok(Group {
                bits,
                count,
                next,
                ends: true,
            });
        }
    }
    Ok(Group {
        bits,
        count,
        next: at,
        ends: false,
    })
}

/// Checks that nothing but padding follows the first `=`, which is before `at`.
fn padding(text: &[u8], mut at: usize, count: usize) -> Result<usize, usize> {
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        at
    };
    match count {
        0 | 1 => return Err(at - 1),
        2 => {
            at = skip(at);
            match text.get(at) {
                None => return Err(text.len()),
                Some(b'=') => at += 1,
                Some(_) => return Err(at - 1),
            }
        }
        _ => {}
    }
    at = skip(at);
    if at < text.len() { Err(at) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, raw: bool, strict: bool) -> String {
        match decoded(
            text.as_bytes(),
            Encoding {
                url: false,
                raw,
                strict,
            },
        ) {
            Ok(bytes) => bytes.escape_ascii().to_string(),
            Err(at) => at.to_string(),
        }
    }

    #[test]
    fn failures_name_the_byte_that_go_names() {
        // Expected values come from Go 1.26.
        let rows = [
            ("", false, false, ""),
            ("YWJj", false, false, "abc"),
            ("YWI=", false, false, "ab"),
            ("YQ==", false, false, "a"),
            ("YW\nJj\r\n", false, false, "abc"),
            ("YQ", true, false, "a"),
            ("YWI", true, false, "ab"),
            ("YQ", false, false, "0"),
            ("YWJjY", false, false, "4"),
            ("YWJj!", false, false, "4"),
            ("Y", true, false, "0"),
            ("YQ=", false, false, "3"),
            ("YQ=a", false, false, "2"),
            ("=", false, false, "0"),
            ("YQ==a", false, false, "4"),
            ("YQ==", true, false, "2"),
            ("YR==", false, true, "2"),
            ("YWJ=", false, true, "3"),
        ];
        for (text, raw, strict, expected) in rows {
            assert_eq!(
                check(text, raw, strict),
                expected,
                "{text} raw={raw} strict={strict}"
            );
        }
    }
}

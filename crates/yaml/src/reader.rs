//! From bytes to readable text: encoding, and characters that YAML does not allow.
//!
//! Source: libyaml's reader as ported in go-yaml readerc.go.

use std::borrow::Cow;

use crate::error::Error;

/// go-yaml fills its buffer in steps of this many bytes, and complains about a bad character as
/// soon as it is in the buffer, even before earlier text is scanned.
const CHUNK_BYTES: usize = 512;

/// Readable text, and the problem that ends it early, if any.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    text: Cow<'a, str>,
    problem: Option<&'static str>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match bytes {
            [0xFF, 0xFE, rest @ ..] => Self::from_utf16(rest, u16::from_le_bytes),
            [0xFE, 0xFF, rest @ ..] => Self::from_utf16(rest, u16::from_be_bytes),
            [0xEF, 0xBB, 0xBF, rest @ ..] => Self::from_utf8(rest),
            _ => Self::from_utf8(bytes),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The problem that stands behind the last character, as an error.
    pub(crate) fn problem(&self) -> Option<Error> {
        self.problem.map(Error::unplaced)
    }

    fn from_utf8(bytes: &'a [u8]) -> Self {
        let (text, encoding_problem) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = error.valid_up_to();
                let text = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
                (text, Some((valid, encoding_problem(&bytes[valid..]))))
            }
        };
        let control = control_character(text).map(|at| (at, CONTROL));
        match control.or(encoding_problem) {
            None => Self {
                text: Cow::Borrowed(text),
                problem: None,
            },
            Some((at, problem)) => {
                let mut end = at / CHUNK_BYTES * CHUNK_BYTES;
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                Self {
                    text: Cow::Borrowed(&text[..end]),
                    problem: Some(problem),
                }
            }
        }
    }

    fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Self {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        let mut text = String::with_capacity(bytes.len());
        let mut problem = (!rest.is_empty()).then_some("incomplete UTF-16 character");
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(c) => text.push(c),
                Err(error) => {
                    problem = Some(if error.unpaired_surrogate() & 0xFC00 == 0xDC00 {
                        "unexpected low surrogate area"
                    } else {
                        "expected low surrogate area"
                    });
                    break;
                }
            }
        }
        if let Some(at) = control_character(&text) {
            text.truncate(at);
            problem = Some(CONTROL);
        }
        Self {
            text: Cow::Owned(text),
            problem,
        }
    }
}

const CONTROL: &str = "control characters are not allowed";

/// The offset of the first character that may not occur in a stream at all.
fn control_character(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().position(|(i, &byte)| match byte {
        b'\t' | b'\n' | b'\r' => false,
        0..0x20 | 0x7F => true,
        // U+0080 to U+009F except U+0085.
        0xC2 => bytes[i + 1] < 0xA0 && bytes[i + 1] != 0x85,
        // U+FFFE and U+FFFF.
        0xEF => bytes[i + 1] == 0xBF && bytes[i + 2] >= 0xBE,
        _ => false,
    })
}

/// What is wrong with bytes that do not begin with a UTF-8 character.
fn encoding_problem(bytes: &[u8]) -> &'static str {
    let width = match bytes[0] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    if bytes.len() < width {
        return "incomplete UTF-8 octet sequence";
    }
    if bytes[1..width].iter().any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    match (bytes[0], bytes[1]) {
        (0xC0 | 0xC1, _) | (0xE0, ..0xA0) | (0xF0, ..0x90) => "invalid length of a UTF-8 sequence",
        _ => "invalid Unicode character",
    }
}

//! Escaping in the parts of a URL.
//!
//! Source: Go 1.26 net/url, `shouldEscape`, `escape`, `unescape`.

use crate::star::quote;

/// The part of a URL that text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Path,
    PathSegment,
    Host,
    Zone,
    UserPassword,
    QueryComponent,
    Fragment,
}

/// Whether a byte must be escaped.
pub(super) fn must_escape(byte: u8, mode: Mode) -> bool {
    if byte.is_ascii_alphanumeric() {
        return false;
    }
    let in_host = matches!(mode, Mode::Host | Mode::Zone);
    if in_host && b"!$&'()*+,;=:[]<>\"".contains(&byte) {
        return false;
    }
    match byte {
        b'-' | b'_' | b'.' | b'~' => false,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match mode {
            Mode::Path => byte == b'?',
            Mode::PathSegment => matches!(byte, b'/' | b';' | b',' | b'?'),
            Mode::UserPassword => matches!(byte, b'@' | b'/' | b'?' | b':'),
            Mode::QueryComponent => true,
            Mode::Fragment => false,
            Mode::Host | Mode::Zone => true,
        },
        b'!' | b'(' | b')' | b'*' => mode != Mode::Fragment,
        _ => true,
    }
}

/// Escapes text for a part of a URL.
pub(super) fn escape(text: &[u8], mode: Mode) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if byte == b' ' && mode == Mode::QueryComponent {
            out.push(b'+');
        } else if must_escape(byte, mode) {
            out.extend([
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        } else {
            out.push(byte);
        }
    }
    out
}

/// Two hexadecimal digits.
fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Takes the escapes out of a part of a URL.
///
/// # Errors
/// An escape that is not well formed or not allowed there.
pub(super) fn unescape(text: &[u8], mode: Mode) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'%' => {
                let Some(value) = tail.get(..2).and_then(hexadecimal) else {
                    return Err(bad_escape(&rest[..rest.len().min(3)]));
                };
                let escape = &rest[..3];
                let percent = escape == b"%25";
                // A host may escape only what it could not contain otherwise.
                if mode == Mode::Host && value < 0x80 && !percent {
                    return Err(bad_escape(escape));
                }
                let odd = mode == Mode::Zone && !percent && value != b' ';
                if odd && must_escape(value, Mode::Host) {
                    return Err(bad_escape(escape));
                }
                out.push(value);
                rest = &rest[3..];
            }
            b'+' if mode == Mode::QueryComponent => {
                out.push(b' ');
                rest = tail;
            }
            _ => {
                let in_host = matches!(mode, Mode::Host | Mode::Zone);
                if in_host && byte < 0x80 && must_escape(byte, mode) {
                    return Err(format!("invalid character {} in host name", quote(&[byte])));
                }
                out.push(byte);
                rest = tail;
            }
        }
    }
    Ok(out)
}

fn bad_escape(escape: &[u8]) -> String {
    format!("invalid URL escape {}", quote(escape))
}

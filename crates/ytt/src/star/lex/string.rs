//! String literals and their escapes.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) syntax/quote.go.

use super::super::error::SyntaxProblem;
use super::super::text::Str;
use super::super::token::{Lexeme, Literal, Token};
use super::{Lexer, Result};

impl Lexer<'_> {
    /// Reads a string literal; a prefix `r` has been taken.
    pub(super) fn string(&mut self, line: u32, start: usize) -> Result<Lexeme> {
        let opening = self.line;
        let quote = self.text.as_bytes()[self.at];
        let raw = self.at > start;
        let body_start = self.at;
        let triple = self.text.as_bytes()[self.at..].starts_with(&[quote; 3]);
        if triple {
            self.triple_quoted(quote, line)?;
        } else {
            self.quoted(quote, line)?;
        }
        let quoted = &self.text[body_start..self.at];
        let value = unquote(quoted, raw).map_err(|message| SyntaxProblem::new(opening, message))?;
        let literal = Some(Literal::Str(Str::from(value)));
        Ok(Lexeme {
            literal,
            ..self.token(Token::String, line, start)
        })
    }

    fn quoted(&mut self, quote: u8, line: u32) -> Result<()> {
        self.read();
        loop {
            match self.read_in_string(line)? {
                '\n' => return Err(SyntaxProblem::new(line, "unexpected newline in string")),
                '\\' => {
                    self.read_in_string(line)?;
                }
                c if c == char::from(quote) => return Ok(()),
                _ => {}
            }
        }
    }

    fn triple_quoted(&mut self, quote: u8, line: u32) -> Result<()> {
        for _ in 0..3 {
            self.read();
        }
        let mut quotes = 0;
        loop {
            let next = self.read_in_string(line)?;
            if next == char::from(quote) {
                quotes += 1;
                if quotes == 3 {
                    return Ok(());
                }
            } else {
                quotes = 0;
            }
            if next == '\\' {
                self.read_in_string(line)?;
            }
        }
    }

    /// Takes one character of a string; carriage returns count as line feeds.
    fn read_in_string(&mut self, line: u32) -> Result<char> {
        let Some(next) = self.text[self.at..].chars().next() else {
            return Err(SyntaxProblem::new(line, "unexpected EOF in string"));
        };
        self.read();
        Ok(if next == '\r' { '\n' } else { next })
    }
}

/// The value of a literal with its quotes.
fn unquote(quoted: &str, raw: bool) -> std::result::Result<Vec<u8>, String> {
    let bytes = quoted.as_bytes();
    let quote = bytes[0];
    let body = if bytes.len() >= 6 && bytes.starts_with(&[quote; 3]) {
        &bytes[3..bytes.len() - 3]
    } else {
        &bytes[1..bytes.len() - 1]
    };
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&next, tail)) = rest.split_first() {
        match next {
            b'\r' => {
                out.push(b'\n');
                rest = tail.strip_prefix(b"\n").unwrap_or(tail);
            }
            b'\\' if !raw => rest = escape(rest, &mut out)?,
            _ => {
                out.push(next);
                rest = tail;
            }
        }
    }
    Ok(out)
}

/// Decodes the escape that `rest` begins with; gives what follows it.
fn escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> std::result::Result<&'a [u8], String> {
    let Some(&kind) = rest.get(1) else {
        return Err("truncated escape sequence \\".to_owned());
    };
    let simple = match kind {
        b'a' => Some(7),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(11),
        b'\\' | b'\'' | b'"' => Some(kind),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return Ok(&rest[2..]);
    }
    match kind {
        b'\n' => Ok(&rest[2..]),
        b'0'..=b'7' => {
            let length = rest[1..]
                .iter()
                .take(3)
                .take_while(|byte| matches!(byte, b'0'..=b'7'))
                .count();
            let value = rest[1..=length]
                .iter()
                .fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            let Ok(byte) = u8::try_from(value) else {
                return Err(format!("invalid escape sequence \\{value:03o}"));
            };
            out.push(byte);
            Ok(&rest[1 + length..])
        }
        b'x' => {
            let Some(digits) = rest.get(2..4) else {
                return Err(format!("truncated escape sequence {}", lossy(rest)));
            };
            let byte = digits.iter().try_fold(0u32, |value, digit| {
                char::from(*digit)
                    .to_digit(16)
                    .map(|digit| value * 16 + digit)
            });
            let Some(byte) = byte.and_then(|value| u8::try_from(value).ok()) else {
                return Err(format!("invalid escape sequence {}", lossy(&rest[..4])));
            };
            out.push(byte);
            Ok(&rest[4..])
        }
        // Unknown escapes stand for themselves.
        _ => {
            out.extend_from_slice(&rest[..2]);
            Ok(&rest[2..])
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> String {
        let mut lexer = Lexer::new(text);
        match lexer.next() {
            Ok(Lexeme {
                literal: Some(Literal::Str(value)),
                ..
            }) => value.as_bytes().escape_ascii().to_string(),
            Ok(other) => format!("{other:?}"),
            Err(problem) => format!("{}: {}", problem.line, problem.message),
        }
    }

    #[test]
    fn escapes_are_decoded() {
        let rows = [
            (r#""a\nb""#, r"a\nb"),
            (r#"'\a\b\f\v\t\r\\\'\"'"#, r#"\x07\x08\x0c\x0b\t\r\\\'\""#),
            (r#""\x41\101\0""#, r"AA\x00"),
            (r#""\q\d""#, r"\\q\\d"),
            (r#"r"a\nb\"c""#, r#"a\\nb\\\"c"#),
            ("\"a\\\nb\"", "ab"),
            (r#""""a"b""c""""#, r#"a\"b\"\"c"#),
            ("'''a\r\nb\rc'''", r"a\nb\nc"),
            (r#""\xff""#, r"\xff"),
            (r#""""#, ""),
            (r#""""""""#, ""),
        ];
        for (text, expected) in rows {
            assert_eq!(string(text), expected, "{text}");
        }
    }

    #[test]
    fn broken_literals_are_named() {
        let rows = [
            ("\"a", "1: unexpected EOF in string"),
            ("\"a\nb\"", "1: unexpected newline in string"),
            ("\n'''a\n", "2: unexpected EOF in string"),
            (r#""\777""#, r"1: invalid escape sequence \777"),
            (r#""\xg1""#, r"1: invalid escape sequence \xg1"),
            (r#""\x1""#, r"1: truncated escape sequence \x1"),
            ("\"a\\", "1: unexpected EOF in string"),
        ];
        for (text, expected) in rows {
            assert_eq!(string(text), expected, "{text}");
        }
    }
}

//! Scalars in single and double quotes.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::marker::hex_digit;
use super::text::Folding;
use super::{Token, TokenKind};
use crate::error::Error;

impl<'a> Cursor<'a> {
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Token<'a>, Error> {
        let start = self.mark;
        let quote = self.byte(0);
        self.skip();
        if let Some(text) = self.take_simple_quoted(quote) {
            let kind = TokenKind::Scalar {
                text: Cow::Borrowed(text),
                plain: false,
            };
            return Ok(Token {
                kind,
                start,
                end: self.mark,
            });
        }
        let mut text = String::new();
        let mut folding = Folding::default();
        loop {
            if self.mark.column == 0 && self.is_document_indicator() {
                return Err(self.problem("found unexpected document indicator"));
            }
            if self.is_end() {
                return Err(self.problem("found unexpected end of stream"));
            }
            folding.over_line_end = false;
            while !self.is_blank_or_end(0) {
                match self.byte(0) {
                    b'\'' if single && self.byte(1) == b'\'' => {
                        text.push('\'');
                        self.skip();
                        self.skip();
                    }
                    byte if byte == quote => break,
                    b'\\' if !single && self.is_break(1) => {
                        self.skip();
                        self.skip_line();
                        folding.over_line_end = true;
                        break;
                    }
                    b'\\' if !single => text.push(self.scan_escape()?),
                    _ => self.read(&mut text),
                }
            }
            if self.byte(0) == quote {
                break;
            }
            self.read_blanks(&mut folding, 0)?;
            folding.join(&mut text);
        }
        self.skip();
        let kind = TokenKind::Scalar {
            text: Cow::Owned(text),
            plain: false,
        };
        Ok(Token {
            kind,
            start,
            end: self.mark,
        })
    }

    /// The usual case: one line, nothing escaped. Moves behind the closing quote.
    fn take_simple_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let mut ahead = 0;
        loop {
            match self.byte(ahead) {
                byte if byte == quote => break,
                b' '..0x7F if self.byte(ahead) != b'\\' => ahead += 1,
                _ => return None,
            }
        }
        if quote == b'\'' && self.byte(ahead + 1) == b'\'' {
            return None;
        }
        let start = self.offset();
        for _ in 0..ahead {
            self.skip();
        }
        let text = self.since(start);
        self.skip();
        Some(text)
    }

    fn scan_escape(&mut self) -> Result<char, Error> {
        let digits = match self.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                let c = simple_escape(other)
                    .ok_or_else(|| self.problem("found unknown escape character"))?;
                self.skip();
                self.skip();
                return Ok(c);
            }
        };
        self.skip();
        self.skip();
        let mut value: u32 = 0;
        for ahead in 0..digits {
            let Some(digit) = hex_digit(self.byte(ahead)) else {
                return Err(self.problem("did not find expected hexdecimal number"));
            };
            value = value << 4 | u32::from(digit);
        }
        let Some(c) = char::from_u32(value) else {
            return Err(self.problem("found invalid Unicode character escape code"));
        };
        for _ in 0..digits {
            self.skip();
        }
        Ok(c)
    }
}

fn simple_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => '\0',
        b'a' => '\x07',
        b'b' => '\x08',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\x0B',
        b'f' => '\x0C',
        b'r' => '\r',
        b'e' => '\x1B',
        b' ' => ' ',
        b'"' => '"',
        b'\'' => '\'',
        b'\\' => '\\',
        b'N' => '\u{85}',
        b'_' => '\u{A0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}

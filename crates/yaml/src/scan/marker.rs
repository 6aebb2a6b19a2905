//! Directives, anchors, aliases and tags.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::{Token, TokenKind};
use crate::error::Error;

impl<'a> Cursor<'a> {
    pub(super) fn scan_directive(&mut self) -> Result<Token<'a>, Error> {
        let start = self.mark;
        self.skip();
        let name = self.take_word();
        if name.is_empty() {
            return Err(self.problem("could not find expected directive name"));
        }
        if !self.is_blank_or_end(0) {
            return Err(self.problem("found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive()?,
            _ => return Err(self.problem("found unknown directive name")),
        };
        let end = self.mark;
        self.skip_blanks();
        if self.byte(0) == b'#' {
            self.rest_of_line();
        }
        if !self.is_break_or_end(0) {
            return Err(self.problem("did not find expected comment or line break"));
        }
        self.skip_line();
        Ok(Token { kind, start, end })
    }

    fn scan_version(&mut self) -> Result<TokenKind<'a>, Error> {
        self.skip_blanks();
        let major = self.scan_version_number()?;
        if self.byte(0) != b'.' {
            return Err(self.problem("did not find expected digit or '.' character"));
        }
        self.skip();
        let minor = self.scan_version_number()?;
        Ok(TokenKind::VersionDirective { major, minor })
    }

    fn scan_version_number(&mut self) -> Result<u8, Error> {
        let start = self.offset();
        let mut value = 0;
        while self.byte(0).is_ascii_digit() {
            if self.offset() - start == 2 {
                return Err(self.problem("found extremely long version number"));
            }
            value = value * 10 + (self.byte(0) - b'0');
            self.skip();
        }
        if self.offset() == start {
            return Err(self.problem("did not find expected version number"));
        }
        Ok(value)
    }

    fn scan_tag_directive(&mut self) -> Result<TokenKind<'a>, Error> {
        self.skip_blanks();
        let handle = self.scan_tag_handle(true)?;
        if !self.is_blank(0) {
            return Err(self.problem("did not find expected whitespace"));
        }
        self.skip_blanks();
        let prefix = self.scan_tag_uri(None)?;
        if !self.is_blank_or_end(0) {
            return Err(self.problem("did not find expected whitespace or line break"));
        }
        Ok(TokenKind::TagDirective { handle, prefix })
    }

    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<Token<'a>, Error> {
        let start = self.mark;
        self.skip();
        let name = self.take_word();
        let end = self.mark;
        let well_ended = self.is_blank_or_end(0)
            || matches!(
                self.byte(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !well_ended {
            return Err(self.problem("did not find expected alphabetic or numeric character"));
        }
        let kind = if alias {
            TokenKind::Alias(name)
        } else {
            TokenKind::Anchor(name)
        };
        Ok(Token { kind, start, end })
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token<'a>, Error> {
        let start = self.mark;
        let (handle, suffix) = if self.byte(1) == b'<' {
            self.skip();
            self.skip();
            let suffix = self.scan_tag_uri(None)?;
            if self.byte(0) != b'>' {
                return Err(self.problem("did not find the expected '>'"));
            }
            self.skip();
            (Cow::Borrowed(""), suffix)
        } else {
            let handle = self.scan_tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (Cow::Borrowed(handle), self.scan_tag_uri(None)?)
            } else {
                // Not a handle after all but the beginning of the suffix.
                let suffix = self.scan_tag_uri(Some(handle))?;
                if suffix.is_empty() {
                    (Cow::Borrowed(""), handle.to_owned())
                } else {
                    (Cow::Borrowed("!"), suffix)
                }
            }
        };
        if !self.is_blank_or_end(0) {
            return Err(self.problem("did not find expected whitespace or line break"));
        }
        Ok(Token {
            kind: TokenKind::Tag { handle, suffix },
            start,
            end: self.mark,
        })
    }

    fn scan_tag_handle(&mut self, directive: bool) -> Result<&'a str, Error> {
        if self.byte(0) != b'!' {
            return Err(self.problem("did not find expected '!'"));
        }
        let start = self.offset();
        self.skip();
        let word = self.take_word();
        if self.byte(0) == b'!' {
            self.skip();
        } else if directive && !word.is_empty() {
            return Err(self.problem("did not find expected '!'"));
        }
        Ok(self.since(start))
    }

    /// The part of a tag behind its handle. `head` is text already read that belongs to it, with
    /// a leading `!` that does not.
    fn scan_tag_uri(&mut self, head: Option<&str>) -> Result<String, Error> {
        let mut uri = head.map(|head| head[1..].to_owned()).unwrap_or_default();
        let mut found = head.is_some();
        while is_word(self.byte(0)) || b";/?:@&=+$,.!~*'()[]%".contains(&self.byte(0)) {
            if self.byte(0) == b'%' {
                uri.push(self.scan_uri_escape()?);
            } else {
                self.read(&mut uri);
            }
            found = true;
        }
        if !found {
            return Err(self.problem("did not find expected tag URI"));
        }
        Ok(uri)
    }

    /// One character written as `%XX` octets.
    fn scan_uri_escape(&mut self) -> Result<char, Error> {
        let mut octets = [0; 4];
        let mut width = 1;
        let mut length = 0;
        while length < width {
            let digits = (hex_digit(self.byte(1)), hex_digit(self.byte(2)));
            let (b'%', (Some(high), Some(low))) = (self.byte(0), digits) else {
                return Err(self.problem("did not find URI escaped octet"));
            };
            let octet = high << 4 | low;
            if length == 0 {
                width = match octet {
                    0..0x80 => 1,
                    0xC0..0xE0 => 2,
                    0xE0..0xF0 => 3,
                    0xF0..0xF8 => 4,
                    _ => return Err(self.problem("found an incorrect leading UTF-8 octet")),
                };
            } else if octet & 0xC0 != 0x80 {
                return Err(self.problem("found an incorrect trailing UTF-8 octet"));
            }
            octets[length] = octet;
            length += 1;
            for _ in 0..3 {
                self.skip();
            }
        }
        // Overlong forms and surrogates, which go-yaml lets through as broken text.
        let text = std::str::from_utf8(&octets[..length]).ok();
        let c = text.and_then(|text| text.chars().next());
        c.ok_or_else(|| self.problem("found an incorrect leading UTF-8 octet"))
    }

    fn take_word(&mut self) -> &'a str {
        let start = self.offset();
        while is_word(self.byte(0)) {
            self.skip();
        }
        self.since(start)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

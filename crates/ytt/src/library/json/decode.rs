//! JSON as values, with the failures that Go's reader names.
//!
//! Source: Go encoding/json/scanner.go, decode.go.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::star::{Dict, Error, MAX_VALUE_DEPTH, Str, Value, decode_rune, quote};

/// Reads a text. Objects become dicts with sorted keys; of equal keys the last one counts.
pub(super) fn decode(text: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        out_of_range: None,
    };
    reader.blanks();
    let value = reader.value()?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.unexpected("after top-level value"));
    }
    match reader.out_of_range {
        Some(number) => Err(Error::new(format!(
            "json: cannot unmarshal number {number} into Go value of type float64"
        ))),
        None => Ok(value),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    /// A number that no float can hold; reported unless the syntax is wrong further on.
    out_of_range: Option<String>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The failure at the next byte.
    fn unexpected(&self, context: &str) -> Error {
        // Go sees a blank at the end, which most things may be followed by.
        let needs_more = ["in literal", "numeric literal", "escape"];
        let shown = match self.peek() {
            Some(byte) => byte,
            None if needs_more.iter().any(|what| context.contains(what)) => b' ',
            None => return Error::new("unexpected end of JSON input"),
        };
        let shown = match shown {
            b'\'' => "\\'".to_owned(),
            b'"' => "\"".to_owned(),
            byte => {
                let quoted = quote(char::from(byte).to_string().as_bytes());
                quoted[1..quoted.len() - 1].to_owned()
            }
        };
        Error::new(format!("invalid character '{shown}' {context}"))
    }

    fn value(&mut self) -> Result<Value, Error> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::None),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Value, Error>) -> Result<Value, Error> {
        if self.depth >= MAX_VALUE_DEPTH {
            return Err(Error::budget(format!(
                "a value is nested more than {MAX_VALUE_DEPTH} levels deep"
            )));
        }
        self.depth += 1;
        self.at += 1;
        self.blanks();
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Value, Error> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
            self.blanks();
        }
    }

    fn object(&mut self) -> Result<Value, Error> {
        let mut entries: BTreeMap<Str, Value> = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return dict(entries);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.blanks();
            let value = self.value()?;
            entries.insert(key, value);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return dict(entries);
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
            self.blanks();
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for expected in word.chars() {
            if self.peek().map(char::from) != Some(expected) {
                let context = format!("in literal {word} (expecting '{expected}')");
                return Err(self.unexpected(&context));
            }
            self.at += 1;
        }
        Ok(value)
    }

    /// Takes digits, of which there must be one.
    fn digits(&mut self, context: &str) -> Result<(), Error> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected(context));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        let value = text.parse().unwrap_or(f64::INFINITY);
        if value.is_infinite() && self.out_of_range.is_none() {
            self.out_of_range = Some(text.into_owned());
        }
        Ok(Value::Float(value))
    }

    fn string(&mut self) -> Result<Str, Error> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Str::from(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None | Some(..b' ') => return Err(self.unexpected("in string literal")),
                Some(_) => {
                    let (c, size) = decode_rune(&self.text[self.at..]);
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += size;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// A character in hexadecimal, of one or two halves; a half alone is no character.
    fn code_point(&mut self) -> Result<char, Error> {
        let first = self.four_digits()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let after = self.at;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, Error> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }
}

fn dict(entries: BTreeMap<Str, Value>) -> Result<Value, Error> {
    let entries = entries
        .into_iter()
        .map(|(key, value)| (Value::Str(key), value));
    Ok(Value::Dict(Rc::new(Dict::from_entries(entries)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match decode(text.as_bytes()) {
            Ok(value) => value.to_repr(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn texts_are_read_or_refused_as_in_go() {
        // Failures come from Go 1.26.
        let rows = [
            (
                r#"{"b": [1, 2.5, -0], "a": {"x": null}, "b": true}"#,
                r#"{"a": {"x": None}, "b": True}"#,
            ),
            (
                r#" "a\n\u00e9\ud83d\ude00\ud800x" "#,
                "\"a\\né😀\u{fffd}x\"",
            ),
            ("1e3", "1000"),
            ("", "unexpected end of JSON input"),
            ("[1", "unexpected end of JSON input"),
            ("{\"a\"", "unexpected end of JSON input"),
            ("\"a", "unexpected end of JSON input"),
            (
                "tru",
                "invalid character ' ' in literal true (expecting 'e')",
            ),
            ("-", "invalid character ' ' in numeric literal"),
            ("1e", "invalid character ' ' in exponent of numeric literal"),
            ("\"\\", "invalid character ' ' in string escape code"),
            ("[1 2]", "invalid character '2' after array element"),
            (
                "{a}",
                "invalid character 'a' looking for beginning of object key string",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 \"b\"}",
                "invalid character '\"' after object key:value pair",
            ),
            (
                "[1,]",
                "invalid character ']' looking for beginning of value",
            ),
            (
                "{\"a\":1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            ("1 x", "invalid character 'x' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("-x", "invalid character 'x' in numeric literal"),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
            (
                "1ex",
                "invalid character 'x' in exponent of numeric literal",
            ),
            (
                "trux",
                "invalid character 'x' in literal true (expecting 'e')",
            ),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            (
                "\"\\u00g0\"",
                "invalid character 'g' in \\u hexadecimal character escape",
            ),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            (
                "'a'",
                "invalid character '\\'' looking for beginning of value",
            ),
            ("é", "invalid character 'Ã' looking for beginning of value"),
            (
                "1e999",
                "json: cannot unmarshal number 1e999 into Go value of type float64",
            ),
            (
                "[1e999, x]",
                "invalid character 'x' looking for beginning of value",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(check(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let text = "[".repeat(1_000_000);
        assert!(check(&text).contains("nested more than"));
    }
}

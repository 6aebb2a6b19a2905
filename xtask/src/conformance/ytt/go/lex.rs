//! Words and signs of Go.

use anyhow::{Context, Result, bail};

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Sign(String),
    End,
}

/// Splits source text, with a `;` wherever Go puts one at the end of a line.
pub(super) fn lex(source: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if c == '\n' {
            let ends = match tokens.last() {
                Some(Token::Name(_) | Token::Text(_)) => true,
                Some(Token::Sign(sign)) => matches!(sign.as_str(), ")" | "]" | "}"),
                _ => false,
            };
            if ends {
                tokens.push(Token::Sign(";".to_owned()));
            }
            rest = &rest[1..];
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |at| &rest[at + 2..]);
        } else if let Some(raw) = rest.strip_prefix('`') {
            let (text, after) = raw.split_once('`').context("a raw string does not end")?;
            tokens.push(Token::Text(text.replace('\r', "")));
            rest = after;
        } else if c == '"' || c == '\'' {
            let (text, after) = quoted(&rest[1..], c)?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if c.is_alphanumeric() || c == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let word = rest[..end].to_owned();
            let is_number = c.is_ascii_digit();
            tokens.push(if is_number {
                Token::Text(word)
            } else {
                Token::Name(word)
            });
            rest = &rest[end..];
        } else {
            let sign = if rest.starts_with(":=") {
                ":="
            } else {
                &rest[..c.len_utf8()]
            };
            tokens.push(Token::Sign(sign.to_owned()));
            rest = &rest[sign.len()..];
        }
    }
    Ok(tokens)
}

fn quoted(text: &str, quote: char) -> Result<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            return Ok((out, chars.as_str()));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(c @ ('\\' | '"' | '\'')) => out.push(c),
            other => bail!("the escape {other:?} is not known"),
        }
    }
    bail!("a string does not end")
}

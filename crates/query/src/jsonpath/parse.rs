//! From text to steps.
//!
//! The grammar is defined by the original's scanner, quirks included: a filter ends at the first
//! `)` outside its first pair of quotes, commas split a union even inside quotes, and a word that
//! means nothing is an error of evaluation.

use super::ast::{Comparison, End, Filter, Node, Slice};
use super::unquote::unquote;
use crate::go;

/// How deep unions, quoted keys and filters may stand in each other. The grammar itself cannot
/// nest deeper than three; this is a guard.
pub const MAX_NESTING: u32 = 16;

/// A template that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    message: String,
    offset: usize,
}

impl ParseError {
    /// Returns the byte of the template at which reading stopped.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// Parses a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Node>, ParseError> {
    Parser::new(text, 0, 0)?.template()
}

struct Parser<'a> {
    input: &'a str,
    /// Where `input` begins in the whole template.
    base: usize,
    nesting: u32,
    pos: usize,
    start: usize,
}

impl<'a> Parser<'a> {
    fn new(input: &'a str, base: usize, nesting: u32) -> Result<Self, ParseError> {
        let parser = Self {
            input,
            base,
            nesting,
            pos: 0,
            start: 0,
        };
        if nesting > MAX_NESTING {
            return Err(parser.error("nested too deeply"));
        }
        Ok(parser)
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            message: message.into(),
            offset: self.base + self.pos.min(self.input.len()),
        }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.pos += next.len_utf8();
        Some(next)
    }

    /// Takes the text since the last call.
    fn take(&mut self) -> &'a str {
        let text = &self.input[self.start..self.pos];
        self.start = self.pos;
        text
    }

    /// Reports whether the character before the one just read is a backslash.
    fn after_backslash(&self) -> bool {
        self.pos >= 2 && self.input.as_bytes()[self.pos - 2] == b'\\'
    }

    fn template(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut nodes = Vec::new();
        loop {
            let open = self.rest().find('{');
            self.pos = open.map_or(self.input.len(), |at| self.pos + at);
            let text = self.take();
            if !text.is_empty() {
                nodes.push(Node::Text(text.into()));
            }
            if open.is_none() {
                return Ok(nodes);
            }
            self.pos += 1;
            self.take();
            nodes.push(Node::List(self.steps()?));
        }
    }

    /// Reads up to and with the closing brace.
    fn steps(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut steps = Vec::new();
        loop {
            if self.rest().starts_with('}') {
                self.pos += 1;
                self.take();
                return Ok(steps);
            }
            if self.rest().starts_with("[?(") {
                self.filter(&mut steps)?;
                continue;
            }
            if self.rest().starts_with("..") {
                self.recursive(&mut steps)?;
                continue;
            }
            match self.next() {
                None | Some('\n' | '\r') => return Err(self.error("unclosed action")),
                Some(' ' | '@' | '$') => drop(self.take()),
                Some('[') => self.brackets(&mut steps)?,
                Some(quote @ ('"' | '\'')) => self.quoted(quote, &mut steps)?,
                Some('.') => self.field(&mut steps),
                Some(c) if c == '+' || c == '-' || c.is_numeric() => {
                    self.pos -= c.len_utf8();
                    self.number(&mut steps)?;
                }
                Some(c) if is_word(c) => {
                    self.pos -= c.len_utf8();
                    self.identifier(&mut steps);
                }
                Some(c) => {
                    self.pos -= c.len_utf8();
                    let text = format!("unrecognized character in action: {}", go::unicode(c));
                    return Err(self.error(text));
                }
            }
        }
    }

    fn identifier(&mut self, steps: &mut Vec<Node>) {
        while self.peek().is_some_and(|c| !is_terminator(c)) {
            self.next();
        }
        steps.push(match self.take() {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Identifier(word.into()),
        });
    }

    fn recursive(&mut self, steps: &mut Vec<Node>) -> Result<(), ParseError> {
        if steps.last() == Some(&Node::Recursive) {
            return Err(self.error("invalid multiple recursive descent"));
        }
        self.pos += 2;
        self.take();
        steps.push(Node::Recursive);
        if self.peek().is_some_and(is_word) {
            self.field(steps);
        }
        Ok(())
    }

    fn number(&mut self, steps: &mut Vec<Node>) -> Result<(), ParseError> {
        if matches!(self.peek(), Some('+' | '-')) {
            self.next();
        }
        while self.peek().is_some_and(|c| c == '.' || c.is_numeric()) {
            self.next();
        }
        let text = self.take();
        let float = || text.parse().ok().filter(|float: &f64| float.is_finite());
        if let Ok(whole) = text.parse() {
            steps.push(Node::Int(whole));
        } else if let Some(float) = float() {
            steps.push(Node::Float(float));
        } else {
            return Err(self.error(format!("cannot parse number {text}")));
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, steps: &mut Vec<Node>) -> Result<(), ParseError> {
        loop {
            match self.next() {
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                Some(c) if c == quote && !self.after_backslash() => break,
                Some(_) => {}
            }
        }
        let text = self.take();
        match unquote(text) {
            Some(value) => steps.push(Node::Text(value.into())),
            None => {
                return Err(self.error(format!("unquote string {text} error invalid syntax")));
            }
        }
        Ok(())
    }

    /// Reads a name; the dot is read already.
    fn field(&mut self, steps: &mut Vec<Node>) {
        self.take();
        while let Some(c) = self.peek() {
            if c == '\\' {
                self.next();
            } else if is_terminator(c) {
                break;
            }
            self.next();
        }
        steps.push(match self.take() {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "").into()),
        });
    }

    fn brackets(&mut self, steps: &mut Vec<Node>) -> Result<(), ParseError> {
        let inside = self.base + self.pos;
        loop {
            match self.next() {
                None | Some('\n') => return Err(self.error("unterminated array")),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.take();
        let text = match &text[1..text.len() - 1] {
            "*" => ":",
            text => text,
        };
        if text.contains(',') {
            let members = text
                .split(',')
                .map(|member| self.nested(&format!("{{[{}]}}", member.trim_matches(' ')), inside));
            steps.push(Node::Union(members.collect::<Result<_, _>>()?));
        } else if let Some(key) = as_quoted_key(text) {
            steps.extend(self.nested(&format!("{{.{key}}}"), inside)?);
        } else {
            steps.push(Node::Slice(self.slice(text)?));
        }
        Ok(())
    }

    /// Parses text in braces on its own and returns the steps of the first pair.
    fn nested(&self, text: &str, at: usize) -> Result<Vec<Node>, ParseError> {
        let mut nodes = Parser::new(text, at, self.nesting + 1)
            .and_then(|mut parser| parser.template())
            .map_err(|error| ParseError {
                offset: error.offset.min(self.base + self.pos),
                ..error
            })?;
        match nodes.swap_remove(0) {
            Node::List(steps) => Ok(steps),
            other => Ok(vec![other]),
        }
    }

    fn slice(&self, text: &str) -> Result<Slice, ParseError> {
        let refuse = || self.error(format!("invalid array index {text}"));
        let mut parts = text.split(':');
        let start = parts.next().unwrap_or_default();
        let (end, step) = (parts.next(), parts.next());
        let all_numbers = [Some(start), end, step].into_iter().flatten().all(|part| {
            let digits = part.strip_prefix('-').unwrap_or(part);
            digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if parts.next().is_some() || !all_numbers {
            return Err(refuse());
        }
        let bound = |part: Option<&str>| match part {
            None | Some("") => Ok(None),
            Some(part) => part
                .parse()
                .map(Some)
                .map_err(|_| self.error(format!("array index {part} is not a number"))),
        };
        let (start, to, step) = (bound(Some(start))?, bound(end)?, bound(step)?);
        let end = match (end, to) {
            (None, _) => End::AfterStart,
            (Some(_), None) => End::Open,
            (Some(_), Some(to)) => End::At(to),
        };
        Ok(Slice { start, end, step })
    }

    fn filter(&mut self, steps: &mut Vec<Node>) -> Result<(), ParseError> {
        self.pos += "[?(".len();
        self.take();
        let inside = self.base + self.pos;
        let mut pair = None;
        let mut closed = false;
        loop {
            match self.next() {
                None | Some('\n') => return Err(self.error("unterminated filter")),
                Some(quote @ ('"' | '\'')) => {
                    if pair.is_none() {
                        pair = Some(quote);
                    } else if pair == Some(quote) && !self.after_backslash() {
                        closed = true;
                    }
                }
                Some(')') if pair.is_some() == closed => break,
                Some(_) => {}
            }
        }
        if self.next() != Some(']') {
            return Err(self.error("unclosed array expect ]"));
        }
        let text = self.take();
        let text = &text[..text.len() - 2];
        let filter = match split_comparison(text) {
            None => Filter {
                left: self.nested(&format!("{{{text}}}"), inside)?,
                comparison: None,
            },
            Some((left, operator, right)) => Filter {
                left: self.nested(&format!("{{{left}}}"), inside)?,
                comparison: Some(Comparison {
                    operator: operator.into(),
                    right: self.nested(&format!("{{{right}}}"), inside)?,
                }),
            },
        };
        steps.push(Node::Filter(Box::new(filter)));
        Ok(())
    }
}

/// Splits at the first run of comparison signs; the right side is never empty.
fn split_comparison(text: &str) -> Option<(&str, &str, &str)> {
    const SIGNS: [char; 4] = ['!', '<', '>', '='];
    let from = text.find(SIGNS).filter(|&at| at > 0)?;
    let run = text[from..].find(|c| !SIGNS.contains(&c));
    // A run that reaches the end gives its last sign to the right side.
    let to = run.map_or(text.len() - 1, |length| from + length);
    (to > from).then(|| (&text[..from], &text[from..to], &text[to..]))
}

fn as_quoted_key(text: &str) -> Option<&str> {
    let key = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!key.contains('\'')).then_some(key)
}

fn is_terminator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'
    )
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

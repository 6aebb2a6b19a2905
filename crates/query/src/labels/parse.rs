//! The text form of label selectors.

use std::collections::BTreeSet;

use super::requirement::{Operator, Requirement, RequirementError};
use crate::{go, names};

/// A text that is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Something else was expected between requirements.
    #[error("{0}")]
    Between(String),
    /// A requirement cannot be read or makes no sense.
    #[error("unable to parse requirement: {0}")]
    Requirement(String),
}

impl From<RequirementError> for ParseError {
    fn from(error: RequirementError) -> Self {
        Self::Requirement(error.to_string())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Error,
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

const SYMBOLS: [(&str, Kind); 9] = [
    (")", Kind::Close),
    (",", Kind::Comma),
    ("!", Kind::Not),
    ("==", Kind::DoubleEquals),
    ("=", Kind::Equals),
    (">", Kind::Greater),
    ("<", Kind::Less),
    ("!=", Kind::NotEquals),
    ("(", Kind::Open),
];

/// What the original lists when an operator is missing.
const BINARY_OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    text: String,
}

/// Parses requirements in the order in which they are written.
pub(super) fn selector(text: &str) -> Result<Vec<Requirement>, ParseError> {
    let mut parser = Parser {
        tokens: scan(text),
        position: 0,
    };
    parser.selector()
}

fn is_symbol(c: char) -> bool {
    "=!(),><".contains(c)
}

fn is_blank(c: char) -> bool {
    " \t\r\n".contains(c)
}

/// Splits into tokens; the last one is always the end. A NUL ends the text, as in the original.
fn scan(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.split('\0').next().unwrap_or_default();
    loop {
        rest = rest.trim_start_matches(is_blank);
        let Some(first) = rest.chars().next() else {
            tokens.push(Token {
                kind: Kind::End,
                text: String::new(),
            });
            return tokens;
        };
        let (token, length) = if is_symbol(first) {
            scan_symbol(rest)
        } else {
            scan_word(rest)
        };
        tokens.push(token);
        rest = &rest[length..];
    }
}

fn scan_word(rest: &str) -> (Token, usize) {
    let length = rest
        .find(|c| is_symbol(c) || is_blank(c))
        .unwrap_or(rest.len());
    let text = &rest[..length];
    let kind = match text {
        "in" => Kind::In,
        "notin" => Kind::NotIn,
        _ => Kind::Identifier,
    };
    let text = text.to_owned();
    (Token { kind, text }, length)
}

/// Takes the longest run of signs that is a symbol; a run that never becomes one is an error.
fn scan_symbol(rest: &str) -> (Token, usize) {
    let run = rest.find(|c| !is_symbol(c)).unwrap_or(rest.len());
    let mut last: Option<(Kind, usize)> = None;
    for length in 1..=run {
        let known = SYMBOLS.iter().find(|(text, _)| *text == &rest[..length]);
        match (known, last) {
            (Some(&(_, kind)), _) => last = Some((kind, length)),
            (None, Some(_)) => break,
            (None, None) => {}
        }
    }
    if let Some((kind, length)) = last {
        let text = rest[..length].to_owned();
        return (Token { kind, text }, length);
    }
    let text = format!("error expected: keyword found '{}'", &rest[..run]);
    let kind = Kind::Error;
    (Token { kind, text }, run)
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
}

impl Parser {
    /// Looks at the next token where a value may stand: `in` and `notin` are words there.
    fn peek(&self) -> Token {
        let mut token = self.raw(self.position);
        if matches!(token.kind, Kind::In | Kind::NotIn) {
            token.kind = Kind::Identifier;
        }
        token
    }

    fn raw(&self, at: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[at.min(last)].clone()
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, ParseError> {
        let mut requirements = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Identifier | Kind::Not => {
                    requirements.push(self.requirement()?);
                    let after = self.take();
                    match after.kind {
                        Kind::End => return Ok(requirements),
                        Kind::Comma => self.expect_requirement()?,
                        _ => {
                            return Err(between(&after.text, "',' or 'end of string'"));
                        }
                    }
                }
                Kind::End => return Ok(requirements),
                _ => {
                    return Err(between(&token.text, "!, identifier, or 'end of string'"));
                }
            }
        }
    }

    fn expect_requirement(&self) -> Result<(), ParseError> {
        let token = self.peek();
        if matches!(token.kind, Kind::Identifier | Kind::Not) {
            return Ok(());
        }
        Err(between(&token.text, "identifier after ','"))
    }

    fn requirement(&mut self) -> Result<Requirement, ParseError> {
        let (key, unary) = self.key()?;
        if let Some(operator) = unary {
            return Ok(Requirement::new(&key, operator, Vec::new())?);
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => BTreeSet::from([self.exact_value()?]),
        };
        Ok(Requirement::new(
            &key,
            operator,
            values.into_iter().collect(),
        )?)
    }

    fn key(&mut self) -> Result<(String, Option<Operator>), ParseError> {
        let mut token = self.take();
        let mut operator = None;
        if token.kind == Kind::Not {
            operator = Some(Operator::DoesNotExist);
            token = self.take();
        }
        if token.kind != Kind::Identifier {
            return Err(within(&token.text, "identifier"));
        }
        let problems = names::label_key_problems(&token.text);
        if !problems.is_empty() {
            return Err(ParseError::Requirement(format!(
                "<nil>: Invalid value: {}: {}",
                go::quote(&token.text),
                problems.join("; ")
            )));
        }
        if operator.is_none() && matches!(self.peek().kind, Kind::End | Kind::Comma) {
            operator = Some(Operator::Exists);
        }
        Ok((token.text, operator))
    }

    fn operator(&mut self) -> Result<Operator, ParseError> {
        let token = self.raw(self.position);
        self.position += 1;
        match token.kind {
            Kind::In => Ok(Operator::In),
            Kind::NotIn => Ok(Operator::NotIn),
            Kind::Equals => Ok(Operator::Equals),
            Kind::DoubleEquals => Ok(Operator::DoubleEquals),
            Kind::NotEquals => Ok(Operator::NotEquals),
            Kind::Greater => Ok(Operator::GreaterThan),
            Kind::Less => Ok(Operator::LessThan),
            _ => Err(within(&token.text, BINARY_OPERATORS)),
        }
    }

    fn values(&mut self) -> Result<BTreeSet<String>, ParseError> {
        let open = self.take();
        if open.kind != Kind::Open {
            return Err(ParseError::Requirement(format!(
                "found '{}' expected: '('",
                open.text
            )));
        }
        let first = self.peek();
        match first.kind {
            Kind::Identifier | Kind::Comma => {
                let values = self.listed_values()?;
                self.take();
                Ok(values)
            }
            Kind::Close => {
                self.take();
                Ok(BTreeSet::from([String::new()]))
            }
            _ => Err(within(&first.text, "',', ')' or identifier")),
        }
    }

    /// Reads up to the closing parenthesis. Two commas in a row have an empty value between them.
    fn listed_values(&mut self) -> Result<BTreeSet<String>, ParseError> {
        let mut values = BTreeSet::new();
        loop {
            let token = self.take();
            match token.kind {
                Kind::Identifier => {
                    values.insert(token.text);
                    let after = self.peek();
                    match after.kind {
                        Kind::Comma => {}
                        Kind::Close => return Ok(values),
                        _ => return Err(within(&after.text, "',' or ')'")),
                    }
                }
                Kind::Comma => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    match self.peek().kind {
                        Kind::Close => {
                            values.insert(String::new());
                            return Ok(values);
                        }
                        Kind::Comma => drop(values.insert(String::new())),
                        _ => {}
                    }
                }
                _ => return Err(within(&token.text, "',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, ParseError> {
        if matches!(self.peek().kind, Kind::End | Kind::Comma) {
            return Ok(String::new());
        }
        let token = self.take();
        if token.kind == Kind::Identifier {
            return Ok(token.text);
        }
        Err(within(&token.text, "identifier"))
    }
}

fn between(found: &str, expected: &str) -> ParseError {
    ParseError::Between(format!("found '{found}', expected: {expected}"))
}

fn within(found: &str, expected: &str) -> ParseError {
    ParseError::Requirement(format!("found '{found}', expected: {expected}"))
}

//! Blocks that close with `end` instead of by indentation.
//!
//! A block opens after a colon that is directly followed by a newline. It closes at the
//! identifier `end`, which takes the newline after it along, at `elif`, and at `else` when a
//! colon comes next. Source: starlark-go (k14s fork, 3a5c849cc368) syntax/block_scanner.go.

use super::error::SyntaxProblem;
use super::lex::Lexer;
use super::token::{Lexeme, Token};
use std::collections::VecDeque;

type Result<T> = std::result::Result<T, SyntaxProblem>;

/// Gives out the tokens of a [`Lexer`] with blocks marked.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    lexer: Lexer<'a>,
    /// Tokens read ahead, each with whether its block was closed already.
    ahead: VecDeque<(Lexeme, bool)>,
    /// Tokens given out before: the last one and the one before it.
    last: Option<(Token, u32)>,
    before_last: Option<Token>,
    /// Line of each open block.
    open: Vec<u32>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            lexer: Lexer::new(text),
            ahead: VecDeque::new(),
            last: None,
            before_last: None,
            open: Vec::new(),
        }
    }

    /// Line on which the scanner stands.
    pub(crate) fn line(&self) -> u32 {
        self.lexer.line()
    }

    /// Text of a token.
    pub(crate) fn text_of(&self, lexeme: &Lexeme) -> &'a str {
        self.lexer.text_of(lexeme)
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Lexeme> {
        let lexeme = self.inner()?;
        self.before_last = self.last.map(|(token, _)| token);
        self.last = Some((lexeme.token, lexeme.line));
        Ok(lexeme)
    }

    fn inner(&mut self) -> Result<Lexeme> {
        if let (Some(Token::Colon), Some((Token::Newline, line))) = (self.before_last, self.last) {
            self.open.push(line);
            return Ok(mark(Token::Indent, line));
        }
        loop {
            let (lexeme, closed) = match self.ahead.pop_front() {
                Some(ahead) => ahead,
                None => (self.lexer.next()?, false),
            };
            match lexeme.token {
                Token::Indent | Token::Outdent => {}
                Token::Else if !closed => {
                    let next = self.lexer.next()?;
                    let ends_block = next.token == Token::Colon;
                    if ends_block {
                        self.ahead.push_back((lexeme, true));
                        self.ahead.push_back((next, false));
                        return self.close();
                    }
                    self.ahead.push_back((next, false));
                    return Ok(lexeme);
                }
                Token::Elif if !closed => {
                    self.ahead.push_back((lexeme, true));
                    return self.close();
                }
                Token::Pass => {
                    return self.fail("use of reserved keyword 'pass' is not allowed");
                }
                Token::Ident if self.text_of(&lexeme) == "end" => {
                    let next = self.lexer.next()?;
                    if next.token != Token::Newline {
                        self.ahead.push_back((next, false));
                    }
                    return self.close();
                }
                Token::Eof => {
                    if let Some(&line) = self.open.last() {
                        return Err(SyntaxProblem::new(
                            line,
                            "mismatched set of block openings (if/else/elif/for/def) and closing (end)",
                        ));
                    }
                    return Ok(lexeme);
                }
                _ => return Ok(lexeme),
            }
        }
    }

    fn close(&mut self) -> Result<Lexeme> {
        if self.open.pop().is_none() {
            return self.fail("unexpected end");
        }
        Ok(mark(Token::Outdent, self.last.map_or(1, |(_, line)| line)))
    }

    fn fail<T>(&self, message: &str) -> Result<T> {
        Err(SyntaxProblem::new(self.line(), message))
    }
}

/// A token without text.
fn mark(token: Token, line: u32) -> Lexeme {
    Lexeme {
        token,
        line,
        start: 0,
        end: 0,
        literal: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut blocks = Blocks::new(text);
        let mut out = Vec::new();
        loop {
            match blocks.next() {
                Ok(lexeme) if lexeme.token == Token::Eof => return out.join(" "),
                Ok(lexeme) if lexeme.token == Token::Ident => {
                    out.push(blocks.text_of(&lexeme).to_owned());
                }
                Ok(lexeme) => out.push(lexeme.token.name().to_owned()),
                Err(problem) => {
                    out.push(format!("{}: {}", problem.line, problem.message));
                    return out.join(" ");
                }
            }
        }
    }

    #[test]
    fn end_closes_a_block_and_takes_its_newline() {
        assert_eq!(
            tokens("if a:\nb\nend\nc\n"),
            "if a : newline indent b newline outdent c newline"
        );
    }

    #[test]
    fn else_and_elif_close_the_block_before_them() {
        assert_eq!(
            tokens("if a:\nb\nelif c:\nd\nelse:\ne\nend"),
            "if a : newline indent b newline outdent elif c : newline indent d newline outdent \
             else : newline indent e newline outdent"
        );
    }

    #[test]
    fn else_of_a_conditional_expression_closes_nothing() {
        assert_eq!(tokens("x = a if b else c"), "x = a if b else c");
    }

    #[test]
    fn blocks_must_match() {
        assert_eq!(tokens("end\n"), "2: unexpected end");
        assert_eq!(
            tokens("if a:\nb\n"),
            "if a : newline indent b newline 1: mismatched set of block openings \
             (if/else/elif/for/def) and closing (end)"
        );
        assert_eq!(
            tokens("if a:\npass\nend"),
            "if a : newline indent 2: use of reserved keyword 'pass' is not allowed"
        );
    }

    #[test]
    fn indentation_means_nothing() {
        assert_eq!(
            tokens("if a:\n      b\n   \\\n  c\nend"),
            "if a : newline indent b newline 3: unindent does not match any outer indentation level"
        );
        assert_eq!(tokens("a\n  b\nc"), "a newline b newline c");
    }
}

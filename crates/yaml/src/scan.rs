//! The scanner: from characters to tokens, with every comment kept.
//!
//! The rules are libyaml's (YAML 1.1): a stack of indentation levels turns layout into
//! block-start and block-end tokens, and for each flow level one *possible simple key* is
//! remembered, because only the `:` behind it tells that a scalar was a key. The scanner hands a
//! token out as soon as no such key can still be inserted in front of it.
//!
//! Source: go-yaml scannerc.go; the messages are its messages. ytt's fork adds the comments.

mod cursor;
mod marker;
mod quoted;
mod text;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::error::Error;
use crate::reader::Input;
use crate::tree::Comment;
use cursor::Cursor;

/// Longest simple key, in characters.
const SIMPLE_KEY_CHARS: usize = 1024;

/// A zero-based position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Characters from the beginning.
    pub(crate) index: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind<'a> {
    StreamEnd,
    VersionDirective {
        major: u8,
        minor: u8,
    },
    TagDirective {
        handle: &'a str,
        prefix: String,
    },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag {
        handle: Cow<'a, str>,
        suffix: String,
    },
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) start: Mark,
    pub(crate) end: Mark,
}

/// A place where a simple key may have begun.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// At the indentation of the enclosing block mapping, nothing but a key can stand.
    required: bool,
    /// Number of the token in the stream before which the key token would go.
    token_number: usize,
    mark: Mark,
}

#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    input: &'a Input<'a>,
    cursor: Cursor<'a>,
    tokens: VecDeque<Token<'a>>,
    /// Tokens handed out so far.
    tokens_taken: usize,
    ended: bool,
    /// Column of the current block collection, -1 outside.
    indent: isize,
    indents: Vec<isize>,
    simple_key_allowed: bool,
    /// One per flow level, and one for the block context.
    simple_keys: Vec<SimpleKey>,
    comments: Vec<Comment>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(input: &'a Input<'a>) -> Self {
        Self {
            input,
            cursor: Cursor::new(input.text()),
            tokens: VecDeque::new(),
            tokens_taken: 0,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            comments: Vec::new(),
        }
    }

    /// Takes the comments found since the last call.
    pub(crate) fn take_comments(&mut self) -> Vec<Comment> {
        std::mem::take(&mut self.comments)
    }

    /// The next token, left in place. After the end of the stream it is the end of the stream.
    pub(crate) fn peek(&mut self) -> Result<&Token<'a>, Error> {
        while self.needs_more_tokens()? {
            if let Err(error) = self.fetch_next_token() {
                return Err(self.prefer_reader_problem(error));
            }
        }
        Ok(self
            .tokens
            .front()
            .expect("the stream ends with a token that is never taken"))
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Result<Token<'a>, Error> {
        self.peek()?;
        if matches!(
            self.tokens.front(),
            Some(Token {
                kind: TokenKind::StreamEnd,
                ..
            })
        ) {
            return Ok(self.tokens[0].clone());
        }
        self.tokens_taken += 1;
        Ok(self.tokens.pop_front().expect("peek left a token"))
    }

    /// When unreadable text is near, go-yaml has already stumbled over it.
    fn prefer_reader_problem(&self, error: Error) -> Error {
        match self.input.problem() {
            Some(problem) if self.cursor.is_near_end() => problem,
            _ => error,
        }
    }

    fn needs_more_tokens(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        if self.tokens.is_empty() {
            return Ok(true);
        }
        self.drop_stale_simple_keys()?;
        let head = self.tokens_taken;
        Ok(self
            .simple_keys
            .iter()
            .any(|key| key.possible && key.token_number == head))
    }

    fn fetch_next_token(&mut self) -> Result<(), Error> {
        self.skip_to_next_token();
        self.drop_stale_simple_keys()?;
        let column = isize::try_from(self.cursor.mark.column).unwrap_or(isize::MAX);
        self.unroll_indent(column);
        if self.cursor.is_end() {
            return self.fetch_stream_end();
        }
        let at_line_start = self.cursor.mark.column == 0;
        let byte = self.cursor.byte(0);
        if at_line_start && byte == b'%' {
            return self.fetch_directive();
        }
        if at_line_start && self.cursor.is_document_indicator() {
            let kind = if byte == b'-' {
                TokenKind::DocumentStart
            } else {
                TokenKind::DocumentEnd
            };
            return self.fetch_document_indicator(kind);
        }
        let blank_follows = self.cursor.is_blank_or_end(1);
        let flow = self.in_flow();
        match byte {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if blank_follows => self.fetch_block_entry(),
            b'?' if flow || blank_follows => self.fetch_key(),
            b':' if flow || blank_follows => self.fetch_value(),
            b'*' => self.fetch_anchor(true),
            b'&' => self.fetch_anchor(false),
            b'!' => self.fetch_tag(),
            b'|' if !flow => self.fetch_block_scalar(true),
            b'>' if !flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_quoted(true),
            b'"' => self.fetch_quoted(false),
            b'\t' | b'|' | b'>' | b'#' | b'%' | b'@' | b'`' => {
                Err(self.problem("found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    fn problem(&self, problem: &'static str) -> Error {
        let mark = self.cursor.mark;
        Error::scanner(problem, mark.line, mark.column)
    }

    fn in_flow(&self) -> bool {
        self.simple_keys.len() > 1
    }

    // Simple keys.

    /// Forgets possible keys that went over a line end or grew too long.
    fn drop_stale_simple_keys(&mut self) -> Result<(), Error> {
        let now = self.cursor.mark;
        let stale = |key: &SimpleKey| {
            key.possible
                && (key.mark.line < now.line || key.mark.index + SIMPLE_KEY_CHARS < now.index)
        };
        for i in 0..self.simple_keys.len() {
            if stale(&self.simple_keys[i]) {
                if self.simple_keys[i].required {
                    return Err(self.problem("could not find expected ':'"));
                }
                self.simple_keys[i].possible = false;
            }
        }
        Ok(())
    }

    fn save_simple_key(&mut self) -> Result<(), Error> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let mark = self.cursor.mark;
        let required = !self.in_flow() && usize::try_from(self.indent) == Ok(mark.column);
        self.remove_simple_key()?;
        let token_number = self.tokens_taken + self.tokens.len();
        *self.simple_key() = SimpleKey {
            possible: true,
            required,
            token_number,
            mark,
        };
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), Error> {
        if self.simple_key().possible && self.simple_key().required {
            return Err(self.problem("could not find expected ':'"));
        }
        self.simple_key().possible = false;
        Ok(())
    }

    fn simple_key(&mut self) -> &mut SimpleKey {
        self.simple_keys
            .last_mut()
            .expect("the block context's entry is never popped")
    }

    // Indentation.

    /// Opens a block collection when `mark` is further in than the current one. `at` is the token
    /// number before which the start token goes; `None` is behind all tokens.
    fn roll_indent(&mut self, mark: Mark, at: Option<usize>, kind: TokenKind<'a>) {
        let column = isize::try_from(mark.column).unwrap_or(isize::MAX);
        if self.in_flow() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token {
            kind,
            start: mark,
            end: mark,
        };
        match at {
            Some(number) => self.tokens.insert(number - self.tokens_taken, token),
            None => self.tokens.push_back(token),
        }
    }

    /// Closes block collections that are further in than `column`.
    fn unroll_indent(&mut self, column: isize) {
        if self.in_flow() {
            return;
        }
        let mark = self.cursor.mark;
        while self.indent > column {
            self.tokens.push_back(Token {
                kind: TokenKind::BlockEnd,
                start: mark,
                end: mark,
            });
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    // One function per kind of token.

    /// Consumes `chars` ASCII characters as a token.
    fn push_indicator(&mut self, kind: TokenKind<'a>, chars: usize) {
        let start = self.cursor.mark;
        for _ in 0..chars {
            self.cursor.skip();
        }
        self.tokens.push_back(Token {
            kind,
            start,
            end: self.cursor.mark,
        });
    }

    fn fetch_stream_end(&mut self) -> Result<(), Error> {
        if let Some(problem) = self.input.problem() {
            return Err(problem);
        }
        self.cursor.force_new_line();
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push_indicator(TokenKind::StreamEnd, 0);
        self.ended = true;
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Error> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.cursor.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, kind: TokenKind<'a>) -> Result<(), Error> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push_indicator(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<(), Error> {
        self.remove_simple_key()?;
        if self.in_flow() {
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Error> {
        // In a flow context the parser reports it, because it knows the collection.
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.problem("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, TokenKind::BlockSequenceStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Error> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.problem("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, TokenKind::BlockMappingStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = !self.in_flow();
        self.push_indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Error> {
        let key = *self.simple_key();
        if key.possible {
            let token = Token {
                kind: TokenKind::Key,
                start: key.mark,
                end: key.mark,
            };
            self.tokens
                .insert(key.token_number - self.tokens_taken, token);
            self.roll_indent(
                key.mark,
                Some(key.token_number),
                TokenKind::BlockMappingStart,
            );
            self.simple_key().possible = false;
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(self.problem("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.cursor.mark, None, TokenKind::BlockMappingStart);
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.push_indicator(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.cursor.scan_anchor(alias)?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.cursor.scan_tag()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let token = self.cursor.scan_block_scalar(literal, self.indent)?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.cursor.scan_quoted(single)?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let flow = self.in_flow();
        let (token, over_line_end) = self.cursor.scan_plain(flow, self.indent)?;
        self.tokens.push_back(token);
        if over_line_end {
            self.simple_key_allowed = true;
        }
        Ok(())
    }

    /// Passes over blanks, line ends and comments; the comments are kept.
    ///
    /// A byte order mark is content but for the first of a stream: go-yaml means to skip one at the
    /// beginning of each line, and looks for it in the wrong place.
    fn skip_to_next_token(&mut self) {
        loop {
            // A tab may not indent, nor stand where a key may begin.
            let tabs = self.in_flow() || !self.simple_key_allowed;
            while self.cursor.byte(0) == b' ' || (tabs && self.cursor.byte(0) == b'\t') {
                self.cursor.skip();
            }
            if self.cursor.byte(0) == b'#' {
                let mark = self.cursor.mark;
                let text = self.cursor.rest_of_line();
                self.comments.push(Comment {
                    line: mark.line + 1,
                    column: mark.column + 1,
                    text: text[1..].to_owned(),
                });
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.skip_line();
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }
}

//! Plain scalars and block scalars, and how lines are folded.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::{Token, TokenKind};
use crate::error::Error;

/// Blanks and line breaks between two words of a flow scalar, until it is known whether a word
/// follows.
#[derive(Debug, Default)]
pub(super) struct Folding {
    /// Blanks on the line of the last word.
    blanks: String,
    first_break: String,
    more_breaks: String,
    pub(super) over_line_end: bool,
}

impl Folding {
    /// Appends what the blanks amount to: themselves, or folded line breaks.
    pub(super) fn join(&mut self, text: &mut String) {
        if self.over_line_end {
            if self.first_break != "\n" {
                text.push_str(&self.first_break);
                text.push_str(&self.more_breaks);
            } else if self.more_breaks.is_empty() {
                text.push(' ');
            } else {
                text.push_str(&self.more_breaks);
            }
            self.first_break.clear();
            self.more_breaks.clear();
        } else {
            text.push_str(&self.blanks);
        }
        self.blanks.clear();
    }
}

/// What happens to line breaks at the end of a block scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'a> Cursor<'a> {
    /// Scans a plain scalar; the flag says whether blank lines behind it were consumed, so that a
    /// key may follow.
    pub(super) fn scan_plain(
        &mut self,
        flow: bool,
        parent_indent: isize,
    ) -> Result<(Token<'a>, bool), Error> {
        let indent = usize::try_from(parent_indent + 1).unwrap_or(0);
        let start = self.mark;
        let mut end = start;
        let start_offset = self.offset();
        let mut end_offset = start_offset;
        let mut text = String::new();
        let mut single_run = true;
        let mut folding = Folding::default();
        loop {
            if self.mark.column == 0 && self.is_document_indicator() {
                break;
            }
            if self.byte(0) == b'#' {
                break;
            }
            let word = self.offset();
            while !self.is_blank_or_end(0) && !self.ends_plain(flow) {
                self.skip();
            }
            if self.offset() > word {
                if folding.over_line_end {
                    if single_run {
                        text.push_str(self.slice(start_offset, end_offset));
                        single_run = false;
                    }
                    folding.join(&mut text);
                    folding.over_line_end = false;
                } else if !single_run {
                    folding.join(&mut text);
                } else {
                    folding.blanks.clear();
                }
                if !single_run {
                    text.push_str(self.since(word));
                }
                end = self.mark;
                end_offset = self.offset();
            }
            if !(self.is_blank(0) || self.is_break(0)) {
                break;
            }
            self.read_blanks(&mut folding, indent)?;
            if !flow && self.mark.column < indent {
                break;
            }
        }
        let text = if single_run {
            Cow::Borrowed(self.slice(start_offset, end_offset))
        } else {
            Cow::Owned(text)
        };
        let token = Token {
            kind: TokenKind::Scalar { text, plain: true },
            start,
            end,
        };
        Ok((token, folding.over_line_end))
    }

    /// Moves over blanks and line breaks between words. A tab left of column `indent` would pass
    /// for indentation and is refused.
    pub(super) fn read_blanks(
        &mut self,
        folding: &mut Folding,
        indent: usize,
    ) -> Result<(), Error> {
        while self.is_blank(0) || self.is_break(0) {
            if folding.over_line_end && self.mark.column < indent && self.byte(0) == b'\t' {
                return Err(self.problem("found a tab character that violates indentation"));
            }
            if self.is_blank(0) && folding.over_line_end {
                self.skip();
            } else if self.is_blank(0) {
                self.read(&mut folding.blanks);
            } else if folding.over_line_end {
                self.read_line(&mut folding.more_breaks);
            } else {
                folding.blanks.clear();
                self.read_line(&mut folding.first_break);
                folding.over_line_end = true;
            }
        }
        Ok(())
    }

    fn ends_plain(&self, flow: bool) -> bool {
        match self.byte(0) {
            b':' => self.is_blank_or_end(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => flow,
            _ => false,
        }
    }

    pub(super) fn scan_block_scalar(
        &mut self,
        literal: bool,
        parent_indent: isize,
    ) -> Result<Token<'a>, Error> {
        let start = self.mark;
        self.skip();
        let (chomping, increment) = self.scan_block_header()?;
        let base = usize::try_from(parent_indent).unwrap_or(0);
        let mut indent = increment.map(|increment| base + increment);
        let least = usize::try_from(parent_indent + 1).unwrap_or(0).max(1);

        let mut text = String::new();
        let mut first_break = String::new();
        let mut more_breaks = String::new();
        let mut end = self.mark;
        let mut after_blank_line_start = false;
        self.read_block_breaks(&mut indent, least, &mut more_breaks, &mut end)?;
        while Some(self.mark.column) == indent && !self.is_end() {
            let begins_blank = self.is_blank(0);
            let folds = !literal && first_break == "\n" && !after_blank_line_start && !begins_blank;
            if folds {
                if more_breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&first_break);
            }
            first_break.clear();
            text.push_str(&more_breaks);
            more_breaks.clear();
            after_blank_line_start = begins_blank;
            text.push_str(self.rest_of_line());
            self.read_line(&mut first_break);
            self.read_block_breaks(&mut indent, least, &mut more_breaks, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(&first_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&more_breaks);
        }
        let kind = TokenKind::Scalar {
            text: Cow::Owned(text),
            plain: false,
        };
        Ok(Token { kind, start, end })
    }

    /// The rest of the line of `|` or `>`. A comment there is not kept, as in the original.
    fn scan_block_header(&mut self) -> Result<(Chomping, Option<usize>), Error> {
        let mut chomping = self.take_chomping();
        let mut increment = None;
        if self.byte(0).is_ascii_digit() {
            if self.byte(0) == b'0' {
                return Err(self.problem("found an indentation indicator equal to 0"));
            }
            increment = Some(usize::from(self.byte(0) - b'0'));
            self.skip();
            chomping = chomping.or_else(|| self.take_chomping());
        }
        self.skip_blanks();
        if self.byte(0) == b'#' {
            self.rest_of_line();
        }
        if !self.is_break_or_end(0) {
            return Err(self.problem("did not find expected comment or line break"));
        }
        self.skip_line();
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    fn take_chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.byte(0) {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.skip();
        Some(chomping)
    }

    /// Moves over indentation and empty lines; the first line that is not empty decides the
    /// indentation when the header did not.
    fn read_block_breaks(
        &mut self,
        indent: &mut Option<usize>,
        least: usize,
        breaks: &mut String,
        end: &mut super::Mark,
    ) -> Result<(), Error> {
        *end = self.mark;
        let mut widest = 0;
        loop {
            while indent.is_none_or(|indent| self.mark.column < indent) && self.byte(0) == b' ' {
                self.skip();
            }
            widest = widest.max(self.mark.column);
            let inside = indent.is_none_or(|indent| self.mark.column < indent);
            if inside && self.byte(0) == b'\t' {
                return Err(
                    self.problem("found a tab character where an indentation space is expected")
                );
            }
            if !self.is_break(0) {
                break;
            }
            self.read_line(breaks);
            *end = self.mark;
        }
        indent.get_or_insert(widest.max(least));
        Ok(())
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        &self.since(from)[..to - from]
    }
}

//! A place in the text: looking ahead by bytes, moving on by characters and lines.

use super::Mark;
use crate::error::Error;

/// The text and the current position. Beyond the end every byte reads as NUL, which cannot occur
/// in readable text.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    pub(super) mark: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            mark: Mark::default(),
        }
    }

    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.offset + ahead)
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The text from an earlier offset to here.
    pub(super) fn since(&self, offset: usize) -> &'a str {
        &self.text[offset..self.offset]
    }

    pub(super) fn is_end(&self) -> bool {
        self.offset >= self.text.len()
    }

    /// Whether the characters that the scanner looks at reach beyond the end.
    pub(super) fn is_near_end(&self) -> bool {
        self.offset + 4 >= self.text.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.byte(ahead + 1) == 0x85,
            0xE2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    pub(super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Whether `---` or `...` followed by a blank stands here.
    pub(super) fn is_document_indicator(&self) -> bool {
        let first = self.byte(0);
        (first == b'-' || first == b'.')
            && self.byte(1) == first
            && self.byte(2) == first
            && self.is_blank_or_end(3)
    }

    /// Moves over one character. At the end of the text nothing happens.
    pub(super) fn skip(&mut self) {
        if self.is_end() {
            return;
        }
        self.offset += width(self.byte(0));
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Moves over one character and appends it.
    pub(super) fn read(&mut self, into: &mut String) {
        let start = self.offset;
        self.skip();
        into.push_str(self.since(start));
    }

    /// Moves over a line break, if one is here.
    pub(super) fn skip_line(&mut self) {
        if !self.is_break(0) {
            return;
        }
        let crlf = self.byte(0) == b'\r' && self.byte(1) == b'\n';
        self.offset += if crlf { 2 } else { width(self.byte(0)) };
        self.mark.index += if crlf { 2 } else { 1 };
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Moves over a line break and appends it as it counts in a scalar: most kinds become a line
    /// feed, U+2028 and U+2029 stay.
    pub(super) fn read_line(&mut self, into: &mut String) {
        if !self.is_break(0) {
            return;
        }
        let start = self.offset;
        self.skip_line();
        match self.since(start) {
            separator @ ("\u{2028}" | "\u{2029}") => into.push_str(separator),
            _ => into.push('\n'),
        }
    }

    /// Moves to the end of the line and returns what was passed.
    pub(super) fn rest_of_line(&mut self) -> &'a str {
        let start = self.offset;
        while !self.is_break_or_end(0) {
            self.skip();
        }
        self.since(start)
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// At the end of the stream the position is the beginning of a line.
    pub(super) fn force_new_line(&mut self) {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
    }

    pub(super) fn problem(&self, problem: &'static str) -> Error {
        Error::scanner(problem, self.mark.line, self.mark.column)
    }
}

/// Width of the character that begins with `byte`.
fn width(byte: u8) -> usize {
    match byte {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

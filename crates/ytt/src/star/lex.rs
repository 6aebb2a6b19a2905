//! Text into tokens.
//!
//! Positions are lines; errors carry the line on which the scanner stands, which is what users of
//! ytt see. Source: starlark-go (k14s fork, 3a5c849cc368) syntax/scan.go.

mod number;
mod string;

use super::error::SyntaxProblem;
use super::token::{Lexeme, Token};
use super::unicode;

type Result<T> = std::result::Result<T, SyntaxProblem>;

/// The scanner.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Offset of the next character.
    at: usize,
    /// Line of the next character.
    line: u32,
    /// Open brackets; newlines inside them do not count.
    brackets: usize,
    indents: Vec<usize>,
    /// Indentation tokens still to be given out: positive opens, negative closes.
    pending_dents: isize,
    line_start: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            brackets: 0,
            indents: vec![0],
            pending_dents: 0,
            line_start: true,
        }
    }

    /// Line on which the scanner stands: after the last token given out.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Text of a token.
    pub(crate) fn text_of(&self, lexeme: &Lexeme) -> &'a str {
        self.text.get(lexeme.start..lexeme.end).unwrap_or_default()
    }

    /// The next character; a carriage return reads as a line feed, the end as none.
    fn peek(&self) -> Option<char> {
        let byte = *self.text.as_bytes().get(self.at)?;
        match byte {
            b'\r' => Some('\n'),
            // The original takes a zero byte for the end of the file.
            0 => None,
            byte if byte < 0x80 => Some(char::from(byte)),
            _ => self.text[self.at..].chars().next(),
        }
    }

    /// Takes the next character.
    fn read(&mut self) {
        let next = match self.text.as_bytes().get(self.at) {
            None => return,
            Some(byte) if byte.is_ascii() => char::from(*byte),
            Some(_) => match self.text[self.at..].chars().next() {
                Some(next) => next,
                None => return,
            },
        };
        self.at += next.len_utf8();
        if next == '\r' && self.text.as_bytes().get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
        if matches!(next, '\r' | '\n') {
            self.line += 1;
        }
    }

    fn peek_is(&self, wanted: impl Fn(char) -> bool) -> bool {
        self.peek().is_some_and(wanted)
    }

    fn read_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek_is(&wanted) {
            self.read();
        }
    }

    /// Takes bytes of one line. Those that are wanted end with a whole character.
    fn skip_bytes(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes()[self.at..].iter();
        self.at += rest.take_while(|byte| wanted(**byte)).count();
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(SyntaxProblem::new(self.line, message))
    }

    /// A token from `start` to here.
    fn token(&self, token: Token, line: u32, start: usize) -> Lexeme {
        Lexeme {
            token,
            line,
            start,
            end: self.at,
            literal: None,
        }
    }

    /// Reads the next token.
    pub(crate) fn next(&mut self) -> Result<Lexeme> {
        loop {
            let was_line_start = self.line_start;
            let blank = if self.line_start {
                self.indentation()?
            } else {
                false
            };
            if self.pending_dents != 0 {
                let opens = self.pending_dents > 0;
                self.pending_dents -= self.pending_dents.signum();
                let token = if opens { Token::Indent } else { Token::Outdent };
                return Ok(self.token(token, self.line, self.at));
            }
            self.skip_bytes(|byte| byte == b' ' || byte == b'\t');
            if self.peek() == Some('#') {
                self.skip_bytes(|byte| !matches!(byte, b'\n' | b'\r' | 0));
            }
            let (line, start) = (self.line, self.at);
            let Some(next) = self.peek() else {
                if let Some(lexeme) = self.end_of_file(was_line_start) {
                    return Ok(lexeme);
                }
                continue;
            };
            if next == '\n' {
                self.line_start = true;
                self.read();
                if self.brackets > 0 || blank {
                    continue;
                }
                return Ok(self.token(Token::Newline, line, start));
            }
            if next == '\\' {
                self.read();
                if self.peek() != Some('\n') {
                    return self.fail("stray backslash in program");
                }
                self.read();
                continue;
            }
            return self.significant(next, line, start);
        }
    }

    /// Measures the blanks at the start of a line; gives whether the line is blank.
    fn indentation(&mut self) -> Result<bool> {
        self.line_start = false;
        let mut column = 0;
        while let Some(next @ (' ' | '\t')) = self.peek() {
            column += if next == ' ' { 1 } else { 8 - column % 8 };
            self.read();
        }
        if matches!(self.peek(), Some('#' | '\n') | None) {
            return Ok(true);
        }
        if self.brackets > 0 {
            return Ok(false);
        }
        let current = self.indents.last().copied().unwrap_or(0);
        if column > current {
            self.pending_dents += 1;
            self.indents.push(column);
        } else {
            while self.indents.last().is_some_and(|indent| column < *indent) {
                self.pending_dents -= 1;
                self.indents.pop();
            }
            if self.indents.last() != Some(&column) {
                return self.fail("unindent does not match any outer indentation level");
            }
        }
        Ok(false)
    }

    /// Closes open indentation, then ends; nothing means: look again.
    fn end_of_file(&mut self, was_line_start: bool) -> Option<Lexeme> {
        if self.indents.len() <= 1 {
            return Some(self.token(Token::Eof, self.line, self.at));
        }
        if was_line_start {
            self.pending_dents = 1 - isize::try_from(self.indents.len()).unwrap_or(isize::MAX);
            self.indents.truncate(1);
            return None;
        }
        self.line_start = true;
        Some(self.token(Token::Newline, self.line, self.at))
    }

    /// Reads a token that is neither blank nor comment.
    fn significant(&mut self, next: char, line: u32, start: usize) -> Result<Lexeme> {
        if matches!(next, '"' | '\'') {
            return self.string(line, start);
        }
        if is_ident_start(next) {
            let bytes = self.text.as_bytes();
            if next == 'r' && matches!(bytes.get(self.at + 1), Some(b'"' | b'\'')) {
                self.read();
                return self.string(line, start);
            }
            self.skip_bytes(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            self.read_while(|c| c.is_ascii_digit() || is_ident_start(c));
            let word = &self.text[start..self.at];
            return Ok(self.token(Token::keyword(word).unwrap_or(Token::Ident), line, start));
        }
        if next.is_ascii_digit() || next == '.' {
            return self.number(line, start);
        }
        let token = self.punctuation(next)?;
        Ok(self.token(token, line, start))
    }

    fn punctuation(&mut self, next: char) -> Result<Token> {
        use Token as T;
        match next {
            '(' | '[' | '{' => self.brackets += 1,
            ')' | ']' | '}' if self.brackets == 0 => {
                return self.fail(format!("unexpected '{next}'"));
            }
            ')' | ']' | '}' => self.brackets -= 1,
            '!' if self.text.as_bytes().get(self.at + 1) != Some(&b'=') => {
                return self.fail("unexpected input character '!'");
            }
            ',' | ':' | ';' | '~' | '=' | '<' | '>' | '!' | '+' | '-' | '%' | '/' | '&' | '|'
            | '^' | '*' => {}
            other => {
                let quoted = unicode::quote_char(other);
                return self.fail(format!("unexpected input character {quoted}"));
            }
        }
        let rest = &self.text.as_bytes()[self.at..];
        let (token, length) = match rest {
            [b'<', b'<', b'=', ..] => (T::LtLtEq, 3),
            [b'>', b'>', b'=', ..] => (T::GtGtEq, 3),
            [b'/', b'/', b'=', ..] => (T::SlashSlashEq, 3),
            [b'<', b'<', ..] => (T::LtLt, 2),
            [b'>', b'>', ..] => (T::GtGt, 2),
            [b'/', b'/', ..] => (T::SlashSlash, 2),
            [b'*', b'*', ..] => (T::StarStar, 2),
            [b'<', b'=', ..] => (T::Le, 2),
            [b'>', b'=', ..] => (T::Ge, 2),
            [b'=', b'=', ..] => (T::Eql, 2),
            [b'!', b'=', ..] => (T::Neq, 2),
            [b'+', b'=', ..] => (T::PlusEq, 2),
            [b'-', b'=', ..] => (T::MinusEq, 2),
            [b'*', b'=', ..] => (T::StarEq, 2),
            [b'/', b'=', ..] => (T::SlashEq, 2),
            [b'%', b'=', ..] => (T::PercentEq, 2),
            [b'&', b'=', ..] => (T::AmpEq, 2),
            [b'|', b'=', ..] => (T::PipeEq, 2),
            [b'^', b'=', ..] => (T::CircumflexEq, 2),
            _ => (single(next), 1),
        };
        self.at += length;
        Ok(token)
    }
}

/// The token of one punctuation character.
fn single(next: char) -> Token {
    use Token as T;
    match next {
        '(' => T::LParen,
        ')' => T::RParen,
        '[' => T::LBrack,
        ']' => T::RBrack,
        '{' => T::LBrace,
        '}' => T::RBrace,
        ',' => T::Comma,
        ':' => T::Colon,
        ';' => T::Semi,
        '~' => T::Tilde,
        '=' => T::Eq,
        '<' => T::Lt,
        '>' => T::Gt,
        '+' => T::Plus,
        '-' => T::Minus,
        '%' => T::Percent,
        '/' => T::Slash,
        '&' => T::Amp,
        '|' => T::Pipe,
        '^' => T::Circumflex,
        '*' => T::Star,
        _ => T::Illegal,
    }
}

fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && unicode::is_letter(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            match lexer.next() {
                Ok(lexeme) if lexeme.token == Token::Eof => return out.join(" "),
                Ok(lexeme) => out.push(match &lexeme.literal {
                    Some(literal) => format!("{literal:?}"),
                    None if lexeme.token == Token::Ident => lexer.text_of(&lexeme).to_owned(),
                    None => lexeme.token.name().to_owned(),
                }),
                Err(problem) => {
                    out.push(format!("{}: {}", problem.line, problem.message));
                    return out.join(" ");
                }
            }
        }
    }

    #[test]
    fn operators_take_the_longest_match() {
        assert_eq!(
            tokens("a//=b<<=c>>d**e!=f//g"),
            "a //= b <<= c >> d ** e != f // g"
        );
    }

    #[test]
    fn newlines_count_outside_brackets_only() {
        assert_eq!(
            tokens("a\nb(\n1,\n)\n\n# c\nd"),
            "a newline b ( Int(1) , ) newline d"
        );
    }

    #[test]
    fn a_backslash_joins_lines() {
        assert_eq!(tokens("a \\\n + b"), "a + b");
        assert_eq!(tokens("a \\ b"), "a 1: stray backslash in program");
    }

    #[test]
    fn indentation_opens_and_closes() {
        assert_eq!(tokens("a\n  b\nc"), "a newline indent b newline outdent c");
        assert_eq!(tokens("a\n  b"), "a newline indent b newline outdent");
        assert_eq!(
            tokens("a\n   b\n  c"),
            "a newline indent b newline 3: unindent does not match any outer indentation level"
        );
    }

    #[test]
    fn stray_characters_are_named() {
        assert_eq!(tokens("a ! b"), "a 1: unexpected input character '!'");
        assert_eq!(tokens("\n$"), "2: unexpected input character '$'");
        assert_eq!(tokens("a)"), "a 1: unexpected ')'");
        assert_eq!(tokens("`x`"), "1: unexpected input character '`'");
    }

    #[test]
    fn letters_of_all_scripts_make_identifiers() {
        assert_eq!(tokens("größe = ж1"), "größe = ж1");
    }

    #[test]
    fn reserved_words_are_illegal_tokens() {
        assert_eq!(tokens("assert class"), "assert illegal token");
    }
}

//! Numbers: decimal, `0x`, `0o`, `0b` and floating point.

use super::super::error::SyntaxProblem;
use super::super::token::{Lexeme, Literal, Token};
use super::{Lexer, Result};
use num_bigint::BigInt;
use std::sync::Arc;

/// Longest literal that is turned into a big integer; beyond, conversion time would grow with the
/// square of the length.
const MAX_DIGITS: usize = 10_000;

impl Lexer<'_> {
    /// Reads a number, or a dot that begins none.
    pub(super) fn number(&mut self, line: u32, start: usize) -> Result<Lexeme> {
        let (mut fraction, mut exponent) = (false, false);
        match self.peek() {
            Some('.') => {
                self.read();
                if !self.peek_is(|c| c.is_ascii_digit()) {
                    return Ok(self.token(Token::Dot, line, start));
                }
                fraction = true;
            }
            Some('0') => {
                self.read();
                match self.peek() {
                    Some('x' | 'X') => self.digits(16, "invalid hex literal")?,
                    Some('o' | 'O') => self.digits(8, "invalid octal literal")?,
                    Some('b' | 'B') => self.digits(2, "invalid binary literal")?,
                    _ => {
                        self.read_while(|c| c.is_ascii_digit());
                        fraction = self.peek() == Some('.');
                        exponent = !fraction && self.peek_is(|c| matches!(c, 'e' | 'E'));
                        let digits = &self.text[start..self.at];
                        if !fraction && !exponent && is_old_octal(digits) {
                            return self.fail(format!(
                                "obsolete form of octal literal; use 0o{}",
                                &digits[1..]
                            ));
                        }
                    }
                }
            }
            _ => {
                self.read_while(|c| c.is_ascii_digit());
                fraction = self.peek() == Some('.');
                exponent = !fraction && self.peek_is(|c| matches!(c, 'e' | 'E'));
            }
        }
        if fraction {
            self.read();
            self.read_while(|c| c.is_ascii_digit());
            exponent = self.peek_is(|c| matches!(c, 'e' | 'E'));
        }
        if exponent {
            self.exponent()?;
        }
        if fraction || exponent {
            return self.float(line, start);
        }
        let literal = integer(&self.text[start..self.at])
            .ok_or_else(|| SyntaxProblem::new(line, "invalid int literal"))?;
        Ok(Lexeme {
            literal: Some(literal),
            ..self.token(Token::Int, line, start)
        })
    }

    /// Takes the letter of a base and its digits.
    fn digits(&mut self, radix: u32, problem: &str) -> Result<()> {
        self.read();
        if !self.peek_is(|c| c.is_digit(radix)) {
            return self.fail(problem);
        }
        self.read_while(|c| c.is_digit(radix));
        Ok(())
    }

    fn exponent(&mut self) -> Result<()> {
        self.read();
        if matches!(self.peek(), Some('+' | '-')) {
            self.read();
            if !self.peek_is(|c| c.is_ascii_digit()) {
                return self.fail("invalid float literal");
            }
        }
        self.read_while(|c| c.is_ascii_digit());
        Ok(())
    }

    fn float(&self, line: u32, start: usize) -> Result<Lexeme> {
        match self.text[start..self.at].parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Lexeme {
                literal: Some(Literal::Float(value)),
                ..self.token(Token::Float, line, start)
            }),
            _ => self.fail("invalid float literal"),
        }
    }
}

/// Whether digits that begin with a zero are what Python 2 took for octal.
fn is_old_octal(digits: &str) -> bool {
    digits.len() > 1
        && digits.bytes().any(|digit| digit != b'0')
        && digits.bytes().all(|digit| digit <= b'7')
}

/// The value of an integer literal.
fn integer(text: &str) -> Option<Literal> {
    let lower = text.as_bytes().get(1).map(u8::to_ascii_lowercase);
    let (digits, radix) = match (text.as_bytes().first(), lower) {
        (Some(b'0'), Some(b'x')) => (&text[2..], 16),
        (Some(b'0'), Some(b'o')) => (&text[2..], 8),
        (Some(b'0'), Some(b'b')) => (&text[2..], 2),
        // Only zeros, or something like 08, which no base accepts.
        (Some(b'0'), Some(_)) => (text, 8),
        _ => (text, 10),
    };
    if let Ok(small) = i64::from_str_radix(digits, radix) {
        return Some(Literal::Int(small));
    }
    if matches!(radix, 8 | 2) || digits.len() > MAX_DIGITS {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix).map(|value| Literal::Big(Arc::new(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> String {
        let mut lexer = Lexer::new(text);
        match lexer.next() {
            Ok(lexeme) => match lexeme.literal {
                Some(literal) => format!("{literal:?}"),
                None => lexeme.token.name().to_owned(),
            },
            Err(problem) => problem.message,
        }
    }

    #[test]
    fn numbers_of_every_form_are_read() {
        let rows = [
            ("0", "Int(0)"),
            ("00", "Int(0)"),
            ("123", "Int(123)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("0b101", "Int(5)"),
            ("9223372036854775807", "Int(9223372036854775807)"),
            ("9223372036854775808", "Big(9223372036854775808)"),
            ("0xffffffffffffffff", "Big(18446744073709551615)"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("1e3", "Float(1000.0)"),
            ("1.5e-3", "Float(0.0015)"),
            ("0.25", "Float(0.25)"),
            ("012.5", "Float(12.5)"),
            (".", "."),
            ("017", "obsolete form of octal literal; use 0o17"),
            ("08", "invalid int literal"),
            ("0x", "invalid hex literal"),
            ("0o8", "invalid octal literal"),
            ("0b2", "invalid binary literal"),
            ("1e+", "invalid float literal"),
            ("1e", "invalid float literal"),
            ("1e999", "invalid float literal"),
            (
                "0b11111111111111111111111111111111111111111111111111111111111111111",
                "invalid int literal",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}

//! Tokens of the language and the names that messages give them.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) syntax/scan.go.

use super::text::Str;
use num_bigint::BigInt;
use std::sync::Arc;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Illegal,
    Eof,
    Newline,
    Indent,
    Outdent,
    Ident,
    Int,
    Float,
    String,
    Plus,
    Minus,
    Star,
    Slash,
    SlashSlash,
    Percent,
    Amp,
    Pipe,
    Circumflex,
    LtLt,
    GtGt,
    Tilde,
    Dot,
    Comma,
    Eq,
    Semi,
    Colon,
    LParen,
    RParen,
    LBrack,
    RBrack,
    LBrace,
    RBrace,
    Lt,
    Gt,
    Ge,
    Le,
    Eql,
    Neq,
    PlusEq,
    MinusEq,
    StarEq,
    SlashEq,
    SlashSlashEq,
    PercentEq,
    AmpEq,
    PipeEq,
    CircumflexEq,
    LtLtEq,
    GtGtEq,
    StarStar,
    And,
    Break,
    Continue,
    Def,
    Elif,
    Else,
    For,
    If,
    In,
    Lambda,
    Load,
    Not,
    NotIn,
    Or,
    Pass,
    Return,
    While,
}

use Token as T;

impl Token {
    /// The bare name, as in `== does not associate with <`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            T::Illegal => "illegal token",
            T::Eof => "end of file",
            T::Newline => "newline",
            T::Indent => "indent",
            T::Outdent => "outdent",
            T::Ident => "identifier",
            T::Int => "int literal",
            T::Float => "float literal",
            T::String => "string literal",
            T::Plus => "+",
            T::Minus => "-",
            T::Star => "*",
            T::Slash => "/",
            T::SlashSlash => "//",
            T::Percent => "%",
            T::Amp => "&",
            T::Pipe => "|",
            T::Circumflex => "^",
            T::LtLt => "<<",
            T::GtGt => ">>",
            T::Tilde => "~",
            T::Dot => ".",
            T::Comma => ",",
            T::Eq => "=",
            T::Semi => ";",
            T::Colon => ":",
            T::LParen => "(",
            T::RParen => ")",
            T::LBrack => "[",
            T::RBrack => "]",
            T::LBrace => "{",
            T::RBrace => "}",
            T::Lt => "<",
            T::Gt => ">",
            T::Ge => ">=",
            T::Le => "<=",
            T::Eql => "==",
            T::Neq => "!=",
            T::PlusEq => "+=",
            T::MinusEq => "-=",
            T::StarEq => "*=",
            T::SlashEq => "/=",
            T::SlashSlashEq => "//=",
            T::PercentEq => "%=",
            T::AmpEq => "&=",
            T::PipeEq => "|=",
            T::CircumflexEq => "^=",
            T::LtLtEq => "<<=",
            T::GtGtEq => ">>=",
            T::StarStar => "**",
            T::And => "and",
            T::Break => "break",
            T::Continue => "continue",
            T::Def => "def",
            T::Elif => "elif",
            T::Else => "else",
            T::For => "for",
            T::If => "if",
            T::In => "in",
            T::Lambda => "lambda",
            T::Load => "load",
            T::Not => "not",
            T::NotIn => "not in",
            T::Or => "or",
            T::Pass => "pass",
            T::Return => "return",
            T::While => "while",
        }
    }

    /// The name as messages of the parser show it: punctuation in quotes.
    pub(crate) fn quoted(self) -> String {
        if (self as u8) >= (T::Plus as u8) && (self as u8) <= (T::StarStar as u8) {
            format!("'{}'", self.name())
        } else {
            self.name().to_owned()
        }
    }

    /// Whether the token is a keyword or a reserved word.
    pub(crate) fn is_keyword(self) -> bool {
        self == T::Illegal || ((self as u8) >= (T::And as u8) && self != T::NotIn)
    }

    /// The keyword that `word` is, if any; reserved words are [`Token::Illegal`].
    pub(crate) fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "and" => T::And,
            "break" => T::Break,
            "continue" => T::Continue,
            "def" => T::Def,
            "elif" => T::Elif,
            "else" => T::Else,
            "for" => T::For,
            "if" => T::If,
            "in" => T::In,
            "lambda" => T::Lambda,
            "load" => T::Load,
            "not" => T::Not,
            "or" => T::Or,
            "pass" => T::Pass,
            "return" => T::Return,
            "while" => T::While,
            "as" | "class" | "del" | "except" | "finally" | "from" | "global" | "import" | "is"
            | "nonlocal" | "raise" | "try" | "with" | "yield" => T::Illegal,
            _ => return None,
        })
    }
}

/// The value of a literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not.
    Big(Arc<BigInt>),
    /// A floating point number.
    Float(f64),
    /// A string of bytes.
    Str(Str),
}

/// A token with its text, its value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    /// Line on which the token begins, from one.
    pub(crate) line: u32,
    /// Byte range of the token in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Present for numbers and strings.
    pub(crate) literal: Option<Literal>,
}

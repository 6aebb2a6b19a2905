//! As much of Go's grammar as tests in the shape of tables need.
//!
//! What is not understood becomes [`Stmt::Other`], so that whoever walks the statements can say
//! which test was left out.

mod lex;

use anyhow::{Result, bail};
use lex::Token;

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// A string, or the digits of a number.
    Text(String),
    /// A name.
    Name(String),
    /// `x.name`.
    Field(Box<Expr>, String),
    /// `f(a, b)`, conversions included.
    Call(Box<Expr>, Vec<Expr>),
    /// `T{a, k: b}`.
    Composite(Vec<(Option<Expr>, Expr)>),
    /// `a + b`.
    Add(Box<Expr>, Box<Expr>),
    /// `x[i]`.
    Index(Box<Expr>, Box<Expr>),
    /// `func(…) … { … }`.
    Func(Vec<Stmt>),
}

/// A statement.
#[derive(Debug, Clone)]
pub(super) enum Stmt {
    /// `a, b := x` and `a = x`.
    Assign(Vec<Expr>, Vec<Expr>),
    /// A call.
    Expr(Expr),
    /// `return a, b`.
    Return(Vec<Expr>),
    /// `switch x { case a: … default: … }`.
    Switch(Vec<(Option<Expr>, Vec<Stmt>)>),
    /// Anything else, as its first word.
    Other(String),
}

/// A function with a name.
#[derive(Debug)]
pub(super) struct Func {
    /// Its name.
    pub name: String,
    /// Its statements.
    pub body: Vec<Stmt>,
}

/// The functions of a file whose names begin with `Test`.
///
/// # Errors
/// Text that is not Go.
pub(super) fn tests(source: &str) -> Result<Vec<Func>> {
    let tokens = lex::lex(source)?;
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let (Token::Name(word), Some(Token::Name(name))) = (&tokens[at], tokens.get(at + 1)) else {
            continue;
        };
        if word != "func" || !name.starts_with("Test") {
            continue;
        }
        let mut parser = Parser {
            tokens: &tokens,
            at: at + 2,
        };
        parser.parens()?;
        found.push(Func {
            name: name.clone(),
            body: parser.block()?,
        });
    }
    Ok(found)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if found == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if !self.accept(sign) {
            bail!("expected {sign}, found {:?}", self.peek());
        }
        Ok(())
    }

    /// Passes over brackets and what is in them.
    fn parens(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.next() {
                Token::Sign(sign) if matches!(sign.as_str(), "(" | "[" | "{") => depth += 1,
                Token::Sign(sign) if matches!(sign.as_str(), ")" | "]" | "}") => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Token::End => bail!("brackets are not closed"),
                _ => {}
            }
        }
    }

    fn block(&mut self) -> Result<Vec<Stmt>> {
        self.expect("{")?;
        let statements = self.statements()?;
        self.expect("}")?;
        Ok(statements)
    }

    fn statements(&mut self) -> Result<Vec<Stmt>> {
        let mut statements = Vec::new();
        loop {
            while self.accept(";") {}
            if self.is("}") || matches!(self.peek(), Token::End) {
                return Ok(statements);
            }
            if matches!(self.peek(), Token::Name(word) if word == "case" || word == "default") {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Result<Stmt> {
        if let Token::Name(word) = self.peek().clone() {
            match word.as_str() {
                "return" => {
                    self.at += 1;
                    let values = if self.is(";") || self.is("}") {
                        Vec::new()
                    } else {
                        self.list()?
                    };
                    return Ok(Stmt::Return(values));
                }
                "switch" => return self.switch(),
                "if" | "for" | "defer" | "go" | "var" | "type" | "const" => {
                    self.skip_statement()?;
                    return Ok(Stmt::Other(word));
                }
                _ => {}
            }
        }
        let from = self.at;
        match self.simple() {
            Ok(statement) => Ok(statement),
            Err(problem) => {
                self.at = from;
                self.skip_statement()?;
                Ok(Stmt::Other(problem.to_string()))
            }
        }
    }

    fn simple(&mut self) -> Result<Stmt> {
        let left = self.list()?;
        let statement = if self.accept(":=") || self.accept("=") {
            Stmt::Assign(left, self.list()?)
        } else {
            let mut left = left.into_iter();
            match (left.next(), left.next()) {
                (Some(expr), None) => Stmt::Expr(expr),
                _ => bail!("several expressions"),
            }
        };
        if !self.is(";") && !self.is("}") {
            bail!("unexpected {:?}", self.peek());
        }
        Ok(statement)
    }

    /// Passes over a statement with all its blocks.
    fn skip_statement(&mut self) -> Result<()> {
        while !self.is(";") && !self.is("}") {
            if self.is("(") || self.is("[") || self.is("{") {
                self.parens()?;
            } else if matches!(self.next(), Token::End) {
                bail!("the statement does not end");
            }
        }
        Ok(())
    }

    fn switch(&mut self) -> Result<Stmt> {
        self.at += 1;
        self.postfix()?;
        self.expect("{")?;
        let mut cases = Vec::new();
        loop {
            while self.accept(";") {}
            if self.accept("}") {
                return Ok(Stmt::Switch(cases));
            }
            let when = match self.next() {
                Token::Name(word) if word == "case" => Some(self.expr()?),
                Token::Name(word) if word == "default" => None,
                other => bail!("unexpected {other:?} in a switch"),
            };
            self.expect(":")?;
            cases.push((when, self.statements()?));
        }
    }

    fn list(&mut self) -> Result<Vec<Expr>> {
        let mut list = vec![self.expr()?];
        while self.accept(",") {
            list.push(self.expr()?);
        }
        Ok(list)
    }

    fn expr(&mut self) -> Result<Expr> {
        let mut left = self.postfix()?;
        while self.accept("+") {
            left = Expr::Add(Box::new(left), Box::new(self.postfix()?));
        }
        Ok(left)
    }

    fn postfix(&mut self) -> Result<Expr> {
        let mut expr = self.primary()?;
        loop {
            if self.accept(".") {
                match self.next() {
                    Token::Name(name) => expr = Expr::Field(Box::new(expr), name),
                    other => bail!("unexpected {other:?} behind a dot"),
                }
            } else if self.is("(") {
                let args = self.args()?;
                expr = Expr::Call(Box::new(expr), args);
            } else if self.accept("[") {
                let index = self.expr()?;
                self.expect("]")?;
                expr = Expr::Index(Box::new(expr), Box::new(index));
            } else if self.is("{") && is_type(&expr) {
                expr = self.composite()?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr> {
        match self.next() {
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Name(word) if word == "func" => {
                self.parens()?;
                while !self.is("{") {
                    if self.is("(") || self.is("[") {
                        self.parens()?;
                    } else {
                        self.at += 1;
                    }
                }
                Ok(Expr::Func(self.block()?))
            }
            Token::Name(name) => Ok(Expr::Name(name)),
            Token::Sign(sign) if sign == "&" || sign == "*" => self.postfix(),
            Token::Sign(sign) if sign == "[" => {
                // A slice type, in a conversion or in front of its elements.
                self.expect("]")?;
                while !self.is("(") && !self.is("{") {
                    self.at += 1;
                }
                if self.is("{") {
                    return self.composite();
                }
                let mut args = self.args()?;
                args.pop()
                    .ok_or_else(|| anyhow::anyhow!("an empty conversion"))
            }
            Token::Sign(sign) if sign == "(" => {
                let expr = self.expr()?;
                self.expect(")")?;
                Ok(expr)
            }
            Token::Sign(sign) if sign == "{" => {
                self.at -= 1;
                self.composite()
            }
            other => bail!("unexpected {other:?}"),
        }
    }

    fn args(&mut self) -> Result<Vec<Expr>> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.accept(")") {
            args.push(self.expr()?);
            if !self.accept(",") {
                self.accept(";");
                self.expect(")")?;
                break;
            }
        }
        Ok(args)
    }

    fn composite(&mut self) -> Result<Expr> {
        self.expect("{")?;
        let mut items = Vec::new();
        while !self.accept("}") {
            let first = self.expr()?;
            if self.accept(":") {
                items.push((Some(first), self.expr()?));
            } else {
                items.push((None, first));
            }
            if !self.accept(",") {
                self.accept(";");
                self.expect("}")?;
                break;
            }
        }
        Ok(Expr::Composite(items))
    }
}

/// Whether `{` behind this begins a value of that type: types of other packages only.
fn is_type(expr: &Expr) -> bool {
    match expr {
        Expr::Field(package, name) => {
            matches!(**package, Expr::Name(_)) && name.starts_with(char::is_uppercase)
        }
        _ => false,
    }
}

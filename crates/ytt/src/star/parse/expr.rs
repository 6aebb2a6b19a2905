//! Expressions.

use super::super::ast::{
    Arg, BinOp, Body, COMPARISON, Clause, Comprehension, Cond, Entry, Expr, ExprKind, Lambda, NOT,
    UnOp,
};
use super::super::error::SyntaxProblem;
use super::super::token::Token;
use super::{Parser, Result};

/// Whether a list of expressions may not go on at this token.
pub(super) fn ends_list(token: Token) -> bool {
    matches!(
        token,
        Token::Eof
            | Token::Newline
            | Token::Eq
            | Token::RBrace
            | Token::RBrack
            | Token::RParen
            | Token::Semi
    )
}

/// The operator that a token assigns with; the inner none is plain assignment.
#[expect(
    clippy::option_option,
    reason = "assigns or not, and with which operator"
)]
pub(super) fn assignment(token: Token) -> Option<Option<BinOp>> {
    Some(match token {
        Token::Eq => None,
        Token::PlusEq => Some(BinOp::Plus),
        Token::MinusEq => Some(BinOp::Minus),
        Token::StarEq => Some(BinOp::Star),
        Token::SlashEq => Some(BinOp::Slash),
        Token::SlashSlashEq => Some(BinOp::SlashSlash),
        Token::PercentEq => Some(BinOp::Percent),
        Token::AmpEq => Some(BinOp::Amp),
        Token::PipeEq => Some(BinOp::Pipe),
        Token::CircumflexEq => Some(BinOp::Circumflex),
        Token::LtLtEq => Some(BinOp::LtLt),
        Token::GtGtEq => Some(BinOp::GtGt),
        _ => return None,
    })
}

/// The operator between two operands that a token is.
fn operator(token: Token) -> Option<BinOp> {
    Some(match token {
        Token::Or => BinOp::Or,
        Token::And => BinOp::And,
        Token::Eql => BinOp::Eql,
        Token::Neq => BinOp::Neq,
        Token::Lt => BinOp::Lt,
        Token::Gt => BinOp::Gt,
        Token::Le => BinOp::Le,
        Token::Ge => BinOp::Ge,
        Token::In => BinOp::In,
        Token::NotIn => BinOp::NotIn,
        Token::Pipe => BinOp::Pipe,
        Token::Circumflex => BinOp::Circumflex,
        Token::Amp => BinOp::Amp,
        Token::LtLt => BinOp::LtLt,
        Token::GtGt => BinOp::GtGt,
        Token::Minus => BinOp::Minus,
        Token::Plus => BinOp::Plus,
        Token::Star => BinOp::Star,
        Token::Percent => BinOp::Percent,
        Token::Slash => BinOp::Slash,
        Token::SlashSlash => BinOp::SlashSlash,
        _ => return None,
    })
}

impl Parser<'_> {
    /// One expression, or a tuple without brackets.
    pub(super) fn expr(&mut self, in_parens: bool) -> Result<Expr> {
        let first = self.test()?;
        if self.token != Token::Comma {
            return Ok(first);
        }
        let items = self.exprs(vec![first], in_parens)?;
        Ok(Expr::new(ExprKind::Tuple(items), 0))
    }

    /// The rest of a list of expressions, beginning with a comma.
    fn exprs(&mut self, mut items: Vec<Expr>, allow_trailing_comma: bool) -> Result<Vec<Expr>> {
        while self.token == Token::Comma {
            let line = self.advance()?;
            if ends_list(self.token) {
                if !allow_trailing_comma {
                    return Err(SyntaxProblem::new(
                        line,
                        "unparenthesized tuple with trailing comma",
                    ));
                }
                break;
            }
            items.push(self.test()?);
        }
        Ok(items)
    }

    /// One expression.
    pub(super) fn test(&mut self) -> Result<Expr> {
        self.nested(|parser| {
            if parser.token == Token::Lambda {
                return parser.lambda(true);
            }
            let then = parser.binary(0)?;
            if parser.token != Token::If {
                return Ok(then);
            }
            let line = parser.advance()?;
            let cond = parser.binary(0)?;
            if parser.token != Token::Else {
                return Err(SyntaxProblem::new(
                    line,
                    "conditional expression without else clause",
                ));
            }
            parser.advance()?;
            let otherwise = parser.test()?;
            let cond = Cond {
                cond,
                then,
                otherwise,
            };
            Ok(Expr::new(ExprKind::Cond(Box::new(cond)), line))
        })
    }

    /// One expression that takes no `if` after it.
    fn test_without_cond(&mut self) -> Result<Expr> {
        self.nested(|parser| {
            if parser.token == Token::Lambda {
                parser.lambda(false)
            } else {
                parser.binary(0)
            }
        })
    }

    fn lambda(&mut self, allow_cond: bool) -> Result<Expr> {
        let line = self.advance()?;
        let params = if self.token == Token::Colon {
            Vec::new()
        } else {
            self.params()?
        };
        self.consume(Token::Colon)?;
        let body = if allow_cond {
            self.test()?
        } else {
            self.test_without_cond()?
        };
        Ok(Expr::new(
            ExprKind::Lambda(Box::new(Lambda {
                params,
                body,
                id: 0,
            })),
            line,
        ))
    }

    /// Operators that bind at least as tightly as `floor`.
    fn binary(&mut self, floor: u8) -> Result<Expr> {
        let mut left = if self.token == Token::Not && floor <= NOT {
            let line = self.advance()?;
            let operand = self.nested(|parser| parser.binary(NOT))?;
            Expr::new(ExprKind::Unary(UnOp::Not, Box::new(operand)), line)
        } else {
            self.primary_with_suffix()?
        };
        let mut compared = None;
        loop {
            if self.token == Token::Not {
                self.advance()?;
                if self.token != Token::In {
                    return self.fail(format!("got {}, want in", self.token.quoted()));
                }
                self.token = Token::NotIn;
            }
            let Some(op) = operator(self.token).filter(|op| op.precedence() >= floor) else {
                return Ok(left);
            };
            if op.precedence() == COMPARISON {
                if let Some(earlier) = compared.replace(op) {
                    return self.fail(format!(
                        "{} does not associate with {} (use parens)",
                        BinOp::name(earlier),
                        op.name()
                    ));
                }
            } else {
                compared = None;
            }
            let line = self.advance()?;
            let right = self.nested(|parser| parser.binary(op.precedence() + 1))?;
            left = Expr::new(ExprKind::Binary(op, Box::new(left), Box::new(right)), line);
        }
    }

    /// A primary expression with its dots, brackets and calls.
    pub(super) fn primary_with_suffix(&mut self) -> Result<Expr> {
        let mut expr = self.primary()?;
        loop {
            match self.token {
                Token::Dot => {
                    let line = self.advance()?;
                    let name = self.ident()?.name;
                    expr = Expr::new(ExprKind::Dot(Box::new(expr), name), line);
                }
                Token::LBrack => expr = self.brackets(expr)?,
                Token::LParen => {
                    let line = self.advance()?;
                    let args = self.args()?;
                    self.consume(Token::RParen)?;
                    expr = Expr::new(ExprKind::Call(Box::new(expr), args), line);
                }
                _ => return Ok(expr),
            }
        }
    }

    /// An index or a slice.
    fn brackets(&mut self, of: Expr) -> Result<Expr> {
        let line = self.advance()?;
        let mut bounds = [None, None, None];
        if self.token != Token::Colon {
            let index = self.expr(false)?;
            if self.token == Token::RBrack {
                self.advance()?;
                let kind = ExprKind::Index(Box::new(of), Box::new(index));
                return Ok(Expr::new(kind, line));
            }
            bounds[0] = Some(index);
        }
        if self.token == Token::Colon {
            self.advance()?;
            if !matches!(self.token, Token::Colon | Token::RBrack) {
                bounds[1] = Some(self.test()?);
            }
        }
        if self.token == Token::Colon {
            self.advance()?;
            if self.token != Token::RBrack {
                bounds[2] = Some(self.test()?);
            }
        }
        self.consume(Token::RBrack)?;
        Ok(Expr::new(
            ExprKind::Slice(Box::new(of), Box::new(bounds)),
            line,
        ))
    }

    fn args(&mut self) -> Result<Vec<Arg>> {
        let mut args = Vec::new();
        let mut stars = false;
        while !matches!(self.token, Token::RParen | Token::Eof) {
            if !args.is_empty() {
                self.consume(Token::Comma)?;
            }
            if self.token == Token::RParen {
                if stars {
                    return self.fail(format!("got {}, want argument", self.token.quoted()));
                }
                break;
            }
            if self.token == Token::Star {
                stars = true;
                let line = self.advance()?;
                args.push(Arg::Star(line, self.test()?));
                continue;
            }
            if self.token == Token::StarStar {
                stars = true;
                let line = self.advance()?;
                args.push(Arg::StarStar(line, self.test()?));
                continue;
            }
            let value = self.test()?;
            if self.token != Token::Eq {
                args.push(Arg::Plain(value));
                continue;
            }
            let ExprKind::Ident(name) = value.kind else {
                return self.fail("keyword argument must have form name=expr");
            };
            self.advance()?;
            args.push(Arg::Named(name, self.test()?));
        }
        Ok(args)
    }

    fn primary(&mut self) -> Result<Expr> {
        match self.token {
            Token::Ident => {
                let ident = self.ident()?;
                Ok(Expr::new(ExprKind::Ident(ident), ident.line))
            }
            Token::LBrack => self.list(),
            Token::LBrace => self.dict(),
            Token::LParen => {
                let line = self.advance()?;
                if self.token == Token::RParen {
                    self.advance()?;
                    return Ok(Expr::new(ExprKind::Tuple(Vec::new()), line));
                }
                let inner = self.expr(true)?;
                self.consume(Token::RParen)?;
                Ok(Expr::new(ExprKind::Paren(Box::new(inner)), line))
            }
            Token::Minus => self.unary(UnOp::Minus),
            Token::Plus => self.unary(UnOp::Plus),
            Token::Tilde => self.unary(UnOp::Tilde),
            _ => match self.lexeme.literal.take() {
                Some(literal) => {
                    let line = self.advance()?;
                    Ok(Expr::new(ExprKind::Literal(literal), line))
                }
                None => self.fail(format!(
                    "got {}, want primary expression",
                    self.token.quoted()
                )),
            },
        }
    }

    fn unary(&mut self, op: UnOp) -> Result<Expr> {
        let line = self.advance()?;
        let operand = self.nested(Self::primary_with_suffix)?;
        Ok(Expr::new(ExprKind::Unary(op, Box::new(operand)), line))
    }

    fn list(&mut self) -> Result<Expr> {
        let line = self.advance()?;
        if self.token == Token::RBrack {
            self.advance()?;
            return Ok(Expr::new(ExprKind::List(Vec::new()), line));
        }
        let first = self.test()?;
        if self.token == Token::For {
            return self.comprehension(line, Body::Item(first), Token::RBrack);
        }
        let items = self.exprs(vec![first], true)?;
        self.consume(Token::RBrack)?;
        Ok(Expr::new(ExprKind::List(items), line))
    }

    fn dict(&mut self) -> Result<Expr> {
        let line = self.advance()?;
        if self.token == Token::RBrace {
            self.advance()?;
            return Ok(Expr::new(ExprKind::Dict(Vec::new()), line));
        }
        let first = self.entry()?;
        if self.token == Token::For {
            return self.comprehension(line, Body::Entry(first), Token::RBrace);
        }
        let mut entries = vec![first];
        while self.token == Token::Comma {
            self.advance()?;
            if self.token == Token::RBrace {
                break;
            }
            entries.push(self.entry()?);
        }
        self.consume(Token::RBrace)?;
        Ok(Expr::new(ExprKind::Dict(entries), line))
    }

    fn entry(&mut self) -> Result<Entry> {
        let key = self.test()?;
        let line = self.consume(Token::Colon)?;
        Ok(Entry {
            key,
            line,
            value: self.test()?,
        })
    }

    fn comprehension(&mut self, line: u32, body: Body, end: Token) -> Result<Expr> {
        let mut clauses = Vec::new();
        while self.token != end {
            match self.token {
                Token::For => {
                    let line = self.advance()?;
                    let vars = self.loop_variables()?;
                    self.consume(Token::In)?;
                    clauses.push(Clause::For(line, vars, self.binary(0)?));
                }
                Token::If => {
                    self.advance()?;
                    clauses.push(Clause::If(self.test_without_cond()?));
                }
                other => {
                    return self.fail(format!(
                        "got {}, want '{}', for, or if",
                        other.quoted(),
                        end.name()
                    ));
                }
            }
        }
        self.advance()?;
        let comprehension = Comprehension { body, clauses };
        Ok(Expr::new(
            ExprKind::Comprehension(Box::new(comprehension)),
            line,
        ))
    }
}

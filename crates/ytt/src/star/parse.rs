//! Tokens into a syntax tree.
//!
//! Messages and their lines are those of the original, which reports the line where its scanner
//! stands, one token ahead. Source: starlark-go (k14s fork, 3a5c849cc368) syntax/parse.go.

mod expr;

use super::ast::{Branch, Def, Expr, ExprKind, File, For, Ident, Load, Name, Names, Param, Stmt};
use super::blocks::Blocks;
use super::error::{SyntaxErrors, SyntaxProblem};
use super::source::Source;
use super::token::{Lexeme, Literal, Token};
use std::sync::Arc;

type Result<T> = std::result::Result<T, SyntaxProblem>;

/// Deepest nesting of expressions and blocks: the parser and what walks the tree recurse that
/// deep. People do not nest by hand further than a tenth of this.
pub(crate) const MAX_NESTING: usize = 200;

/// Longest text that is parsed; positions in it fit 32 bits with room to spare.
pub(crate) const MAX_BYTES: usize = 1 << 30;

/// Parses a file.
///
/// # Errors
/// The first syntax error.
pub fn parse(source: Arc<Source>) -> std::result::Result<File, SyntaxErrors> {
    let text = source.text();
    let parsed = Parser::new(&text).and_then(Parser::file);
    match parsed {
        Ok((names, stmts)) => Ok(File {
            source,
            names,
            stmts,
        }),
        Err(problem) => Err(SyntaxErrors::one(&source, problem)),
    }
}

/// Parses a single expression as a file that returns it; see [`super::Program::of_expression`].
///
/// # Errors
/// The first syntax error.
pub(crate) fn parse_expression(
    source: Arc<Source>,
) -> std::result::Result<(File, Expr), SyntaxErrors> {
    let text = source.text();
    let parsed = Parser::new(&text).and_then(Parser::lone_expression);
    match parsed {
        Ok((names, expr)) => Ok((
            File {
                source,
                names,
                stmts: Vec::new(),
            },
            expr,
        )),
        Err(problem) => Err(SyntaxErrors::one(&source, problem)),
    }
}

struct Parser<'a> {
    blocks: Blocks<'a>,
    names: Names,
    /// The token that is looked at.
    lexeme: Lexeme,
    token: Token,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(SyntaxProblem::new(
                1,
                format!("file is longer than {MAX_BYTES} bytes"),
            ));
        }
        let mut blocks = Blocks::new(text);
        let lexeme = blocks.next()?;
        let token = lexeme.token;
        Ok(Self {
            blocks,
            names: Names::default(),
            lexeme,
            token,
            nesting: 0,
        })
    }

    fn file(mut self) -> Result<(Names, Vec<Stmt>)> {
        let mut stmts = Vec::new();
        while self.token != Token::Eof {
            if self.token == Token::Newline {
                self.advance()?;
            } else {
                self.stmt(&mut stmts)?;
            }
        }
        Ok((self.names, stmts))
    }

    fn lone_expression(mut self) -> Result<(Names, Expr)> {
        let expr = self.expr(false)?;
        if self.token == Token::Newline {
            self.advance()?;
        }
        if self.token != Token::Eof {
            return self.fail(format!(
                "got {} after expression, want EOF",
                self.token.quoted()
            ));
        }
        Ok((self.names, expr))
    }

    /// Goes to the next token; gives the line of the one left behind.
    fn advance(&mut self) -> Result<u32> {
        let line = self.lexeme.line;
        self.lexeme = self.blocks.next()?;
        self.token = self.lexeme.token;
        Ok(line)
    }

    fn consume(&mut self, wanted: Token) -> Result<u32> {
        if self.token != wanted {
            return self.fail(format!(
                "got {}, want {}",
                self.token.quoted(),
                wanted.quoted()
            ));
        }
        self.advance()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(SyntaxProblem::new(self.blocks.line(), message))
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting >= MAX_NESTING {
            return self.fail(format!(
                "code is nested more than {MAX_NESTING} levels deep"
            ));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn add_name(&mut self) -> Name {
        let text = self.blocks.text_of(&self.lexeme);
        self.names.add(text)
    }

    fn ident(&mut self) -> Result<Ident> {
        if self.token.is_keyword() {
            let word = self.blocks.text_of(&self.lexeme);
            return self.fail(format!(
                "use of reserved keyword '{word}' is not allowed (expected identifier)"
            ));
        }
        if self.token != Token::Ident {
            return self.fail("not an identifier");
        }
        let ident = Ident {
            name: self.add_name(),
            line: self.lexeme.line,
            id: 0,
        };
        self.advance()?;
        Ok(ident)
    }

    fn stmt(&mut self, stmts: &mut Vec<Stmt>) -> Result<()> {
        let stmt = match self.token {
            Token::Def => self.nested(Self::def)?,
            Token::If => self.nested(Self::if_stmt)?,
            Token::For => self.nested(Self::for_stmt)?,
            Token::While => self.nested(Self::while_stmt)?,
            _ => return self.simple_stmts(stmts),
        };
        stmts.push(stmt);
        Ok(())
    }

    fn def(&mut self) -> Result<Stmt> {
        let line = self.advance()?;
        let name = self.ident()?;
        self.consume(Token::LParen)?;
        let params = self.params()?;
        self.consume(Token::RParen)?;
        self.consume(Token::Colon)?;
        let body = self.suite()?;
        Ok(Stmt::Def(Box::new(Def {
            line,
            name,
            params,
            body,
            id: 0,
        })))
    }

    fn if_stmt(&mut self) -> Result<Stmt> {
        self.advance()?;
        let mut arms = vec![self.arm()?];
        while self.token == Token::Elif {
            self.advance()?;
            arms.push(self.arm()?);
        }
        let mut otherwise = Vec::new();
        if self.token == Token::Else {
            self.advance()?;
            self.consume(Token::Colon)?;
            otherwise = self.suite()?;
        }
        Ok(Stmt::If { arms, otherwise })
    }

    fn arm(&mut self) -> Result<(Expr, Vec<Stmt>)> {
        let cond = self.test()?;
        self.consume(Token::Colon)?;
        Ok((cond, self.suite()?))
    }

    fn for_stmt(&mut self) -> Result<Stmt> {
        let line = self.advance()?;
        let vars = self.loop_variables()?;
        self.consume(Token::In)?;
        let iterable = self.expr(false)?;
        self.consume(Token::Colon)?;
        let body = self.suite()?;
        Ok(Stmt::For(Box::new(For {
            line,
            vars,
            iterable,
            body,
        })))
    }

    fn while_stmt(&mut self) -> Result<Stmt> {
        self.advance()?;
        let (cond, body) = self.arm()?;
        Ok(Stmt::While { cond, body })
    }

    fn suite(&mut self) -> Result<Vec<Stmt>> {
        let mut stmts = Vec::new();
        if self.token != Token::Newline {
            self.simple_stmts(&mut stmts)?;
            return Ok(stmts);
        }
        self.advance()?;
        self.consume(Token::Indent)?;
        while !matches!(self.token, Token::Outdent | Token::Eof) {
            self.stmt(&mut stmts)?;
        }
        self.consume(Token::Outdent)?;
        Ok(stmts)
    }

    /// Statements separated by semicolons, up to the newline.
    fn simple_stmts(&mut self, stmts: &mut Vec<Stmt>) -> Result<()> {
        loop {
            stmts.push(self.small_stmt()?);
            if self.token != Token::Semi {
                break;
            }
            self.advance()?;
            if matches!(self.token, Token::Newline | Token::Eof) {
                break;
            }
        }
        if self.token != Token::Eof {
            self.consume(Token::Newline)?;
        }
        Ok(())
    }

    fn small_stmt(&mut self) -> Result<Stmt> {
        match self.token {
            Token::Return => {
                let line = self.advance()?;
                let ends = matches!(self.token, Token::Eof | Token::Newline | Token::Semi);
                let result = if ends { None } else { Some(self.expr(false)?) };
                Ok(Stmt::Return { line, result })
            }
            Token::Break => Ok(Stmt::Branch {
                line: self.advance()?,
                kind: Branch::Break,
            }),
            Token::Continue => Ok(Stmt::Branch {
                line: self.advance()?,
                kind: Branch::Continue,
            }),
            Token::Load => self.load(),
            _ => {
                let lhs = self.expr(false)?;
                let Some(op) = expr::assignment(self.token) else {
                    return Ok(Stmt::Expr(lhs));
                };
                let line = self.advance()?;
                let rhs = self.expr(false)?;
                Ok(Stmt::Assign { line, op, lhs, rhs })
            }
        }
    }

    fn load(&mut self) -> Result<Stmt> {
        let line = self.advance()?;
        self.consume(Token::LParen)?;
        let Some((module, _)) = self.string()? else {
            return self.fail("first operand of load statement must be a string literal");
        };
        let mut bindings = Vec::new();
        while !matches!(self.token, Token::RParen | Token::Eof) {
            self.consume(Token::Comma)?;
            if self.token == Token::RParen {
                break;
            }
            bindings.push(self.load_binding()?);
        }
        self.consume(Token::RParen)?;
        if bindings.is_empty() {
            // The original reports the line of the opening bracket; it is that of the keyword
            // unless somebody breaks the line between both.
            return Err(SyntaxProblem::new(
                line,
                "load statement must import at least 1 symbol",
            ));
        }
        let module = Arc::from(module.as_str());
        Ok(Stmt::Load(Box::new(Load {
            line,
            module,
            bindings,
        })))
    }

    fn load_binding(&mut self) -> Result<(Ident, Ident)> {
        if let Some((name, line)) = self.string()? {
            let ident = Ident {
                name: self.names.add(&name),
                line,
                id: 0,
            };
            return Ok((ident, ident));
        }
        if self.token != Token::Ident {
            return self.fail(format!(
                r#"load operand must be "name" or localname="name" (got {})"#,
                self.token.quoted()
            ));
        }
        let to = self.ident()?;
        let name = self.names.text(to.name).to_owned();
        if self.token != Token::Eq {
            return self.fail(format!(
                r#"load operand must be "{name}" or {name}="originalname" (want '=' after {name})"#
            ));
        }
        self.consume(Token::Eq)?;
        let Some((from, line)) = self.string()? else {
            return self.fail(format!(
                r#"original name of loaded symbol must be quoted: {name}="originalname""#
            ));
        };
        Ok((
            Ident {
                name: self.names.add(&from),
                line,
                id: 0,
            },
            to,
        ))
    }

    /// A string literal and its line, if the next token is one.
    fn string(&mut self) -> Result<Option<(String, u32)>> {
        let Some(Literal::Str(value)) = self.lexeme.literal.take() else {
            return Ok(None);
        };
        let line = self.advance()?;
        Ok(Some((value.to_text().into_owned(), line)))
    }

    fn params(&mut self) -> Result<Vec<Param>> {
        let mut params = Vec::new();
        let mut stars = false;
        while !matches!(self.token, Token::RParen | Token::Colon | Token::Eof) {
            if !params.is_empty() {
                self.consume(Token::Comma)?;
            }
            if self.token == Token::RParen {
                if stars {
                    return self.fail(format!("got {}, want parameter", self.token.quoted()));
                }
                break;
            }
            if self.token == Token::Star {
                stars = true;
                let line = self.advance()?;
                let name = if self.token == Token::Ident {
                    Some(self.ident()?)
                } else {
                    None
                };
                params.push(Param::Star(line, name));
            } else if self.token == Token::StarStar {
                stars = true;
                let line = self.advance()?;
                params.push(Param::StarStar(line, self.ident()?));
            } else {
                let name = self.ident()?;
                if self.token == Token::Eq {
                    let line = self.advance()?;
                    params.push(Param::Default(name, line, self.test()?));
                } else {
                    params.push(Param::Plain(name));
                }
            }
        }
        Ok(params)
    }

    fn loop_variables(&mut self) -> Result<Expr> {
        let first = self.primary_with_suffix()?;
        if self.token != Token::Comma {
            return Ok(first);
        }
        let mut list = vec![first];
        while self.token == Token::Comma {
            self.advance()?;
            if expr::ends_list(self.token) {
                break;
            }
            list.push(self.primary_with_suffix()?);
        }
        Ok(Expr::new(ExprKind::Tuple(list), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        match parse(Arc::new(Source::of_code("f", text))) {
            Ok(_) => "fine".to_owned(),
            Err(errors) => {
                let problem = &errors.problems[0];
                format!("{}: {}", problem.line, problem.message)
            }
        }
    }

    #[test]
    fn mistakes_are_named_as_in_the_original() {
        let rows = [
            ("if x\n", "2: got newline, want ':'"),
            ("x = \n", "2: got newline, want primary expression"),
            ("x = 1 1\n", "1: got int literal, want newline"),
            ("def f(:\nend", "1: got ':', want ')'"),
            ("def f(a b):\nend", "1: got identifier, want ','"),
            ("def 1():\nend", "1: not an identifier"),
            (
                "def if():\nend",
                "1: use of reserved keyword 'if' is not allowed (expected identifier)",
            ),
            (
                "x.class",
                "1: use of reserved keyword 'class' is not allowed (expected identifier)",
            ),
            ("class", "1: got illegal token, want primary expression"),
            ("x = 1,\n", "1: unparenthesized tuple with trailing comma"),
            (
                "x = a if b\n",
                "1: conditional expression without else clause",
            ),
            ("a < b < c\n", "1: < does not associate with < (use parens)"),
            ("a not b\n", "1: got identifier, want in"),
            ("f(1=2)\n", "1: keyword argument must have form name=expr"),
            ("f(*a,)\n", "1: got ')', want argument"),
            ("def f(*a,):\nend\n", "1: got ')', want parameter"),
            (
                "[x for y in z while]\n",
                "1: got while, want ']', for, or if",
            ),
            (
                "load(x)\n",
                "1: first operand of load statement must be a string literal",
            ),
            (
                "load(\"a\")\n",
                "1: load statement must import at least 1 symbol",
            ),
            (
                "load(\"a\", b)\n",
                "1: load operand must be \"b\" or b=\"originalname\" (want '=' after b)",
            ),
            (
                "load(\"a\", b=c)\n",
                "1: original name of loaded symbol must be quoted: b=\"originalname\"",
            ),
            (
                "load(\"a\", 1)\n",
                "1: load operand must be \"name\" or localname=\"name\" (got int literal)",
            ),
            ("x = a && b\n", "1: got '&', want primary expression"),
            ("{1: 2, 3}\n", "1: got '}', want ':'"),
            ("[1, 2\n", "2: got end of file, want ']'"),
            ("x = (1,\n 2\ny = 3\n", "3: got identifier, want ')'"),
            ("if x: return 1\n", "fine"),
            ("a = b = c\n", "1: got '=', want newline"),
            ("for x in 1, 2:\nend\n", "fine"),
            ("lambda: 1\n", "fine"),
            ("f(a, *b, **c)\n", "fine"),
            ("x = [\n1,\n]\n", "fine"),
        ];
        for (text, expected) in rows {
            assert_eq!(problem(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_on_a_small_stack() {
        let deep = |open: &str, close: &str, times: usize| {
            format!("x = {}1{}\n", open.repeat(times), close.repeat(times))
        };
        let too_deep = format!("code is nested more than {MAX_NESTING} levels deep");
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1:", "}"),
            ("-", ""),
            ("not ", ""),
            ("f(", ")"),
            ("lambda: ", ""),
        ] {
            let text = deep(open, close, 100_000);
            assert!(problem(&text).ends_with(&too_deep), "{open}");
            assert_eq!(
                problem(&deep(open, close, MAX_NESTING / 2)),
                "fine",
                "{open}"
            );
        }
        let blocks = "if x:\n".repeat(100_000);
        assert!(problem(&blocks).ends_with(&too_deep));
        let conditions = format!("x = {}1\n", "1 if x else ".repeat(100_000));
        assert!(problem(&conditions).ends_with(&too_deep));
    }

    #[test]
    fn chains_may_be_long() {
        for link in [" + 1", " or x", ".f", "[1]", "()"] {
            let text = format!("x = y{}\n", link.repeat(100_000));
            assert_eq!(problem(&text), "fine", "{link}");
        }
        let arms = format!("if x:\n{}end\n", "elif x:\n".repeat(100_000));
        assert_eq!(problem(&arms), "fine");
    }
}

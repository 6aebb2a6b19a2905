//! The syntax tree of a file.
//!
//! A caller may change the tree between parsing and compiling. Positions are lines of the code,
//! zero for what somebody added. Source: starlark-go (k14s fork, 3a5c849cc368) syntax/syntax.go.

use super::source::Source;
use super::token::Literal;
use indexmap::IndexSet;
use std::sync::Arc;

/// A parsed file.
#[derive(Debug, Clone)]
pub struct File {
    /// Where the text came from.
    pub source: Arc<Source>,
    /// Every name in the file.
    pub names: Names,
    /// The statements at top level.
    pub stmts: Vec<Stmt>,
}

/// A name, as an index into [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(crate) u32);

/// The names of a file, each stored once.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: IndexSet<Box<str>>,
}

impl Names {
    /// The name that reads `text`.
    pub fn add(&mut self, text: &str) -> Name {
        let index = match self.names.get_index_of(text) {
            Some(index) => index,
            None => self.names.insert_full(Box::from(text)).0,
        };
        // A file is far shorter than four billion characters: see `parse::MAX_BYTES`.
        Name(u32::try_from(index).expect("names of a file fit 32 bits"))
    }

    /// The name that reads `text`, if it occurs in the file.
    pub fn get(&self, text: &str) -> Option<Name> {
        let index = self.names.get_index_of(text)?;
        u32::try_from(index).ok().map(Name)
    }

    /// Text of a name.
    pub fn text(&self, name: Name) -> &str {
        self.names
            .get_index(name.0 as usize)
            .map_or("", AsRef::as_ref)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// An identifier in the text.
#[derive(Debug, Clone, Copy)]
pub struct Ident {
    /// Its name.
    pub name: Name,
    /// Its line.
    pub line: u32,
    /// Number that the resolver gives to every use.
    pub(crate) id: u32,
}

impl Ident {
    /// An identifier that somebody adds to a tree.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            line: 0,
            id: 0,
        }
    }
}

/// A statement.
#[derive(Debug, Clone)]
pub enum Stmt {
    /// `x = y` or `x += y`.
    Assign {
        /// Line of the operator.
        line: u32,
        /// The operator of an augmented assignment.
        op: Option<BinOp>,
        /// The target.
        lhs: Expr,
        /// The value.
        rhs: Expr,
    },
    /// `break` or `continue`.
    Branch {
        /// Its line.
        line: u32,
        /// Which of both.
        kind: Branch,
    },
    /// `def f(…): …`.
    Def(Box<Def>),
    /// An expression for its effects.
    Expr(Expr),
    /// `for x in y: …`.
    For(Box<For>),
    /// `while x: …`.
    While {
        /// The condition.
        cond: Expr,
        /// The body.
        body: Vec<Stmt>,
    },
    /// `if x: … elif y: … else: …`.
    If {
        /// Conditions and what they guard; never empty.
        arms: Vec<(Expr, Vec<Stmt>)>,
        /// What happens otherwise.
        otherwise: Vec<Stmt>,
    },
    /// `load("module", "name", other="name")`.
    Load(Box<Load>),
    /// `return x`.
    Return {
        /// Its line.
        line: u32,
        /// The value.
        result: Option<Expr>,
    },
}

/// Ways to leave a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Out of the loop.
    Break,
    /// On to the next turn.
    Continue,
}

/// A function definition.
#[derive(Debug, Clone)]
pub struct Def {
    /// Line of `def`.
    pub line: u32,
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its body.
    pub body: Vec<Stmt>,
    /// Number that the resolver gives to every function.
    pub(crate) id: u32,
}

/// A `for` statement.
#[derive(Debug, Clone)]
pub struct For {
    /// Line of `for`.
    pub line: u32,
    /// What each turn binds.
    pub vars: Expr,
    /// What is iterated over.
    pub iterable: Expr,
    /// The body.
    pub body: Vec<Stmt>,
}

/// A `load` statement.
#[derive(Debug, Clone)]
pub struct Load {
    /// Line of `load`.
    pub line: u32,
    /// The module.
    pub module: Arc<str>,
    /// Name in the module, with its line, and name here.
    pub bindings: Vec<(Ident, Ident)>,
}

/// A parameter of a function.
#[derive(Debug, Clone)]
pub enum Param {
    /// `x`.
    Plain(Ident),
    /// `x=default`, with the line of `=`.
    Default(Ident, u32, Expr),
    /// `*` or `*args`, with the line of the star.
    Star(u32, Option<Ident>),
    /// `**kwargs`, with the line of the stars.
    StarStar(u32, Ident),
}

/// An expression and its line.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Line of its own token: the operator, bracket, dot or name.
    pub line: u32,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// A name.
    Ident(Ident),
    /// A number or string.
    Literal(Literal),
    /// `(x)`.
    Paren(Box<Expr>),
    /// `f(…)`.
    Call(Box<Expr>, Vec<Arg>),
    /// `x.f`.
    Dot(Box<Expr>, Name),
    /// `x[y]`.
    Index(Box<Expr>, Box<Expr>),
    /// `x[a:b:c]`.
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    /// `[…]`.
    List(Vec<Expr>),
    /// `x, y` or `()`.
    Tuple(Vec<Expr>),
    /// `{k: v}`.
    Dict(Vec<Entry>),
    /// `[x for …]` or `{k: v for …}`.
    Comprehension(Box<Comprehension>),
    /// `x if c else y`.
    Cond(Box<Cond>),
    /// `lambda …: x`.
    Lambda(Box<Lambda>),
    /// `-x`, `+x`, `~x`, `not x`.
    Unary(UnOp, Box<Expr>),
    /// `x + y` and the like.
    Binary(BinOp, Box<Expr>, Box<Expr>),
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub enum Arg {
    /// `x`.
    Plain(Expr),
    /// `name=x`.
    Named(Ident, Expr),
    /// `*x`, with the line of the star.
    Star(u32, Expr),
    /// `**x`, with the line of the stars.
    StarStar(u32, Expr),
}

/// An entry of a dict.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: Expr,
    /// Line of the colon.
    pub line: u32,
    /// The value.
    pub value: Expr,
}

/// A comprehension.
#[derive(Debug, Clone)]
pub struct Comprehension {
    /// What each turn gives.
    pub body: Body,
    /// The clauses; the first is a `for`.
    pub clauses: Vec<Clause>,
}

/// What a turn of a comprehension gives.
#[derive(Debug, Clone)]
pub enum Body {
    /// An element of a list.
    Item(Expr),
    /// An entry of a dict.
    Entry(Entry),
}

/// A clause of a comprehension.
#[derive(Debug, Clone)]
pub enum Clause {
    /// `for vars in x`, with the line of `for`.
    For(u32, Expr, Expr),
    /// `if x`.
    If(Expr),
}

/// A conditional expression.
#[derive(Debug, Clone)]
pub struct Cond {
    /// The condition.
    pub cond: Expr,
    /// Its value when the condition holds.
    pub then: Expr,
    /// Its value otherwise.
    pub otherwise: Expr,
}

/// A nameless function.
#[derive(Debug, Clone)]
pub struct Lambda {
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its value.
    pub body: Expr,
    /// Number that the resolver gives to every function.
    pub(crate) id: u32,
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnOp {
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `~`.
    Tilde,
    /// `not`.
    Not,
}

impl UnOp {
    /// Its text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Plus => "+",
            Self::Tilde => "~",
            Self::Not => "not",
        }
    }
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its text")]
pub enum BinOp {
    Or,
    And,
    Eql,
    Neq,
    Lt,
    Gt,
    Le,
    Ge,
    In,
    NotIn,
    Pipe,
    Circumflex,
    Amp,
    LtLt,
    GtGt,
    Minus,
    Plus,
    Star,
    Percent,
    Slash,
    SlashSlash,
}

impl BinOp {
    /// Its text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Eql => "==",
            Self::Neq => "!=",
            Self::Lt => "<",
            Self::Gt => ">",
            Self::Le => "<=",
            Self::Ge => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Pipe => "|",
            Self::Circumflex => "^",
            Self::Amp => "&",
            Self::LtLt => "<<",
            Self::GtGt => ">>",
            Self::Minus => "-",
            Self::Plus => "+",
            Self::Star => "*",
            Self::Percent => "%",
            Self::Slash => "/",
            Self::SlashSlash => "//",
        }
    }

    /// How tightly it binds, from 0 to 9.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Eql
            | Self::Neq
            | Self::Lt
            | Self::Gt
            | Self::Le
            | Self::Ge
            | Self::In
            | Self::NotIn => COMPARISON,
            Self::Pipe => 4,
            Self::Circumflex => 5,
            Self::Amp => 6,
            Self::LtLt | Self::GtGt => 7,
            Self::Minus | Self::Plus => 8,
            Self::Star | Self::Percent | Self::Slash | Self::SlashSlash => 9,
        }
    }
}

/// Precedence of `not`.
pub(crate) const NOT: u8 = 2;
/// Precedence of comparisons, which do not associate.
pub(crate) const COMPARISON: u8 = 3;

impl Expr {
    /// An expression on `line`.
    pub fn new(kind: ExprKind, line: u32) -> Self {
        Self { kind, line }
    }

    /// A name that somebody adds to a tree.
    pub fn name(name: Name) -> Self {
        Self::new(ExprKind::Ident(Ident::new(name)), 0)
    }

    /// A call of a name that somebody adds to a tree.
    pub fn call(name: Name, args: Vec<Expr>) -> Self {
        let args = args.into_iter().map(Arg::Plain).collect();
        Self::new(ExprKind::Call(Box::new(Self::name(name)), args), 0)
    }

    /// The operand on the left, from which evaluation begins.
    pub(crate) fn left(&self) -> Option<&Expr> {
        match &self.kind {
            ExprKind::Paren(left)
            | ExprKind::Call(left, _)
            | ExprKind::Dot(left, _)
            | ExprKind::Index(left, _)
            | ExprKind::Slice(left, _)
            | ExprKind::Binary(_, left, _) => Some(left),
            _ => None,
        }
    }

    /// The operand on the left, to be changed.
    pub(crate) fn left_mut(&mut self) -> Option<&mut Expr> {
        match &mut self.kind {
            ExprKind::Paren(left)
            | ExprKind::Call(left, _)
            | ExprKind::Dot(left, _)
            | ExprKind::Index(left, _)
            | ExprKind::Slice(left, _)
            | ExprKind::Binary(_, left, _) => Some(left),
            _ => None,
        }
    }

    /// Line on which the expression begins.
    pub(crate) fn start_line(&self) -> u32 {
        let mut at = self;
        loop {
            let first = match &at.kind {
                ExprKind::Paren(_) => return at.line,
                ExprKind::Tuple(items) => items.first().filter(|_| at.line == 0),
                ExprKind::Cond(cond) => Some(&cond.then),
                _ => at.left(),
            };
            match first {
                Some(first) => at = first,
                None => return at.line,
            }
        }
    }

    /// The expression without parentheses around it.
    pub(crate) fn unparen(&self) -> &Expr {
        let mut at = self;
        while let ExprKind::Paren(inner) = &at.kind {
            at = inner;
        }
        at
    }
}

/// Long chains such as `a + b + …` lean to the left without bound: they are taken apart from the
/// outside, so that dropping one needs no stack.
impl Drop for Expr {
    fn drop(&mut self) {
        let Some(left) = self.left_mut() else { return };
        if left.left().is_none() {
            return;
        }
        let mut next = std::mem::replace(left, Expr::new(ExprKind::Tuple(Vec::new()), 0));
        while let Some(left) = next.left_mut() {
            let left = std::mem::replace(left, Expr::new(ExprKind::Tuple(Vec::new()), 0));
            next = left;
        }
    }
}

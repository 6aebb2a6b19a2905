//! Syntax trees into instructions.
//!
//! Which line an instruction carries decides which line an error names, so lines are noted in the
//! same order and at the same places as in the original: a noted line belongs to the next
//! instruction only. Source: starlark-go (k14s fork, 3a5c849cc368) internal/compile/compile.go.

mod expr;
mod function;
mod stmt;

use super::ast::{Expr, File, Name, Names, Stmt};
use super::code::{CallShape, Code, LoadSite, Op, Program};
use super::error::SyntaxErrors;
use super::parse;
use super::resolve::{self, Outside, Resolved};
use super::source::Source;
use super::text::Str;
use super::token::Literal;
use super::universe;
use function::FunctionCompiler;
use indexmap::IndexMap;
use std::sync::Arc;

impl Program {
    /// Compiles a parsed file; `predeclared` names the values that every run will be given.
    ///
    /// # Errors
    /// All undefined names and misplaced statements.
    pub fn compile(mut file: File, predeclared: &[&str]) -> Result<Self, SyntaxErrors> {
        let outside = Outside {
            predeclared,
            universal: universe::index_of,
        };
        let resolved = resolve::resolve(&mut file, &outside)?;
        let line = file.stmts.first().map_or(1, start_line);
        Ok(compile(
            &file,
            &resolved,
            "<toplevel>",
            line,
            predeclared.len(),
        ))
    }

    /// Parses and compiles a file that nobody changes in between.
    ///
    /// # Errors
    /// The first syntax error, or all undefined names and misplaced statements.
    pub fn parse(source: Arc<Source>, predeclared: &[&str]) -> Result<Self, SyntaxErrors> {
        Self::compile(parse::parse(source)?, predeclared)
    }

    /// Compiles a single expression; a run gives its value.
    ///
    /// # Errors
    /// The first syntax error, or all undefined names.
    pub fn of_expression(source: Arc<Source>, predeclared: &[&str]) -> Result<Self, SyntaxErrors> {
        let (mut file, expr) = parse::parse_expression(source)?;
        let line = expr.start_line();
        // At top level a return is an error, so it is added after the names are resolved.
        file.stmts = vec![Stmt::Expr(expr)];
        let outside = Outside {
            predeclared,
            universal: universe::index_of,
        };
        let resolved = resolve::resolve(&mut file, &outside)?;
        if let Some(Stmt::Expr(expr)) = file.stmts.pop() {
            file.stmts.push(Stmt::Return {
                line,
                result: Some(expr),
            });
        }
        Ok(compile(&file, &resolved, "<expr>", line, predeclared.len()))
    }
}

fn compile(file: &File, resolved: &Resolved, name: &str, line: u32, predeclared: usize) -> Program {
    let mut pool = Pool {
        names: &file.names,
        resolved,
        codes: Vec::new(),
        constants: Vec::new(),
        attrs: IndexMap::new(),
        loads: Vec::new(),
        shapes: Vec::new(),
        texts: IndexMap::new(),
    };
    let mut top = FunctionCompiler::new(&mut pool, line);
    top.stmts(&file.stmts);
    let (ops, lines) = top.finish();
    let locals = resolved.locals.clone();
    let code = Code {
        name: Arc::from(name),
        ops,
        lines,
        cells: pool.cells(&locals),
        locals: pool.binding_names(&locals),
        captures: Vec::new(),
        free: Vec::new(),
        params: 0,
        keyword_only: 0,
        has_varargs: false,
        has_kwargs: false,
        defaults: Vec::new(),
    };
    pool.codes.push(code);
    let globals = resolved
        .globals
        .iter()
        .map(|name| pool.text(*name))
        .collect();
    Program {
        source: Arc::clone(&file.source),
        codes: pool.codes,
        constants: pool.constants,
        names: pool.attrs.into_keys().collect(),
        globals,
        loads: pool.loads,
        shapes: pool.shapes,
        predeclared,
    }
}

/// What all functions of a program share.
struct Pool<'a> {
    names: &'a Names,
    resolved: &'a Resolved,
    codes: Vec<Code>,
    constants: Vec<Literal>,
    attrs: IndexMap<Str, ()>,
    loads: Vec<LoadSite>,
    shapes: Vec<CallShape>,
    texts: IndexMap<Name, Str>,
}

impl Pool<'_> {
    /// The text of a name, stored once.
    fn text(&mut self, name: Name) -> Str {
        let names = self.names;
        self.texts
            .entry(name)
            .or_insert_with(|| Str::from(names.text(name)))
            .clone()
    }

    /// Index of an attribute's name.
    fn attr(&mut self, name: Name) -> u32 {
        let text = self.text(name);
        index(self.attrs.insert_full(text, ()).0)
    }

    fn constant(&mut self, value: &Literal) -> u32 {
        self.constants.push(value.clone());
        index(self.constants.len() - 1)
    }

    fn shape(&mut self, shape: CallShape) -> u32 {
        let known = self
            .shapes
            .iter()
            .rev()
            .take(8)
            .position(|known| *known == shape);
        let at = match known {
            Some(from_end) => self.shapes.len() - 1 - from_end,
            None => {
                self.shapes.push(shape);
                self.shapes.len() - 1
            }
        };
        index(at)
    }

    fn binding_names(&mut self, bindings: &[resolve::BindingId]) -> Vec<Str> {
        let resolved = self.resolved;
        bindings
            .iter()
            .map(|id| self.text(resolved.bindings[*id].name))
            .collect()
    }

    fn cells(&self, locals: &[resolve::BindingId]) -> Vec<u32> {
        (0u32..)
            .zip(locals)
            .filter(|(_, id)| self.resolved.bindings[**id].scope == resolve::Scope::Cell)
            .map(|(index, _)| index)
            .collect()
    }
}

/// An index as instructions hold it.
fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a file is far shorter than 2^32 bytes")
}

/// Line on which a statement begins.
fn start_line(stmt: &Stmt) -> u32 {
    match stmt {
        Stmt::Assign { lhs: expr, .. } | Stmt::Expr(expr) => expr.start_line(),
        Stmt::While { cond, .. } => cond.start_line(),
        Stmt::If { arms, .. } => arms.first().map_or(1, |(cond, _)| Expr::start_line(cond)),
        Stmt::Branch { line, .. } | Stmt::Return { line, .. } => *line,
        Stmt::Def(def) => def.line,
        Stmt::For(stmt) => stmt.line,
        Stmt::Load(load) => load.line,
    }
}

/// An instruction whose target is filled in later.
fn retarget(op: &mut Op, target: u32) {
    match op {
        Op::Jump(at) | Op::JumpUnless(at) | Op::Or(at) | Op::And(at) | Op::IterNext(at) => {
            *at = target;
        }
        other => debug_assert!(false, "{other:?} is no jump"),
    }
}

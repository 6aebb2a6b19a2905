//! Names into slots.
//!
//! Every use of a name is bound to a local, a cell shared with an inner function, a global, a
//! predeclared or a universal value; what cannot be bound is reported, all of it at once.
//! Source: starlark-go (k14s fork, 3a5c849cc368) resolve/resolve.go, with the options ytt sets
//! (global reassignment, and with it statements of every kind at top level).

mod scope;
mod walk;

use super::ast::{File, Name, Names};
use super::error::{SyntaxErrors, SyntaxProblem};
use scope::{Block, BlockId, FILE};
use std::collections::BTreeMap;

/// Where a name lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Undefined,
    Local,
    /// A local that an inner function uses too.
    Cell,
    /// A cell of an enclosing function.
    Free,
    Global,
    Predeclared,
    Universal,
}

/// What a name is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) scope: Scope,
    pub(crate) index: u32,
    /// The name at its first binding.
    pub(crate) name: Name,
}

/// Index into [`Resolved::bindings`].
pub(crate) type BindingId = usize;

/// What the resolver found out about a function.
#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) locals: Vec<BindingId>,
    /// Bindings of the enclosing function that this one uses.
    pub(crate) free: Vec<BindingId>,
    pub(crate) has_varargs: bool,
    pub(crate) has_kwargs: bool,
    pub(crate) keyword_only: u32,
}

/// What the resolver found out about a file.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) bindings: Vec<Binding>,
    /// Binding of every identifier, by its number.
    pub(crate) of_ident: Vec<BindingId>,
    /// Functions, by their number.
    pub(crate) functions: Vec<Function>,
    pub(crate) locals: Vec<BindingId>,
    pub(crate) globals: Vec<Name>,
}

/// Names that are bound outside a file.
pub(crate) struct Outside<'a> {
    /// Names of values given to this file.
    pub(crate) predeclared: &'a [&'a str],
    /// Index of a value that every file sees.
    pub(crate) universal: fn(&str) -> Option<u32>,
}

/// Resolves a file, numbering its identifiers and functions.
pub(crate) fn resolve(file: &mut File, outside: &Outside<'_>) -> Result<Resolved, SyntaxErrors> {
    let mut stmts = std::mem::take(&mut file.stmts);
    let mut resolver = Resolver::new(&file.names, outside);
    resolver.stmts(&mut stmts);
    let (resolved, problems) = resolver.finish();
    file.stmts = stmts;
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(SyntaxErrors {
            source: std::sync::Arc::clone(&file.source),
            problems,
        })
    }
}

struct Resolver<'a> {
    names: &'a Names,
    outside: &'a Outside<'a>,
    blocks: Vec<Block>,
    env: BlockId,
    bindings: Vec<Binding>,
    of_ident: Vec<BindingId>,
    functions: Vec<Function>,
    locals: Vec<BindingId>,
    globals: Vec<Name>,
    global_bindings: BTreeMap<Name, BindingId>,
    outside_bindings: BTreeMap<Name, BindingId>,
    loops: usize,
    problems: Vec<SyntaxProblem>,
}

impl<'a> Resolver<'a> {
    fn new(names: &'a Names, outside: &'a Outside<'a>) -> Self {
        Self {
            names,
            outside,
            blocks: vec![Block::default()],
            env: FILE,
            bindings: Vec::new(),
            of_ident: Vec::new(),
            functions: Vec::new(),
            locals: Vec::new(),
            globals: Vec::new(),
            global_bindings: BTreeMap::new(),
            outside_bindings: BTreeMap::new(),
            loops: 0,
            problems: Vec::new(),
        }
    }

    fn finish(mut self) -> (Resolved, Vec<SyntaxProblem>) {
        self.resolve_local_uses(FILE);
        self.resolve_other_uses(FILE);
        let resolved = Resolved {
            bindings: self.bindings,
            of_ident: self.of_ident,
            functions: self.functions,
            locals: self.locals,
            globals: self.globals,
        };
        (resolved, self.problems)
    }

    fn fail(&mut self, line: u32, message: impl Into<String>) {
        self.problems.push(SyntaxProblem::new(line, message));
    }
}

//! One function at a time.

use super::super::ast::{Expr, Ident, Lambda, Param, Stmt};
use super::super::code::{Capture, Code, Op};
use super::super::resolve::{Binding, Scope};
use super::{Pool, index, retarget};
use std::sync::Arc;

/// A loop being compiled: where its turns begin and the jumps out of it.
pub(super) struct Loop {
    pub(super) head: u32,
    pub(super) breaks: Vec<usize>,
}

pub(super) struct FunctionCompiler<'p, 'a> {
    pub(super) pool: &'p mut Pool<'a>,
    ops: Vec<Op>,
    lines: Vec<u32>,
    /// Line for the next instruction; zero for none.
    pending_line: u32,
    pub(super) loops: Vec<Loop>,
}

impl<'p, 'a> FunctionCompiler<'p, 'a> {
    pub(super) fn new(pool: &'p mut Pool<'a>, line: u32) -> Self {
        Self {
            pool,
            ops: Vec::new(),
            lines: Vec::new(),
            pending_line: line,
            loops: Vec::new(),
        }
    }

    /// Ends the function; gives its instructions and their lines.
    pub(super) fn finish(mut self) -> (Vec<Op>, Vec<u32>) {
        self.emit(Op::None);
        self.emit(Op::Return);
        // A failure before the first line is known is reported at the first line there is.
        let first = self
            .lines
            .iter()
            .copied()
            .find(|line| *line != 0)
            .unwrap_or(0);
        for line in self.lines.iter_mut().take_while(|line| **line == 0) {
            *line = first;
        }
        (self.ops, self.lines)
    }

    /// Notes the line of the next instruction.
    pub(super) fn at(&mut self, line: u32) {
        self.pending_line = line;
    }

    pub(super) fn emit(&mut self, op: Op) {
        let line = match std::mem::take(&mut self.pending_line) {
            0 => self.lines.last().copied().unwrap_or(0),
            line => line,
        };
        self.ops.push(op);
        self.lines.push(line);
    }

    /// Index of the next instruction.
    pub(super) fn here(&self) -> u32 {
        index(self.ops.len())
    }

    /// Emits a jump to be aimed later.
    pub(super) fn jump(&mut self, op: Op) -> usize {
        self.emit(op);
        self.ops.len() - 1
    }

    /// Aims a jump at the next instruction.
    pub(super) fn land(&mut self, jump: usize) {
        let here = self.here();
        self.aim(jump, here);
    }

    /// Aims a jump.
    pub(super) fn aim(&mut self, jump: usize, target: u32) {
        if let Some(op) = self.ops.get_mut(jump) {
            retarget(op, target);
        }
    }

    fn binding(&self, ident: Ident) -> Binding {
        let resolved = self.pool.resolved;
        resolved.bindings[resolved.of_ident[ident.id as usize]]
    }

    /// Stores the top in a variable.
    pub(super) fn set(&mut self, ident: Ident) {
        let binding = self.binding(ident);
        self.emit(match binding.scope {
            Scope::Cell => Op::SetCell(binding.index),
            Scope::Global => Op::SetGlobal(binding.index),
            _ => Op::SetLocal(binding.index),
        });
    }

    /// Pushes the value of a variable.
    pub(super) fn look_up(&mut self, ident: Ident) {
        let binding = self.binding(ident);
        if binding.scope != Scope::Universal {
            self.at(ident.line);
        }
        self.emit(match binding.scope {
            Scope::Local => Op::Local(binding.index),
            Scope::Cell => Op::Cell(binding.index),
            Scope::Free => Op::Free(binding.index),
            Scope::Global => Op::Global(binding.index),
            Scope::Predeclared => Op::Predeclared(binding.index),
            Scope::Universal | Scope::Undefined => Op::Universal(binding.index),
        });
    }

    /// Pushes a new function.
    pub(super) fn def(&mut self, id: u32, name: &str, line: u32, params: &[Param], body: &[Stmt]) {
        self.make_function(id, name, line, params, |inner| inner.stmts(body));
    }

    /// Pushes a new nameless function.
    pub(super) fn lambda(&mut self, lambda: &Lambda, line: u32) {
        let body = &lambda.body;
        self.make_function(lambda.id, "lambda", line, &lambda.params, |inner| {
            inner.expr(body);
            inner.emit(Op::Return);
        });
    }

    fn make_function(
        &mut self,
        id: u32,
        name: &str,
        line: u32,
        params: &[Param],
        body: impl FnOnce(&mut FunctionCompiler<'_, 'a>),
    ) {
        self.at(line);
        let defaults = self.defaults(params);
        let resolved = self.pool.resolved;
        let function = &resolved.functions[id as usize];
        let captures = function
            .free
            .iter()
            .map(|free| {
                let binding = resolved.bindings[*free];
                match binding.scope {
                    Scope::Free => Capture::Free(binding.index),
                    _ => Capture::Local(binding.index),
                }
            })
            .collect();
        let mut inner = FunctionCompiler::new(self.pool, line);
        body(&mut inner);
        let (ops, lines) = inner.finish();
        let bare_star = params
            .iter()
            .any(|param| matches!(param, Param::Star(_, None)));
        let code = Code {
            name: Arc::from(name),
            ops,
            lines,
            cells: self.pool.cells(&function.locals),
            locals: self.pool.binding_names(&function.locals),
            captures,
            free: self.pool.binding_names(&function.free),
            params: params.len() - usize::from(bare_star),
            keyword_only: function.keyword_only as usize,
            has_varargs: function.has_varargs,
            has_kwargs: function.has_kwargs,
            defaults,
        };
        self.pool.codes.push(code);
        let at = index(self.pool.codes.len() - 1);
        self.emit(Op::MakeFunction(at));
    }

    /// Pushes defaults; gives, for each parameter that may go without an argument or must be
    /// named, whether it has one.
    fn defaults(&mut self, params: &[Param]) -> Vec<bool> {
        let mut defaults = Vec::new();
        let mut star = false;
        for param in params {
            match param {
                Param::Default(_, _, default) => {
                    self.expr(default);
                    defaults.push(true);
                }
                Param::Star(..) | Param::StarStar(..) => star = true,
                Param::Plain(_) if star => defaults.push(false),
                Param::Plain(_) => {}
            }
        }
        defaults
    }

    /// Evaluates a condition; gives the jump that is taken when it does not hold.
    pub(super) fn condition(&mut self, cond: &Expr) -> usize {
        self.expr(cond);
        self.jump(Op::JumpUnless(0))
    }
}

//! Statements.

use super::super::ast::{BinOp, Branch, Expr, ExprKind, For, Load, Stmt};
use super::super::code::{LoadSite, Op};
use super::function::{FunctionCompiler, Loop};
use super::index;
use std::sync::Arc;

impl FunctionCompiler<'_, '_> {
    pub(super) fn stmts(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Expr(expr) => {
                // Comments in the form of strings cost nothing.
                if !matches!(expr.kind, ExprKind::Literal(_)) {
                    self.expr(expr);
                    self.emit(Op::Pop);
                }
            }
            Stmt::Branch { kind, .. } => self.branch(*kind),
            Stmt::If { arms, otherwise } => self.if_stmt(arms, otherwise),
            Stmt::Assign {
                line,
                op: None,
                lhs,
                rhs,
            } => {
                self.expr(rhs);
                self.assign(*line, lhs);
            }
            Stmt::Assign {
                line,
                op: Some(op),
                lhs,
                rhs,
            } => self.augment(*line, *op, lhs, rhs),
            Stmt::Def(def) => {
                let name = self.pool.names.text(def.name.name);
                self.def(def.id, name, def.line, &def.params, &def.body);
                self.set(def.name);
            }
            Stmt::For(stmt) => self.for_stmt(stmt),
            Stmt::While { cond, body } => self.while_stmt(cond, body),
            Stmt::Return { result, .. } => {
                match result {
                    Some(result) => self.expr(result),
                    None => self.emit(Op::None),
                }
                self.emit(Op::Return);
            }
            Stmt::Load(load) => self.load(load),
        }
    }

    fn branch(&mut self, kind: Branch) {
        let jump = self.jump(Op::Jump(0));
        let Some(innermost) = self.loops.last_mut() else {
            return;
        };
        match kind {
            Branch::Break => innermost.breaks.push(jump),
            Branch::Continue => {
                let head = innermost.head;
                self.aim(jump, head);
            }
        }
    }

    fn if_stmt(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) {
        let mut ends = Vec::new();
        for (at, (cond, body)) in arms.iter().enumerate() {
            let skip = self.condition(cond);
            self.stmts(body);
            if at + 1 < arms.len() || !otherwise.is_empty() {
                ends.push(self.jump(Op::Jump(0)));
            }
            self.land(skip);
        }
        self.stmts(otherwise);
        for end in ends {
            self.land(end);
        }
    }

    fn for_stmt(&mut self, stmt: &For) {
        self.expr(&stmt.iterable);
        self.at(stmt.line);
        self.emit(Op::IterPush);
        let head = self.here();
        let end = self.jump(Op::IterNext(0));
        self.assign(stmt.line, &stmt.vars);
        self.body(head, &stmt.body);
        self.land(end);
        self.emit(Op::IterPop);
    }

    fn while_stmt(&mut self, cond: &Expr, body: &[Stmt]) {
        let head = self.here();
        let end = self.condition(cond);
        self.body(head, body);
        self.land(end);
    }

    /// Compiles the body of a loop; jumps out of it land after it.
    fn body(&mut self, head: u32, body: &[Stmt]) {
        self.loops.push(Loop {
            head,
            breaks: Vec::new(),
        });
        self.stmts(body);
        self.emit(Op::Jump(head));
        if let Some(done) = self.loops.pop() {
            for jump in done.breaks {
                self.land(jump);
            }
        }
    }

    fn load(&mut self, load: &Load) {
        let from = load
            .bindings
            .iter()
            .map(|(from, _)| self.pool.text(from.name))
            .collect();
        self.pool.loads.push(LoadSite {
            module: Arc::clone(&load.module),
            from,
        });
        let site = index(self.pool.loads.len() - 1);
        self.at(load.line);
        self.emit(Op::Load(site));
        for (_, to) in load.bindings.iter().rev() {
            self.set(*to);
        }
    }

    /// Assigns the top to a target.
    pub(super) fn assign(&mut self, line: u32, target: &Expr) {
        match &target.kind {
            ExprKind::Paren(inner) => self.assign(line, inner),
            ExprKind::Ident(ident) => self.set(*ident),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                self.at(line);
                self.emit(Op::Unpack(index(items.len())));
                for item in items {
                    self.assign(line, item);
                }
            }
            ExprKind::Index(of, at) => {
                self.expr(of);
                self.emit(Op::Exchange);
                self.expr(at);
                self.emit(Op::Exchange);
                self.at(target.line);
                self.emit(Op::SetIndex);
            }
            ExprKind::Dot(of, name) => {
                self.expr(of);
                self.emit(Op::Exchange);
                let name = self.pool.attr(*name);
                self.at(target.line);
                self.emit(Op::SetField(name));
            }
            other => debug_assert!(false, "the resolver refuses to assign to {other:?}"),
        }
    }

    /// `x op= y`, where `x` is evaluated once.
    fn augment(&mut self, line: u32, op: BinOp, lhs: &Expr, rhs: &Expr) {
        let target = lhs.unparen();
        match &target.kind {
            ExprKind::Ident(ident) => self.look_up(*ident),
            ExprKind::Index(of, at) => {
                self.expr(of);
                self.expr(at);
                self.emit(Op::Dup2);
                self.at(target.line);
                self.emit(Op::Index);
            }
            ExprKind::Dot(of, name) => {
                self.expr(of);
                self.emit(Op::Dup);
                let name = self.pool.attr(*name);
                self.at(target.line);
                self.emit(Op::Attr(name));
            }
            other => debug_assert!(false, "the resolver refuses to augment {other:?}"),
        }
        self.expr(rhs);
        self.at(line);
        self.emit(if op == BinOp::Plus {
            Op::InplaceAdd
        } else {
            Op::Binary(op)
        });
        match &target.kind {
            ExprKind::Ident(ident) => self.set(*ident),
            ExprKind::Index(..) => {
                self.at(target.line);
                self.emit(Op::SetIndex);
            }
            ExprKind::Dot(_, name) => {
                let name = self.pool.attr(*name);
                self.at(target.line);
                self.emit(Op::SetField(name));
            }
            _ => {}
        }
    }
}

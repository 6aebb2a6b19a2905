//! Expressions.

use super::super::ast::{
    Arg, BinOp, Body, Clause, Comprehension, Cond, Entry, Expr, ExprKind, UnOp,
};
use super::super::code::{CallShape, Op};
use super::super::text::Str;
use super::super::token::Literal;
use super::function::FunctionCompiler;
use super::index;

fn is_slice(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Slice(..))
}

impl FunctionCompiler<'_, '_> {
    /// Pushes the value of an expression.
    pub(super) fn expr(&mut self, expr: &Expr) {
        if is_sum(expr) {
            self.sum(expr);
            return;
        }
        // Chains lean to the left without bound: go down to the first operand, then back out.
        let Some(left) = expr.left() else {
            self.right(expr);
            return;
        };
        let mut spine = vec![expr];
        let mut at = left;
        while let Some(left) = at.left().filter(|_| !is_sum(at)) {
            spine.push(at);
            at = left;
        }
        // The position of a slice is set before its operand, whose own comes on top.
        if let Some(slice) = spine.iter().rev().find(|expr| is_slice(expr)) {
            self.at(slice.line);
        }
        if is_sum(at) {
            self.sum(at);
        } else {
            self.right(at);
        }
        let mut after_method = false;
        for outer in (0..spine.len()).rev() {
            // `x.f(…)` calls without making a bound method first.
            let calls = outer > 0 && matches!(&spine[outer - 1].kind, ExprKind::Call(..));
            after_method = match &spine[outer].kind {
                ExprKind::Dot(_, name) if calls => {
                    let name = self.pool.attr(*name);
                    self.at(spine[outer].line);
                    self.emit(Op::Method(name));
                    true
                }
                ExprKind::Call(_, args) => {
                    self.call(args, spine[outer].line, after_method);
                    false
                }
                _ => {
                    self.right(spine[outer]);
                    false
                }
            };
        }
    }

    /// Does everything that comes after the operand on the left.
    fn right(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Paren(_) => {}
            ExprKind::Ident(ident) => self.look_up(*ident),
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::List(items) => {
                self.exprs(items);
                self.emit(Op::MakeList(index(items.len())));
            }
            ExprKind::Tuple(items) => {
                self.exprs(items);
                self.emit(Op::MakeTuple(index(items.len())));
            }
            ExprKind::Dict(entries) => self.dict(entries),
            ExprKind::Cond(cond) => self.cond(cond),
            ExprKind::Index(_, at) => {
                self.expr(at);
                self.at(expr.line);
                self.emit(Op::Index);
            }
            ExprKind::Slice(_, bounds) => {
                for bound in bounds.iter() {
                    match bound {
                        Some(bound) => self.expr(bound),
                        None => self.emit(Op::None),
                    }
                }
                self.emit(Op::Slice);
            }
            ExprKind::Dot(_, name) => {
                let name = self.pool.attr(*name);
                self.at(expr.line);
                self.emit(Op::Attr(name));
            }
            ExprKind::Call(_, args) => self.call(args, expr.line, false),
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension),
            ExprKind::Lambda(lambda) => self.lambda(lambda, expr.line),
            ExprKind::Unary(op, operand) => {
                self.expr(operand);
                self.at(expr.line);
                self.emit(Op::Unary(*op));
            }
            ExprKind::Binary(op, _, right) => self.binary(*op, right, expr.line),
        }
    }

    fn exprs(&mut self, items: &[Expr]) {
        for item in items {
            self.expr(item);
        }
    }

    fn literal(&mut self, literal: &Literal) {
        let at = self.pool.constant(literal);
        self.emit(Op::Const(at));
    }

    fn binary(&mut self, op: BinOp, right: &Expr, line: u32) {
        match op {
            BinOp::Or | BinOp::And => {
                let end = self.jump(if op == BinOp::Or {
                    Op::Or(0)
                } else {
                    Op::And(0)
                });
                self.expr(right);
                self.land(end);
            }
            BinOp::NotIn => {
                self.expr(right);
                self.at(line);
                self.emit(Op::Binary(BinOp::In));
                self.emit(Op::Unary(UnOp::Not));
            }
            _ => {
                self.expr(right);
                self.at(line);
                self.emit(Op::Binary(op));
            }
        }
    }

    /// A chain of sums; literals of one kind that follow each other become one.
    fn sum(&mut self, expr: &Expr) {
        let mut terms = Vec::new();
        let mut at = expr;
        while let ExprKind::Binary(BinOp::Plus, left, right) = &at.kind {
            terms.push((right.unparen(), at.line));
            at = left.unparen();
        }
        terms.push((at, 0));
        terms.reverse();
        let mut rest = terms.as_slice();
        let mut first = true;
        while let Some((&(term, line), _)) = rest.split_first() {
            let run = match addable(term) {
                Some(kind) => rest
                    .iter()
                    .take_while(|(other, _)| addable(other) == Some(kind))
                    .count(),
                None => 1,
            };
            if run > 1 {
                self.folded(&rest[..run]);
            } else {
                self.expr(term);
            }
            if !first {
                self.at(line);
                self.emit(Op::Binary(BinOp::Plus));
            }
            first = false;
            rest = &rest[run..];
        }
    }

    /// Pushes the sum of literals of one kind.
    fn folded(&mut self, terms: &[(&Expr, u32)]) {
        let mut text = Vec::new();
        let mut count = 0;
        let mut is_tuple = false;
        for (term, _) in terms {
            match &term.kind {
                ExprKind::Literal(Literal::Str(part)) => text.extend_from_slice(part),
                ExprKind::List(items) => {
                    self.exprs(items);
                    count += items.len();
                }
                ExprKind::Tuple(items) => {
                    is_tuple = true;
                    self.exprs(items);
                    count += items.len();
                }
                _ => {}
            }
        }
        if matches!(terms[0].0.kind, ExprKind::Literal(_)) {
            self.literal(&Literal::Str(Str::from(text)));
        } else if is_tuple {
            self.emit(Op::MakeTuple(index(count)));
        } else {
            self.emit(Op::MakeList(index(count)));
        }
    }

    fn dict(&mut self, entries: &[Entry]) {
        self.emit(Op::MakeDict);
        for entry in entries {
            self.expr(&entry.key);
            self.expr(&entry.value);
            self.at(entry.line);
            self.emit(Op::SetDictUnique);
        }
    }

    fn cond(&mut self, cond: &Cond) {
        let skip = self.condition(&cond.cond);
        self.expr(&cond.then);
        let end = self.jump(Op::Jump(0));
        self.land(skip);
        self.expr(&cond.otherwise);
        self.land(end);
    }

    fn call(&mut self, args: &[Arg], line: u32, method: bool) {
        let mut shape = CallShape {
            method,
            ..CallShape::default()
        };
        for arg in args {
            match arg {
                Arg::Plain(value) => {
                    self.expr(value);
                    shape.positional += 1;
                }
                Arg::Named(name, value) => {
                    self.expr(value);
                    shape.names.push(self.pool.text(name.name));
                }
                Arg::Star(..) | Arg::StarStar(..) => {}
            }
        }
        for arg in args {
            if let Arg::Star(_, value) = arg {
                self.expr(value);
                shape.varargs = true;
            }
        }
        for arg in args {
            if let Arg::StarStar(_, value) = arg {
                self.expr(value);
                shape.kwargs = true;
            }
        }
        let plain = shape.names.is_empty() && !shape.varargs && !shape.kwargs;
        let op = match u8::try_from(shape.positional) {
            Ok(count) if plain && method => Op::CallMethod(count),
            Ok(count) if plain => Op::Call(count),
            _ => Op::CallFull(self.pool.shape(shape)),
        };
        self.at(line);
        self.emit(op);
    }

    fn comprehension(&mut self, comprehension: &Comprehension) {
        self.emit(match &comprehension.body {
            Body::Entry(_) => Op::MakeDict,
            Body::Item(_) => Op::MakeList(0),
        });
        self.clauses(&comprehension.body, &comprehension.clauses);
    }

    fn clauses(&mut self, body: &Body, clauses: &[Clause]) {
        match clauses.split_first() {
            Some((Clause::If(cond), rest)) => {
                let skip = self.condition(cond);
                self.clauses(body, rest);
                self.land(skip);
            }
            Some((Clause::For(line, vars, iterable), rest)) => {
                self.expr(iterable);
                self.at(*line);
                self.emit(Op::IterPush);
                let head = self.here();
                let end = self.jump(Op::IterNext(0));
                self.assign(*line, vars);
                self.clauses(body, rest);
                self.emit(Op::Jump(head));
                self.land(end);
                self.emit(Op::IterPop);
            }
            None => match body {
                Body::Item(item) => {
                    self.expr(item);
                    self.emit(Op::Append);
                }
                Body::Entry(entry) => {
                    self.expr(&entry.key);
                    self.expr(&entry.value);
                    self.at(entry.line);
                    self.emit(Op::SetDict);
                }
            },
        }
    }
}

fn is_sum(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Binary(BinOp::Plus, ..))
}

/// Kinds of literals whose sum is known at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addable {
    Text,
    List,
    Tuple,
}

fn addable(expr: &Expr) -> Option<Addable> {
    match &expr.kind {
        ExprKind::Literal(Literal::Str(_)) => Some(Addable::Text),
        ExprKind::List(_) => Some(Addable::List),
        ExprKind::Tuple(_) => Some(Addable::Tuple),
        _ => None,
    }
}

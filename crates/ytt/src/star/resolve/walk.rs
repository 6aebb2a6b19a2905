//! The walk over statements and expressions.

use super::super::ast::{
    Arg, Body, Branch, Clause, Comprehension, Entry, Expr, ExprKind, Ident, Lambda, Load, Param,
    Stmt,
};
use super::{Function, Resolver};
use std::collections::BTreeSet;

/// Most positional, and most named, arguments of one call.
const MAX_ARGS: usize = 255;

impl Resolver<'_> {
    pub(super) fn stmts(&mut self, stmts: &mut [Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Branch { line, kind } => {
                if self.loops == 0 {
                    let name = if *kind == Branch::Break {
                        "break"
                    } else {
                        "continue"
                    };
                    self.fail(*line, format!("{name} not in a loop"));
                }
            }
            Stmt::If { arms, otherwise } => {
                for (cond, body) in arms {
                    self.expr(cond);
                    self.stmts(body);
                }
                self.stmts(otherwise);
            }
            Stmt::Assign { op, lhs, rhs, .. } => {
                self.expr(rhs);
                self.assign(lhs, op.is_some());
            }
            Stmt::Def(def) => {
                self.bind(&mut def.name);
                let loops = std::mem::take(&mut self.loops);
                def.id = self.enter(&mut def.params);
                self.stmts(&mut def.body);
                self.leave();
                self.loops = loops;
            }
            Stmt::For(stmt) => {
                self.expr(&mut stmt.iterable);
                self.assign(&mut stmt.vars, false);
                self.loops += 1;
                self.stmts(&mut stmt.body);
                self.loops -= 1;
            }
            Stmt::While { cond, body } => {
                self.expr(cond);
                self.loops += 1;
                self.stmts(body);
                self.loops -= 1;
            }
            Stmt::Return { line, result } => {
                if !self.in_function() {
                    self.fail(*line, "return statement not within a function");
                }
                if let Some(result) = result {
                    self.expr(result);
                }
            }
            Stmt::Load(load) => self.load(load),
        }
    }

    fn load(&mut self, load: &mut Load) {
        if self.in_function() {
            self.fail(load.line, "load statement within a function");
        }
        for (from, to) in &mut load.bindings {
            let name = self.names.text(from.name);
            if name.is_empty() {
                self.fail(from.line, "load: empty identifier");
                continue;
            }
            if name.starts_with('_') {
                let message =
                    format!("load: names with leading underscores are not exported: {name}");
                self.fail(from.line, message);
            }
            self.bind_local(to);
        }
    }

    fn assign(&mut self, target: &mut Expr, augmented: bool) {
        let line = target.start_line();
        match &mut target.kind {
            ExprKind::Ident(ident) => {
                self.bind(ident);
            }
            ExprKind::Index(of, index) => {
                self.expr(of);
                self.expr(index);
            }
            ExprKind::Dot(of, _) => self.expr(of),
            ExprKind::Tuple(items) => self.assign_each(items, augmented, line, "()", "tuple"),
            ExprKind::List(items) => self.assign_each(items, augmented, line, "[]", "list"),
            ExprKind::Paren(inner) => self.assign(inner, augmented),
            other => {
                let kind = kind_name(other);
                self.fail(line, format!("can't assign to {kind}"));
            }
        }
    }

    fn assign_each(
        &mut self,
        items: &mut [Expr],
        augmented: bool,
        line: u32,
        empty: &str,
        kind: &str,
    ) {
        if items.is_empty() {
            self.fail(line, format!("can't assign to {empty}"));
        }
        if augmented {
            self.fail(
                line,
                format!("can't use {kind} expression in augmented assignment"),
            );
        }
        for item in items {
            self.assign(item, augmented);
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        // Chains lean to the left without bound: go down to the first operand, then back out.
        let mut depth = 0usize;
        let mut at: &Expr = expr;
        while let Some(left) = at.left() {
            depth += 1;
            at = left;
        }
        if depth == 0 {
            self.expr_right(expr);
            return;
        }
        if depth <= 8 {
            if let Some(left) = expr.left_mut() {
                self.expr(left);
            }
            self.expr_right(expr);
            return;
        }
        self.long_chain(expr);
    }

    /// Resolves a chain from the inside without recursion: it is taken apart and put together.
    fn long_chain(&mut self, expr: &mut Expr) {
        let hole = || Expr::new(ExprKind::Tuple(Vec::new()), 0);
        let mut spine = vec![std::mem::replace(expr, hole())];
        while let Some(left) = spine.last_mut().and_then(Expr::left_mut) {
            let left = std::mem::replace(left, hole());
            spine.push(left);
        }
        let mut inner = hole();
        let mut first = true;
        while let Some(mut outer) = spine.pop() {
            if !first && let Some(left) = outer.left_mut() {
                std::mem::swap(left, &mut inner);
            }
            first = false;
            self.expr_right(&mut outer);
            inner = outer;
        }
        *expr = inner;
    }

    /// Resolves everything but the operand on the left.
    fn expr_right(&mut self, expr: &mut Expr) {
        let line = expr.line;
        match &mut expr.kind {
            ExprKind::Ident(ident) => self.use_name(ident),
            ExprKind::Literal(_) | ExprKind::Paren(_) | ExprKind::Dot(..) => {}
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                for item in items {
                    self.expr(item);
                }
            }
            ExprKind::Cond(cond) => {
                self.expr(&mut cond.cond);
                self.expr(&mut cond.then);
                self.expr(&mut cond.otherwise);
            }
            ExprKind::Index(_, right)
            | ExprKind::Binary(_, _, right)
            | ExprKind::Unary(_, right) => {
                self.expr(right);
            }
            ExprKind::Slice(_, bounds) => {
                for bound in bounds.iter_mut().flatten() {
                    self.expr(bound);
                }
            }
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension),
            ExprKind::Dict(entries) => {
                for entry in entries {
                    self.entry(entry);
                }
            }
            ExprKind::Call(_, args) => self.args(args, line),
            ExprKind::Lambda(lambda) => self.lambda(lambda),
        }
    }

    fn entry(&mut self, entry: &mut Entry) {
        self.expr(&mut entry.key);
        self.expr(&mut entry.value);
    }

    fn comprehension(&mut self, comprehension: &mut Comprehension) {
        let mut clauses = comprehension.clauses.iter_mut();
        // What the first clause iterates over belongs to the block outside.
        if let Some(Clause::For(_, vars, iterable)) = clauses.next() {
            self.expr(iterable);
            self.push(None);
            self.assign(vars, false);
        } else {
            self.push(None);
        }
        for clause in clauses {
            match clause {
                Clause::If(cond) => self.expr(cond),
                Clause::For(_, vars, iterable) => {
                    self.assign(vars, false);
                    self.expr(iterable);
                }
            }
        }
        match &mut comprehension.body {
            Body::Item(item) => self.expr(item),
            Body::Entry(entry) => self.entry(entry),
        }
        self.pop();
    }

    fn args(&mut self, args: &mut [Arg], call_line: u32) {
        let (mut varargs, mut kwargs) = (false, false);
        let mut seen = BTreeSet::new();
        let (mut positional, mut named) = (0usize, 0usize);
        for arg in args {
            match arg {
                Arg::StarStar(line, value) => {
                    if kwargs {
                        self.fail(*line, "multiple **kwargs not allowed");
                    }
                    kwargs = true;
                    self.expr(value);
                }
                Arg::Star(line, value) => {
                    if kwargs {
                        self.fail(*line, "*args may not follow **kwargs");
                    } else if varargs {
                        self.fail(*line, "multiple *args not allowed");
                    }
                    varargs = true;
                    self.expr(value);
                }
                Arg::Named(name, value) => {
                    named += 1;
                    if kwargs {
                        self.fail(name.line, "argument may not follow **kwargs");
                    }
                    if !seen.insert(name.name) {
                        let text = self.names.text(name.name);
                        self.fail(name.line, format!("keyword argument {text} repeated"));
                    }
                    self.expr(value);
                }
                Arg::Plain(value) => {
                    positional += 1;
                    let line = value.start_line();
                    if varargs {
                        self.fail(line, "argument may not follow *args");
                    } else if kwargs {
                        self.fail(line, "argument may not follow **kwargs");
                    } else if !seen.is_empty() {
                        self.fail(line, "positional argument may not follow named");
                    }
                    self.expr(value);
                }
            }
        }
        for (count, kind) in [(positional, "positional"), (named, "keyword")] {
            if count > MAX_ARGS {
                let message = format!("{count} {kind} arguments in call, limit is {MAX_ARGS}");
                self.fail(call_line, message);
            }
        }
    }

    fn lambda(&mut self, lambda: &mut Lambda) {
        lambda.id = self.enter(&mut lambda.params);
        self.expr(&mut lambda.body);
        self.leave();
    }

    /// Resolves defaults outside and parameters inside a new function; gives its number.
    fn enter(&mut self, params: &mut [Param]) -> u32 {
        for param in params.iter_mut() {
            if let Param::Default(_, _, default) = param {
                self.expr(default);
            }
        }
        let id = self.functions.len();
        self.functions.push(Function::default());
        self.push(Some(id));
        self.params(params, id);
        u32::try_from(id).expect("a file has fewer functions than 2^32")
    }

    fn leave(&mut self) {
        self.resolve_local_uses(self.env);
        self.pop();
    }

    fn params(&mut self, params: &mut [Param], id: usize) {
        let mut optional = false;
        let mut star: Option<(u32, Option<Ident>)> = None;
        let mut star_star: Option<Ident> = None;
        let mut keyword_only = 0;
        for param in params {
            let kwargs = star_star.map(|ident| self.names.text(ident.name));
            match param {
                Param::Plain(ident) => {
                    if let Some(kwargs) = kwargs {
                        let message = format!("required parameter may not follow **{kwargs}");
                        self.fail(ident.line, message);
                    } else if star.is_some() {
                        keyword_only += 1;
                    } else if optional {
                        self.fail(ident.line, "required parameter may not follow optional");
                    }
                    self.bind_param(ident, None);
                }
                Param::Default(ident, line, _) => {
                    if let Some(kwargs) = kwargs {
                        let message = format!("optional parameter may not follow **{kwargs}");
                        self.fail(*line, message);
                    } else if star.is_some() {
                        keyword_only += 1;
                    }
                    self.bind_param(ident, Some(*line));
                    optional = true;
                }
                Param::Star(line, name) => {
                    if let Some(kwargs) = kwargs {
                        self.fail(*line, format!("* parameter may not follow **{kwargs}"));
                    } else if star.is_some() {
                        self.fail(*line, "multiple * parameters not allowed");
                    } else {
                        star = Some((*line, *name));
                    }
                }
                Param::StarStar(line, name) => {
                    if star_star.is_some() {
                        self.fail(*line, "multiple ** parameters not allowed");
                    }
                    star_star = Some(*name);
                }
            }
        }
        // These come last, so that ordinary parameters are contiguous.
        if let Some((line, name)) = star {
            if let Some(mut ident) = name {
                self.bind_param(&mut ident, None);
                self.functions[id].has_varargs = true;
            } else if keyword_only == 0 {
                self.fail(line, "bare * must be followed by keyword-only parameters");
            }
        }
        if let Some(mut ident) = star_star {
            self.bind_param(&mut ident, None);
            self.functions[id].has_kwargs = true;
        }
        self.functions[id].keyword_only = keyword_only;
    }

    fn bind_param(&mut self, ident: &mut Ident, line: Option<u32>) {
        if self.bind(ident) {
            let name = self.names.text(ident.name);
            self.fail(
                line.unwrap_or(ident.line),
                format!("duplicate parameter: {name}"),
            );
        }
    }
}

/// How the original names an expression that cannot be assigned to.
fn kind_name(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Ident(_) => "ident",
        ExprKind::Literal(_) => "literal",
        ExprKind::Paren(_) => "parenexpr",
        ExprKind::Call(..) => "callexpr",
        ExprKind::Dot(..) => "dotexpr",
        ExprKind::Index(..) => "indexexpr",
        ExprKind::Slice(..) => "sliceexpr",
        ExprKind::List(_) => "listexpr",
        ExprKind::Tuple(_) => "tupleexpr",
        ExprKind::Dict(_) => "dictexpr",
        ExprKind::Comprehension(_) => "comprehension",
        ExprKind::Cond(_) => "condexpr",
        ExprKind::Lambda(_) => "lambdaexpr",
        ExprKind::Unary(..) => "unaryexpr",
        ExprKind::Binary(..) => "binaryexpr",
    }
}

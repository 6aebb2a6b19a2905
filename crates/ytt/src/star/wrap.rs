//! Functions that produce nodes get a context of their own.
//!
//! A `def` whose body starts or sets nodes is given a call that opens a context at its beginning,
//! and every way out of it closes that context. Source: ytt pkg/template/program_ast.go.
//!
//! Differs: the original wraps only returns that come after the first node in the text; an
//! earlier return leaks a context there and the run fails. Here every return is wrapped.

use super::ast::{Arg, Body, Clause, Def, Entry, Expr, ExprKind, File, Ident, Name, Param, Stmt};
use super::token::Literal;

/// Names of the calls that the template compiler generates.
#[derive(Debug, Clone, Copy)]
pub struct NodeCalls<'a> {
    /// Starts a node.
    pub start_node: &'a str,
    /// Sets the value of a node.
    pub set_node: &'a str,
    /// Says which kind of context functions after it need; its argument is a literal.
    pub set_ctx_type: &'a str,
    /// Opens a context of a kind.
    pub start_ctx: &'a str,
    /// Closes the context and gives its result.
    pub end_ctx: &'a str,
}

/// Gives every function of `file` that produces nodes a context of its own.
pub fn wrap_node_functions(file: &mut File, calls: &NodeCalls<'_>) {
    let (start_node, set_node) = (
        file.names.get(calls.start_node),
        file.names.get(calls.set_node),
    );
    if start_node.is_none() && set_node.is_none() {
        return;
    }
    let mut wrapper = Wrapper {
        node_calls: [start_node, set_node],
        set_ctx_type: file.names.get(calls.set_ctx_type),
        start_ctx: file.names.add(calls.start_ctx),
        end_ctx: file.names.add(calls.end_ctx),
        ctx_type: None,
    };
    wrapper.stmts(&mut file.stmts);
}

struct Wrapper {
    node_calls: [Option<Name>; 2],
    set_ctx_type: Option<Name>,
    start_ctx: Name,
    end_ctx: Name,
    /// The kind of context named last.
    ctx_type: Option<Literal>,
}

impl Wrapper {
    /// Whether these statements, functions inside them apart, make nodes.
    fn stmts(&mut self, stmts: &mut [Stmt]) -> bool {
        let mut makes_nodes = false;
        for stmt in stmts {
            makes_nodes |= self.stmt(stmt);
        }
        makes_nodes
    }

    fn stmt(&mut self, stmt: &mut Stmt) -> bool {
        match stmt {
            Stmt::Assign { rhs, .. } => self.expr(rhs),
            Stmt::Branch { .. } | Stmt::Load(_) => false,
            Stmt::Def(def) => self.def(def),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::For(stmt) => {
                let head = self.expr(&stmt.iterable);
                self.stmts(&mut stmt.body) | head
            }
            Stmt::While { cond, body } => {
                let head = self.expr(cond);
                self.stmts(body) | head
            }
            Stmt::If { arms, otherwise } => {
                let mut makes_nodes = false;
                for (cond, body) in arms {
                    makes_nodes |= self.expr(cond);
                    makes_nodes |= self.stmts(body);
                }
                self.stmts(otherwise) | makes_nodes
            }
            Stmt::Return { result, .. } => result.as_ref().is_some_and(|expr| self.expr(expr)),
        }
    }

    /// Wraps a function; gives whether its defaults make nodes.
    fn def(&mut self, def: &mut Def) -> bool {
        let mut outside = false;
        for param in &def.params {
            if let Param::Default(_, _, default) = param {
                outside |= self.expr(default);
            }
        }
        if self.stmts(&mut def.body) {
            self.wrap_returns(&mut def.body);
            let kind = self
                .ctx_type
                .clone()
                .unwrap_or_else(|| Literal::Str("yaml".into()));
            let kind = Expr::new(ExprKind::Literal(kind), 0);
            def.body
                .insert(0, Stmt::Expr(Expr::call(self.start_ctx, vec![kind])));
            let result = Some(Expr::call(self.end_ctx, Vec::new()));
            def.body.push(Stmt::Return { line: 0, result });
        }
        outside
    }

    fn wrap_returns(&self, stmts: &mut [Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Return { result, .. } => {
                    let args = result.take().into_iter().collect();
                    *result = Some(Expr::call(self.end_ctx, args));
                }
                Stmt::For(stmt) => self.wrap_returns(&mut stmt.body),
                Stmt::While { body, .. } => self.wrap_returns(body),
                Stmt::If { arms, otherwise } => {
                    for (_, body) in arms {
                        self.wrap_returns(body);
                    }
                    self.wrap_returns(otherwise);
                }
                Stmt::Assign { .. }
                | Stmt::Branch { .. }
                | Stmt::Def(_)
                | Stmt::Expr(_)
                | Stmt::Load(_) => {}
            }
        }
    }

    fn is_node_call(&self, ident: Ident) -> bool {
        self.node_calls.contains(&Some(ident.name))
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        let mut makes_nodes = false;
        let mut at = expr;
        loop {
            makes_nodes |= self.right(at);
            match at.left() {
                Some(left) => at = left,
                None => return makes_nodes,
            }
        }
    }

    /// Looks at everything but the operand on the left.
    fn right(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Ident(ident) => self.is_node_call(*ident),
            ExprKind::Literal(_) | ExprKind::Paren(_) | ExprKind::Dot(..) => false,
            ExprKind::Call(function, args) => {
                self.note_ctx_type(function, args);
                args.iter().fold(false, |found, arg| {
                    let (Arg::Plain(value)
                    | Arg::Named(_, value)
                    | Arg::Star(_, value)
                    | Arg::StarStar(_, value)) = arg;
                    self.expr(value) | found
                })
            }
            ExprKind::Index(_, right)
            | ExprKind::Binary(_, _, right)
            | ExprKind::Unary(_, right) => self.expr(right),
            ExprKind::Slice(_, bounds) => bounds
                .iter()
                .flatten()
                .fold(false, |found, bound| self.expr(bound) | found),
            ExprKind::List(items) | ExprKind::Tuple(items) => items
                .iter()
                .fold(false, |found, item| self.expr(item) | found),
            ExprKind::Dict(entries) => entries
                .iter()
                .fold(false, |found, entry| self.entry(entry) | found),
            ExprKind::Comprehension(comprehension) => {
                let mut found = match &comprehension.body {
                    Body::Item(item) => self.expr(item),
                    Body::Entry(entry) => self.entry(entry),
                };
                for clause in &comprehension.clauses {
                    let (Clause::For(_, _, inner) | Clause::If(inner)) = clause;
                    found |= self.expr(inner);
                }
                found
            }
            ExprKind::Cond(cond) => [&cond.cond, &cond.then, &cond.otherwise]
                .into_iter()
                .fold(false, |found, part| self.expr(part) | found),
            ExprKind::Lambda(lambda) => self.expr(&lambda.body),
        }
    }

    fn entry(&mut self, entry: &Entry) -> bool {
        let key = self.expr(&entry.key);
        self.expr(&entry.value) | key
    }

    fn note_ctx_type(&mut self, function: &Expr, args: &[Arg]) {
        let ExprKind::Ident(ident) = &function.kind else {
            return;
        };
        if Some(ident.name) != self.set_ctx_type {
            return;
        }
        if let Some(Arg::Plain(Expr {
            kind: ExprKind::Literal(kind),
            ..
        })) = args.first()
        {
            self.ctx_type = Some(kind.clone());
        }
    }
}

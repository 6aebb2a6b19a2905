//! Macros that the parser does not know, and the budget of steps.
//!
//! `cel.bind(v, e, body)` and macros over two variables are written out with what the interpreter has; every turn of every
//! loop asks [`STEP`] whether it may go on.

use std::sync::Arc;

use kube_cel::cel::{
    IdedExpr,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, operators,
    },
};

/// The function that counts turns of loops.
pub(super) const STEP: &str = "@step";
/// The function that returns the positions of a list or the keys of a map.
pub(super) const POSITIONS: &str = "@positions";

/// Rewrites an expression for evaluation.
pub(super) fn rewrite(expression: IdedExpr) -> Result<IdedExpr, String> {
    let IdedExpr { id, expr } = expression;
    let boxed = |e: Box<IdedExpr>| -> Result<Box<IdedExpr>, String> { Ok(Box::new(rewrite(*e)?)) };
    let all = |list: Vec<IdedExpr>| list.into_iter().map(rewrite).collect::<Result<Vec<_>, _>>();
    let expr = match expr {
        Expr::Call(call) => return self::call(id, call),
        Expr::Comprehension(comprehension) => {
            Expr::Comprehension(Box::new(loop_of(*comprehension)?))
        }
        Expr::Select(mut select) => {
            select.operand = boxed(select.operand)?;
            Expr::Select(select)
        }
        Expr::List(mut list) => {
            list.elements = all(list.elements)?;
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(pair) = &mut entry.expr {
                    pair.key = rewrite(std::mem::take(&mut pair.key))?;
                    pair.value = rewrite(std::mem::take(&mut pair.value))?;
                }
            }
            Expr::Map(map)
        }
        Expr::Struct(_) => return Err("messages cannot be constructed".to_owned()),
        Expr::Unspecified => return Err("the expression is incomplete".to_owned()),
        other @ (Expr::Ident(_) | Expr::Literal(_)) => other,
    };
    Ok(IdedExpr { id, expr })
}

fn loop_of(mut c: ComprehensionExpr) -> Result<ComprehensionExpr, String> {
    c.iter_range = rewrite(c.iter_range)?;
    c.accu_init = rewrite(c.accu_init)?;
    c.loop_step = rewrite(c.loop_step)?;
    c.result = rewrite(c.result)?;
    c.loop_cond = function(STEP, vec![rewrite(c.loop_cond)?]);
    Ok(c)
}

fn call(id: u64, call: CallExpr) -> Result<IdedExpr, String> {
    let is_cel = matches!(
        call.target.as_deref(),
        Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "cel"
    );
    if is_cel && call.func_name == "bind" && call.args.len() == 3 {
        let [name, value, body] = take(call.args)?;
        return Ok(bind(ident_of(&name)?, rewrite(value)?, rewrite(body)?));
    }
    let has_target = call.target.is_some();
    match (call.func_name.as_str(), call.args.len()) {
        ("all" | "exists" | "exists_one" | "existsOne", 3) if has_target => two_variables(call),
        ("transformList", 3 | 4) if has_target => transform_list(call),
        _ => {
            let target = call
                .target
                .map(|target| rewrite(*target).map(Box::new))
                .transpose()?;
            let args = call
                .args
                .into_iter()
                .map(rewrite)
                .collect::<Result<Vec<_>, _>>()?;
            let expr = Expr::Call(CallExpr {
                func_name: call.func_name,
                target,
                args,
            });
            Ok(IdedExpr { id, expr })
        }
    }
}

fn take<const N: usize>(args: Vec<IdedExpr>) -> Result<[IdedExpr; N], String> {
    args.try_into()
        .map_err(|_| "wrong number of arguments".to_owned())
}

fn ident_of(expression: &IdedExpr) -> Result<String, String> {
    match &expression.expr {
        Expr::Ident(name) => Ok(name.clone()),
        _ => Err("argument must be a simple name".to_owned()),
    }
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn ident(name: &str) -> IdedExpr {
    node(Expr::Ident(name.to_owned()))
}

fn function(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    node(Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    }))
}

fn boolean(value: bool) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Boolean(value.into())))
}

/// A loop over nothing whose accumulator is the variable.
fn bind(name: String, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    node(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: node(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: name,
        accu_init: value,
        loop_cond: boolean(false),
        loop_step: boolean(false),
        result: body,
    })))
}

/// The body with the value at the position bound to the second variable.
fn at_position(range: &str, position: &str, name: String, body: IdedExpr) -> IdedExpr {
    let value = function(operators::INDEX, vec![ident(range), ident(position)]);
    bind(name, value, body)
}

const RANGE: &str = "@range";
const RESULT: &str = "@result2";

fn two_variables(call: CallExpr) -> Result<IdedExpr, String> {
    let target = call.target.ok_or("a range is missing")?;
    let [position, value, predicate] = take(call.args)?;
    let position = ident_of(&position)?;
    let body = at_position(RANGE, &position, ident_of(&value)?, rewrite(predicate)?);
    let (init, step, result) = match call.func_name.as_str() {
        "all" => {
            let step = function(operators::LOGICAL_AND, vec![ident(RESULT), body]);
            (boolean(true), step, ident(RESULT))
        }
        "exists" => {
            let step = function(operators::LOGICAL_OR, vec![ident(RESULT), body]);
            (boolean(false), step, ident(RESULT))
        }
        _ => {
            let one = || integer(1);
            let more = function(operators::ADD, vec![ident(RESULT), one()]);
            let step = function(operators::CONDITIONAL, vec![body, more, ident(RESULT)]);
            (
                integer(0),
                step,
                function(operators::EQUALS, vec![ident(RESULT), one()]),
            )
        }
    };
    looped(*target, position, init, step, result)
}

fn transform_list(call: CallExpr) -> Result<IdedExpr, String> {
    let target = call.target.ok_or("a range is missing")?;
    let mut args = call.args;
    let transformed = rewrite(args.pop().ok_or("an expression is missing")?)?;
    let filter = if args.len() == 3 { args.pop() } else { None };
    let [position, value] = take(args)?;
    let (position, value) = (ident_of(&position)?, ident_of(&value)?);
    let one = node(Expr::List(ListExpr::new(vec![transformed])));
    let more = function(operators::ADD, vec![ident(RESULT), one]);
    let step = match filter {
        None => more,
        Some(filter) => function(
            operators::CONDITIONAL,
            vec![rewrite(filter)?, more, ident(RESULT)],
        ),
    };
    let step = at_position(RANGE, &position, value, step);
    let init = node(Expr::List(ListExpr::new(Vec::new())));
    looped(*target, position, init, step, ident(RESULT))
}

fn integer(value: i64) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Int(value.into())))
}

fn looped(
    target: IdedExpr,
    position: String,
    init: IdedExpr,
    step: IdedExpr,
    result: IdedExpr,
) -> Result<IdedExpr, String> {
    let inner = node(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: function(POSITIONS, vec![ident(RANGE)]),
        iter_var: position,
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init: init,
        loop_cond: function(STEP, vec![boolean(true)]),
        loop_step: step,
        result,
    })));
    Ok(bind(RANGE.to_owned(), rewrite(target)?, inner))
}

/// Keeps the type of positions in one place.
pub(super) fn positions(value: &kube_cel::cel::Value) -> Option<kube_cel::cel::Value> {
    use kube_cel::cel::{Value as Cel, objects::Key};
    match value {
        Cel::List(items) => {
            let count = i64::try_from(items.len()).ok()?;
            Some(Cel::List(Arc::new((0..count).map(Cel::Int).collect())))
        }
        Cel::Map(map) => {
            let mut keys: Vec<&Key> = map.map.keys().collect();
            keys.sort();
            let keys = keys.into_iter().map(|key| match key {
                Key::String(text) => Cel::String(text.clone()),
                Key::Int(i) => Cel::Int(*i),
                Key::Uint(u) => Cel::UInt(*u),
                Key::Bool(b) => Cel::Bool(*b),
            });
            Some(Cel::List(Arc::new(keys.collect())))
        }
        _ => None,
    }
}

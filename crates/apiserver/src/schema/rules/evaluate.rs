//! Evaluating rules on objects.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use kube_cel::{
    KubeCelExt as _,
    cel::{
        Context, ExecutionError, IdedExpr, Value as Cel,
        common::ast::{CallExpr, Expr},
        extractors::Arguments,
        objects::OptionalValue,
    },
};
use serde_json::Value;

use super::{Rule, rewrite, values::convert};
use crate::{error::FieldError, schema::node::Node};

/// Turns of loops in all rules of one object.
const STEPS_MAX: u64 = 1_000_000;
/// The longest text that a message expression may give.
const MESSAGE_MAX_BYTES: usize = 5 * 1024;

const OUT_OF_STEPS: &str = "operation cancelled: actual cost limit exceeded";

thread_local! {
    /// Steps left for the object at hand.
    static STEPS: Cell<u64> = const { Cell::new(0) };
    /// Functions are registered once per thread.
    static BASE: RefCell<Option<Context<'static>>> = const { RefCell::new(None) };
}

fn base() -> Context<'static> {
    let mut context = Context::default().with_all();
    context.add_function(
        rewrite::STEP,
        |go_on: bool| -> Result<bool, ExecutionError> {
            STEPS.with(|steps| match steps.get() {
                0 => Err(ExecutionError::function_error("step", OUT_OF_STEPS)),
                left => {
                    steps.set(left - 1);
                    Ok(go_on)
                }
            })
        },
    );
    context.add_function(
        rewrite::POSITIONS,
        |Arguments(args): Arguments| -> Result<Cel, ExecutionError> {
            args.first()
                .and_then(rewrite::positions)
                .ok_or(ExecutionError::NoSuchOverload)
        },
    );
    context.add_function(
        "dyn",
        |Arguments(args): Arguments| -> Result<Cel, ExecutionError> {
            args.first().cloned().ok_or(ExecutionError::NoSuchOverload)
        },
    );
    context.add_function(
        "type",
        |Arguments(args): Arguments| -> Result<Cel, ExecutionError> {
            args.first()
                .map(|value| type_value(type_of(value)))
                .ok_or(ExecutionError::NoSuchOverload)
        },
    );
    for name in TYPES {
        context.add_variable_from_value(name, type_value(name));
    }
    context
}

/// Types that expressions may name.
const TYPES: [&str; 9] = [
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
];

/// The interpreter has no types as values; these compare as types do.
fn type_value(name: &str) -> Cel {
    Cel::String(Arc::new(format!("type {name}")))
}

fn type_of(value: &Cel) -> &'static str {
    match value {
        Cel::Bool(_) => "bool",
        Cel::Int(_) => "int",
        Cel::UInt(_) => "uint",
        Cel::Float(_) => "double",
        Cel::String(_) => "string",
        Cel::Bytes(_) => "bytes",
        Cel::List(_) => "list",
        Cel::Map(_) => "map",
        Cel::Null => "null_type",
        _ => "other",
    }
}

/// Calls a function of one argument; `None` when it fails.
pub(super) fn call(context: &Context<'_>, function: &str, argument: Cel) -> Option<Cel> {
    let mut scope = context.new_inner_scope();
    scope.add_variable_from_value("@argument", argument);
    let argument = IdedExpr {
        id: 0,
        expr: Expr::Ident("@argument".to_owned()),
    };
    let call = CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![argument],
    };
    Cel::resolve(
        &IdedExpr {
            id: 0,
            expr: Expr::Call(call),
        },
        &scope,
    )
    .ok()
}

/// Evaluates all rules of a schema; `old` is what `new` replaces.
pub(in crate::schema) fn validate(
    root: &Node,
    new: &Value,
    old: Option<&Value>,
) -> Vec<FieldError> {
    BASE.with(|base_cell| {
        let mut slot = base_cell.borrow_mut();
        let context = slot.get_or_insert_with(base);
        STEPS.with(|steps| steps.set(STEPS_MAX));
        let mut walk = Walk {
            context,
            errors: Vec::new(),
            exhausted: false,
        };
        walk.visit(root, new, old, Link::new(new, old), "");
        walk.errors
    })
}

/// How a value corresponds to the one it replaces.
#[derive(Clone, Copy)]
struct Link {
    /// It, or the nearest part around it that corresponds to something, did not change.
    unchanged: bool,
}

impl Link {
    fn new(new: &Value, old: Option<&Value>) -> Self {
        Self {
            unchanged: old == Some(new),
        }
    }
}

struct Walk<'c> {
    context: &'c Context<'static>,
    errors: Vec<FieldError>,
    exhausted: bool,
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node, new: &Value, old: Option<&Value>, link: Link, path: &str) {
        if new.is_null() || self.exhausted || !node.has_rules() {
            return;
        }
        self.rules(node, new, old, link, path);
        match new {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let before = old.and_then(|old| old.get(name));
                    let link = before.map_or(link, |before| Link::new(field, Some(before)));
                    let link = match (path, name.as_str()) {
                        ("", "apiVersion" | "kind") => Link { unchanged: false },
                        _ => link,
                    };
                    if let Some(property) = node.properties.get(name) {
                        let at = child(path, name);
                        self.visit(property, field, before, link, &at);
                    } else if let Some(additional) = node.additional_node() {
                        self.visit(additional, field, before, link, &format!("{path}[{name}]"));
                    }
                }
            }
            Value::Array(items) => {
                let Some(item_node) = node.items.as_deref() else {
                    return;
                };
                for (index, item) in items.iter().enumerate() {
                    let before = corresponding(node, item, old);
                    let link = before.map_or(link, |before| Link::new(item, Some(before)));
                    self.visit(item_node, item, before, link, &format!("{path}[{index}]"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn rules(&mut self, node: &Node, new: &Value, old: Option<&Value>, link: Link, path: &str) {
        if node.rules.is_empty() {
            return;
        }
        let old = old.filter(|old| !old.is_null());
        let this = convert(self.context, new, Some(node));
        let before = old.map(|old| convert(self.context, old, Some(node)));
        for rule in &node.rules {
            if rule.uses_old && before.is_none() && !rule.optional_old {
                continue;
            }
            let old_self = match (&before, rule.optional_old) {
                (None, true) => Some(Cel::Opaque(Arc::new(OptionalValue::none()))),
                (Some(value), true) => {
                    Some(Cel::Opaque(Arc::new(OptionalValue::of(value.clone()))))
                }
                (value, false) => value.clone(),
            };
            let mut scope = self.context.new_inner_scope();
            scope.add_variable_from_value("self", this.clone());
            if let Some(old_self) = old_self {
                scope.add_variable_from_value("oldSelf", old_self);
            }
            self.rule(rule, node, new, &scope, link, path);
            if self.exhausted {
                return;
            }
        }
    }

    fn rule(
        &mut self,
        rule: &Rule,
        node: &Node,
        new: &Value,
        scope: &Context<'_>,
        link: Link,
        path: &str,
    ) {
        let here = if path.is_empty() { "<nil>" } else { path };
        let kind = node.types.first().copied().unwrap_or_default();
        match evaluate(&rule.expression, scope) {
            Ok(Cel::Bool(true)) => return,
            Ok(_) => {}
            Err(reason) => {
                let detail = if reason == OUT_OF_STEPS {
                    self.exhausted = true;
                    format!(
                        "'{reason}': no further validation rules will be run due to call cost exceeds \
                         limit for rule: {}",
                        rule.text()
                    )
                } else if reason.to_lowercase().starts_with("no such overload") {
                    format!(
                        "'{}': call arguments did not match a supported operator, function or macro \
                         signature for rule: {}",
                        reason.to_lowercase(),
                        rule.text()
                    )
                } else {
                    format!("{reason} evaluating rule: {}", rule.text())
                };
                self.errors.push(FieldError::invalid(here, kind, detail));
                return;
            }
        }
        if !rule.uses_old && link.unchanged {
            return;
        }
        let at = match &rule.field_path {
            None => here.to_owned(),
            Some(below) if path.is_empty() => below.clone(),
            Some(below) if below.starts_with('[') => format!("{path}{below}"),
            Some(below) => format!("{path}.{below}"),
        };
        let message = rule
            .message_expression
            .as_ref()
            .and_then(|expression| message(expression, scope))
            .unwrap_or_else(|| match &rule.message {
                Some(message) => message.trim().to_owned(),
                None => format!("failed rule: {}", rule.source.trim()),
            });
        let is_composite = matches!(kind, "object" | "array");
        self.errors.push(match rule.reason.as_deref() {
            Some("FieldValueForbidden") => FieldError::forbidden(at, message),
            Some("FieldValueRequired") => FieldError::required(at, message),
            Some("FieldValueDuplicate") => FieldError::duplicate(at, new.clone()),
            _ if is_composite => FieldError::invalid_without_value(at, message),
            _ => FieldError::invalid(at, new.clone(), message),
        });
    }
}

/// Evaluates; an error is told as a text that begins as Kubernetes' texts do.
fn evaluate(expression: &IdedExpr, scope: &Context<'_>) -> Result<Cel, String> {
    // The interpreter has no panics that we know of on checked expressions; one must not end the server.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Cel::resolve(expression, scope)
    }));
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err("internal error".to_owned()),
    }
}

fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {index:?}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchOverload
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedTargetType { .. } => "no such overload".to_owned(),
        other => other.to_string(),
    }
}

fn message(expression: &IdedExpr, scope: &Context<'_>) -> Option<String> {
    let Ok(Cel::String(text)) = evaluate(expression, scope) else {
        return None;
    };
    let text = text.trim();
    let usable = !text.is_empty() && text.len() <= MESSAGE_MAX_BYTES && !text.contains('\n');
    usable.then(|| text.to_owned())
}

/// Items of keyed lists correspond by their keys, others do not.
fn corresponding<'a>(node: &Node, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    if node.list_type.as_deref() != Some("map") {
        return None;
    }
    let keys = |item: &Value| -> Vec<Option<Value>> {
        node.list_keys
            .iter()
            .map(|key| item.get(key).cloned())
            .collect()
    };
    let wanted = keys(item);
    old?.as_array()?.iter().find(|other| keys(other) == wanted)
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

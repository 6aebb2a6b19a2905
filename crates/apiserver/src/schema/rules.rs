//! Rules in CEL: `x-kubernetes-validations`.
//!
//! A rule is compiled when its definition is installed and evaluated on every write. What this engine cannot do is refused
//! then, never skipped. A budget of steps bounds every evaluation.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/cel (`validation.go`, `compilation.go`), v1.36.
//!
//! Differs: expressions are checked less strictly than by a type checker; costs are not estimated when a definition is
//! installed, so that a definition accepted here may be too expensive for a cluster.

mod check;
mod evaluate;
mod rewrite;
mod values;

use kube_cel::cel::{IdedExpr, parser::Parser};
use serde_json::{Map, Value, json};

use super::node::Node;
use crate::error::FieldError;

pub(super) use evaluate::validate;

/// The longest rule; as in apiextensions-apiserver `validateXValidations`.
const RULE_MAX_BYTES: usize = 10 * 1024;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    source: String,
    expression: IdedExpr,
    message: Option<String>,
    message_expression: Option<IdedExpr>,
    reason: Option<String>,
    /// Path below the node, as it is appended to the path of errors.
    field_path: Option<String>,
    uses_old: bool,
    optional_old: bool,
}

impl Rule {
    /// The text for messages: what the author says, or the rule.
    fn text(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.source).trim()
    }
}

/// Compiles the rules of one node.
pub(super) fn compile(
    rules: &[Value],
    node: &Node,
    is_root: bool,
    path: &str,
    errors: &mut Vec<FieldError>,
) -> Vec<Rule> {
    let mut out = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("{path}.x-kubernetes-validations[{index}]");
        match compile_one(rule, node, is_root, &at) {
            Ok(rule) => out.push(rule),
            Err(mut found) => errors.append(&mut found),
        }
    }
    out
}

fn compile_one(
    given: &Value,
    node: &Node,
    is_root: bool,
    at: &str,
) -> Result<Rule, Vec<FieldError>> {
    let text = |name: &str| {
        given
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let Some(source) = text("rule").filter(|rule| !rule.trim().is_empty()) else {
        return Err(vec![FieldError::required(
            format!("{at}.rule"),
            "rule is not specified",
        )]);
    };
    let message = text("message");
    let mut errors = check_texts(&source, message.as_deref(), given, at);
    let optional_old = given
        .get("optionalOldSelf")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let scope = check::Scope {
        node,
        is_root,
        optional_old,
    };
    let shown = shown(given, &source);
    let mut compile = |field: &str, source: &str| -> Option<(IdedExpr, bool)> {
        match expression(source, &scope) {
            Ok(compiled) => Some(compiled),
            Err(reason) => {
                let what = if field == "rule" {
                    ""
                } else {
                    "messageExpression "
                };
                let detail = format!("{what}compilation failed: {reason}");
                errors.push(FieldError::invalid(
                    format!("{at}.{field}"),
                    shown.clone(),
                    detail,
                ));
                None
            }
        }
    };
    let compiled = compile("rule", &source);
    let message_expression = text("messageExpression");
    let compiled_message =
        message_expression.and_then(|source| compile("messageExpression", &source));
    let field_path = match text("fieldPath") {
        None => None,
        Some(path) => match field_path(&path, node) {
            Ok(path) => Some(path),
            Err(reason) => {
                let detail = format!("fieldPath must be a valid path: {reason}");
                errors.push(FieldError::invalid(format!("{at}.fieldPath"), path, detail));
                None
            }
        },
    };
    let Some((expression, uses_old)) = compiled.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };
    Ok(Rule {
        source,
        expression,
        message,
        message_expression: compiled_message.map(|(expression, _)| expression),
        reason: text("reason"),
        field_path,
        uses_old,
        optional_old,
    })
}

fn check_texts(source: &str, message: Option<&str>, given: &Value, at: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if source.len() > RULE_MAX_BYTES {
        errors.push(FieldError::too_long(format!("{at}.rule"), RULE_MAX_BYTES));
    }
    if message.is_some_and(|message| message.trim().is_empty()) {
        let detail = "message must be non-empty if specified";
        errors.push(FieldError::invalid(
            format!("{at}.message"),
            message.unwrap_or_default(),
            detail,
        ));
    } else if message.is_some_and(|message| message.contains('\n')) {
        let detail = "message must not contain line breaks";
        errors.push(FieldError::invalid(
            format!("{at}.message"),
            message.unwrap_or_default(),
            detail,
        ));
    } else if message.is_none() && source.trim().contains('\n') {
        let no_expression = given
            .get("messageExpression")
            .and_then(Value::as_str)
            .is_none();
        if no_expression {
            let detail = "message must be specified if rule contains line breaks";
            errors.push(FieldError::required(format!("{at}.message"), detail));
        }
    }
    let reason = given
        .get("reason")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let reasons = [
        "FieldValueInvalid",
        "FieldValueForbidden",
        "FieldValueRequired",
        "FieldValueDuplicate",
    ];
    if !reason.is_empty() && !reasons.contains(&reason) {
        errors.push(FieldError::not_supported(
            format!("{at}.reason"),
            reason,
            &reasons,
        ));
    }
    errors
}

/// A rule as the original prints it in errors.
fn shown(given: &Value, source: &str) -> Value {
    let get = |name: &str| given.get(name).cloned();
    let text = |name: &str| get(name).unwrap_or_else(|| json!(""));
    let mut out = Map::new();
    out.insert("Rule".to_owned(), json!(source));
    out.insert("Message".to_owned(), text("message"));
    out.insert("MessageExpression".to_owned(), text("messageExpression"));
    out.insert("Reason".to_owned(), get("reason").unwrap_or(Value::Null));
    out.insert("FieldPath".to_owned(), text("fieldPath"));
    out.insert(
        "OptionalOldSelf".to_owned(),
        get("optionalOldSelf").unwrap_or(Value::Null),
    );
    Value::Object(out)
}

/// Parses, checks and rewrites an expression; says whether it looks at the old value.
fn expression(source: &str, scope: &check::Scope<'_>) -> Result<(IdedExpr, bool), String> {
    // The parser reports errors; should it ever panic, that is an error of the definition too.
    let parsed = std::panic::catch_unwind(|| {
        Parser::default()
            .enable_optional_syntax(true)
            .parse(source)
            .map_err(|e| e.to_string())
    })
    .map_err(|_| "the expression cannot be read".to_owned())??;
    let uses_old = check::mentions(&parsed, "oldSelf");
    check::check(&parsed, scope, source)?;
    Ok((rewrite::rewrite(parsed)?, uses_old))
}

/// Turns `.spec.a['b']` into a path below the node, following the schema.
fn field_path(path: &str, node: &Node) -> Result<String, String> {
    let mut rest = path;
    let mut node = node;
    let mut out = String::new();
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            name = after[..end].to_owned();
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("['") {
            let end = after.find("']").ok_or("unexpected end of JSON path")?;
            name = after[..end].replace("\\'", "'").replace("\\\\", "\\");
            rest = &after[end + 2..];
        } else {
            let end = rest[1..].find(['.', '[']).map_or(rest.len(), |at| at + 1);
            return Err(format!("expected [ or . but got: {}", &rest[..end]));
        }
        if let Some(property) = node.properties.get(&name) {
            out.push('.');
            out.push_str(&name);
            node = property;
        } else if let Some(additional) = node.additional_node() {
            out.push_str(&format!("[{name}]"));
            node = additional;
        } else {
            return Err("does not refer to a valid field".to_owned());
        }
    }
    Ok(out.trim_start_matches('.').to_owned())
}

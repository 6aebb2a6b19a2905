//! The `JSONPath` dialect of kubectl: a template language, not RFC 9535.
//!
//! Shape: text outside braces is literal; inside braces a sequence of steps is applied from left
//! to right, each to every result of the one before. `{range …}…{end}` loops. Parse once with
//! [`Template::parse`], then [`Template::find`] the results or [`Template::render`] text; both
//! are pure and can be shared between threads.
//!
//! Source: Kubernetes client-go `util/jsonpath`, v0.36. Error texts are its texts.
//!
//! Differs: results of a map come in the order of its keys, where the original has none; work is
//! bounded ([`MAX_STEPS`], [`MAX_DEPTH`]).

mod ast;
mod compare;
mod evaluate;
mod item;
mod parse;
mod print;
mod unquote;

use serde_json::Value;

pub use evaluate::{EvaluateError, MAX_DEPTH, MAX_RESULTS, MAX_STEPS};
pub use item::{Found, Root};
pub use parse::{MAX_NESTING, ParseError};

use crate::path::Defect;
use ast::Node;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    nodes: Vec<Node>,
}

/// Whether a field that is not there is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKeys {
    /// It gives no result.
    Allow,
    /// It is an error, such as `name is not found`.
    Refuse,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first thing that cannot be read, with its place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let nodes = parse::template(text)?;
        Ok(Self { nodes })
    }

    /// Evaluates the template.
    ///
    /// Shape: one list of results for each literal text and each pair of braces, in order; loops
    /// give theirs once for each turn.
    ///
    /// # Errors
    /// What the original calls a failure to find results, such as an index out of bounds.
    pub fn find<'a>(
        &'a self,
        root: impl Into<Root<'a>>,
        missing: MissingKeys,
    ) -> Result<Vec<Vec<Found<'a>>>, EvaluateError> {
        evaluate::find(&self.nodes, root.into(), missing)
    }

    /// Evaluates the template and prints the results, as `kubectl get -o jsonpath=…` does.
    ///
    /// # Errors
    /// As [`Template::find`].
    pub fn render<'a>(
        &'a self,
        root: impl Into<Root<'a>>,
        missing: MissingKeys,
    ) -> Result<String, EvaluateError> {
        let mut out = String::new();
        for results in self.find(root, missing)? {
            for (index, found) in results.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                out.push_str(&found.to_text());
            }
        }
        Ok(out)
    }

    /// Returns the names of the fields when the template is nothing but a chain of them, such as
    /// `{.metadata.name}`.
    pub fn as_fields(&self) -> Option<Vec<&str>> {
        let [Node::List(steps)] = self.nodes.as_slice() else {
            return None;
        };
        steps.iter().map(Node::as_field).collect()
    }

    /// Reports whether it is one pair of braces and nothing else.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.nodes.as_slice(), [Node::List(_)])
    }

    /// Returns why it can never give a single result.
    pub(crate) fn defect(&self) -> Option<Defect> {
        let [Node::List(steps)] = self.nodes.as_slice() else {
            return Some(Defect::SeveralExpressions);
        };
        steps.iter().find_map(|step| match step {
            Node::Identifier(word) => Some(Defect::Word(word.clone())),
            Node::Field(name) if name.is_empty() => Some(Defect::EmptyName),
            Node::Filter(filter) => {
                let operator = &filter.comparison.as_ref()?.operator;
                let known = ["==", "!=", "<", "<=", ">", ">="].contains(&&**operator);
                (!known).then(|| Defect::Operator(operator.clone()))
            }
            _ => None,
        })
    }

    /// Returns the names of the fields that the first pair of braces begins with: what the
    /// template depends on at least.
    pub fn leading_fields(&self) -> Vec<&str> {
        match self.nodes.first() {
            Some(Node::List(steps)) => steps.iter().map_while(Node::as_field).collect(),
            _ => Vec::new(),
        }
    }
}

/// Completes the loose forms that kubectl accepts in `--sort-by`, `-o custom-columns` and
/// `wait --for=jsonpath`: `x.y`, `.x.y`, `{x.y}` and `{.x.y}` all become `{.x.y}`.
///
/// # Errors
/// The text of the original when the braces do not fit. Source: kubectl `pkg/cmd/get`,
/// `RelaxedJSONPathExpression`, v0.36.
pub fn relaxed(expression: &str) -> Result<String, RelaxedError> {
    if expression.is_empty() {
        return Ok(String::new());
    }
    let refuse = || RelaxedError;
    let inner = match (expression.strip_prefix('{'), expression.strip_suffix('}')) {
        (None, None) => expression,
        (Some(opened), Some(_)) => opened.strip_suffix('}').ok_or_else(refuse)?,
        _ => return Err(refuse()),
    };
    if inner.contains(['{', '}']) {
        return Err(refuse());
    }
    let field = inner.strip_prefix('.').unwrap_or(inner);
    if field.is_empty() {
        return Err(refuse());
    }
    Ok(format!("{{.{field}}}"))
}

/// A loose expression whose braces do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or '{{.name1.name2}}'"
)]
pub struct RelaxedError;

/// Returns the single cell that a printer column of a custom resource definition shows: the first
/// result of `{path}`, or `None`.
///
/// Source: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`, v0.36.
pub fn column_cell<'a>(column: &'a Template, object: &'a Value) -> Option<Found<'a>> {
    let results = column.find(object, MissingKeys::Allow).ok()?;
    results.into_iter().next()?.into_iter().next()
}

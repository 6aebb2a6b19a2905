//! Paths as Cartographer's templates and selectors write them: one expression, one result.
//!
//! Source: cartographer `pkg/eval/jsonpath.go`, `pkg/utils/json_path.go`, v0.8.10.
//!
//! Differs: whole numbers keep all their digits (the original goes through 64-bit floats), and
//! expressions see JSON, not Go structs.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::jsonpath::{EvaluateError, Found, MissingKeys, ParseError, Root, Template};

/// A path such as `status.latestImage`, `.data` or `{.a[0]}`.
///
/// It remembers being malformed and says so when it is evaluated, as the original does, so that
/// it can be compiled where there is nobody to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    text: Box<str>,
    plan: Plan,
}

#[derive(Clone, Debug, PartialEq)]
enum Plan {
    /// Nothing but fields, which is nearly every path.
    Fields(Box<[Box<str>]>),
    Template(Template),
    Malformed(PathError),
}

/// A path that gives no single result. The texts are the original's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The path is the empty text.
    Empty,
    /// The path cannot be read.
    Parse {
        /// The path with the braces that were put around it.
        wrapped: Box<str>,
        /// Why.
        source: ParseError,
    },
    /// The path cannot be evaluated on this value.
    Evaluate(EvaluateError),
    /// The path holds several expressions; their results as Go prints them.
    SeveralExpressions(String),
    /// The path gives more than one result.
    SeveralResults(Box<str>),
    /// The path gives nothing.
    Missing(Box<str>),
}

impl PathError {
    /// Reports whether there simply is nothing at the path (yet).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// Reports whether the path can never work, whatever it is evaluated on.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Empty | Self::Parse { .. })
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty jsonpath not allowed"),
            Self::Parse { wrapped, source } => {
                write!(
                    f,
                    "evaluate: failed to parse jsonpath '{wrapped}': {source}"
                )
            }
            Self::Evaluate(source) => write!(f, "evaluate: failed to find results: {source}"),
            Self::SeveralExpressions(results) => {
                write!(f, "evaluate: more queries than expected: {results}")
            }
            Self::SeveralResults(path) => write!(f, "too many results for the query: {path}"),
            Self::Missing(path) => write!(f, "jsonpath returned empty list: {path}"),
        }
    }
}

impl std::error::Error for PathError {}

/// Why a path cannot work, whatever it is evaluated on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(PathError),
    /// It holds text outside braces, or several pairs of them.
    #[error("it holds more than one expression")]
    SeveralExpressions,
    /// A filter compares with something that is no operator.
    #[error("unrecognized filter operator {0}")]
    Operator(Box<str>),
    /// A word stands on its own.
    #[error("unrecognized identifier {0}")]
    Word(Box<str>),
    /// A name is empty, as after a leading `$` or a doubled dot in quotes.
    #[error("a name in it is empty, so it never finds anything")]
    EmptyName,
}

impl Path {
    /// Returns why the path cannot work, whatever it is evaluated on. What it returns is certain;
    /// a path without a defect may still never find anything.
    pub fn defect(&self) -> Option<Defect> {
        match &self.plan {
            Plan::Malformed(error) => Some(Defect::Malformed(error.clone())),
            Plan::Fields(fields) => fields
                .iter()
                .any(|field| field.is_empty())
                .then_some(Defect::EmptyName),
            Plan::Template(template) => template.defect(),
        }
    }

    /// Compiles a path. Never fails; see [`Path::malformed`].
    pub fn new(text: &str) -> Self {
        let plan = if text.is_empty() {
            Plan::Malformed(PathError::Empty)
        } else {
            let wrapped = wrap(text);
            match Template::parse(&wrapped) {
                Ok(template) => Plan::of(template),
                Err(source) => Plan::Malformed(PathError::Parse {
                    wrapped: wrapped.into(),
                    source,
                }),
            }
        };
        Self {
            text: text.into(),
            plan,
        }
    }

    /// Returns the path as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what is wrong with the path itself.
    pub fn malformed(&self) -> Option<&PathError> {
        match &self.plan {
            Plan::Malformed(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the byte of the path at which reading stopped, when it is malformed.
    pub fn malformed_at(&self) -> Option<usize> {
        match self.malformed()? {
            PathError::Parse { wrapped, source } => {
                let added = wrapped.find(&*self.text).unwrap_or_default();
                Some(source.offset().saturating_sub(added).min(self.text.len()))
            }
            _ => Some(0),
        }
    }

    /// Returns the names of the fields that the path begins with, such as `sources`, `app`,
    /// `url`.
    pub fn leading_fields(&self) -> Vec<&str> {
        match &self.plan {
            Plan::Fields(fields) => fields.iter().map(|field| &**field).collect(),
            Plan::Template(template) => template.leading_fields(),
            Plan::Malformed(_) => Vec::new(),
        }
    }

    /// Returns the names of its fields when the path is nothing but a chain of them: what it gives then depends on
    /// nothing else.
    pub fn fields(&self) -> Option<impl Iterator<Item = &str>> {
        match &self.plan {
            Plan::Fields(fields) => Some(fields.iter().map(|field| &**field)),
            Plan::Template(_) | Plan::Malformed(_) => None,
        }
    }

    /// Reports whether what the path gives may depend on the field at the end of a chain of fields; `false` is certain.
    pub fn may_reach(&self, chain: &[&str]) -> bool {
        let leads_there = |fields: &[&str]| fields.iter().zip(chain).all(|(a, b)| a == b);
        match &self.plan {
            Plan::Malformed(_) => false,
            // A filter may begin at the root again, another pair of braces does.
            Plan::Template(template) if !template.is_single() || self.text.contains('$') => true,
            Plan::Fields(_) | Plan::Template(_) => leads_there(&self.leading_fields()),
        }
    }

    /// Evaluates the path.
    ///
    /// # Errors
    /// Whenever there is not exactly one result; null is a result.
    pub fn evaluate<'a>(&'a self, root: impl Into<Root<'a>>) -> Result<Cow<'a, Value>, PathError> {
        let root = root.into();
        match self.evaluate_once(root) {
            Err(PathError::Missing(path)) => match root {
                Root::Scope(scope) => scope
                    .unset()
                    .map_or(Err(PathError::Missing(path)), |unset| {
                        self.evaluate_once(Root::Scope(unset))
                    }),
                Root::Value(_) => Err(PathError::Missing(path)),
            },
            result => result,
        }
    }

    fn evaluate_once<'a>(&'a self, root: Root<'a>) -> Result<Cow<'a, Value>, PathError> {
        match &self.plan {
            Plan::Malformed(error) => Err(error.clone()),
            Plan::Fields(fields) => root
                .follow(fields)
                .map(Cow::Borrowed)
                .ok_or_else(|| PathError::Missing(self.text.clone())),
            Plan::Template(template) => self.evaluate_template(template, root),
        }
    }

    fn evaluate_template<'a>(
        &self,
        template: &'a Template,
        root: Root<'a>,
    ) -> Result<Cow<'a, Value>, PathError> {
        let mut found = template
            .find(root, MissingKeys::Allow)
            .map_err(PathError::Evaluate)?;
        if found.len() > 1 {
            let lists: Vec<String> = found
                .iter()
                .map(|results| {
                    let results: Vec<_> = results.iter().map(Found::to_reflected).collect();
                    format!("[{}]", results.join(" "))
                })
                .collect();
            return Err(PathError::SeveralExpressions(format!(
                "[{}]",
                lists.join(" ")
            )));
        }
        let mut results = found.pop().unwrap_or_default();
        match (results.pop(), results.is_empty()) {
            (Some(result), true) => Ok(result.into_value()),
            (Some(_), false) => Err(PathError::SeveralResults(self.text.clone())),
            (None, _) => Err(PathError::Missing(self.text.clone())),
        }
    }
}

impl Plan {
    fn of(template: Template) -> Self {
        match template.as_fields() {
            Some(fields) if !fields.is_empty() => {
                Self::Fields(fields.into_iter().map(Box::from).collect())
            }
            _ => Self::Template(template),
        }
    }
}

/// Puts braces and a leading dot around a path where it has none.
fn wrap(path: &str) -> String {
    let open = match path {
        path if path.starts_with("{.") => "",
        path if path.starts_with('.') => "{",
        _ => "{.",
    };
    let close = if path.ends_with('}') { "" } else { "}" };
    format!("{open}{path}{close}")
}

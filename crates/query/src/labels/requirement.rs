//! One requirement on one label.

use std::fmt;

use super::Labels;
use crate::{go, names};

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// One of several values.
    In,
    /// None of several values, or absent.
    NotIn,
    /// `=`
    Equals,
    /// `==`, which means the same.
    DoubleEquals,
    /// `!=`: another value, or absent.
    NotEquals,
    /// There, whatever its value.
    Exists,
    /// Absent.
    DoesNotExist,
    /// A whole number above.
    GreaterThan,
    /// A whole number below.
    LessThan,
}

/// A requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
    values: Vec<String>,
}

/// A requirement that makes no sense; the text lists every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", aggregate(.0))]
pub struct RequirementError(Vec<String>);

impl Requirement {
    /// Builds a requirement.
    ///
    /// # Errors
    /// When the key or a value is no label, or the values do not fit the operator.
    pub fn new(
        key: &str,
        operator: Operator,
        values: Vec<String>,
    ) -> Result<Self, RequirementError> {
        let mut problems = Vec::new();
        let key_problems = names::label_key_problems(key);
        if !key_problems.is_empty() {
            problems.push(invalid("key", &go::quote(key), &key_problems.join("; ")));
        }
        if let Some(problem) = operator.problem_with(values.len()) {
            let list = if values.is_empty() {
                // An empty list prints as Go prints the slice it was made from.
                operator.printed_empty_list().to_owned()
            } else {
                let values = values.iter().map(|value| value.as_str().into()).collect();
                go::json(&serde_json::Value::Array(values))
            };
            problems.push(invalid("values", &list, problem));
        }
        if operator.is_numeric() {
            for (index, value) in values.iter().enumerate() {
                if parse_whole(value).is_none() {
                    problems.push(invalid(
                        &format!("values[{index}]"),
                        &go::quote(value),
                        "for 'Gt', 'Lt' operators, the value must be an integer",
                    ));
                }
            }
        }
        for (index, value) in values.iter().enumerate() {
            let found = names::label_value_problems(value);
            if !found.is_empty() {
                problems.push(invalid(
                    &format!("values[{index}][{key}]"),
                    &go::quote(value),
                    &found.join("; "),
                ));
            }
        }
        if problems.is_empty() {
            Ok(Self {
                key: key.into(),
                operator,
                values,
            })
        } else {
            Err(RequirementError(problems))
        }
    }

    /// Returns the key of the label.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns how the label is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Returns the values it is compared with.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Reports whether the requirement holds.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        let label = labels.label(&self.key);
        let listed = |label: &str| self.values.iter().any(|value| value == label);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(listed),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(listed),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label, |label, bound| label > bound),
            Operator::LessThan => self.compare(label, |label, bound| label < bound),
        }
    }

    fn compare(&self, label: Option<&str>, holds: impl Fn(i64, i64) -> bool) -> bool {
        let bound = self.values.first().and_then(|value| parse_whole(value));
        match (label.and_then(parse_whole), bound) {
            (Some(label), Some(bound)) => holds(label, bound),
            _ => false,
        }
    }
}

/// Go's `ParseInt` in base ten, which knows no blanks and an optional sign.
fn parse_whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn invalid(field: &str, value: &str, detail: &str) -> String {
    format!("{field}: Invalid value: {value}: {detail}")
}

/// Several problems stand in brackets, each once.
fn aggregate(problems: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for problem in problems {
        if !seen.contains(&problem.as_str()) {
            seen.push(problem);
        }
    }
    match seen[..] {
        [only] => only.to_owned(),
        _ => format!("[{}]", seen.join(", ")),
    }
}

impl Operator {
    fn is_numeric(self) -> bool {
        matches!(self, Self::GreaterThan | Self::LessThan)
    }

    fn problem_with(self, count: usize) -> Option<&'static str> {
        match self {
            Self::In | Self::NotIn if count == 0 => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Self::Equals | Self::DoubleEquals | Self::NotEquals if count != 1 => {
                Some("exact-match compatibility requires one single value")
            }
            Self::Exists | Self::DoesNotExist if count != 0 => {
                Some("values set must be empty for exists and does not exist")
            }
            Self::GreaterThan | Self::LessThan if count != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        }
    }

    /// A list that was never made is `null` in Go, and `In` without values is such a one.
    fn printed_empty_list(self) -> &'static str {
        match self {
            Self::In | Self::NotIn => "null",
            _ => "[]",
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        values.sort_unstable();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

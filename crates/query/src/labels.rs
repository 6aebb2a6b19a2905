//! Label selectors, in the form of a text and in the form of lists.
//!
//! Source: Kubernetes apimachinery `pkg/labels/selector.go` and `pkg/apis/meta/v1/helpers.go`,
//! v0.36. Error texts are theirs.

mod parse;
mod requirement;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

pub use parse::ParseError;
pub use requirement::{Operator, Requirement, RequirementError};

/// Something that has labels.
pub trait Labels {
    /// Returns the value of a label.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

/// Reads the labels of an object; values that are not text count as absent.
impl Labels for Value {
    fn label(&self, key: &str) -> Option<&str> {
        self.get("metadata")?.get("labels")?.get(key)?.as_str()
    }
}

impl<L: Labels> Labels for Option<L> {
    fn label(&self, key: &str) -> Option<&str> {
        self.as_ref()?.label(key)
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn label(&self, key: &str) -> Option<&str> {
        (**self).label(key)
    }
}

/// Requirements that must all hold. Without requirements it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Sorted by key.
    requirements: Vec<Requirement>,
}

/// An entry of `matchExpressions`.
#[derive(Clone, Copy, Debug)]
pub struct Expression<'a> {
    /// Key of the label.
    pub key: &'a str,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: &'a str,
    /// The values.
    pub values: &'a [String],
}

/// Lists that make no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An entry of `matchExpressions` has an unknown operator.
    #[error("{} is not a valid label selector operator", crate::go::quote(.0))]
    Operator(String),
    /// A requirement makes no sense.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
}

impl Selector {
    /// Parses the text form: `a=b,c in (d,e),!f`.
    ///
    /// # Errors
    /// The first thing that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::selector(text).map(Self::of)
    }

    /// Builds a selector from `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    /// The first entry that makes no sense; labels come first, in the order given.
    pub fn build<'a>(
        match_labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        match_expressions: impl IntoIterator<Item = Expression<'a>>,
    ) -> Result<Self, BuildError> {
        let mut requirements = Vec::new();
        for (key, value) in match_labels {
            let values = vec![value.to_owned()];
            requirements.push(Requirement::new(key, Operator::Equals, values)?);
        }
        for expression in match_expressions {
            let operator = match expression.operator {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(BuildError::Operator(other.to_owned())),
            };
            let values = expression.values.to_vec();
            requirements.push(Requirement::new(expression.key, operator, values)?);
        }
        Ok(Self::of(requirements))
    }

    fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key().cmp(b.key()));
        Self { requirements }
    }

    /// Reports whether every requirement holds.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.matches(labels))
    }

    /// Returns the requirements, sorted by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Reports whether there are no requirements, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Returns the one value that the selector demands of a label, if it does.
    pub fn required_value(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.iter().find(|one| one.key() == key)?;
        match (requirement.operator(), requirement.values()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

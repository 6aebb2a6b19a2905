//! Cartographer's requirements on fields: `matchFields` of selectors and health rules.
//!
//! Source: cartographer `pkg/selector/selector.go`, v0.8.10.
//!
//! Differs: a number or bool equals the text it is written as. In the original it equals nothing,
//! so that `In` never holds and `NotIn` always does.

use serde_json::Value;

use crate::go;
use crate::jsonpath::Root;
use crate::path::{Path, PathError};

/// A requirement on a field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRequirement {
    path: Path,
    operator: Box<str>,
    values: Vec<String>,
}

/// A requirement that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// The key gives no single value. When it gives nothing the requirement does not hold.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The operator is not one of the four.
    #[error("invalid operator {0} for field selector")]
    Operator(Box<str>),
}

impl RequirementError {
    /// Reports whether there simply is nothing at the path.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Path(error) if error.is_missing())
    }
}

impl FieldRequirement {
    /// Compiles a requirement; a mistake in it is reported when it is judged.
    pub fn new(key: &str, operator: &str, values: &[String]) -> Self {
        Self {
            path: Path::new(key),
            operator: operator.into(),
            values: values.to_vec(),
        }
    }

    /// Returns the path of the field.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the operator as written.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// Returns the values.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Judges the requirement on an object.
    ///
    /// # Errors
    /// When the key gives no single value (a missing one satisfies `DoesNotExist`, and is an
    /// error otherwise), or the operator is unknown.
    pub fn matches<'a>(&'a self, root: impl Into<Root<'a>>) -> Result<bool, RequirementError> {
        let value = match self.path.evaluate(root) {
            Ok(value) => Some(value),
            Err(error) if error.is_missing() && &*self.operator == "DoesNotExist" => None,
            Err(error) => return Err(error.into()),
        };
        self.holds(value.as_deref())
    }

    /// Judges the requirement on what the path gave; `None` when it gave nothing.
    ///
    /// # Errors
    /// When the operator is unknown.
    pub fn holds(&self, value: Option<&Value>) -> Result<bool, RequirementError> {
        let listed =
            || value.is_some_and(|value| self.values.iter().any(|text| equals_text(value, text)));
        let exists = value.is_some_and(|value| !value.is_null());
        match &*self.operator {
            "In" => Ok(listed()),
            "NotIn" => Ok(!listed()),
            "Exists" => Ok(exists),
            "DoesNotExist" => Ok(!exists),
            other => Err(RequirementError::Operator(other.into())),
        }
    }
}

/// Reports whether a text, number or bool is written as `text`: `true`, `8080`, `0.5`.
pub fn equals_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Bool(found) => text == if *found { "true" } else { "false" },
        Value::Number(found) => go::json_number(found) == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

//! What expressions gave on one object.

use std::sync::Arc;

use serde_json::Value;

/// What an expression gave on one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// A path had exactly this value (which may be null).
    Value(Json),
    /// A path gave nothing; the text says so as the original does.
    Missing(Arc<str>),
    /// A path is ambiguous, does not parse or cannot be evaluated; the text says why.
    Error(Arc<str>),
    /// A condition is there.
    Condition(Arc<ConditionRow>),
    /// A condition is not there.
    NoCondition,
}

/// The parts of a condition that health rules look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConditionRow {
    /// `status`, normally `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// `message`, empty when absent.
    pub message: Arc<str>,
}

/// A value that is kept for long and seldom looked at.
///
/// As JSON text: of a map with one entry the tree takes half a kilobyte.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Text(Arc<str>),
    /// Fractions may not survive being written and read.
    Tree(Arc<Value>),
}

impl Json {
    /// Returns the value.
    pub fn value(&self) -> Value {
        match &self.0 {
            Form::Text(text) => {
                serde_json::from_str(text).expect("what serde_json wrote it can read")
            }
            Form::Tree(value) => Value::clone(value),
        }
    }

    /// The text, to be replaced by an equal one at most.
    pub fn text_mut(&mut self) -> Option<&mut Arc<str>> {
        match &mut self.0 {
            Form::Text(text) => Some(text),
            Form::Tree(_) => None,
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self(if has_fraction(value) {
            Form::Tree(Arc::new(value.clone()))
        } else {
            Form::Text(value.to_string().into())
        })
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(map) => map.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_given_back_exactly() {
        for value in [
            json!(null),
            json!("a \"b\"\n\u{0}é"),
            json!({"b": [1, {"c": -9_007_199_254_740_993_i64}], "a": u64::MAX}),
            json!({"share": [0.1, 1e300, 5e-324, 2.0]}),
        ] {
            assert_eq!(Json::from(&value).value(), value);
        }
    }

    #[test]
    fn a_result_takes_three_words() {
        assert_eq!(size_of::<Evaluated>(), 24);
    }
}

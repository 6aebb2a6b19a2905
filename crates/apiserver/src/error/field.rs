//! One problem of one field, printed as Kubernetes prints it.
//!
//! Source: apimachinery `pkg/util/validation/field/errors.go`, v1.36.

use std::fmt;

use serde_json::Value;

/// What is wrong with the value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldErrorKind {
    /// A value is needed.
    Required,
    /// The value is of the right type and still wrong; `None` leaves it out of the text.
    Invalid(Option<Value>),
    /// The value is of the wrong type.
    TypeInvalid(Value),
    /// The value is not one of an enumeration; the detail names those.
    NotSupported(Value),
    /// The value occurs twice where it must be unique.
    Duplicate(Value),
    /// No value may be given here.
    Forbidden,
    /// The value is too long.
    TooLong,
    /// There are too many items; the number given.
    TooMany(i64),
    /// The value refers to something that does not exist.
    NotFound(Value),
    /// The value could not be checked.
    Internal,
}

/// A problem with one field of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// Path of the field, as `spec.ports[0].name`.
    pub field: String,
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// Explanation after the kind and the value; may be empty.
    pub detail: String,
}

impl FieldError {
    /// `field: Required value[: detail]`.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FieldErrorKind::Required, detail)
    }

    /// `field: Invalid value: <value>: detail`.
    pub fn invalid(
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(field, FieldErrorKind::Invalid(Some(value.into())), detail)
    }

    /// `field: Invalid value: detail`, as failures of CEL rules are printed.
    pub fn invalid_without_value(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FieldErrorKind::Invalid(None), detail)
    }

    /// `field: Invalid value: <value>: detail`, with reason `FieldValueTypeInvalid`.
    pub fn type_invalid(
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(field, FieldErrorKind::TypeInvalid(value.into()), detail)
    }

    /// `field: Unsupported value: <value>: supported values: "a", "b"`.
    pub fn not_supported<S: AsRef<str>>(
        field: impl Into<String>,
        value: impl Into<Value>,
        supported: &[S],
    ) -> Self {
        let quoted: Vec<_> = supported.iter().map(|s| quote(s.as_ref())).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(field, FieldErrorKind::NotSupported(value.into()), detail)
    }

    /// `field: Duplicate value: <value>`.
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(field, FieldErrorKind::Duplicate(value.into()), "")
    }

    /// `field: Forbidden: detail`.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FieldErrorKind::Forbidden, detail)
    }

    /// `field: Too long: may not be more than <max> bytes`.
    pub fn too_long(field: impl Into<String>, max_bytes: usize) -> Self {
        let unit = if max_bytes == 1 { "byte" } else { "bytes" };
        Self::new(
            field,
            FieldErrorKind::TooLong,
            format!("may not be more than {max_bytes} {unit}"),
        )
    }

    /// `field: Too many: <actual>: must have at most <max> items`.
    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::new(
            field,
            FieldErrorKind::TooMany(i64::try_from(actual).unwrap_or(i64::MAX)),
            format!("must have at most {max} {unit}"),
        )
    }

    /// `field: Not found: <value>`.
    pub fn not_found(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(field, FieldErrorKind::NotFound(value.into()), "")
    }

    /// `field: Internal error: detail`.
    pub fn internal(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FieldErrorKind::Internal, detail)
    }

    fn new(field: impl Into<String>, kind: FieldErrorKind, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            kind,
            detail: detail.into(),
        }
    }

    /// The cause's reason, as `FieldValueInvalid`.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Invalid(_) => "FieldValueInvalid",
            FieldErrorKind::TypeInvalid(_) => "FieldValueTypeInvalid",
            FieldErrorKind::NotSupported(_) => "FieldValueNotSupported",
            FieldErrorKind::Duplicate(_) => "FieldValueDuplicate",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany(_) => "FieldValueTooMany",
            FieldErrorKind::NotFound(_) => "FieldValueNotFound",
            FieldErrorKind::Internal => "InternalError",
        }
    }

    /// The text without the path.
    pub fn body(&self) -> String {
        let (title, value) = match &self.kind {
            FieldErrorKind::Required => ("Required value", None),
            FieldErrorKind::Invalid(value) => ("Invalid value", value.as_ref().map(go_value)),
            FieldErrorKind::TypeInvalid(value) => ("Invalid value", Some(go_value(value))),
            FieldErrorKind::NotSupported(value) => ("Unsupported value", Some(go_value(value))),
            FieldErrorKind::Duplicate(value) => ("Duplicate value", Some(go_value(value))),
            FieldErrorKind::Forbidden => ("Forbidden", None),
            FieldErrorKind::TooLong => ("Too long", None),
            FieldErrorKind::TooMany(actual) => ("Too many", Some(actual.to_string())),
            FieldErrorKind::NotFound(value) => ("Not found", Some(go_value(value))),
            FieldErrorKind::Internal => ("Internal error", None),
        };
        let mut text = title.to_owned();
        for part in value
            .iter()
            .chain((!self.detail.is_empty()).then_some(&self.detail))
        {
            text.push_str(": ");
            text.push_str(part);
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// A value as Go's `%v` prints it, strings quoted, composites as JSON.
fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => quote(text),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            number.as_f64().map_or_else(|| number.to_string(), go_float)
        }
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            number.as_f64().map_or_else(|| number.to_string(), go_float)
        }
        other => other.to_string(),
    }
}

/// A float as Go's `%v` prints it: its shortest digits, in exponent form below 1e-4 and from 1e6.
///
/// Source: Go `strconv.FormatFloat(f, 'g', -1, 64)`.
pub(crate) fn go_float(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("LowerExp of a float always has an exponent");
    let exponent: i32 = exponent
        .parse()
        .expect("LowerExp prints a decimal exponent");
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A string as Go's `%q` prints it.
pub(crate) fn quote(text: &str) -> String {
    use fmt::Write as _;

    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                write!(out, "\\x{:02x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(error: &FieldError, expect: &str) {
        assert_eq!(error.to_string(), expect);
    }

    #[test]
    fn texts_are_those_of_kubernetes() {
        check(&FieldError::required("spec", ""), "spec: Required value");
        check(
            &FieldError::required("metadata.name", "name or generateName is required"),
            "metadata.name: Required value: name or generateName is required",
        );
        check(
            &FieldError::invalid("spec.size", 1000, "must be less"),
            "spec.size: Invalid value: 1000: must be less",
        );
        check(
            &FieldError::invalid("<nil>", Value::Null, "not checked"),
            "<nil>: Invalid value: null: not checked",
        );
        check(
            &FieldError::invalid_without_value("spec", "size may not shrink"),
            "spec: Invalid value: size may not shrink",
        );
        check(
            &FieldError::not_supported("spec.color", "blue", &["red", "green"]),
            r#"spec.color: Unsupported value: "blue": supported values: "red", "green""#,
        );
        check(
            &FieldError::duplicate("spec.ports[1]", json!({"name": "a"})),
            r#"spec.ports[1]: Duplicate value: {"name":"a"}"#,
        );
        check(
            &FieldError::too_long("[]", 1_048_576),
            "[]: Too long: may not be more than 1048576 bytes",
        );
        check(
            &FieldError::too_many("spec.tags", 4, 3),
            "spec.tags: Too many: 4: must have at most 3 items",
        );
        check(
            &FieldError::invalid("a", json!(1.234_567_890_123_456_7e19), "x"),
            "a: Invalid value: 1.2345678901234567e+19: x",
        );
    }

    #[test]
    fn quoting_and_floats_follow_go() {
        assert_eq!(go_float(1_234_567.0), "1.234567e+06");
        assert_eq!(go_float(123_456.5), "123456.5");
        assert_eq!(go_float(0.0001), "0.0001");
        assert_eq!(quote("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\x01é\"");
    }
}

//! Are managed fields that a client wrote acceptable?
//!
//! Source: apimachinery pkg/apis/meta/v1/validation (`ValidateManagedFields`, `ValidateFieldManager`), v0.36.

use serde_json::Value;

/// The longest name of a manager.
const MANAGER_MAX_CHARS: usize = 128;
/// The longest name of a subresource.
const SUBRESOURCE_MAX_BYTES: usize = 256;

/// One bad field of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// A value that is not allowed.
    Invalid {
        /// Position in the list.
        index: usize,
        /// Field of the entry.
        field: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A value with too many bytes.
    TooLong {
        /// Position in the list.
        index: usize,
        /// Field of the entry.
        field: &'static str,
        /// The most bytes allowed.
        max: usize,
    },
}

/// Returns everything that is wrong with the entries.
pub fn validate(entries: &[Value]) -> Vec<EntryError> {
    let mut errors = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let mut invalid = |field: &'static str, value: &str, detail: String| {
            errors.push(EntryError::Invalid {
                index,
                field,
                value: value.to_owned(),
                detail,
            });
        };
        if !matches!(text("operation"), "Apply" | "Update") {
            let detail = "must be `Apply` or `Update`".to_owned();
            invalid("operation", text("operation"), detail);
        }
        if !matches!(text("fieldsType"), "" | "FieldsV1") {
            invalid(
                "fieldsType",
                text("fieldsType"),
                "must be `FieldsV1`".to_owned(),
            );
        }
        let manager = text("manager");
        if let Some((at, c)) = manager.char_indices().find(|(_, c)| c.is_control()) {
            let detail = format!("invalid character {c:?} (at position {at})");
            invalid("manager", manager, detail);
        }
        if manager.chars().count() > MANAGER_MAX_CHARS {
            errors.push(EntryError::TooLong {
                index,
                field: "manager",
                max: MANAGER_MAX_CHARS,
            });
        }
        if text("subresource").len() > SUBRESOURCE_MAX_BYTES {
            errors.push(EntryError::TooLong {
                index,
                field: "subresource",
                max: SUBRESOURCE_MAX_BYTES,
            });
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operation_format_and_lengths_are_checked() {
        assert!(validate(&[json!({"operation": "Apply", "manager": "m"})]).is_empty());
        let long = "x".repeat(129);
        let errors = validate(&[json!({"operation": "Put", "fieldsType": "F2", "manager": long})]);
        assert_eq!(errors.len(), 3);
    }
}

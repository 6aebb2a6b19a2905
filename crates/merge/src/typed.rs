//! Operations on a value together with its schema.
//!
//! Each is one recursive walk; its depth is the depth of the value, which the JSON parser bounds.
//!
//! Source: structured-merge-diff typed/, v6.3.

mod compare;
mod fields;
mod items;
mod merge;
mod reconcile;
mod remove;
mod validate;

pub use compare::{Comparison, compare};
pub use fields::field_set;
pub use merge::merge;
pub use reconcile::reconcile;
pub use remove::{extract, extract_with_keys, remove};
pub use validate::{Duplicates, validate};

/// One way in which a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeError {
    /// Where, as printed in messages; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for TypeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// All ways in which a value does not fit its schema; never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeErrors(pub Vec<TypeError>);

impl std::fmt::Display for TypeErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        f.write_str("errors:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TypeErrors {}

//! Problems that were found, in their order.

use serde_json::Value;

use super::at::At;
use crate::error::FieldError;
use crate::names;

pub(super) const IMMUTABLE: &str = "field is immutable";
const NEGATIVE: &str = "must be greater than or equal to 0";

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<FieldError>);

impl Problems {
    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    pub(super) fn required(&mut self, at: &At<'_>, detail: &str) {
        self.0.push(FieldError::required(&*at.path, detail));
    }

    /// The value is wrong.
    pub(super) fn invalid(&mut self, at: &At<'_>, detail: impl Into<String>) {
        self.invalid_as(at, at.value.clone(), detail);
    }

    /// The value is wrong, and told as another one.
    pub(super) fn invalid_as(
        &mut self,
        at: &At<'_>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) {
        self.0.push(FieldError::invalid(&*at.path, value, detail));
    }

    pub(super) fn forbidden(&mut self, at: &At<'_>, detail: impl Into<String>) {
        self.0.push(FieldError::forbidden(&*at.path, detail));
    }

    pub(super) fn duplicate(&mut self, at: &At<'_>) {
        self.0
            .push(FieldError::duplicate(&*at.path, at.value.clone()));
    }

    pub(super) fn not_supported(&mut self, at: &At<'_>, supported: &[&str]) {
        let value = match at.value {
            Value::Null => "".into(),
            value => value.clone(),
        };
        self.0
            .push(FieldError::not_supported(&*at.path, value, supported));
    }

    pub(super) fn not_found(&mut self, at: &At<'_>) {
        self.0.push(FieldError::not_found(&*at.path, at.text()));
    }

    pub(super) fn too_long(&mut self, at: &At<'_>, max_bytes: usize) {
        self.0.push(FieldError::too_long(&*at.path, max_bytes));
    }

    pub(super) fn too_many(&mut self, at: &At<'_>, max: usize) {
        self.0.push(FieldError::too_many(&*at.path, at.len(), max));
    }

    /// One problem for each text about the value.
    pub(super) fn all(&mut self, at: &At<'_>, details: Vec<String>) {
        for detail in details {
            let value = match at.value {
                Value::Null => "".into(),
                value => value.clone(),
            };
            self.invalid_as(at, value, detail);
        }
    }

    /// One of a list of values; it must be there.
    pub(super) fn one_of(&mut self, at: &At<'_>, supported: &[&str]) {
        if at.text().is_empty() {
            self.required(at, "");
        } else {
            self.known(at, supported);
        }
    }

    /// One of a list of values, of which the empty text may be one.
    pub(super) fn known(&mut self, at: &At<'_>, supported: &[&str]) {
        if !supported.contains(&at.text()) {
            self.not_supported(at, supported);
        }
    }

    pub(super) fn not_negative(&mut self, at: &At<'_>) {
        if at.number() < 0 {
            self.invalid(at, NEGATIVE);
        }
    }

    /// Above zero, which some texts write as a word and others as a digit.
    pub(super) fn positive(&mut self, at: &At<'_>, zero: &str) {
        if at.number() <= 0 {
            self.invalid_as(at, at.number(), format!("must be greater than {zero}"));
        }
    }

    /// A value that stays as it was.
    pub(super) fn immutable(&mut self, new: &At<'_>, old: &At<'_>) {
        if new.value != old.value {
            self.invalid(new, IMMUTABLE);
        }
    }

    pub(super) fn label(&mut self, at: &At<'_>) {
        self.all(at, names::dns1123_label(at.text()));
    }

    pub(super) fn subdomain(&mut self, at: &At<'_>) {
        self.all(at, names::dns1123_subdomain(at.text()));
    }

    pub(super) fn qualified_name(&mut self, at: &At<'_>) {
        self.all(at, names::qualified_name(at.text()));
    }

    /// A path within a folder.
    pub(super) fn descending_path(&mut self, at: &At<'_>) {
        if at.text().starts_with('/') {
            self.invalid(at, "must be a relative path");
        }
        self.no_backsteps(at);
    }

    pub(super) fn no_backsteps(&mut self, at: &At<'_>) {
        if at.text().split('/').any(|part| part == "..") {
            self.invalid(at, "must not contain '..'");
        }
    }

    /// A path within a folder that is not one of those that volumes use themselves.
    pub(super) fn unreserved_path(&mut self, at: &At<'_>) {
        self.descending_path(at);
        if at.text().starts_with("..") && !at.text().starts_with("../") {
            self.invalid(at, "must not start with '..'");
        }
    }
}

//! Structural schemas: what a custom resource definition says about its objects.
//!
//! [`Structural::compile`] checks a schema as the API does when a definition is installed, and compiles it once;
//! the result prunes, defaults and validates any number of objects. Texts, their order where it is not left to
//! chance, and the rules for what an update may leave broken are those of Kubernetes.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema and pkg/apiserver/validation, kube-openapi
//! pkg/validation, v1.36.

mod check;
mod defaults;
mod embedded;
mod format;
mod list_types;
mod node;
mod pattern;
mod prune;
mod rules;
mod validate;

use serde_json::Value;

use crate::error::FieldError;

pub(crate) use check::check_definition_schema;
use node::Node;

/// The schema of one version of a custom kind.
#[derive(Debug)]
pub(crate) struct Structural {
    root: Node,
    rules: bool,
}

/// The last cause of an invalid object whose rules were not looked at.
const RULES_NOT_CHECKED: &str = "some validation rules were not checked because the object was \
                                 invalid; correct the existing errors to complete validation";

impl Structural {
    /// Checks and compiles an `openAPIV3Schema`. `path` is where it stands in its definition, for the errors.
    ///
    /// # Errors
    /// Everything that keeps the schema from being structural, and patterns and rules that do not compile.
    pub(crate) fn compile(schema: &Value, path: &str) -> Result<Self, Vec<FieldError>> {
        let errors = check::check_structural(schema, path);
        if !errors.is_empty() {
            return Err(errors);
        }
        let root = Node::compile(schema, path)?;
        let rules = root.has_rules();
        Ok(Self { root, rules })
    }

    /// Removes fields that the schema does not know and normalises numbers, in place. Type and metadata of the object
    /// itself are left alone.
    ///
    /// Returns the paths of what was removed, sorted.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::integral_numbers(object);
        let mut unknown = embedded::prune_metadata(&self.root, object);
        unknown.extend(prune::prune(&self.root, object));
        defaults::prune_nulls(&self.root, object);
        unknown.sort();
        unknown
    }

    /// Fills in absent fields that have a default.
    pub(crate) fn default(&self, object: &mut Value) {
        defaults::default(&self.root, object);
    }

    /// Returns all problems of `new`; `old` is what it replaces.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = validate::validate(&self.root, new, old);
        self.add_invariants(&mut errors, new, old);
        errors
    }

    /// Returns all problems of a write to `/status`: only `status` is checked against the schema.
    pub(crate) fn validate_status(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate::validate_status(&self.root, new, old);
        self.add_invariants(&mut errors, new, Some(old));
        errors
    }

    /// What is checked besides the schema proper: embedded objects, list types, rules.
    fn add_invariants(&self, errors: &mut Vec<FieldError>, new: &Value, old: Option<&Value>) {
        errors.extend(embedded::validate(&self.root, new));
        let lists_were_fine =
            old.is_none_or(|old| list_types::validate(&self.root, old).is_empty());
        if lists_were_fine {
            errors.extend(list_types::validate(&self.root, new));
        }
        if !self.rules {
            return;
        }
        if errors.iter().any(blocks_rules) {
            errors.push(FieldError::invalid("<nil>", Value::Null, RULES_NOT_CHECKED));
        } else {
            errors.extend(rules::validate(&self.root, new, old));
        }
    }
}

/// Rules are not evaluated on objects of which they could not even rely on types.
fn blocks_rules(error: &FieldError) -> bool {
    use crate::error::FieldErrorKind as Kind;
    matches!(
        error.kind,
        Kind::NotSupported(_)
            | Kind::Required
            | Kind::TooLong
            | Kind::TooMany(_)
            | Kind::TypeInvalid(_)
    )
}

#[cfg(test)]
mod tests;

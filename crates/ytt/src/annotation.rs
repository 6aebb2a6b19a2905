//! Annotations: what `#@name …` comments say about a node, evaluated.
//!
//! Source: ytt pkg/template/annotations.go.

use std::rc::Rc;
use std::sync::Arc;

use crate::position::Position;
use crate::star;

/// Names that the system knows.
pub(crate) mod name {
    pub(crate) const COMMENT: &str = "comment";
    pub(crate) const CODE: &str = "template/code";
    pub(crate) const VALUE: &str = "template/value";
    pub(crate) const MAP_KEY_OVERRIDE: &str = "yaml/map-key-override";
    pub(crate) const TEXT_TEMPLATED_STRINGS: &str = "yaml/text-templated-strings";
    pub(crate) const DATA_VALUES: &str = "data/values";
    pub(crate) const DATA_VALUES_SCHEMA: &str = "data/values-schema";
    pub(crate) const LIBRARY_REF: &str = "library/ref";
    pub(crate) const ASSERT_VALIDATE: &str = "assert/validate";
    pub(crate) const SCHEMA_TYPE: &str = "schema/type";
    pub(crate) const SCHEMA_NULLABLE: &str = "schema/nullable";
    pub(crate) const SCHEMA_DEFAULT: &str = "schema/default";
    pub(crate) const SCHEMA_DESC: &str = "schema/desc";
    pub(crate) const SCHEMA_TITLE: &str = "schema/title";
    pub(crate) const SCHEMA_EXAMPLES: &str = "schema/examples";
    pub(crate) const SCHEMA_DEPRECATED: &str = "schema/deprecated";
    pub(crate) const SCHEMA_VALIDATION: &str = "schema/validation";
    pub(crate) const OVERLAY_MATCH: &str = "overlay/match";
    pub(crate) const OVERLAY_MATCH_CHILD_DEFAULTS: &str = "overlay/match-child-defaults";
    pub(crate) const OVERLAY_MERGE: &str = "overlay/merge";
    pub(crate) const OVERLAY_REMOVE: &str = "overlay/remove";
    pub(crate) const OVERLAY_REPLACE: &str = "overlay/replace";
    pub(crate) const OVERLAY_INSERT: &str = "overlay/insert";
    pub(crate) const OVERLAY_APPEND: &str = "overlay/append";
    pub(crate) const OVERLAY_ASSERT: &str = "overlay/assert";
}

/// The arguments of an annotation, and where it stands.
#[derive(Clone)]
pub(crate) struct Annotation {
    pub(crate) args: Rc<[star::Value]>,
    pub(crate) kwargs: Rc<[(String, star::Value)]>,
    pub(crate) position: Position,
}

/// The annotations of a node, each name once, in the order in which they were set first.
#[derive(Clone, Default)]
pub(crate) struct Annotations(Vec<(Arc<str>, Annotation)>);

impl Annotations {
    pub(crate) fn get(&self, name: &str) -> Option<&Annotation> {
        self.0
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, annotation)| annotation)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Keyword arguments of an annotation; none when it is absent.
    pub(crate) fn kwargs(&self, name: &str) -> Rc<[(String, star::Value)]> {
        self.get(name)
            .map_or_else(|| Rc::from([]), |annotation| Rc::clone(&annotation.kwargs))
    }

    pub(crate) fn set(&mut self, name: Arc<str>, annotation: Annotation) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = annotation,
            None => self.0.push((name, annotation)),
        }
    }

    /// Forgets all annotations whose name begins with `namespace/`.
    pub(crate) fn remove_namespace(&mut self, namespace: &str) {
        self.0.retain(|(name, _)| {
            !name
                .strip_prefix(namespace)
                .is_some_and(|rest| rest.starts_with('/'))
        });
    }
}

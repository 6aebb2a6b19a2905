//! Dropping what a schema does not know.
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/pruning/algorithm.go, v1.36.

use serde_json::{Number, Value};

use super::node::{Additional, Node};

/// The largest integer up to which a float is taken as an integer: 2^53.
const INTEGRAL_MAX: f64 = 9_007_199_254_740_992.0;

const META_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes unknown fields below the root and returns their paths.
pub(super) fn prune(root: &Node, object: &mut Value) -> Vec<String> {
    let mut walk = Walk {
        path: String::new(),
        unknown: Vec::new(),
    };
    walk.prune(Some(root), object, true);
    walk.unknown
}

/// Turns floats without a fraction into integers, as Go's decoder of unstructured objects does not, but every
/// schema-checked integer field does: `3.0` is accepted for an integer and stored as `3`.
pub(super) fn integral_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && float.fract() == 0.0
                && float.abs() <= INTEGRAL_MAX
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
                let whole = float as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(integral_numbers),
        Value::Object(fields) => fields.values_mut().for_each(integral_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

struct Walk {
    path: String,
    unknown: Vec<String>,
}

impl Walk {
    fn with_key(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        visit(self);
        self.path.truncate(length);
    }

    fn with_index(&mut self, index: usize, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        visit(self);
        self.path.truncate(length);
    }

    fn record(&mut self, key: &str) {
        self.with_key(key, |walk| walk.unknown.push(walk.path.clone()));
    }

    /// `resource` says that type and metadata belong here whatever the schema says.
    fn prune(&mut self, node: Option<&Node>, value: &mut Value, resource: bool) {
        if let Some(node) = node.filter(|node| node.preserve_unknown) {
            return self.descend(node, value, resource);
        }
        match value {
            Value::Object(fields) => {
                let names: Vec<String> = fields.keys().cloned().collect();
                for name in names {
                    let is_meta = META_FIELDS.contains(&name.as_str());
                    if is_meta && (resource || node.is_some_and(|node| node.embedded)) {
                        continue;
                    }
                    match node.map(|node| known(node, &name)) {
                        Some(Known::Node(child)) => {
                            if let Some(field) = fields.get_mut(&name) {
                                self.with_key(&name, |walk| walk.prune(child, field, false));
                            }
                        }
                        Some(Known::No) if is_meta && self.path.is_empty() => {
                            fields.remove(&name);
                        }
                        Some(Known::No) | None => {
                            self.record(&name);
                            fields.remove(&name);
                        }
                    }
                }
            }
            Value::Array(items) => {
                let child = node.and_then(|node| node.items.as_deref());
                for (index, item) in items.iter_mut().enumerate() {
                    self.with_index(index, |walk| walk.prune(child, item, false));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Keeps everything at this level, but specified children are pruned.
    fn descend(&mut self, node: &Node, value: &mut Value, resource: bool) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let is_meta = META_FIELDS.contains(&name.as_str());
                    if is_meta && (resource || node.embedded) {
                        continue;
                    }
                    if let Known::Node(child) = known(node, name) {
                        self.with_key(name, |walk| walk.prune(child, field, false));
                    }
                }
            }
            Value::Array(items) => {
                let Some(child) = node.items.as_deref() else {
                    return;
                };
                for (index, item) in items.iter_mut().enumerate() {
                    self.with_index(index, |walk| walk.descend(child, item, false));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

enum Known<'a> {
    /// Declared or additional; `None` is an additional field about which nothing is said, whose own fields are
    /// then unknown.
    Node(Option<&'a Node>),
    No,
}

fn known<'a>(node: &'a Node, name: &str) -> Known<'a> {
    if let Some(child) = node.properties.get(name) {
        return Known::Node(Some(child));
    }
    match &node.additional {
        Additional::Schema(child) => Known::Node(Some(child)),
        Additional::Any => Known::Node(None),
        Additional::Unspecified => Known::No,
    }
}

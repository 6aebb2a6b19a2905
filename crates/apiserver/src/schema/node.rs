//! The compiled form of a schema.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    format::Format,
    pattern,
    rules::{self, Rule},
};
use crate::error::FieldError;

/// One node of a schema, also inside `allOf`, `anyOf`, `oneOf` and `not`.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Allowed JSON types; empty allows any.
    pub(super) types: Vec<&'static str>,
    pub(super) nullable: bool,
    pub(super) format: Option<Format>,
    pub(super) default: Option<Value>,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Additional,
    pub(super) items: Option<Box<Node>>,
    pub(super) preserve_unknown: bool,
    pub(super) embedded: bool,
    pub(super) list_type: Option<String>,
    pub(super) list_keys: Vec<String>,
    pub(super) limits: Limits,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) not: Option<Box<Node>>,
    pub(super) rules: Vec<Rule>,
    /// There are rules here or below.
    ruled: bool,
}

/// What fields besides the declared ones may be there.
#[derive(Debug, Default)]
pub(super) enum Additional {
    /// Nothing is said.
    #[default]
    Unspecified,
    /// Anything.
    Any,
    /// Values of this schema.
    Schema(Box<Node>),
}

/// Constraints on values.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) allowed: Option<Vec<Value>>,
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_maximum: bool,
    pub(super) minimum: Option<f64>,
    pub(super) exclusive_minimum: bool,
    pub(super) multiple_of: Option<f64>,
    pub(super) max_length: Option<i64>,
    pub(super) min_length: Option<i64>,
    pub(super) pattern: Option<(String, Regex)>,
    pub(super) max_items: Option<i64>,
    pub(super) min_items: Option<i64>,
    pub(super) unique_items: bool,
    pub(super) max_properties: Option<i64>,
    pub(super) min_properties: Option<i64>,
    pub(super) required: Vec<String>,
}

impl Node {
    /// Compiles a node and everything below it. The schema has passed the structural check, which also bounds its
    /// depth.
    pub(super) fn compile(schema: &Value, path: &str) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let node = compile(schema, path, true, &mut errors);
        if errors.is_empty() {
            Ok(node)
        } else {
            Err(errors)
        }
    }

    /// The schema of a field, declared or additional.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(match &self.additional {
            Additional::Schema(node) => Some(node),
            Additional::Unspecified | Additional::Any => None,
        })
    }

    pub(super) fn additional_node(&self) -> Option<&Node> {
        match &self.additional {
            Additional::Schema(node) => Some(node),
            Additional::Unspecified | Additional::Any => None,
        }
    }

    /// Whether rules are to be evaluated here or below.
    pub(super) fn has_rules(&self) -> bool {
        self.ruled
    }
}

fn compile(schema: &Value, path: &str, is_root: bool, errors: &mut Vec<FieldError>) -> Node {
    let nothing = Map::new();
    let schema = schema.as_object().unwrap_or(&nothing);
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
    let types = types(schema);
    let mut node = Node {
        nullable: flag("nullable"),
        format: text("format").and_then(|format| Format::supported(&format, &types)),
        default: schema
            .get("default")
            .filter(|default| !default.is_null())
            .cloned(),
        preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
        embedded: flag("x-kubernetes-embedded-resource"),
        list_type: text("x-kubernetes-list-type"),
        list_keys: strings(schema.get("x-kubernetes-list-map-keys")),
        limits: limits(schema, path, errors),
        types,
        ..Node::default()
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            let path = format!("{path}.properties[{name}]");
            node.properties
                .insert(name.clone(), compile(property, &path, false, errors));
        }
    }
    node.additional = match schema.get("additionalProperties") {
        None | Some(Value::Null | Value::Bool(false)) => Additional::Unspecified,
        Some(Value::Bool(true)) => Additional::Any,
        Some(additional) => {
            let path = format!("{path}.additionalProperties");
            Additional::Schema(Box::new(compile(additional, &path, false, errors)))
        }
    };
    node.items = schema
        .get("items")
        .filter(|items| !items.is_null())
        .map(|items| Box::new(compile(items, &format!("{path}.items"), false, errors)));
    for (name, into) in [
        ("allOf", &mut node.all_of),
        ("anyOf", &mut node.any_of),
        ("oneOf", &mut node.one_of),
    ] {
        let alternatives = schema.get(name).and_then(Value::as_array);
        for (index, one) in alternatives.into_iter().flatten().enumerate() {
            into.push(compile(
                one,
                &format!("{path}.{name}[{index}]"),
                false,
                errors,
            ));
        }
    }
    node.not = schema
        .get("not")
        .filter(|not| !not.is_null())
        .map(|not| Box::new(compile(not, &format!("{path}.not"), false, errors)));
    if let Some(given) = schema
        .get("x-kubernetes-validations")
        .and_then(Value::as_array)
    {
        node.rules = rules::compile(given, &node, is_root || node.embedded, path, errors);
    }
    node.ruled = !node.rules.is_empty()
        || node.properties.values().any(Node::has_rules)
        || node.items.as_deref().is_some_and(Node::has_rules)
        || node.additional_node().is_some_and(Node::has_rules);
    node
}

fn types(schema: &Map<String, Value>) -> Vec<&'static str> {
    let or_string = schema
        .get("x-kubernetes-int-or-string")
        .and_then(Value::as_bool);
    if or_string == Some(true) {
        return vec!["integer", "string"];
    }
    let known = ["array", "boolean", "integer", "number", "object", "string"];
    let name = schema.get("type").and_then(Value::as_str);
    name.and_then(|name| known.into_iter().find(|known| *known == name))
        .into_iter()
        .collect()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn limits(schema: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) -> Limits {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let count = |name: &str| schema.get(name).and_then(Value::as_i64);
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
    let source = schema
        .get("pattern")
        .and_then(Value::as_str)
        .filter(|source| !source.is_empty());
    let pattern = source.and_then(|source| match pattern::compile(source) {
        Ok(regex) => Some((source.to_owned(), regex)),
        Err(reason) => {
            let detail = format!("must be a valid regular expression, but isn't: {reason}");
            errors.push(FieldError::invalid(
                format!("{path}.pattern"),
                source,
                detail,
            ));
            None
        }
    });
    Limits {
        allowed: schema
            .get("enum")
            .and_then(Value::as_array)
            .filter(|values| !values.is_empty())
            .cloned(),
        maximum: number("maximum"),
        exclusive_maximum: flag("exclusiveMaximum"),
        minimum: number("minimum"),
        exclusive_minimum: flag("exclusiveMinimum"),
        multiple_of: number("multipleOf"),
        max_length: count("maxLength"),
        min_length: count("minLength"),
        pattern,
        max_items: count("maxItems"),
        min_items: count("minItems"),
        unique_items: flag("uniqueItems"),
        max_properties: count("maxProperties"),
        min_properties: count("minProperties"),
        required: strings(schema.get("required")),
    }
}

//! Is a schema structural?
//!
//! Source: apiextensions-apiserver pkg/apiserver/schema/validation.go and pkg/apis/apiextensions/validation,
//! v1.36.

use serde_json::{Map, Value};

use crate::error::FieldError;

/// Deeper schemas are refused; the JSON parser stops at twice that.
const DEPTH_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Returns everything that keeps a schema from being structural, sorted by text.
pub(super) fn check_structural(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut check = Check { errors: Vec::new() };
    check.structure(schema, path, Level::Root, 0);
    check.errors.sort_by_key(ToString::to_string);
    check.errors.dedup_by_key(|error| error.to_string());
    check.errors
}

/// Returns the problems of an `openAPIV3Schema` of a definition: those of structure and those of keywords.
pub(crate) fn check_definition_schema(schema: &Value, path: &str) -> Vec<FieldError> {
    match super::Structural::compile(schema, path) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}

struct Check {
    errors: Vec<FieldError>,
}

fn object(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object()
}

fn text<'a>(schema: &'a Map<String, Value>, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn flag(schema: &Map<String, Value>, name: &str) -> bool {
    schema.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn present<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    schema.get(name).filter(|value| !value.is_null())
}

impl Check {
    fn forbidden(&mut self, path: String, detail: &str) {
        self.errors.push(FieldError::forbidden(path, detail));
    }

    fn required(&mut self, path: String, detail: &str) {
        self.errors.push(FieldError::required(path, detail));
    }

    fn invalid(&mut self, path: String, value: impl Into<Value>, detail: &str) {
        self.errors.push(FieldError::invalid(path, value, detail));
    }

    fn structure(&mut self, schema: &Value, path: &str, level: Level, depth: usize) {
        let Some(schema) = object(schema) else {
            return self.invalid(path.to_owned(), schema.clone(), "must be an object");
        };
        if depth > DEPTH_MAX {
            return self.forbidden(path.to_owned(), "is nested too deeply");
        }
        self.keywords(schema, path);
        let kind = text(schema, "type");
        let or_string = flag(schema, "x-kubernetes-int-or-string");
        let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let properties = schema.get("properties").and_then(Value::as_object);

        match present(schema, "items") {
            Some(items) => self.structure(items, &format!("{path}.items"), Level::Item, depth + 1),
            None if kind == "array" => {
                self.required(format!("{path}.items"), "must be specified");
            }
            None => {}
        }
        for (name, property) in properties.into_iter().flatten() {
            let at = format!("{path}.properties[{name}]");
            self.structure(property, &at, Level::Field, depth + 1);
        }
        if let Some(additional) = present(schema, "additionalProperties") {
            let at = format!("{path}.additionalProperties");
            if level == Level::Root {
                self.forbidden(at.clone(), "must not be used at the root");
            }
            if embedded {
                self.forbidden(
                    at.clone(),
                    "must not be used if x-kubernetes-embedded-resource is set",
                );
            }
            if additional.is_object() {
                self.structure(additional, &at, Level::Field, depth + 1);
            }
        }
        if or_string {
            for (other, set) in [
                ("x-kubernetes-preserve-unknown-fields", preserve),
                ("x-kubernetes-embedded-resource", embedded),
            ] {
                if set {
                    let detail = "must be false if x-kubernetes-int-or-string is true";
                    self.invalid(format!("{path}.{other}"), true, detail);
                }
            }
        }
        self.junctors(schema, path, or_string, depth);
        self.kind(schema, path, level);
        self.metadata(schema, path, level);
        if embedded && !preserve && properties.is_none_or(Map::is_empty) {
            self.required(
                format!("{path}.properties"),
                "must not be empty if x-kubernetes-embedded-resource is true without \
                 x-kubernetes-preserve-unknown-fields",
            );
        }
    }

    fn kind(&mut self, schema: &Map<String, Value>, path: &str, level: Level) {
        let kind = text(schema, "type");
        let at = format!("{path}.type");
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        if embedded && kind != "object" {
            let detail = "must be object if x-kubernetes-embedded-resource is true";
            if kind.is_empty() {
                self.required(at.clone(), detail);
            } else {
                self.invalid(at.clone(), kind, detail);
            }
        } else if kind.is_empty()
            && !flag(schema, "x-kubernetes-int-or-string")
            && !flag(schema, "x-kubernetes-preserve-unknown-fields")
        {
            let detail = match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            };
            self.required(at.clone(), detail);
        }
        if level == Level::Root && !kind.is_empty() && kind != "object" {
            self.invalid(at, kind, "must be object at the root");
        }
    }

    /// The metadata of an object is what it is; only its name may be restricted, and only at the root.
    fn metadata(&mut self, schema: &Map<String, Value>, path: &str, level: Level) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let checked = level == Level::Root || flag(schema, "x-kubernetes-embedded-resource");
        for name in ["kind", "apiVersion"] {
            let Some(property) = properties.get(name).and_then(Value::as_object) else {
                continue;
            };
            if checked && text(property, "type") != "string" {
                let at = format!("{path}.properties[{name}].type");
                self.invalid(at, text(property, "type"), "must be string");
            }
        }
        let Some(metadata) = properties.get("metadata").and_then(Value::as_object) else {
            return;
        };
        let at = format!("{path}.properties[metadata]");
        if checked && text(metadata, "type") != "object" {
            self.invalid(
                format!("{at}.type"),
                text(metadata, "type"),
                "must be object",
            );
        }
        if level == Level::Root {
            let names_only = metadata
                .get("properties")
                .and_then(Value::as_object)
                .is_none_or(|p| {
                    p.keys()
                        .all(|name| name == "name" || name == "generateName")
                });
            let others = metadata
                .keys()
                .any(|key| !matches!(key.as_str(), "type" | "properties" | "default"));
            if !names_only || others {
                self.forbidden(
                    at,
                    "must not specify anything other than name and generateName, but metadata is \
                     implicitly specified",
                );
            }
        }
    }

    /// Keywords that no schema of a definition may have, or not with these values.
    fn keywords(&mut self, schema: &Map<String, Value>, path: &str) {
        for name in [
            "$ref",
            "definitions",
            "dependencies",
            "id",
            "patternProperties",
            "additionalItems",
        ] {
            let Some(value) = present(schema, name) else {
                continue;
            };
            let empty = value.as_object().is_some_and(Map::is_empty)
                || value.as_str().is_some_and(str::is_empty);
            if !empty {
                let (at, detail) = match name {
                    "$ref" => (format!("{path}.$ref"), "$ref is not supported".to_owned()),
                    name => (format!("{path}.{name}"), format!("{name} is not supported")),
                };
                self.forbidden(at, &detail);
            }
        }
        if flag(schema, "uniqueItems") {
            self.forbidden(
                format!("{path}.uniqueItems"),
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            );
        }
        if text(schema, "type") == "null" {
            self.forbidden(
                format!("{path}.type"),
                "type cannot be set to null, use nullable as an alternative",
            );
        }
        if let Some(items) = present(schema, "items")
            && items.is_array()
        {
            self.forbidden(
                format!("{path}.items"),
                "items must be a schema object and not an array",
            );
        }
        if let Some(additional) = present(schema, "additionalProperties") {
            let at = format!("{path}.additionalProperties");
            if schema
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|p| !p.is_empty())
                && additional != &Value::Bool(false)
            {
                self.forbidden(
                    at.clone(),
                    "additionalProperties and properties are mutual exclusive",
                );
            }
            if additional == &Value::Bool(false) {
                self.forbidden(at, "additionalProperties cannot be set to false");
            }
        }
        self.list_type(schema, path);
        self.map_type(schema, path);
    }

    fn list_type(&mut self, schema: &Map<String, Value>, path: &str) {
        let at = |name: &str| format!("{path}.{name}");
        let keys: Vec<&str> = schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let list_type = present(schema, "x-kubernetes-list-type").and_then(Value::as_str);
        let Some(list_type) = list_type else {
            if !keys.is_empty() {
                self.required(
                    at("x-kubernetes-list-type"),
                    "must be map if x-kubernetes-list-map-keys is non-empty",
                );
            }
            return;
        };
        if text(schema, "type") != "array" {
            if text(schema, "type").is_empty() {
                self.required(
                    at("type"),
                    "must be array if x-kubernetes-list-type is specified",
                );
            } else {
                let detail = "must be array if x-kubernetes-list-type is specified";
                self.invalid(at("type"), text(schema, "type"), detail);
            }
        }
        if !matches!(list_type, "atomic" | "set" | "map") {
            self.errors.push(FieldError::not_supported(
                at("x-kubernetes-list-type"),
                list_type,
                &["atomic", "set", "map"],
            ));
        }
        if !keys.is_empty() && list_type != "map" {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            self.invalid(at("x-kubernetes-list-type"), list_type, detail);
        }
        if list_type != "map" {
            return;
        }
        if keys.is_empty() {
            self.required(
                at("x-kubernetes-list-map-keys"),
                "must not be empty if x-kubernetes-list-type is map",
            );
        }
        let items = present(schema, "items").and_then(Value::as_object);
        let Some(items) = items else {
            return self.required(
                at("items"),
                "must have a schema if x-kubernetes-list-type is map",
            );
        };
        if text(items, "type") != "object" {
            let detail = "must be object if parent array's x-kubernetes-list-type is map";
            self.invalid(at("items.type"), text(items, "type"), detail);
        }
        self.list_keys(items, &keys, path);
    }

    fn list_keys(&mut self, items: &Map<String, Value>, keys: &[&str], path: &str) {
        let keys_path = format!("{path}.x-kubernetes-list-map-keys");
        let required: Vec<&str> = items
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let properties = items.get("properties").and_then(Value::as_object);
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].contains(key) {
                self.errors
                    .push(FieldError::duplicate(format!("{keys_path}[{index}]"), *key));
            }
            let property = properties
                .and_then(|p| p.get(*key))
                .and_then(Value::as_object);
            let Some(property) = property else {
                let detail = "entries must all be names of item properties";
                self.invalid(format!("{keys_path}[{index}]"), *key, detail);
                continue;
            };
            let at = format!("{path}.items.properties[{key}]");
            if matches!(text(property, "type"), "array" | "object") {
                let detail =
                    "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.invalid(format!("{at}.type"), text(property, "type"), detail);
            }
            if flag(property, "nullable") {
                self.forbidden(
                    format!("{at}.nullable"),
                    "this property is in x-kubernetes-list-map-keys, so it cannot be nullable",
                );
            }
            if !required.contains(key) && present(property, "default").is_none() {
                self.required(
                    format!("{at}.default"),
                    "this property is in x-kubernetes-list-map-keys, so it must have a default or \
                     be a required property",
                );
            }
        }
    }

    fn map_type(&mut self, schema: &Map<String, Value>, path: &str) {
        let Some(map_type) = present(schema, "x-kubernetes-map-type").and_then(Value::as_str)
        else {
            return;
        };
        let at = |name: &str| format!("{path}.{name}");
        let detail = "must be object if x-kubernetes-map-type is specified";
        match text(schema, "type") {
            "object" => {}
            "" => self.required(at("type"), detail),
            other => self.invalid(at("type"), other, detail),
        }
        if !matches!(map_type, "atomic" | "granular") {
            self.errors.push(FieldError::not_supported(
                at("x-kubernetes-map-type"),
                map_type,
                &["atomic", "granular"],
            ));
        }
    }

    /// `allOf`, `anyOf`, `oneOf` and `not` only constrain values.
    fn junctors(&mut self, schema: &Map<String, Value>, path: &str, or_string: bool, depth: usize) {
        let is_or_string = |list: Option<&Value>| {
            let kinds: Vec<&str> = list
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_object)
                .filter(|one| one.len() == 1)
                .map(|one| text(one, "type"))
                .collect();
            kinds == ["integer", "string"]
        };
        let skip_any_of = or_string && is_or_string(schema.get("anyOf"));
        let first_all_of = schema.get("allOf").and_then(|all| all.get(0));
        let skip_in_all_of =
            or_string && is_or_string(first_all_of.and_then(|one| one.get("anyOf")));
        for name in ["anyOf", "allOf", "oneOf"] {
            if name == "anyOf" && skip_any_of {
                continue;
            }
            let alternatives = schema.get(name).and_then(Value::as_array);
            for (index, one) in alternatives.into_iter().flatten().enumerate() {
                let at = format!("{path}.{name}[{index}]");
                let skip = name == "allOf" && index == 0 && skip_in_all_of;
                self.nested(one, &at, skip, depth + 1);
            }
        }
        if let Some(not) = present(schema, "not") {
            self.nested(not, &format!("{path}.not"), false, depth + 1);
        }
    }

    fn nested(&mut self, schema: &Value, path: &str, skip_any_of: bool, depth: usize) {
        let Some(schema) = object(schema) else { return };
        if depth > DEPTH_MAX {
            return self.forbidden(path.to_owned(), "is nested too deeply");
        }
        let at = |name: &str| format!("{path}.{name}");
        if !text(schema, "type").is_empty() {
            self.forbidden(at("type"), "must be empty to be structural");
        }
        for name in ["title", "description"] {
            if !text(schema, name).is_empty() {
                self.forbidden(at(name), "must be empty to be structural");
            }
        }
        for name in [
            "additionalProperties",
            "default",
            "x-kubernetes-list-type",
            "x-kubernetes-map-type",
        ] {
            if present(schema, name).is_some() {
                self.forbidden(at(name), "must be undefined to be structural");
            }
        }
        for name in [
            "nullable",
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-embedded-resource",
            "x-kubernetes-int-or-string",
        ] {
            if flag(schema, name) {
                self.forbidden(at(name), "must be false to be structural");
            }
        }
        for name in ["x-kubernetes-list-map-keys", "x-kubernetes-validations"] {
            if schema
                .get(name)
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty())
            {
                self.forbidden(at(name), "must be empty to be structural");
            }
        }
        if let Some(items) = present(schema, "items") {
            self.nested(items, &at("items"), false, depth + 1);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if name == "metadata" {
                self.forbidden(
                    format!("{path}.properties[metadata]"),
                    "must not be specified in a nested context",
                );
            }
            self.nested(
                property,
                &format!("{path}.properties[{name}]"),
                false,
                depth + 1,
            );
        }
        let alternatives: Map<String, Value> = schema
            .iter()
            .filter(|(name, _)| {
                matches!(name.as_str(), "allOf" | "oneOf" | "not")
                    || name.as_str() == "anyOf" && !skip_any_of
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.junctors(&alternatives, path, false, depth);
    }
}

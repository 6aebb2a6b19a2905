//! Brings generated schemas into the form that Kubernetes tools write.
//!
//! The generator marks optional fields `nullable`, writes titles and empty defaults, wraps
//! descriptions and loses the types of alternatives; Cartographer's definitions are free of that. The difference is not cosmetic: where a schema
//! says `nullable`, the API server stores an explicit null instead of dropping it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

const API_VERSION: &str = "Version of the API that the object is written for: carto.run/v1alpha1. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind of the object. It cannot be changed. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

/// Rewrites the schemas of a definition.
pub(crate) fn tidy(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(crd).expect("a definition has only string keys");
    let versions = value["spec"]["versions"].as_array_mut();
    for version in versions.into_iter().flatten() {
        if let Some(root) = version.pointer_mut("/schema/openAPIV3Schema") {
            tidy_schema(root);
            complete_root(root);
        }
        drop_empty_lists(version);
    }
    let names = &mut value["spec"]["names"];
    names["listKind"] = json!(format!(
        "{}List",
        names["kind"].as_str().unwrap_or_default()
    ));
    serde_json::from_value(value).expect("tidying keeps the shape of a definition")
}

/// Gives the root what every object has.
fn complete_root(root: &mut Value) {
    root["properties"]["apiVersion"] = json!({ "type": "string", "description": API_VERSION });
    root["properties"]["kind"] = json!({ "type": "string", "description": KIND });
    root["properties"]["metadata"] = json!({ "type": "object" });
    root["required"] = json!(["metadata", "spec"]);
    root["type"] = json!("object");
}

fn drop_empty_lists(version: &mut Value) {
    if let Some(version) = version.as_object_mut() {
        for key in [
            "additionalPrinterColumns",
            "subresources",
            "selectableFields",
        ] {
            if version.get(key).is_some_and(is_empty) {
                version.remove(key);
            }
        }
    }
}

/// Schemas nest as deep as the types do; there is no recursive type among them.
fn tidy_schema(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.remove("nullable");
    object.remove("title");
    if object.contains_key("x-kubernetes-int-or-string") {
        object.insert(
            "anyOf".into(),
            json!([{ "type": "integer" }, { "type": "string" }]),
        );
    }
    if object.get("default").is_some_and(is_empty) {
        object.remove("default");
    }
    unwrap_description(object);
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            tidy_schema(inner);
        }
    }
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    for (_, property) in properties.into_iter().flatten() {
        tidy_schema(property);
    }
}

/// Doc comments are wrapped for readers of code; a lone line break is a blank.
fn unwrap_description(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        let paragraphs: Vec<String> = text
            .split("\n\n")
            .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        *text = paragraphs.join("\n\n");
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Number(_) => false,
    }
}

/// Writes whole numbers without a fraction: limits are floats in the typed definition.
pub(crate) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().and_then(as_whole) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(entries) => entries.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
fn as_whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

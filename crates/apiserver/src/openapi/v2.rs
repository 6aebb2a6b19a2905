//! The merged version 2 document, for older tools that want JSON. It is large and built on request.
//!
//! The protobuf form that old clients of Kubernetes prefer is not made: they are told so and go on
//! without it.

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::body::ApiBody;
use crate::error::ApiError;
use crate::pipeline::to_json;
use crate::respond;

impl Api {
    /// Answers `/openapi/v2`.
    pub(crate) fn openapi_v2(&self, accept: Option<&str>) -> Result<Response<ApiBody>, ApiError> {
        if !super::accepts_json(accept) {
            return Err(ApiError::NotAcceptable(&["application/json"]));
        }
        let catalogue = self.catalogue();
        let (mut paths, mut definitions) = (Map::new(), Map::new());
        for group in catalogue.groups() {
            for version in &group.versions {
                let mut document = self.build(&group.name, version);
                take_into(&mut paths, &mut document["paths"]);
                take_into(&mut definitions, &mut document["components"]["schemas"]);
            }
        }
        let mut document = json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "v1.36.0"},
            "paths": paths,
            "definitions": definitions,
        });
        downgrade(&mut document);
        Ok(respond::json(StatusCode::OK, to_json(&document)))
    }
}

fn take_into(all: &mut Map<String, Value>, part: &mut Value) {
    if let Value::Object(part) = part.take() {
        all.extend(part);
    }
}

/// Rewrites what version 2 says in another way.
fn downgrade(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(downgrade),
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/definitions/");
            }
            // A reference in a list of one stands alone.
            if let Some(Value::Array(all)) = map.get("allOf")
                && let [Value::Object(only)] = all.as_slice()
                && let Some(reference) = only.get("$ref").cloned()
            {
                map.remove("allOf");
                map.remove("default");
                map.insert("$ref".into(), reference);
            }
            if let Some(Value::Object(body)) = map.remove("requestBody") {
                let schema = body["content"].as_object().and_then(|c| c.values().next());
                let schema = schema
                    .map(|media| media["schema"].clone())
                    .unwrap_or_default();
                let body =
                    json!({"name": "body", "in": "body", "required": true, "schema": schema});
                if let Some(Value::Array(parameters)) = map.get_mut("parameters") {
                    parameters.push(body);
                }
            }
            if let Some(Value::Object(content)) = map.remove("content")
                && let Some(media) = content.into_iter().next()
            {
                map.insert("schema".into(), media.1["schema"].clone());
            }
            if map.contains_key("in")
                && map.get("in").is_some_and(|place| place != "body")
                && let Some(Value::Object(schema)) = map.remove("schema")
            {
                map.extend(schema);
            }
            map.values_mut().for_each(downgrade);
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/definitions/");
            }
        }
        _ => {}
    }
}

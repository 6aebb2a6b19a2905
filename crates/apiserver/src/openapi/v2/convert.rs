//! What version 2 says in another way than version 3.

use serde_json::{Map, Value, json};

const REFERENCE_V3: &str = "#/components/schemas/";
const REFERENCE_V2: &str = "#/definitions/";

/// Rewrites the operations of all paths.
pub(super) fn paths(paths: &mut Map<String, Value>) {
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for (name, part) in path {
            if name == "parameters" {
                part.as_array_mut()
                    .into_iter()
                    .flatten()
                    .for_each(parameter);
            } else if let Value::Object(part) = part {
                operation(part);
            }
        }
    }
}

fn operation(operation: &mut Map<String, Value>) {
    let mut parameters = match operation.remove("parameters") {
        Some(Value::Array(parameters)) => parameters,
        _ => vec![],
    };
    parameters.iter_mut().for_each(parameter);
    if let Some(mut body) = operation.remove("requestBody") {
        let (types, schema) = content(&mut body);
        operation.insert("consumes".into(), types.into());
        parameters.push(json!({"name": "body", "in": "body", "required": true, "schema": schema}));
    }
    operation.insert("parameters".into(), parameters.into());
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    let mut produces = vec![];
    for response in responses.into_iter().flat_map(Map::values_mut) {
        let (types, schema) = content(response);
        if !types.is_empty() {
            response["schema"] = schema;
            produces = types;
        }
    }
    operation.insert("produces".into(), produces.into());
}

/// Takes media types and schema out of a body or a response.
fn content(of: &mut Value) -> (Vec<String>, Value) {
    let Some(Value::Object(content)) = of.as_object_mut().and_then(|of| of.remove("content"))
    else {
        return (vec![], Value::Null);
    };
    let types = content.keys().cloned().collect();
    let first = content.into_iter().next();
    let mut schema = first.map_or(Value::Null, |(_, mut media)| media["schema"].take());
    self::schema(&mut schema);
    (types, schema)
}

/// The schema of a parameter is part of it.
fn parameter(parameter: &mut Value) {
    let Some(map) = parameter.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(schema)) = map.remove("schema") {
        map.extend(schema);
    }
}

/// Rewrites the schema of a kind, or of a part of kinds.
pub(super) fn definition(schema: &mut Value) {
    self::schema(schema);
    // A kind stays an object whatever its fields are: one without a type would be anything.
    if schema.get("x-kubernetes-group-version-kind").is_some() {
        schema["type"] = "object".into();
    }
}

/// Rewrites a schema and those in it. Alternatives have no place in version 2; where these or unknown fields are
/// allowed, clients are told less, because they would otherwise refuse what is right.
fn schema(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    unwrap_reference(map);
    if let Some(Value::String(reference)) = map.get_mut("$ref") {
        *reference = reference.replace(REFERENCE_V3, REFERENCE_V2);
        map.retain(|name, _| matches!(&**name, "$ref" | "default" | "description"));
        return;
    }
    let accepts_text = map
        .get("oneOf")
        .and_then(Value::as_array)
        .is_some_and(|one_of| one_of.iter().any(|schema| schema["type"] == "string"));
    for name in ["allOf", "anyOf", "oneOf", "not"] {
        map.remove(name);
    }
    if accepts_text && !map.contains_key("type") {
        map.insert("type".into(), "string".into());
    }
    let is_nullable = map.remove("nullable") == Some(Value::Bool(true));
    let keeps_unknown = is_set(map, "x-kubernetes-preserve-unknown-fields");
    if is_nullable || keeps_unknown {
        map.remove("items");
        map.remove("properties");
    }
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_any_list = kind == "array" && !map.contains_key("items");
    if is_nullable || is_any_list || keeps_unknown && kind == "object" {
        map.remove("type");
    }
    forget_required(map);
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(name) {
            self::schema(inner);
        }
    }
    let properties = map.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(Map::values_mut) {
        self::schema(property);
    }
}

/// A reference in a list of one stands alone.
fn unwrap_reference(map: &mut Map<String, Value>) {
    let all_of = map.get("allOf").and_then(Value::as_array);
    let reference = match all_of.map(Vec::as_slice) {
        Some([only]) => only.get("$ref").cloned(),
        _ => None,
    };
    if let Some(reference) = reference {
        map.remove("allOf");
        map.insert("$ref".into(), reference);
    }
}

/// Fields that may be null are not required: clients take a null for nothing.
fn forget_required(map: &mut Map<String, Value>) {
    let may_be_null =
        |schema: Option<&Value>| schema.is_some_and(|schema| schema["nullable"] == true);
    if may_be_null(map.get("additionalProperties")) {
        map.remove("required");
    }
    let Some(Value::Array(mut required)) = map.remove("required") else {
        return;
    };
    let properties = map.get("properties");
    required.retain(|name| {
        let property = name.as_str().and_then(|name| properties?.get(name));
        !may_be_null(property)
    });
    if !required.is_empty() {
        map.insert("required".into(), required.into());
    }
}

fn is_set(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name) == Some(&Value::Bool(true))
}

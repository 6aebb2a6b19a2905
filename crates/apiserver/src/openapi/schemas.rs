//! The schemas of a document: those of the kinds, and all that they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::builtin;
use crate::catalogue::Resource;

pub(super) const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const REFERENCE: &str = "#/components/schemas/";

// What upstream says of the fields that every object has.
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an \
    object. Servers should convert recognized schemas to the latest internal value, and may reject \
    unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. \
    Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In \
    CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// Schemas by name.
#[derive(Default)]
pub(super) struct Collection {
    schemas: Map<String, Value>,
    /// Names that are referred to and not there yet.
    wanted: BTreeSet<String>,
}

impl Collection {
    /// Adds the schema of a built-in kind and returns its name.
    pub(super) fn add_builtin(&mut self, resource: &Resource) -> String {
        let kind = builtin::kind(&resource.group, &resource.version, &resource.kind);
        let name = kind
            .map(|kind| kind.schema_name.clone())
            .unwrap_or_default();
        self.want(&name);
        self.want(&format!("{name}List"));
        self.want_common(resource);
        name
    }

    /// Adds the schema of a version of a definition and returns its name.
    pub(super) fn add_custom(&mut self, resource: &Resource, definition: &Value) -> String {
        let reversed: Vec<&str> = resource.group.rsplit('.').collect();
        let name = format!(
            "{}.{}.{}",
            reversed.join("."),
            resource.version,
            resource.kind
        );
        let versions = definition["spec"]["versions"]
            .as_array()
            .into_iter()
            .flatten();
        let mut schema = versions
            .filter(|version| version["name"] == *resource.version)
            .map(|version| version["schema"]["openAPIV3Schema"].clone())
            .next()
            .unwrap_or_else(|| json!({"type": "object"}));
        publish(&mut schema, true);
        schema["x-kubernetes-group-version-kind"] = group_version_kind(resource, &resource.kind);
        self.schemas.insert(name.clone(), schema);
        let list = json!({
            "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"description": API_VERSION, "type": "string"},
                "kind": {"description": KIND, "type": "string"},
                "metadata": {"allOf": [reference(&format!("{META}ListMeta"))]},
                "items": {"type": "array", "items": reference(&name),
                    "description": format!("List of {}.", resource.plural)},
            },
            "x-kubernetes-group-version-kind": group_version_kind(resource, &resource.list_kind),
        });
        self.schemas.insert(format!("{name}List"), list);
        self.want(&format!("{META}ObjectMeta"));
        self.want(&format!("{META}ListMeta"));
        self.want_common(resource);
        name
    }

    fn want_common(&mut self, resource: &Resource) {
        for name in ["DeleteOptions", "Patch", "Status"] {
            self.want(&format!("{META}{name}"));
        }
        if resource.scaling.is_some() {
            self.want("io.k8s.api.autoscaling.v1.Scale");
        }
    }

    fn want(&mut self, name: &str) {
        if !self.schemas.contains_key(name) {
            self.wanted.insert(name.to_owned());
        }
    }

    /// Adds everything that is referred to; what the data does not have is left out.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        while let Some(name) = self.wanted.pop_first() {
            let Some(schema) = builtin::described_component(&name) else {
                continue;
            };
            let mut found = vec![];
            references(&schema, &mut found);
            self.schemas.insert(name, schema);
            for name in found {
                self.want(&name);
            }
        }
        self.schemas
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{REFERENCE}{name}")})
}

fn group_version_kind(resource: &Resource, kind: &str) -> Value {
    json!([{"group": *resource.group, "version": *resource.version, "kind": kind}])
}

/// The names that a schema refers to.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                found.extend(name.strip_prefix(REFERENCE).map(str::to_owned));
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Gives a schema of a definition the form in which schemas are published: what every object has, and
/// what `x-kubernetes-int-or-string` means to those who do not know it.
fn publish(schema: &mut Value, is_object: bool) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    let embedded = map.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    if map.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        map.remove("type");
        map.entry("anyOf")
            .or_insert_with(|| json!([{"type": "integer"}, {"type": "string"}]));
    }
    for name in ["items", "additionalProperties"] {
        if let Some(value) = map.get_mut(name) {
            publish(value, false);
        }
    }
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        properties
            .values_mut()
            .for_each(|property| publish(property, false));
    }
    if is_object || embedded {
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        properties["apiVersion"] = json!({"type": "string", "description": API_VERSION});
        properties["kind"] = json!({"type": "string", "description": KIND});
        properties["metadata"] =
            json!({"description": METADATA, "allOf": [reference(&format!("{META}ObjectMeta"))]});
    }
}

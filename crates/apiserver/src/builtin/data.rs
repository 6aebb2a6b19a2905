//! The data that ships with the server, read once.

use std::{io::Read as _, sync::LazyLock};

use carto_merge::smd::Schema;
use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use super::{BuiltinKind, types};

/// A test holds the file to this; it is the bound for decompression too.
const SIZE_MAX_BYTES: u64 = 4 << 20;

pub(super) struct Data {
    resources: Vec<Value>,
    schemas: Map<String, Value>,
    pub(super) types: Map<String, Value>,
}

static DATA: LazyLock<Data> =
    LazyLock::new(|| read().expect("data/builtin.json.gz is made by xtask and checked by a test"));

pub(super) fn data() -> &'static Data {
    &DATA
}

fn read() -> Option<Data> {
    let mut text = String::new();
    let compressed = include_bytes!("../../data/builtin.json.gz");
    GzDecoder::new(&compressed[..])
        .take(SIZE_MAX_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    let mut data: Value = serde_json::from_str(&text).ok()?;
    let mut take = |name: &str| data.get_mut(name).map(Value::take);
    let Some(Value::Array(resources)) = take("resources") else {
        return None;
    };
    let Some(Value::Object(schemas)) = take("schemas") else {
        return None;
    };
    let Some(Value::Object(types)) = take("types") else {
        return None;
    };
    Some(Data {
        resources,
        schemas,
        types,
    })
}

/// Returns the `OpenAPI` schemas of all kinds.
pub(crate) fn components() -> &'static Map<String, Value> {
    &data().schemas
}

/// Returns the descriptions of schemas, under an empty name, and of their properties. Only documents need them.
fn descriptions() -> &'static Map<String, Value> {
    static DESCRIPTIONS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        let compressed = include_bytes!("../../data/descriptions.json.gz");
        let reader = GzDecoder::new(&compressed[..]).take(SIZE_MAX_BYTES);
        serde_json::from_reader(reader)
            .expect("data/descriptions.json.gz is made by xtask and checked by a test")
    });
    &DESCRIPTIONS
}

/// Returns a schema as it is published, with its descriptions.
pub(crate) fn described_component(name: &str) -> Option<Value> {
    let mut schema = components().get(name)?.clone();
    let texts = descriptions().get(name).and_then(Value::as_object);
    for (property, text) in texts.into_iter().flatten() {
        let of = match property.as_str() {
            "" => Some(&mut schema),
            property => schema
                .get_mut("properties")
                .and_then(|properties| properties.get_mut(property)),
        };
        if let Some(Value::Object(of)) = of {
            of.insert("description".to_owned(), text.clone());
        }
    }
    Some(schema)
}

pub(super) fn kinds() -> Vec<BuiltinKind> {
    data().resources.iter().map(kind).collect()
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let items = value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn kind(resource: &Value) -> BuiltinKind {
    let (group, version) = (text(resource, "group"), text(resource, "version"));
    let kind = text(resource, "kind");
    let schema_name = schema_name(&group, &version, &kind);
    let subresources = resource.get("subresources").and_then(Value::as_array);
    let ty = types::id(&schema_name).expect("a test checks that every kind has a type");
    let name = schema_name.clone();
    BuiltinKind {
        plural: text(resource, "name"),
        singular: text(resource, "singularName"),
        namespaced: resource
            .get("namespaced")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        short_names: texts(resource, "shortNames"),
        categories: texts(resource, "categories"),
        verbs: texts(resource, "verbs"),
        subresources: subresources
            .into_iter()
            .flatten()
            .map(|subresource| text(subresource, "name"))
            .collect(),
        schema_name,
        ty,
        merge_schema: LazyLock::new(Box::new(move || {
            Schema::from_openapi(components(), &name)
                .expect("a test builds the merge schema of every kind")
        })),
        group,
        version,
        kind,
    }
}

/// Finds the schema of a kind by what it says of itself.
fn schema_name(group: &str, version: &str, kind: &str) -> String {
    let suffix = format!(".{version}.{kind}");
    let is_it = |schema: &Value| {
        let own = schema
            .get("x-kubernetes-group-version-kind")
            .and_then(Value::as_array);
        own.into_iter().flatten().any(|own| {
            text(own, "group") == group
                && text(own, "version") == version
                && text(own, "kind") == kind
        })
    };
    components()
        .iter()
        .find(|(name, schema)| name.ends_with(&suffix) && is_it(schema))
        .map(|(name, _)| name.clone())
        .unwrap_or_default()
}

//! Descriptions of the API.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::fixtures::server;
use crate::raw::sender;

/// Collects the names that `value` refers to.
fn references<'a>(value: &'a Value, prefix: &str, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                let name = reference.strip_prefix(prefix);
                found.insert(name.unwrap_or_else(|| panic!("{reference} leads elsewhere")));
            }
            map.values()
                .for_each(|value| references(value, prefix, found));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| references(value, prefix, found)),
        _ => {}
    }
}

#[tokio::test]
async fn version_2_describes_all_kinds_and_refers_to_nothing_else() {
    let server = server().await;
    let sender = sender(&server);
    let document = sender.get("/openapi/v2").await.json();
    let definitions = document["definitions"].as_object().unwrap();
    let mut found = BTreeSet::new();
    references(&document, "#/definitions/", &mut found);
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !definitions.contains_key(**name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let widget = &definitions["io.demo.v1.Widget"];
    assert_eq!(
        widget["properties"]["spec"]["properties"]["size"]["type"],
        "integer"
    );
    let patch =
        &document["paths"]["/apis/demo.io/v1/namespaces/{namespace}/widgets/{name}"]["patch"];
    let dry_run =
        |parameter: &Value| parameter["name"] == "dryRun" && parameter["type"] == "string";
    assert!(patch["parameters"].as_array().unwrap().iter().any(dry_run));
    server.shutdown().await;
}

#[tokio::test]
async fn version_2_changes_with_the_definitions() {
    let server = server().await;
    let sender = sender(&server);
    let has_widgets = async || {
        let document = sender.get("/openapi/v2").await.json();
        document["definitions"].get("io.demo.v1.Widget").is_some()
    };
    assert!(has_widgets().await);
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.demo.io";
    sender.send(Method::DELETE, definition, "").await;
    crate::fixtures::eventually("it is forgotten", || async { !has_widgets().await }).await;
    server.shutdown().await;
}

#[tokio::test]
async fn version_3_refers_to_nothing_else() {
    let server = server().await;
    let sender = sender(&server);
    let index = sender.get("/openapi/v3").await.json();
    for place in index["paths"].as_object().unwrap().values() {
        let url = place["serverRelativeURL"].as_str().unwrap();
        let document = sender.get(url).await.json();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut found = BTreeSet::new();
        references(&document, "#/components/schemas/", &mut found);
        let missing: Vec<_> = found
            .iter()
            .filter(|name| !schemas.contains_key(**name))
            .collect();
        assert!(missing.is_empty(), "{url}: {missing:?}");
    }
    server.shutdown().await;
}

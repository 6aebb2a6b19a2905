//! Definitions of custom kinds.

use serde_json::{Value, json};

use crate::fixtures::{eventually, server, widgets};
use crate::raw::{Sender, sender};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn gadgets() -> Value {
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema":
            {"type": "object", "properties": {"spec": {"type": "object",
                "x-kubernetes-preserve-unknown-fields": true}}}}})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.demo.io"},
        "spec": {"group": "demo.io", "scope": "Cluster",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [version("v1alpha1", false), version("v1", true)]},
    })
}

fn condition(definition: &Value, kind: &str) -> (String, String) {
    let list = definition["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = list
        .into_iter()
        .find(|condition| condition["type"] == kind)
        .unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

async fn established(api: &Sender, name: &str) {
    eventually("established", || async {
        let definition = api.get(&format!("{DEFINITIONS}/{name}")).await.json();
        condition(&definition, "Established").0 == "True"
    })
    .await;
}

#[tokio::test]
async fn an_established_kind_is_everywhere() {
    let server = server().await;
    let api = sender(&server);
    let made = api.post(DEFINITIONS, &gadgets()).await;
    assert_eq!(made.code, 201, "{}", made.text);
    assert_eq!(made.json()["spec"]["names"]["listKind"], "GadgetList");
    established(&api, "gadgets.demo.io").await;
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let groups = api.with("accept", aggregated).get("/apis").await;
    assert_eq!(groups.media, aggregated);
    assert!(groups.text.contains("\"resource\":\"gadgets\""));
    let versions = api.get("/apis/demo.io").await.json();
    assert_eq!(versions["preferredVersion"]["version"], "v1");
    assert_eq!(versions["versions"][1]["version"], "v1alpha1");
}

#[tokio::test]
async fn versions_without_conversion_differ_in_their_name() {
    let server = server().await;
    let api = sender(&server);
    api.post(DEFINITIONS, &gadgets()).await;
    established(&api, "gadgets.demo.io").await;
    let old = "/apis/demo.io/v1alpha1/gadgets";
    let body = json!({"apiVersion": "demo.io/v1alpha1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"a": 1}});
    assert_eq!(
        api.post(old, &body).await.json()["apiVersion"],
        "demo.io/v1alpha1"
    );
    assert_eq!(
        api.get("/apis/demo.io/v1/gadgets/g").await.json()["apiVersion"],
        "demo.io/v1"
    );
    let list = api.get(old).await.json();
    assert_eq!(list["items"][0]["apiVersion"], "demo.io/v1alpha1");
    let patched = api
        .patch(&format!("{old}/g"), "merge", &json!({"spec": {"b": 2}}))
        .await
        .json();
    assert_eq!(patched["spec"], json!({"a": 1, "b": 2}));
    assert_eq!(patched["apiVersion"], "demo.io/v1alpha1");
    let watched = api
        .get(&format!("{old}?watch=1&timeoutSeconds=1"))
        .await
        .lines();
    assert_eq!(watched[0]["object"]["apiVersion"], "demo.io/v1alpha1");
}

/// A definition whose versions `v1` and `v2` have these fields in `spec`; the second is stored if `stored` says so.
fn things(v1: &Value, v2: &Value, stored: &str) -> Value {
    let version = |name: &str, fields: &Value| {
        json!({"name": name, "served": true, "storage": name == stored, "schema": {"openAPIV3Schema":
            {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}}})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.demo.io"},
        "spec": {"group": "demo.io", "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version("v1", v1), version("v2", v2)]},
    })
}

#[tokio::test]
async fn objects_are_read_by_the_schema_of_today() {
    let server = server().await;
    let api = sender(&server);
    let text = json!({"type": "string"});
    let before = json!({"old": text, "same": text});
    api.post(DEFINITIONS, &things(&before, &before, "v1")).await;
    established(&api, "things.demo.io").await;
    let thing = json!({"apiVersion": "demo.io/v1", "kind": "Thing", "metadata": {"name": "a"},
        "spec": {"old": "x", "same": "y"}});
    let made = api.post("/apis/demo.io/v1/things", &thing).await;
    assert_eq!(made.code, 201, "{}", made.text);
    let after = json!({"same": text, "new": {"type": "string", "default": "z"}});
    let definition = format!("{DEFINITIONS}/things.demo.io");
    // Now the other version is stored.
    let changed = things(&after, &after, "v2");
    let patched = api.patch(&definition, "merge", &changed).await;
    assert_eq!(patched.code, 200, "{}", patched.text);
    for version in ["v1", "v2"] {
        let path = format!("/apis/demo.io/{version}/things");
        let expected = json!({"same": "y", "new": "z"});
        eventually("the new schema is in use", || async {
            api.get(&format!("{path}/a")).await.json()["spec"] == expected
        })
        .await;
        let found = api.get(&path).await.json()["items"][0].clone();
        assert_eq!(found["spec"], expected);
        assert_eq!(found["apiVersion"], format!("demo.io/{version}"));
        let seen = api.get(&format!("{path}?watch=1&timeoutSeconds=1")).await;
        assert_eq!(seen.lines()[0]["object"], found);
    }
}

#[tokio::test]
async fn what_the_stored_version_does_not_have_is_not_kept() {
    let server = server().await;
    let api = sender(&server);
    let text = json!({"type": "string"});
    let (narrow, wide) = (json!({"a": text}), json!({"a": text, "b": text}));
    api.post(DEFINITIONS, &things(&narrow, &wide, "v1")).await;
    established(&api, "things.demo.io").await;
    let thing = json!({"apiVersion": "demo.io/v2", "kind": "Thing", "metadata": {"name": "a"},
        "spec": {"a": "x", "b": "y"}});
    let made = api.post("/apis/demo.io/v2/things", &thing).await;
    assert_eq!(made.code, 201, "{}", made.text);
    let found = api.get("/apis/demo.io/v2/things/a").await.json();
    assert_eq!(found["spec"], json!({"a": "x"}));
}

#[tokio::test]
async fn taken_names_are_not_accepted() {
    let server = server().await;
    let api = sender(&server);
    let mut other = gadgets();
    other["spec"]["names"]["kind"] = "Widget".into();
    other["spec"]["names"]["listKind"] = "OtherList".into();
    api.post(DEFINITIONS, &other).await;
    eventually("refused", || async {
        let definition = api
            .get(&format!("{DEFINITIONS}/gadgets.demo.io"))
            .await
            .json();
        condition(&definition, "NamesAccepted") == ("False".to_owned(), "KindConflict".to_owned())
    })
    .await;
    assert_eq!(api.get("/apis/demo.io/v1/gadgets").await.code, 404);
    api.delete(&format!("{DEFINITIONS}/widgets.demo.io"), &Value::Null)
        .await;
    established(&api, "gadgets.demo.io").await;
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let server = server().await;
    let api = sender(&server);
    let all = "/apis/demo.io/v1/namespaces/default/widgets";
    let body = |name: &str, finalizers: Value| {
        json!({"apiVersion": "demo.io/v1", "kind": "Widget",
            "metadata": {"name": name, "finalizers": finalizers}, "spec": {}})
    };
    api.post(all, &body("free", json!([]))).await;
    api.post(all, &body("held", json!(["demo.io/f"]))).await;
    let one = format!("{DEFINITIONS}/widgets.demo.io");
    let marked = api.delete(&one, &Value::Null).await.json();
    assert_eq!(
        condition(&marked, "Terminating").1,
        "InstanceDeletionPending"
    );
    eventually("in progress", || async {
        condition(&api.get(&one).await.json(), "Terminating").1 == "InstanceDeletionInProgress"
            && api.get(&format!("{all}/free")).await.code == 404
    })
    .await;
    assert_eq!(api.post(all, &body("late", json!([]))).await.code, 405);
    let watch = tokio::spawn({
        let api = api.clone();
        async move { api.get(&format!("{all}?watch=1")).await }
    });
    let free = json!({"metadata": {"finalizers": null}});
    assert_eq!(
        api.patch(&format!("{all}/held"), "merge", &free).await.code,
        200
    );
    eventually("the definition goes", || async {
        api.get(&one).await.code == 404
    })
    .await;
    eventually("the kind goes", || async { api.get(all).await.code == 404 }).await;
    let ended = tokio::time::timeout(crate::fixtures::DEADLINE, watch)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.code, 200, "and its watches end");
}

#[tokio::test]
async fn definitions_that_make_no_sense_are_refused() {
    let server = server().await;
    let api = sender(&server);
    let check = async |change: &dyn Fn(&mut Value), expect: &str| {
        let mut definition = gadgets();
        change(&mut definition);
        let refused = api.post(DEFINITIONS, &definition).await;
        assert_eq!(refused.code, 422, "{}", refused.text);
        assert!(refused.message().contains(expect), "{}", refused.message());
    };
    check(
        &|d| d["metadata"]["name"] = "x.demo.io".into(),
        "must be spec.names.plural+\".\"+spec.group",
    )
    .await;
    check(
        &|d| d["spec"]["scope"] = "Other".into(),
        "spec.scope: Unsupported value: \"Other\"",
    )
    .await;
    check(
        &|d| d["spec"]["versions"][0]["storage"] = true.into(),
        "must have exactly one version marked as storage version",
    )
    .await;
    check(
        &|d| d["spec"]["conversion"] = json!({"strategy": "Webhook"}),
        "this server does not call conversion webhooks",
    )
    .await;
    check(
        &|d| {
            d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["a"] = json!({});
        },
        "spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value",
    )
    .await;
    let mut moved = widgets();
    moved["spec"]["scope"] = "Cluster".into();
    let version = api
        .get(&format!("{DEFINITIONS}/widgets.demo.io"))
        .await
        .json();
    moved["metadata"]["resourceVersion"] = version["metadata"]["resourceVersion"].clone();
    let refused = api
        .put(&format!("{DEFINITIONS}/widgets.demo.io"), &moved)
        .await;
    assert!(
        refused
            .message()
            .contains("spec.scope: Invalid value: \"Cluster\": field is immutable"),
        "{}",
        refused.message()
    );
}

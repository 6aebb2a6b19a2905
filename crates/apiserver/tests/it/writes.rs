//! Options and refusals of writes.

use serde_json::{Value, json};

use crate::fixtures::server;
use crate::raw::sender;

const WIDGETS: &str = "/apis/demo.io/v1/namespaces/default/widgets";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "demo.io/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_rehearsal_changes_nothing() {
    let server = server().await;
    let api = sender(&server);
    let made = api
        .post(
            &format!("{WIDGETS}?dryRun=All"),
            &widget("w", json!({"size": 1})),
        )
        .await;
    assert_eq!(made.code, 201);
    assert!(made.json()["metadata"]["uid"].is_string());
    assert_eq!(made.json()["metadata"].get("resourceVersion"), None);
    assert_eq!(api.get(&format!("{WIDGETS}/w")).await.code, 404);
    let other = api
        .post(&format!("{WIDGETS}?dryRun=Foo"), &widget("w", json!({})))
        .await;
    assert_eq!(other.code, 422);
    api.post(WIDGETS, &widget("w", json!({"size": 1}))).await;
    let uri = format!("{WIDGETS}/w?dryRun=All");
    let patched = api
        .patch(&uri, "merge", &json!({"spec": {"size": 2}}))
        .await;
    assert_eq!(patched.json()["spec"]["size"], 2);
    api.delete(&uri, &Value::Null).await;
    assert_eq!(
        api.get(&format!("{WIDGETS}/w")).await.json()["spec"]["size"],
        1
    );
}

#[tokio::test]
async fn unknown_and_duplicate_fields_are_told_as_asked() {
    let server = server().await;
    let api = sender(&server);
    let body = r#"{"apiVersion":"demo.io/v1","kind":"Widget","metadata":{"name":"w"},
        "spec":{"size":1,"size":2,"bogus":1}}"#;
    let uri = |validation: &str| format!("{WIDGETS}?dryRun=All&fieldValidation={validation}");
    let warned = api.send(http::Method::POST, &uri("Warn"), body).await;
    assert_eq!(
        warned.warnings,
        [
            r#"299 - "duplicate field \"spec.size\"""#,
            r#"299 - "unknown field \"spec.bogus\"""#
        ]
    );
    assert_eq!(warned.json()["spec"], json!({"size": 2}));
    let refused = api.send(http::Method::POST, &uri("Strict"), body).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: duplicate \
             field \"spec.size\", unknown field \"spec.bogus\""
                .to_owned()
        )
    );
    let ignored = api.send(http::Method::POST, &uri("Ignore"), body).await;
    assert_eq!((ignored.code, ignored.warnings.len()), (201, 0));
}

#[tokio::test]
async fn yaml_is_read_as_kubernetes_reads_it() {
    let server = server().await;
    let api = sender(&server).with("content-type", "application/yaml");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: 'yes'\n";
    let made = api.send(http::Method::POST, MAPS, text).await;
    assert_eq!(
        (made.code, &made.json()["data"]),
        (201, &json!({"a": "yes"}))
    );
    let wrong = api
        .send(http::Method::POST, MAPS, text.replace("'yes'", "yes"))
        .await;
    assert_eq!(
        wrong.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal bool into \
         Go struct field ConfigMap.data of type string"
    );
    let broken = api.send(http::Method::POST, MAPS, "a: [").await;
    assert_eq!(broken.code, 400);
}

#[tokio::test]
async fn preconditions_of_a_delete_hold_or_it_does_not_happen() {
    let server = server().await;
    let api = sender(&server);
    api.post(WIDGETS, &widget("w", json!({}))).await;
    let uri = format!("{WIDGETS}/w");
    for precondition in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let refused = api
            .delete(&uri, &json!({"preconditions": precondition}))
            .await;
        assert_eq!(
            (refused.code, &refused.json()["details"]["kind"]),
            (409, &json!("Widget"))
        );
    }
    let uid = api.get(&uri).await.json()["metadata"]["uid"].clone();
    let gone = api
        .delete(&uri, &json!({"preconditions": {"uid": uid}}))
        .await;
    assert_eq!(gone.json()["details"]["uid"], uid);
    assert_eq!(gone.json()["status"], "Success");
}

#[tokio::test]
async fn names_are_made_up_when_asked() {
    let server = server().await;
    let api = sender(&server);
    let body = json!({"metadata": {"generateName": "gen-"}});
    let (one, two) = (
        api.post(MAPS, &body).await.json(),
        api.post(MAPS, &body).await.json(),
    );
    assert_ne!(one["metadata"]["name"], two["metadata"]["name"]);
    let none = api.post(MAPS, &json!({"metadata": {}})).await;
    assert!(
        none.message()
            .ends_with("metadata.name: Required value: name or generateName is required")
    );
}

#[tokio::test]
async fn a_replace_creates_leases_and_nothing_else() {
    let server = server().await;
    let api = sender(&server);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    let lease = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}});
    assert_eq!(api.put(leases, &lease).await.code, 201);
    assert_eq!(api.put(leases, &lease).await.code, 200);
    assert_eq!(
        api.put(&format!("{MAPS}/c"), &json!({"metadata": {"name": "c"}}))
            .await
            .code,
        404
    );
}

#[tokio::test]
async fn an_event_is_one_object_under_two_names() {
    let server = server().await;
    let api = sender(&server);
    let core = "/api/v1/namespaces/default/events";
    let body = json!({"metadata": {"name": "e"}, "message": "m", "reason": "R", "type": "Normal",
        "involvedObject": {"kind": "Widget", "name": "w", "namespace": "default"}});
    assert_eq!(api.post(core, &body).await.code, 201);
    let other = "/apis/events.k8s.io/v1/namespaces/default/events";
    let seen = api.get(&format!("{other}/e")).await.json();
    assert_eq!(
        (&seen["note"], &seen["regarding"]["name"]),
        (&json!("m"), &json!("w"))
    );
    assert_eq!(seen["apiVersion"], "events.k8s.io/v1");
    let list = api
        .get(&format!(
            "{core}?fieldSelector=involvedObject.name%3Dw,reason%3DR"
        ))
        .await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1);
    let none = api
        .get(&format!("{core}?fieldSelector=involvedObject.name%3Dx"))
        .await;
    assert_eq!(none.json()["items"], json!([]));
}

#[tokio::test]
async fn four_kinds_of_patches() {
    let server = server().await;
    let api = sender(&server);
    let deployment = json!({"metadata": {"name": "d"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "x"}, {"name": "d", "image": "y"}]}}}});
    let all = "/apis/apps/v1/namespaces/default/deployments";
    assert_eq!(api.post(all, &deployment).await.code, 201);
    let one = format!("{all}/d");
    let containers = |value: &Value| value["spec"]["template"]["spec"]["containers"].clone();
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "z"}]}}}});
    let merged = api.patch(&one, "strategic", &image).await.json();
    assert_eq!(
        containers(&merged).as_array().unwrap().len(),
        2,
        "merged by name"
    );
    assert_eq!(containers(&merged)[1]["image"], "z");
    let op = json!([{"op": "replace", "path": "/spec/replicas", "value": 3}]);
    assert_eq!(
        api.patch(&one, "json", &op).await.json()["spec"]["replicas"],
        3
    );
    assert_eq!(
        api.patch(
            &one,
            "json",
            &json!([{"op": "test", "path": "/spec/replicas", "value": 9}])
        )
        .await
        .code,
        422
    );
    let replaced = api.patch(&one, "merge", &image).await.json();
    assert_eq!(
        containers(&replaced).as_array().unwrap().len(),
        1,
        "lists are replaced"
    );
    let applied = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": [{"name": "e", "image": "n"}]}}}});
    let applied = api
        .patch(&format!("{one}?fieldManager=m"), "apply", &applied)
        .await
        .json();
    assert_eq!(
        containers(&applied).as_array().unwrap().len(),
        2,
        "each has its own"
    );
    let custom = api
        .patch(&format!("{WIDGETS}/w"), "strategic", &json!({}))
        .await;
    assert_eq!(custom.code, 415, "custom kinds have no strategy");
}

#[tokio::test]
async fn scale_stands_for_the_replicas() {
    let server = server().await;
    let api = sender(&server);
    api.post(WIDGETS, &widget("w", json!({"replicas": 2})))
        .await;
    let uri = format!("{WIDGETS}/w/scale");
    let scale = api.get(&uri).await.json();
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"]),
        (&json!("Scale"), &json!(2))
    );
    let scaled = api
        .patch(&uri, "merge", &json!({"spec": {"replicas": 5}}))
        .await
        .json();
    assert_eq!(
        (&scaled["kind"], &scaled["spec"]["replicas"]),
        (&json!("Scale"), &json!(5))
    );
    let object = api.get(&format!("{WIDGETS}/w")).await.json();
    assert_eq!(
        (
            &object["spec"]["replicas"],
            &object["metadata"]["generation"]
        ),
        (&json!(5), &json!(2))
    );
    let negative = api
        .patch(&uri, "merge", &json!({"spec": {"replicas": -1}}))
        .await;
    assert_eq!(negative.code, 422);
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let server = server().await;
    let api = sender(&server);
    let body = json!({"metadata": {"name": "c"}, "data": {"a": "x".repeat(3 << 20)}});
    let refused = api.post(MAPS, &body).await;
    assert_eq!(
        (refused.code, refused.message()),
        (413, "Request entity too large: limit is 3145728".to_owned())
    );
}

#[tokio::test]
async fn what_is_not_served_is_not_found() {
    let server = server().await;
    let api = sender(&server);
    let nothing = api.get("/apis/demo.io/v1/foo").await;
    assert_eq!(
        (nothing.code, &*nothing.text),
        (404, "404 page not found\n")
    );
    assert_eq!(nothing.media, "text/plain; charset=utf-8");
    assert_eq!(
        api.delete("/api/v1/configmaps", &Value::Null).await.code,
        405
    );
    let exec = api
        .post("/api/v1/namespaces/default/pods/p/exec", &Value::Null)
        .await;
    assert_eq!(exec.code, 501);
}

//! Taking a live cluster over from the original: nothing is stamped or run again.

use serde_json::{Value, json};

use crate::home::{Home, everywhere};

/// Makes an object as the original leaves it: by a plain create of its binary.
async fn left_behind(home: &Home, resource: &str, kind: &str, lifecycle: &str, object: Value) {
    let owner = home.get(&home.workload_path("app")).await.expect("there");
    let mut object = object;
    object["metadata"]["labels"] = json!({
        "carto.run/workload-name": "app",
        "carto.run/workload-namespace": home.name,
        "carto.run/supply-chain-name": home.name,
        "carto.run/resource-name": resource,
        "carto.run/template-kind": kind,
        "carto.run/cluster-template-name": home.cluster_name(resource),
        "carto.run/template-lifecycle": lifecycle,
    });
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "app",
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    let path = match object["kind"].as_str() {
        Some("ConfigMap") => home.path("/api/v1", "configmaps"),
        _ => home.path("/apis/test.carto.run/v1", "things"),
    };
    let uri = format!("{path}?fieldManager=cartographer");
    home.request("POST", &uri, "application/json", &object)
        .await
        .unwrap_or_else(|error| panic!("{uri}: {error}"));
}

/// source (changed in place) -> image (a run) -> app (changed in place).
async fn chain(home: &Home) {
    home.trust_default_account().await;
    home.template(
        "ClusterSourceTemplate",
        "source",
        json!({
            "urlPath": ".data.url", "revisionPath": ".data.url",
            "template": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app-source"},
                "data": {"url": "$(workload.spec.source.git.ref.commit)$"}},
        }),
    )
    .await;
    home.template(
        "ClusterImageTemplate",
        "image",
        json!({
            "imagePath": ".status.image", "lifecycle": "tekton",
            "template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"generateName": "build-"}, "spec": {"url": "$(source.url)$"}},
        }),
    )
    .await;
    home.template(
        "ClusterTemplate",
        "app",
        json!({"template": {"apiVersion": "test.carto.run/v1", "kind": "Thing",
            "metadata": {"name": "app"}, "spec": {"image": "$(image)$"}}}),
    )
    .await;
    let from_source = json!({"sources": [{"name": "source", "resource": "source"}]});
    let from_image = json!({"images": [{"name": "image", "resource": "image"}]});
    home.chain(&[
        ("source", "ClusterSourceTemplate", json!({})),
        ("image", "ClusterImageTemplate", from_source),
        ("app", "ClusterTemplate", from_image),
    ])
    .await;
}

async fn built(home: &Home, name: &str) {
    let uri = format!("{}/status?fieldManager=builder", home.thing(name));
    let image = format!("registry/{name}");
    home.merge(
        &uri,
        &json!({"status": {"image": image, "conditions": [
            {"type": "Succeeded", "status": "True", "message": ""}]}}),
    )
    .await;
}

async fn things(home: &Home) -> Vec<Value> {
    let list = home
        .get(&home.path("/apis/test.carto.run/v1", "things"))
        .await;
    list.expect("the kind is served")["items"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// What must not change: which objects there are, and what they say.
fn substance(objects: &[Value]) -> Vec<Value> {
    let of = |object: &Value| {
        let metadata = &object["metadata"];
        json!([
            metadata["name"],
            metadata["uid"],
            metadata["generation"],
            object["spec"]
        ])
    };
    objects.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_chain_of_the_original_is_taken_over_without_a_restamp_or_a_second_run() {
    everywhere("swap-in", async |home| {
        chain(&home).await;
        home.workload("app", "one").await;
        let (source, image, app) = ("ClusterSourceTemplate", "ClusterImageTemplate", "ClusterTemplate");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app-source"},
            "data": {"url": "one"}});
        left_behind(&home, "source", source, "mutable", map).await;
        let thing = |name: &str, spec: Value| {
            json!({"apiVersion": "test.carto.run/v1", "kind": "Thing",
                "metadata": {"name": name, "generateName": "build-"}, "spec": spec})
        };
        left_behind(&home, "image", image, "tekton", thing("build-old", json!({"url": "one"}))).await;
        built(&home, "build-old").await;
        let deployed = json!({"image": "registry/build-old"});
        let mut deployed = thing("app", deployed);
        deployed["metadata"] = json!({"name": "app"});
        left_behind(&home, "app", app, "mutable", deployed).await;
        let before = things(&home).await;
        assert_eq!(before.len(), 2);

        let controllers = home.controllers().await;
        home.until_condition("app", "Ready", "True Ready").await;
        home.quiet(&controllers).await;
        let after = things(&home).await;
        assert_eq!(substance(&after), substance(&before));
        let managers: Vec<&str> = after[0]["metadata"]["managedFields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["manager"].as_str())
            .collect();
        assert!(!managers.contains(&"cartographer"), "{managers:?}");
        controllers.stop().await;

        // Whoever starts next finds all done.
        let controllers = home.controllers().await;
        let snapshot = home.quiet(&controllers).await;
        assert_eq!(snapshot.writes(), 0, "{snapshot:?}");

        // From here on it is Carto's: one new input, one new run.
        home.workload("app", "two").await;
        home.until("there is a second run", async || things(&home).await.len() == 3)
            .await;
        home.quiet(&controllers).await;
        assert_eq!(things(&home).await.len(), 3);
        controllers.stop().await;
        home.clear().await;
    })
    .await;
}

//! The rights that are shipped are enough, and no more than that.

use std::path::Path;

use carto_controllers::Config;
use kube::Client;
use kube::config::KubeConfigOptions;
use serde_json::{Value, json};

use crate::home::{Home, real};

/// Applies the shipped manifests of a folder, but for Deployments: nothing runs pods here.
async fn install(home: &Home, folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for object in carto_yaml::decode_all(&text).unwrap() {
            if object["kind"] != "Deployment" && object["kind"] != "ClusterSupplyChain" {
                home.put(&object).await;
            }
        }
    }
}

/// A client with nothing but the shipped rights.
async fn client_of_controller(home: &Home) -> Client {
    let uri = "/api/v1/namespaces/carto-system/serviceaccounts/carto-controller/token";
    let body =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let reply = home
        .request("POST", uri, "application/json", &body)
        .await
        .unwrap();
    let token = reply["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let path = std::env::var("CARTO_TEST_KUBECONFIG").expect("this test needs a real cluster");
    let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
    config.auth_info = serde_json::from_value(json!({"token": token})).unwrap();
    Client::try_from(config).unwrap()
}

async fn stamping(home: &Home, object: Value) {
    home.template("ClusterTemplate", "only", json!({"template": object}))
        .await;
    home.chain(&[("only", "ClusterTemplate", json!({}))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rights_are_enough() {
    let Some(home) = real("shipped-rights").await else {
        return;
    };
    install(&home, "install").await;
    install(&home, "rbac").await;
    let client = client_of_controller(&home).await;
    home.trust_default_account().await;
    stamping(
        &home,
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "$(workload.metadata.name)$"}, "data": {"a": "b"}}),
    )
    .await;
    home.workload("app", "one").await;
    let mut home = home;
    let admin = std::mem::replace(&mut home.client, client);
    let lease = carto_controllers::LeaderElection::new("carto-system", "carto-controller", "test");
    let controllers = home
        .controllers_with(Config {
            leader_election: Some(lease),
            ..Config::default()
        })
        .await;
    home.client = admin;
    home.until_condition("app", "Ready", "True Ready").await;
    home.quiet(&controllers).await;
    let events = home.get(&home.path("/api/v1", "events")).await.unwrap();
    assert!(
        events
            .to_string()
            .contains("Created object [configmaps/app]"),
        "{events}"
    );

    // A kind that may not be watched still works, says so, and is watched as soon as that is allowed.
    stamping(
        &home,
        json!({"apiVersion": "test.carto.run/v1", "kind": "Thing",
        "metadata": {"name": "$(workload.metadata.name)$"}, "spec": {"a": "b"}}),
    )
    .await;
    home.until("the object is there", async || {
        home.get(&home.thing("app")).await.is_some()
    })
    .await;
    home.put(
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": home.cluster_name("watch"),
            "labels": {"carto.run/aggregate-to-watch": "true"}},
        "rules": [{"apiGroups": ["test.carto.run"], "resources": ["things"],
            "verbs": ["list", "watch"]}]}),
    )
    .await;
    home.until("the object is seen", async || {
        controllers.metrics().rows == 1
    })
    .await;
    controllers.stop().await;
    let role = home.cluster_name("watch");
    home.delete(&format!(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}"
    ))
    .await;
    home.clear().await;
}

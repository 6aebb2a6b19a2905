//! The server through its port.

use std::os::unix::fs::PermissionsExt as _;

use carto_apiserver::{ApiServer, Config, StartError};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use crate::fixtures::{admin, widget, widget_api, widgets};

pub(crate) async fn client(text: &str) -> Client {
    // Only the first caller installs it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let kubeconfig = Kubeconfig::from_yaml(text).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

fn on(dir: &std::path::Path) -> Config {
    Config {
        state_dir: Some(dir.to_owned()),
        port: Some(0),
        crds: vec![widgets()],
        ..Config::default()
    }
}

#[tokio::test]
async fn the_kubeconfig_opens_the_door_and_stays_good_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = ApiServer::start(on(dir.path())).await.unwrap();
    let path = dir.path().join("kubeconfig");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, server.kubeconfig());
    let outside = client(&text).await;
    let version = outside.apiserver_version().await.unwrap();
    assert_eq!((&*version.major, &*version.minor), ("1", "36"));
    let widgets = widget_api(&outside);
    widgets
        .create(&PostParams::default(), &widget("w1", 1))
        .await
        .unwrap();
    let url = server.url();
    server.shutdown().await;

    let server = ApiServer::start(on(dir.path())).await.unwrap();
    assert_eq!(server.url(), url, "the port is kept");
    let again = client(&text).await;
    assert_eq!(
        widget_api(&again).get("w1").await.unwrap().data["spec"]["size"],
        1
    );
    server.shutdown().await;
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let server = ApiServer::start(Config {
        port: Some(0),
        ..Config::default()
    })
    .await
    .unwrap();
    let text = server.kubeconfig();
    let stranger = client(&text.replace("token: ", "token: x")).await;
    let namespaces: Api<Namespace> = Api::all(stranger);
    let error = namespaces.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(e) if e.code == 401),
        "{error}"
    );
    server.shutdown().await;
}

#[tokio::test]
async fn a_folder_or_port_in_use_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = ApiServer::start(on(dir.path())).await.unwrap();
    let error = ApiServer::start(on(dir.path())).await.unwrap_err();
    assert!(matches!(error, StartError::StateInUse(_)), "{error}");
    let port = server
        .url()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let error = ApiServer::start(Config {
        port: Some(port),
        ..Config::default()
    })
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} on 127.0.0.1 is taken by another process; stop that one, or choose another \
             port"
        )
    );
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_without_a_folder_forgets() {
    let server = ApiServer::start(Config::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(admin(&server));
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "c"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    server.shutdown().await;
    let server = ApiServer::start(Config::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(admin(&server));
    assert!(maps.get_opt("c").await.unwrap().is_none());
}

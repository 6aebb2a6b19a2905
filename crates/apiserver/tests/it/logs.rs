//! Logs of pods, from whoever runs them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use carto_apiserver::{ApiServer, Config, LogError, LogOptions, LogStream, PodLogs};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};

use crate::fixtures::server;
use crate::raw::{Sender, sender};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// Repeats what it was asked.
#[derive(Default)]
struct Echo(Mutex<Option<LogOptions>>);

impl PodLogs for Echo {
    fn open(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        options: LogOptions,
    ) -> BoxFuture<'static, Result<LogStream, LogError>> {
        let previous = options.previous;
        *self.0.lock().unwrap() = Some(options);
        if previous {
            let error = LogError::NoPrevious(container.to_owned(), pod.to_owned());
            return async move { Err(error) }.boxed();
        }
        let lines = [
            format!("{namespace}/{pod}/{container}\n"),
            "second\n".to_owned(),
        ];
        async move { Ok(futures::stream::iter(lines.map(|line| Ok(Bytes::from(line)))).boxed()) }
            .boxed()
    }
}

async fn with_pod(server: &ApiServer, containers: &[&str]) -> Sender {
    let api = sender(server);
    let containers: Vec<Value> = containers
        .iter()
        .map(|name| json!({"name": name, "image": "x"}))
        .collect();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": containers}});
    assert_eq!(api.post(PODS, &pod).await.code, 201);
    api
}

#[tokio::test]
async fn the_runner_is_asked_for_what_the_client_wants() {
    let echo = Arc::new(Echo::default());
    let config = Config {
        pod_logs: Some(echo.clone()),
        ..Config::default()
    };
    let server = ApiServer::start(config).await.unwrap();
    let api = with_pod(&server, &["a", "b"]).await;
    let reply = api
        .get(&format!(
            "{PODS}/p/log?container=b&follow=true&tailLines=5&timestamps=true&limitBytes=9"
        ))
        .await;
    assert_eq!((reply.code, &*reply.media), (200, "text/plain"));
    assert_eq!(reply.text, "default/p/b\nsecond\n");
    let asked = echo.0.lock().unwrap().take().unwrap();
    assert_eq!(
        asked,
        LogOptions {
            follow: true,
            timestamps: true,
            tail_lines: Some(5),
            limit_bytes: Some(9),
            ..LogOptions::default()
        }
    );
    let several = api.get(&format!("{PODS}/p/log")).await;
    assert_eq!(
        several.message(),
        "a container name must be specified for pod p, choose one of: [a b]"
    );
    let none = api.get(&format!("{PODS}/p/log?container=c")).await;
    assert_eq!(none.message(), "container c is not valid for pod p");
    let previous = api
        .get(&format!("{PODS}/p/log?container=a&previous=true"))
        .await;
    assert_eq!(
        (previous.code, previous.message()),
        (
            400,
            "previous terminated container \"a\" in pod \"p\" not found".to_owned()
        )
    );
    assert_eq!(
        api.get(&format!("{PODS}/p/log?container=a&tailLines=-1"))
            .await
            .code,
        422
    );
    assert_eq!(api.get(&format!("{PODS}/q/log")).await.code, 404);
}

#[tokio::test]
async fn without_a_runner_nothing_is_pretended() {
    let server = server().await;
    let api = with_pod(&server, &["a"]).await;
    let reply = api.get(&format!("{PODS}/p/log")).await;
    assert_eq!(
        (reply.code, &reply.json()["reason"]),
        (501, &json!("NotImplemented"))
    );
}

//! What gets lost on the way from the API is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use carto_apiserver::UserInfo;
use carto_controllers::{Config, Controllers};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tower::ServiceExt as _;

use crate::home::{Home, embedded};

/// How long a watch of these tests may be silent.
const SILENCE: Duration = Duration::from_millis(300);

/// A client whose watches of things, while `mute` is set, keep every byte to themselves. What they kept is lost: a
/// connection that died without a word does not deliver late.
fn client_through_a_dying_proxy(home: &Home, mute: Arc<AtomicBool>) -> Client {
    let api = home.service(UserInfo::admin());
    let proxy = tower::service_fn(move |request: Request<Body>| {
        let (api, mute) = (api.clone(), Arc::clone(&mute));
        async move {
            let uri = request.uri().to_string();
            let response = api.oneshot(request).await?;
            let (head, body) = response.into_parts();
            let dies = uri.contains("/things?") && uri.contains("watch=1");
            let frames = body.into_data_stream().map_err(std::io::Error::other);
            // Once silent, a connection stays so.
            let mut dead = false;
            let heard = frames.filter_map(move |bytes: Result<Bytes, _>| {
                dead |= dies && mute.load(Ordering::SeqCst);
                let passed = (!dead).then(|| bytes.map(Frame::data));
                std::future::ready(passed)
            });
            Ok::<_, tower::BoxError>(Response::from_parts(head, StreamBody::new(heard)))
        }
    });
    Client::new(proxy, "default")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_died_silently_is_opened_again_and_misses_nothing() {
    let home = embedded("silence").await;
    home.trust_default_account().await;
    home.template(
        "ClusterImageTemplate",
        "image",
        json!({"imagePath": ".status.image", "template": {
            "apiVersion": "test.carto.run/v1", "kind": "Thing",
            "metadata": {"name": "$(workload.metadata.name)$"}, "spec": {"a": "b"}}}),
    )
    .await;
    home.chain(&[("image", "ClusterImageTemplate", json!({}))])
        .await;
    home.workload("app", "one").await;
    let mute = Arc::new(AtomicBool::new(false));
    let config = Config {
        watch_silence: SILENCE,
        ..Config::default()
    };
    let client = client_through_a_dying_proxy(&home, Arc::clone(&mute));
    let controllers = Controllers::start(client, config).await.unwrap();
    controllers.synced().await;
    home.until_condition("app", "Ready", "Unknown MissingValueAtPath")
        .await;
    home.quiet(&controllers).await;

    mute.store(true, Ordering::SeqCst);
    let status = format!("{}/status", home.thing("app"));
    home.merge(&status, &json!({"status": {"image": "one"}}))
        .await;
    let restarts = controllers.metrics().watch_restarts;
    home.until("the silence is noticed", async || {
        controllers.metrics().watch_restarts > restarts
    })
    .await;
    assert!(
        home.condition("app", "Ready")
            .await
            .starts_with("Unknown MissingValueAtPath"),
        "nobody heard of it"
    );
    mute.store(false, Ordering::SeqCst);
    home.until_condition("app", "Ready", "True Ready").await;
    controllers.stop().await;
    home.clear().await;
}

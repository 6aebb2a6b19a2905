//! Watches on the wire.

use serde_json::{Value, json};

use crate::fixtures::server;
use crate::raw::{Sender, sender};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, label: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"n": label}}})
}

async fn revision(api: &Sender) -> String {
    api.get(MAPS).await.json()["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Type, name and label of each event.
fn seen(lines: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| {
            let metadata = &line["object"]["metadata"];
            (
                text(&line["type"]),
                text(&metadata["name"]),
                text(&metadata["labels"]["n"]),
            )
        })
        .collect()
}

fn event(kind: &str, name: &str, label: &str) -> (String, String, String) {
    (kind.to_owned(), name.to_owned(), label.to_owned())
}

#[tokio::test]
async fn who_leaves_a_selection_is_deleted_with_what_it_was() {
    let server = server().await;
    let api = sender(&server);
    let from = revision(&api).await;
    api.post(MAPS, &map("a", "1")).await;
    api.patch(
        &format!("{MAPS}/a"),
        "merge",
        &json!({"metadata": {"labels": {"n": "2"}}}),
    )
    .await;
    api.patch(
        &format!("{MAPS}/a"),
        "merge",
        &json!({"metadata": {"labels": {"n": "1"}}}),
    )
    .await;
    api.patch(&format!("{MAPS}/a"), "merge", &json!({"data": {"x": "y"}}))
        .await;
    api.delete(&format!("{MAPS}/a"), &Value::Null).await;
    let uri = format!("{MAPS}?watch=1&timeoutSeconds=1&labelSelector=n%3D1&resourceVersion={from}");
    let lines = api.get(&uri).await.lines();
    assert_eq!(
        seen(&lines),
        [
            event("ADDED", "a", "1"),
            event("DELETED", "a", "1"),
            event("ADDED", "a", "1"),
            event("MODIFIED", "a", "1"),
            event("DELETED", "a", "1"),
        ]
    );
    let revisions: Vec<u64> = lines
        .iter()
        .map(|line| {
            line["object"]["metadata"]["resourceVersion"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
}

#[tokio::test]
async fn a_streamed_list_ends_with_a_bookmark() {
    let server = server().await;
    let api = sender(&server);
    api.post(MAPS, &map("a", "1")).await;
    for revision in ["", "&resourceVersion=0"] {
        let uri = format!(
            "{MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&labelSelector=n&\
             resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true{revision}"
        );
        let lines = api.get(&uri).await.lines();
        assert_eq!(lines[0]["type"], "ADDED");
        let bookmark = &lines[1];
        assert_eq!(bookmark["type"], "BOOKMARK");
        assert_eq!(
            bookmark["object"]["metadata"]["annotations"],
            json!({"k8s.io/initial-events-end": "true"})
        );
    }
    let refused = api
        .get(&format!("{MAPS}?watch=1&sendInitialEvents=true"))
        .await;
    assert_eq!(refused.code, 422);
}

#[tokio::test]
async fn a_watch_from_the_future_is_silent() {
    let server = server().await;
    let api = sender(&server);
    let uri = format!("{MAPS}?watch=1&timeoutSeconds=1&resourceVersion=99999999");
    let writes = async {
        api.post(MAPS, &map("a", "1")).await;
    };
    let (reply, ()) = tokio::join!(api.get(&uri), writes);
    assert_eq!((reply.code, &*reply.text), (200, ""));
    let list = api.get(&format!("{MAPS}?resourceVersion=99999999")).await;
    assert_eq!(list.code, 504);
    assert_eq!(
        list.json()["details"]["causes"][0]["reason"],
        "ResourceVersionTooLarge"
    );
}

#[tokio::test]
async fn tables_carry_their_columns_once() {
    let server = server().await;
    let api = sender(&server).with("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    api.post(MAPS, &map("a", "1")).await;
    api.post(MAPS, &map("b", "1")).await;
    let lines = api
        .get(&format!("{MAPS}?watch=1&timeoutSeconds=1&labelSelector=n"))
        .await
        .lines();
    assert!(lines[0]["object"]["columnDefinitions"].is_array());
    assert!(lines[1]["object"]["columnDefinitions"].is_null());
    assert_eq!(lines[1]["object"]["rows"][0]["cells"][0], "b");
    assert_eq!(
        lines[1]["object"]["rows"][0]["object"]["kind"],
        "PartialObjectMetadata"
    );
}

#[tokio::test]
async fn an_item_is_watched_by_its_name() {
    let server = server().await;
    let api = sender(&server);
    api.post(MAPS, &map("a", "1")).await;
    api.post(MAPS, &map("b", "1")).await;
    let lines = api
        .get(&format!("{MAPS}/b?watch=1&timeoutSeconds=1"))
        .await
        .lines();
    assert_eq!(seen(&lines), [event("ADDED", "b", "1")]);
}

#[tokio::test]
async fn watches_end_with_the_server() {
    let server = server().await;
    let api = sender(&server);
    let watch = tokio::spawn(async move { api.get(&format!("{MAPS}?watch=1")).await });
    tokio::task::yield_now().await;
    server.shutdown().await;
    let reply = tokio::time::timeout(crate::fixtures::DEADLINE, watch)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reply.code, 200);
}

#[tokio::test]
async fn a_thousand_watchers_see_every_change_in_order() {
    const WATCHERS: usize = 1000;
    const CHANGES: usize = 20;
    let server = server().await;
    let api = sender(&server);
    let from = revision(&api).await;
    let path = format!("{MAPS}?watch=1&resourceVersion={from}&timeoutSeconds=5");
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let (api, path) = (api.clone(), path.clone());
            tokio::spawn(async move { seen(&api.get(&path).await.lines()) })
        })
        .collect();
    let expected: Vec<_> = (0..CHANGES)
        .map(|n| event("ADDED", &format!("m{n}"), "1"))
        .collect();
    for (_, name, label) in &expected {
        assert_eq!(api.post(MAPS, &map(name, label)).await.code, 201);
    }
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), expected);
    }
}

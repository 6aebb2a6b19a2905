//! Who goes with whom.

use serde_json::{Value, json};

use crate::fixtures::{eventually, server};
use crate::raw::{Sender, sender};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Creates a map and returns its uid.
async fn make(
    api: &Sender,
    maps: &str,
    name: &str,
    owners: &[Value],
    finalizers: &[&str],
) -> String {
    let map =
        json!({"metadata": {"name": name, "ownerReferences": owners, "finalizers": finalizers}});
    let made = api.post(maps, &map).await;
    assert_eq!(made.code, 201, "{}", made.text);
    made.json()["metadata"]["uid"].as_str().unwrap().to_owned()
}

fn owner(name: &str, uid: &str, blocks: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": blocks})
}

async fn gone(api: &Sender, path: &str) {
    eventually(&format!("{path} is gone"), || async {
        api.get(path).await.code == 404
    })
    .await;
}

async fn release(api: &Sender, path: &str) {
    let patch = json!({"metadata": {"finalizers": null}});
    assert_eq!(api.patch(path, "merge", &patch).await.code, 200);
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_none() {
    let server = server().await;
    let api = sender(&server);
    let uid = make(&api, MAPS, "owner", &[], &[]).await;
    api.post(
        "/api/v1/namespaces",
        &json!({"metadata": {"name": "other"}}),
    )
    .await;
    let other = "/api/v1/namespaces/other/configmaps";
    make(&api, other, "stranger", &[owner("owner", &uid, false)], &[]).await;
    make(&api, MAPS, "child", &[owner("owner", &uid, false)], &[]).await;
    gone(&api, &format!("{other}/stranger")).await;
    assert_eq!(api.get(&format!("{MAPS}/child")).await.code, 200);
}

#[tokio::test]
async fn an_owner_that_is_gone_is_forgotten_while_another_is_there() {
    let server = server().await;
    let api = sender(&server);
    let stays = make(&api, MAPS, "stays", &[], &[]).await;
    let goes = make(&api, MAPS, "goes", &[], &[]).await;
    let both = [owner("stays", &stays, false), owner("goes", &goes, false)];
    make(&api, MAPS, "child", &both, &[]).await;
    api.delete(&format!("{MAPS}/goes"), &Value::Null).await;
    eventually("the reference is gone", || async {
        let child = api.get(&format!("{MAPS}/child")).await.json();
        child["metadata"]["ownerReferences"] == json!([both[0]])
    })
    .await;
    api.delete(&format!("{MAPS}/stays"), &Value::Null).await;
    gone(&api, &format!("{MAPS}/child")).await;
}

#[tokio::test]
async fn only_dependents_that_block_are_waited_for() {
    let server = server().await;
    let api = sender(&server);
    let uid = make(&api, MAPS, "owner", &[], &[]).await;
    let hold = ["example.com/hold"];
    make(&api, MAPS, "loose", &[owner("owner", &uid, false)], &hold).await;
    make(&api, MAPS, "tight", &[owner("owner", &uid, true)], &hold).await;
    let foreground = json!({"propagationPolicy": "Foreground"});
    let deleted = api.delete(&format!("{MAPS}/owner"), &foreground).await;
    assert_eq!(deleted.code, 200, "{}", deleted.text);
    for name in ["loose", "tight"] {
        let path = format!("{MAPS}/{name}");
        eventually("it is on its way out", || async {
            let dependent = api.get(&path).await.json();
            dependent["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    }
    assert_eq!(api.get(&format!("{MAPS}/owner")).await.code, 200);
    release(&api, &format!("{MAPS}/tight")).await;
    gone(&api, &format!("{MAPS}/owner")).await;
    assert_eq!(api.get(&format!("{MAPS}/loose")).await.code, 200);
    release(&api, &format!("{MAPS}/loose")).await;
    gone(&api, &format!("{MAPS}/loose")).await;
}

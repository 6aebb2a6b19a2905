//! Objects through `kube`, in process.

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::ResourceExt as _;
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::watcher;
use serde_json::json;

use crate::fixtures::{admin, eventually, server, widget, widget_api};

#[tokio::test]
async fn a_custom_object_lives_through_create_patch_and_delete() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    let created = widgets
        .create(&PostParams::default(), &widget("w1", 3))
        .await
        .unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    assert!(created.uid().is_some());

    let patch = Patch::Merge(json!({"spec": {"size": 4}, "status": {"replicas": 9}}));
    let patched = widgets
        .patch("w1", &PatchParams::default(), &patch)
        .await
        .unwrap();
    assert_eq!(patched.data["spec"]["size"], 4);
    assert_eq!(
        patched.data.get("status"),
        None,
        "status is another endpoint"
    );
    assert_eq!(patched.metadata.generation, Some(2));

    let status = Patch::Merge(json!({"spec": {"size": 9}, "status": {"replicas": 2}}));
    let patched = widgets
        .patch_status("w1", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(patched.data["spec"]["size"], 4);
    assert_eq!(patched.data["status"]["replicas"], 2);
    assert_eq!(patched.metadata.generation, Some(2));

    let again = widgets
        .patch_status("w1", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(
        again.resource_version(),
        patched.resource_version(),
        "nothing changed"
    );

    widgets
        .delete("w1", &DeleteParams::default())
        .await
        .unwrap();
    let error = widgets.get("w1").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("widgets.demo.io \"w1\" not found: NotFound"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stale_replace_is_a_conflict() {
    let server = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(admin(&server));
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "c"}})).unwrap();
    let first = maps.create(&PostParams::default(), &map).await.unwrap();
    let mut second = first.clone();
    second.data = Some([("a".to_owned(), "b".to_owned())].into());
    maps.replace("c", &PostParams::default(), &second)
        .await
        .unwrap();
    let mut third = first;
    third.data = Some([("a".to_owned(), "c".to_owned())].into());
    let error = maps
        .replace("c", &PostParams::default(), &third)
        .await
        .unwrap_err();
    assert!(matches!(error, kube::Error::Api(e) if e.code == 409 && e.reason == "Conflict"));
}

#[tokio::test]
async fn a_watch_sees_every_change_once() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    let start = widgets.list(&ListParams::default()).await.unwrap();
    let from = start.metadata.resource_version.unwrap();
    let stream = widgets.watch(&WatchParams::default(), &from).await.unwrap();
    widgets
        .create(&PostParams::default(), &widget("w1", 1))
        .await
        .unwrap();
    let patch = Patch::Merge(json!({"spec": {"size": 2}}));
    widgets
        .patch("w1", &PatchParams::default(), &patch)
        .await
        .unwrap();
    widgets
        .delete("w1", &DeleteParams::default())
        .await
        .unwrap();
    let events: Vec<_> = stream.take(3).try_collect().await.unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|event| match event {
            WatchEvent::Added(o) => ("added", o.data["spec"]["size"].clone()),
            WatchEvent::Modified(o) => ("modified", o.data["spec"]["size"].clone()),
            WatchEvent::Deleted(o) => ("deleted", o.data["spec"]["size"].clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("added", json!(1)),
            ("modified", json!(2)),
            ("deleted", json!(2))
        ]
    );
}

#[tokio::test]
async fn watchers_of_kube_work_in_both_modes() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    for n in 0..5 {
        widgets
            .create(&PostParams::default(), &widget(&format!("w{n}"), n))
            .await
            .unwrap();
    }
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let mut stream = watcher::watcher(widgets.clone(), config).boxed();
        let mut found = 0;
        loop {
            match stream.next().await.unwrap().unwrap() {
                watcher::Event::InitApply(_) => found += 1,
                watcher::Event::InitDone => break,
                watcher::Event::Init => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(found, 5);
    }
}

#[tokio::test]
async fn apply_creates_owns_and_conflicts() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    let apply = |size: i64| {
        Patch::Apply(json!({"apiVersion": "demo.io/v1", "kind": "Widget",
            "metadata": {"name": "w1"}, "spec": {"size": size}}))
    };
    let one = PatchParams::apply("one");
    let created = widgets.patch("w1", &one, &apply(1)).await.unwrap();
    let same = widgets.patch("w1", &one, &apply(1)).await.unwrap();
    assert_eq!(created.resource_version(), same.resource_version());
    let error = widgets
        .patch("w1", &PatchParams::apply("two"), &apply(2))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Apply failed with 1 conflict: conflict with \"one\": .spec.size"),
        "{error}"
    );
    let forced = widgets
        .patch("w1", &PatchParams::apply("two").force(), &apply(2))
        .await
        .unwrap();
    assert_eq!(forced.data["spec"]["size"], 2);
}

#[tokio::test]
async fn dependents_go_with_their_owner_in_all_three_ways() {
    let server = server().await;
    let client = admin(&server);
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for (policy, dependent_stays) in [
        (DeleteParams::background(), false),
        (DeleteParams::foreground(), false),
        (DeleteParams::orphan(), true),
    ] {
        let map = |name: &str, owner: Option<&ConfigMap>| -> ConfigMap {
            let owners: Vec<_> = owner
                .iter()
                .map(|owner| {
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "own",
                    "uid": owner.uid().unwrap(), "blockOwnerDeletion": true})
                })
                .collect();
            serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": owners}}))
                .unwrap()
        };
        let owner = maps
            .create(&PostParams::default(), &map("own", None))
            .await
            .unwrap();
        maps.create(&PostParams::default(), &map("dep", Some(&owner)))
            .await
            .unwrap();
        maps.delete("own", &policy).await.unwrap();
        eventually("the owner goes", || async {
            maps.get_opt("own").await.unwrap().is_none()
        })
        .await;
        if dependent_stays {
            let left = maps.get("dep").await.unwrap();
            assert_eq!(left.owner_references(), []);
            maps.delete("dep", &DeleteParams::default()).await.unwrap();
        } else {
            eventually("the dependent goes", || async {
                maps.get_opt("dep").await.unwrap().is_none()
            })
            .await;
        }
    }
}

#[tokio::test]
async fn namespaces_have_an_account_and_take_their_content_along() {
    let server = server().await;
    let client = admin(&server);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "t1"}})).unwrap();
    let created = namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    assert_eq!(created.labels()["kubernetes.io/metadata.name"], "t1");
    assert_eq!(created.status.unwrap().phase.as_deref(), Some("Active"));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "t1");
    eventually("an account appears", || async {
        accounts.get_opt("default").await.unwrap().is_some()
    })
    .await;
    namespaces
        .delete("t1", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the namespace goes", || async {
        namespaces.get_opt("t1").await.unwrap().is_none()
    })
    .await;
    assert!(
        accounts
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "c"}})).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, "t1");
    let error = maps.create(&PostParams::default(), &map).await.unwrap_err();
    assert!(
        error.to_string().contains("namespaces \"t1\" not found"),
        "{error}"
    );
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    let mut held = widget("w1", 1);
    held.metadata.finalizers = Some(vec!["demo.io/f".into()]);
    widgets.create(&PostParams::default(), &held).await.unwrap();
    let marked = widgets
        .delete("w1", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(marked.metadata.generation, Some(2));
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["demo.io/f", "demo.io/g"]}}));
    let error = widgets
        .patch("w1", &PatchParams::default(), &more)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no new finalizers can be added"),
        "{error}"
    );
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    widgets
        .patch("w1", &PatchParams::default(), &none)
        .await
        .unwrap();
    assert!(widgets.get_opt("w1").await.unwrap().is_none());
}

#[tokio::test]
async fn long_lists_come_in_consistent_pages() {
    let server = server().await;
    let widgets = widget_api(&admin(&server));
    for n in 0..7 {
        widgets
            .create(&PostParams::default(), &widget(&format!("w{n}"), n))
            .await
            .unwrap();
    }
    let first = widgets.list(&ListParams::default().limit(3)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(4));
    widgets
        .delete("w5", &DeleteParams::default())
        .await
        .unwrap();
    let token = first.metadata.continue_.clone().unwrap();
    let second = widgets
        .list(&ListParams::default().limit(9).continue_token(&token))
        .await
        .unwrap();
    let names: Vec<_> = second
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    assert_eq!(
        names,
        ["w3", "w4", "w5", "w6"],
        "as it was when the list began"
    );
    assert_eq!(
        second.metadata.resource_version,
        first.metadata.resource_version
    );
}

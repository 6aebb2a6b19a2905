//! kpack `Image`, alone and with what comes before and after it.

use carto_actors::Actor;
use carto_artifacts::oci::client::Client;
use carto_artifacts::oci::credentials::Keychain;
use carto_artifacts::oci::registry::Registry;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::home::{Home, commit, condition, git_repository, is_ready, repository};

const V1ALPHA2: &str = "kpack.io/v1alpha2";
const FLUX: &str = "source.toolkit.fluxcd.io/v1";

fn image(home: &Home, name: &str, source: Value) -> Value {
    json!({
        "apiVersion": V1ALPHA2, "kind": "Image",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "tag": format!("{}/apps/{name}", home.registry),
            "serviceAccountName": "default",
            "builder": {"kind": "ClusterBuilder", "name": "default"},
            "source": source,
        },
    })
}

/// The address of the artifact of a commit.
async fn artifact(home: &Home, commit: &str) -> String {
    let revision = format!("main@sha1:{commit}");
    let object = home
        .until(FLUX, "GitRepository", "app", |o| {
            o["status"]["artifact"]["revision"] == revision
        })
        .await;
    object["status"]["artifact"]["url"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn log_of(home: &Home, pod: &str) -> String {
    let logs = home
        .config
        .logs
        .open("default", pod, "build", &Default::default())
        .unwrap();
    let chunks: Vec<_> = logs.collect().await;
    chunks
        .into_iter()
        .map(|chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_site_becomes_an_image_once_and_again_when_it_changes() {
    let mut home = Home::start(&[Actor::Git, Actor::Build]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("index.html", "one")]);
    home.apply(git_repository("app", &folder.display().to_string()))
        .await;
    let blob = json!({"blob": {"url": artifact(&home, &first).await}});
    home.apply(image(&home, "app", blob)).await;
    let built = home.until(V1ALPHA2, "Image", "app", is_ready).await;
    let latest = built["status"]["latestImage"].as_str().unwrap().to_owned();
    assert!(
        latest.starts_with(&format!("{}/apps/app@sha256:", home.registry)),
        "{latest}"
    );
    assert_eq!(built["status"]["buildCounter"], 1);
    assert_eq!(condition(&built, "BuilderReady").0, "True");
    assert_eq!(built["status"]["latestBuildRef"], "app-build-1");
    let build = home
        .until(V1ALPHA2, "Build", "app-build-1", |o| {
            condition(o, "Succeeded").0 == "True"
        })
        .await;
    let pod = build["status"]["podName"].as_str().unwrap();
    home.until("v1", "Pod", pod, |o| o["status"]["phase"] == "Succeeded")
        .await;
    let log = log_of(&home, pod).await;
    assert!(
        log.contains("static site") && log.contains(&latest),
        "{log}"
    );

    // A foreign client can have it.
    let store = Registry::open(home.dir.path().join("pulled")).unwrap();
    let pulled = Client::new()
        .pull(&latest.parse().unwrap(), &Keychain::new(), &store)
        .await
        .unwrap();
    let (_, _, config) = store.image(&pulled.digest).unwrap();
    assert!(
        config
            .config
            .entrypoint
            .contains(&"static-server".to_owned()),
        "{config:?}"
    );

    // Neither a restart nor another label builds again.
    home.pause().await;
    home.resume().await;
    let mut touched = image(
        &home,
        "app",
        json!({"blob": {"url": artifact(&home, &first).await}}),
    );
    touched["spec"]["successBuildHistoryLimit"] = json!(5);
    home.apply(touched).await;
    let same = home
        .until(V1ALPHA2, "Image", "app", |o| {
            o["status"]["observedGeneration"] == o["metadata"]["generation"]
        })
        .await;
    assert_eq!(same["status"]["buildCounter"], 1);

    let second = commit(&folder, &[("index.html", "two")]);
    let blob = json!({"blob": {"url": artifact(&home, &second).await}});
    home.apply(image(&home, "app", blob)).await;
    let changed = home
        .until(V1ALPHA2, "Image", "app", |o| {
            is_ready(o) && o["status"]["buildCounter"] == 2
        })
        .await;
    assert_ne!(changed["status"]["latestImage"], latest);
    assert_eq!(changed["status"]["latestBuildReason"], "CONFIG");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_was_cut_off_is_taken_up_and_not_repeated() {
    let mut home = Home::start(&[Actor::Git, Actor::Build]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("index.html", "one")]);
    home.apply(git_repository("app", &folder.display().to_string()))
        .await;
    let source = json!({"git": {"url": folder.display().to_string(), "revision": "main"}});
    home.apply(image(&home, "app", source)).await;
    let built = home.until(V1ALPHA2, "Image", "app", is_ready).await;
    let build = home
        .objects(V1ALPHA2, "Build")
        .get("app-build-1")
        .await
        .unwrap();
    assert_eq!(build.data["spec"]["source"]["git"]["revision"], first);
    // As if the process had died before it could say that it was done.
    home.pause().await;
    let unfinished = json!({"status": {"conditions": null, "latestImage": null}});
    let patch = kube::api::Patch::Merge(unfinished);
    home.objects(V1ALPHA2, "Build")
        .patch_status("app-build-1", &Default::default(), &patch)
        .await
        .unwrap();
    home.resume().await;
    let build = home
        .until(V1ALPHA2, "Build", "app-build-1", |o| {
            condition(o, "Succeeded").0 == "True"
        })
        .await;
    assert_eq!(
        build["status"]["latestImage"],
        built["status"]["latestImage"]
    );
    let log = log_of(&home, "app-build-1-build-pod").await;
    assert!(log.contains("stored already"), "{log}");
    let builds = home
        .objects(V1ALPHA2, "Build")
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!(builds.items.len(), 1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_become_conditions_with_the_next_step() {
    let home = Home::start(&[Actor::Git, Actor::Build]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let plain = commit(&folder, &[("README.md", "nothing to build")]);
    home.apply(git_repository("app", &folder.display().to_string()))
        .await;
    let url = artifact(&home, &plain).await;
    let blob = json!({"blob": {"url": url}});
    let mut cases = vec![
        (
            image(&home, "plain", blob.clone()),
            "BuildFailed",
            "add an index.html",
        ),
        (
            image(
                &home,
                "gone",
                json!({"blob": {"url": format!("{url}.nope")}}),
            ),
            "BuildFailed",
            "answered 404",
        ),
        (
            image(&home, "none", json!({})),
            "InvalidSpec",
            "exactly one of git, blob, registry",
        ),
        (
            image(
                &home,
                "sub",
                json!({"blob": {"url": url}, "subPath": "../.."}),
            ),
            "BuildFailed",
            "has no folder '../..'",
        ),
    ];
    for (field, value, reason, message) in [
        (
            "tag",
            json!("Not A Tag"),
            "InvalidSpec",
            "is not a name of an image",
        ),
        (
            "builder",
            json!({"kind": "ClusterBuilder", "name": "nope"}),
            "BuilderNotFound",
            "use the ClusterBuilder 'default'",
        ),
        (
            "serviceAccountName",
            json!("nobody"),
            "BuildFailed",
            "serviceaccounts \"nobody\" not found",
        ),
    ] {
        let mut object = image(&home, &field.to_lowercase(), blob.clone());
        object["spec"][field] = value;
        cases.push((object, reason, message));
    }
    for (object, reason, message) in cases {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        home.apply(object).await;
        let object = home
            .until(V1ALPHA2, "Image", &name, |o| {
                condition(o, "Ready").0 == "False"
            })
            .await;
        let (_, found, said) = condition(&object, "Ready");
        assert_eq!(found, reason, "{name}: {said}");
        assert!(said.contains(message), "{name}: {said}");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn published_builder_objects_apply_and_become_ready() {
    let home = Home::start(&[Actor::Build]).await;
    let object = json!({
        "apiVersion": "kpack.io/v1alpha2", "kind": "Builder",
        "metadata": {"name": "my-builder", "namespace": "default"},
        "spec": {
            "serviceAccountName": "tutorial-service-account", "tag": "registry.example.org/builder",
            "stack": {"name": "base", "kind": "ClusterStack"}, "store": {"name": "default", "kind": "ClusterStore"},
            "order": [{"group": [{"id": "paketo-buildpacks/java"}]}],
        },
    });
    home.apply(object).await;
    home.until(V1ALPHA2, "Builder", "my-builder", is_ready)
        .await;
    home.stop().await;
}

//! `GitRepository`.

use carto_actors::Actor;
use carto_artifacts::digest::Digest;
use serde_json::{Value, json};

use crate::home::{Home, commit, condition, git, git_repository, is_ready, repository, wait_for};

const V1: &str = "source.toolkit.fluxcd.io/v1";
const KIND: &str = "GitRepository";

async fn download(url: &str) -> Option<Vec<u8>> {
    let response = reqwest::get(url).await.ok()?.error_for_status().ok()?;
    Some(response.bytes().await.ok()?.to_vec())
}

fn has_revision(commit: &str) -> impl Fn(&Value) -> bool {
    let revision = format!("main@sha1:{commit}");
    move |object| object["status"]["artifact"]["revision"] == revision && is_ready(object)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_an_artifact_and_the_next_one_is_noticed_at_once() {
    let home = Home::start(&[Actor::Git]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("index.html", "one")]);
    home.apply(git_repository(
        "app",
        &format!("file://{}", folder.display()),
    ))
    .await;
    let object = home.until(V1, KIND, "app", has_revision(&first)).await;
    let artifact = &object["status"]["artifact"];
    let bytes = download(artifact["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(artifact["digest"], Digest::of(&bytes).as_str());
    assert_eq!(artifact["size"], bytes.len());
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    let expect = format!("stored artifact for revision 'main@sha1:{first}'");
    for kind in ["Ready", "ArtifactInStorage"] {
        assert_eq!(
            condition(&object, kind),
            ("True".into(), "Succeeded".into(), expect.clone())
        );
    }
    // The interval is an hour, so only the notice can bring this.
    let second = commit(&folder, &[("index.html", "two")]);
    let object = home.until(V1, KIND, "app", has_revision(&second)).await;
    assert!(
        download(artifact["url"].as_str().unwrap()).await.is_some(),
        "the first artifact stays for its readers"
    );
    let old = home
        .objects("source.toolkit.fluxcd.io/v1beta1", KIND)
        .get("app")
        .await
        .unwrap();
    assert_eq!(
        old.data["status"]["url"],
        object["status"]["artifact"]["url"]
    );
    home.objects(V1, KIND)
        .delete("app", &Default::default())
        .await
        .unwrap();
    let url = object["status"]["artifact"]["url"].as_str().unwrap();
    assert!(
        wait_for(async || download(url).await.is_none()).await,
        "deleting the object removes its artifacts"
    );
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_become_conditions_in_the_words_of_flux() {
    let home = Home::start(&[Actor::Git]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    commit(&folder, &[("a", "1")]);
    let path = folder.display().to_string();
    for (name, url, extra, reason, message) in [
        (
            "branch",
            path.as_str(),
            json!({"ref": {"branch": "nope"}}),
            "GitOperationFailed",
            "failed to checkout and determine revision: couldn't find remote ref \"refs/heads/nope\"",
        ),
        (
            "nowhere",
            "/nowhere",
            json!({}),
            "GitOperationFailed",
            "failed to checkout and determine revision: repository not found",
        ),
        (
            "scheme",
            "ftp://h/r",
            json!({}),
            "URLInvalid",
            "failed to parse url 'ftp://h/r': unknown transport 'ftp'",
        ),
        (
            "scp",
            "git@h:r",
            json!({}),
            "URLInvalid",
            "write it as ssh://git@h/r",
        ),
        (
            "secret",
            "https://127.0.0.1:1/r",
            json!({"secretRef": {"name": "none"}}),
            "AuthenticationFailed",
            "failed to get secret 'default/none': secrets \"none\" not found",
        ),
        (
            "ssh",
            "ssh://git@127.0.0.1:1/r",
            json!({}),
            "AuthenticationFailed",
            "failed to configure authentication options: invalid 'ssh' auth option: 'identity' is required",
        ),
        (
            "refused",
            "http://127.0.0.1:1/r",
            json!({}),
            "GitOperationFailed",
            "failed to checkout and determine revision",
        ),
        (
            "verify",
            path.as_str(),
            json!({"verify": {"secretRef": {"name": "k"}}}),
            "Unsupported",
            "spec.verify is not supported",
        ),
    ] {
        let mut object = git_repository(name, url);
        object["spec"]
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        home.apply(object).await;
        let object = home
            .until(V1, KIND, name, |object| {
                condition(object, "Ready").0 == "False"
            })
            .await;
        for (kind, status) in [("Ready", "False"), ("FetchFailed", "True")] {
            let (found, found_reason, found_message) = condition(&object, kind);
            assert_eq!(
                (found.as_str(), found_reason.as_str()),
                (status, reason),
                "{name} {found_message}"
            );
            assert!(found_message.contains(message), "{name}: {found_message}");
        }
    }
    // One that was wrong becomes right.
    home.apply(git_repository("branch", &path)).await;
    let object = home.until(V1, KIND, "branch", is_ready).await;
    assert_eq!(condition(&object, "FetchFailed").0, "");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_requests_and_ignore_rules_are_honoured() {
    let home = Home::start(&[Actor::Git]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("a", "1"), ("docs/b", "2")]);
    let mut object = git_repository("app", &folder.display().to_string());
    home.apply(object.clone()).await;
    let before = home.until(V1, KIND, "app", has_revision(&first)).await;
    object["spec"]["ignore"] = json!("/docs");
    object["metadata"]["annotations"] = json!({"reconcile.fluxcd.io/requestedAt": "now"});
    home.apply(object.clone()).await;
    let after = home
        .until(V1, KIND, "app", |o| {
            o["status"]["lastHandledReconcileAt"] == "now"
        })
        .await;
    assert_ne!(
        after["status"]["artifact"]["digest"],
        before["status"]["artifact"]["digest"]
    );
    assert_eq!(after["status"]["observedIgnore"], "/docs");
    object["spec"]["suspend"] = json!(true);
    home.apply(object.clone()).await;
    let second = commit(&folder, &[("a", "2")]);
    object["spec"]["suspend"] = json!(false);
    let suspended = home.objects(V1, KIND).get("app").await.unwrap();
    assert_eq!(
        suspended.data["status"]["artifact"]["revision"],
        format!("main@sha1:{first}")
    );
    home.apply(object).await;
    home.until(V1, KIND, "app", has_revision(&second)).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_nothing_and_notices_what_happened_meanwhile() {
    let mut home = Home::start(&[Actor::Git]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("a", "1")]);
    home.apply(git_repository("app", &folder.display().to_string()))
        .await;
    home.apply(git_repository("gone", &folder.display().to_string()))
        .await;
    let before = home.until(V1, KIND, "app", has_revision(&first)).await;
    let gone = home.until(V1, KIND, "gone", has_revision(&first)).await;
    home.pause().await;
    home.objects(V1, KIND)
        .delete("gone", &Default::default())
        .await
        .unwrap();
    home.resume().await;
    let url = gone["status"]["artifact"]["url"].as_str().unwrap();
    assert!(
        wait_for(async || download(url).await.is_none()).await,
        "what was deleted meanwhile is swept"
    );
    let url = before["status"]["artifact"]["url"].as_str().unwrap();
    assert!(download(url).await.is_some(), "addresses survive a restart");
    let after = home.objects(V1, KIND).get("app").await.unwrap();
    assert_eq!(
        after.metadata.resource_version.unwrap(),
        before["metadata"]["resourceVersion"]
    );
    home.pause().await;
    let second = commit(&folder, &[("a", "2")]);
    home.resume().await;
    home.until(V1, KIND, "app", has_revision(&second)).await;
    git(&folder, &["status"]);
    home.stop().await;
}

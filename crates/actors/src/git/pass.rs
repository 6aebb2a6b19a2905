//! One pass over a GitRepository.

use std::sync::Arc;
use std::time::Duration;

use carto_artifacts::archive::ArchiveError;
use carto_artifacts::git::{Git, GitError, Remote, RemoteError, Resolved, SecretKeys};
use carto_artifacts::ignore::Ignore;
use carto_artifacts::store::Artifact;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use super::GitActor;
use super::spec::GitRepositorySpec;
use crate::conditions::{Conditions, Truth, now};
use crate::shell::{
    PassError, blocking, chain, is_not_found, objects, read, status_of, write_status,
};

/// Asks for a pass now; its value is copied into the status when done.
const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";

/// Conditions that say "something is wrong", present only then.
const FETCH_FAILED: &str = "FetchFailed";
const STORAGE_FAILED: &str = "StorageOperationFailed";
const IN_STORAGE: &str = "ArtifactInStorage";
const OUTDATED: &str = "ArtifactOutdated";

/// Something the user (or time) must mend.
struct Failure {
    condition: &'static str,
    reason: &'static str,
    message: String,
    /// Nothing changes by trying again: wait for a change of the object.
    stalled: bool,
}

impl Failure {
    fn fetch(reason: &'static str, message: String) -> Failure {
        Failure {
            condition: FETCH_FAILED,
            reason,
            message,
            stalled: false,
        }
    }

    fn stalled(reason: &'static str, message: String) -> Failure {
        Failure {
            stalled: true,
            ..Failure::fetch(reason, message)
        }
    }

    fn git(error: &GitError) -> Failure {
        match error {
            GitError::Empty => Failure::fetch("EmptyGitRepository", error.to_string()),
            GitError::DiskFull => Failure {
                condition: STORAGE_FAILED,
                ..Failure::fetch("ArchiveOperationFailed", error.to_string())
            },
            _ => {
                let message = format!(
                    "failed to checkout and determine revision: {}",
                    chain(error)
                );
                Failure::fetch("GitOperationFailed", message)
            }
        }
    }

    fn archive(error: &ArchiveError) -> Failure {
        let message = format!("unable to archive artifact to storage: {}", chain(error));
        Failure {
            condition: STORAGE_FAILED,
            ..Failure::fetch("ArchiveOperationFailed", message)
        }
    }
}

/// What a successful pass found.
struct Done {
    artifact: Map<String, Value>,
    revision: String,
    /// First line of the commit message, when something was stored.
    stored: Option<String>,
}

pub(super) async fn pass(
    object: Arc<DynamicObject>,
    actor: Arc<GitActor>,
) -> Result<Action, PassError> {
    let key = ObjectRef::from_obj_with(&*object, actor.kind.clone());
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let spec: Result<GitRepositorySpec, String> = read(&object, "spec");
    if spec.as_ref().is_ok_and(|spec| spec.suspend) {
        return Ok(Action::await_change());
    }
    let one = Pass {
        actor: &actor,
        object: &object,
        key: &key,
    };
    let outcome = match &spec {
        Ok(spec) => one.work(spec).await?,
        Err(message) => Err(Failure::stalled("InvalidSpec", message.clone())),
    };
    one.report(spec.as_ref().ok(), &outcome).await?;
    let interval = spec.ok().and_then(|spec| spec.interval().ok());
    Ok(match outcome {
        Ok(_) => {
            actor.retries.succeeded(&key);
            interval.map_or_else(Action::await_change, Action::requeue)
        }
        Err(failure) if failure.stalled => Action::await_change(),
        Err(_) => {
            let pause = actor.retries.failed(key);
            Action::requeue(interval.map_or(pause, |interval| {
                pause.min(interval.max(Duration::from_secs(1)))
            }))
        }
    })
}

struct Pass<'a> {
    actor: &'a GitActor,
    object: &'a DynamicObject,
    key: &'a ObjectRef<DynamicObject>,
}

impl Pass<'_> {
    fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    async fn work(&self, spec: &GitRepositorySpec) -> Result<Result<Done, Failure>, PassError> {
        if let Some(message) = spec.unsupported() {
            return Ok(Err(Failure::stalled("Unsupported", message)));
        }
        let timeout = match spec.interval().and_then(|_| spec.timeout()) {
            Ok(timeout) => timeout,
            Err(message) => return Ok(Err(Failure::stalled("InvalidSpec", message))),
        };
        let remote = match self.remote(spec).await? {
            Ok(remote) => remote,
            Err(failure) => return Ok(Err(failure)),
        };
        let git = self.actor.git.with_timeout(timeout);
        // Before the look-up, so that no commit falls between the two.
        match git.references_folder(&remote).await {
            Some(folder) => self.actor.notices.wait(self.key, &folder),
            None => self.actor.notices.forget(self.key),
        }
        match git.resolve(&remote, &spec.reference()).await {
            Ok(resolved) => self.store(spec, &git, &remote, &resolved).await,
            Err(error) => Ok(Err(Failure::git(&error))),
        }
    }

    async fn remote(&self, spec: &GitRepositorySpec) -> Result<Result<Remote, Failure>, PassError> {
        let mut secret = Secret::default();
        if let Some(reference) = &spec.secret_ref {
            let namespace = self.namespace();
            let api: Api<Secret> = Api::namespaced(self.actor.client.clone(), &namespace);
            match api.get(&reference.name).await {
                Ok(found) => secret = found,
                Err(error) if is_not_found(&error) => {
                    let name = &reference.name;
                    let message = format!(
                        "failed to get secret '{namespace}/{name}': secrets \"{name}\" not found"
                    );
                    return Ok(Err(Failure::fetch("AuthenticationFailed", message)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let data = secret.data.unwrap_or_default();
        let keys = SecretKeys::new(
            data.iter()
                .map(|(key, value)| (key.as_str(), value.0.as_slice())),
        );
        Ok(Remote::new(&spec.url, &keys).map_err(|error| match &error {
            RemoteError::Url { .. } => Failure::stalled("URLInvalid", error.to_string()),
            RemoteError::Auth(_) => Failure::fetch("AuthenticationFailed", error.to_string()),
        }))
    }

    /// Makes sure that the archive of this revision is stored.
    async fn store(
        &self,
        spec: &GitRepositorySpec,
        git: &Git,
        remote: &Remote,
        resolved: &Resolved,
    ) -> Result<Result<Done, Failure>, PassError> {
        let (namespace, name) = (self.namespace(), self.object.name_any());
        let revision = resolved.revision();
        let path = format!(
            "{}/{}.tar.gz",
            GitActor::store_folder(&namespace, &name),
            resolved.commit
        );
        if let Some(artifact) = self.current(spec, &revision, &path).await? {
            return Ok(Ok(Done {
                artifact,
                revision,
                stored: None,
            }));
        }
        self.announce(remote, &revision).await?;
        let folder = self.actor.work_folder(&namespace, &name);
        let checkout = match git
            .checkout(remote, resolved, &folder, spec.recurse_submodules)
            .await
        {
            Ok(checkout) => checkout,
            Err(error) => return Ok(Err(Failure::git(&error))),
        };
        let (store, spec, target) = (self.actor.store.clone(), spec.clone(), path.clone());
        let archived = blocking(move || {
            let ignore = Ignore::for_tree(&folder, spec.ignore.as_deref()).map_err(|source| {
                ArchiveError::Io {
                    what: "failed to load source ignore patterns from",
                    path: folder.clone(),
                    source,
                }
            })?;
            let artifact =
                store.archive(&target, &folder, &ignore.limited_to(&spec.sparse_checkout))?;
            // What could not be removed now is tried again with the next artifact.
            drop(store.collect(&target));
            Ok::<Artifact, ArchiveError>(artifact)
        });
        Ok(match archived.await? {
            Ok(artifact) => {
                let artifact = artifact_status(&artifact, &revision);
                Ok(Done {
                    artifact,
                    revision,
                    stored: Some(checkout.subject),
                })
            }
            Err(error) => Err(Failure::archive(&error)),
        })
    }

    /// The artifact in the status, when it is what this pass would make and its file is sound.
    async fn current(
        &self,
        spec: &GitRepositorySpec,
        revision: &str,
        path: &str,
    ) -> Result<Option<Map<String, Value>>, PassError> {
        let status = status_of(self.object);
        let Some(artifact) = status.get("artifact").and_then(Value::as_object) else {
            return Ok(None);
        };
        let same = artifact.get("revision") == Some(&json!(revision))
            && status.get("observedIgnore").and_then(Value::as_str) == spec.ignore.as_deref()
            && status
                .get("observedRecurseSubmodules")
                .and_then(Value::as_bool)
                .unwrap_or(false)
                == spec.recurse_submodules
            && status
                .get("observedSparseCheckout")
                .cloned()
                .unwrap_or(json!([]))
                == json!(spec.sparse_checkout);
        if !same {
            return Ok(None);
        }
        let (store, path) = (self.actor.store.clone(), path.to_owned());
        let Some(verified) = blocking(move || store.verified(&path)).await? else {
            return Ok(None);
        };
        let mut artifact = artifact.clone();
        artifact.insert("url".to_owned(), json!(verified.url));
        Ok(Some(artifact))
    }

    /// Says that work has begun, when it may take a while.
    async fn announce(&self, remote: &Remote, revision: &str) -> Result<(), PassError> {
        if remote.folder().is_some() {
            return Ok(());
        }
        let mut status = status_of(self.object);
        let mut conditions = Conditions::of(&status, self.object.metadata.generation);
        let message = format!("building artifact: new upstream revision '{revision}'");
        conditions.set("Reconciling", Truth::True, "Progressing", &message);
        if status.contains_key("artifact") {
            conditions.set(
                OUTDATED,
                Truth::True,
                "NewRevision",
                &format!("new upstream revision '{revision}'"),
            );
        }
        conditions.set("Ready", Truth::Unknown, "Progressing", &message);
        conditions.store(&mut status);
        write_status(&self.api(), self.object, &status).await
    }

    fn api(&self) -> Api<DynamicObject> {
        objects(
            &self.actor.client,
            &self.actor.kind,
            Some(&self.namespace()),
        )
    }

    async fn report(
        &self,
        spec: Option<&GitRepositorySpec>,
        outcome: &Result<Done, Failure>,
    ) -> Result<(), PassError> {
        let generation = self.object.metadata.generation;
        let before = status_of(self.object);
        let mut status = before.clone();
        status.insert(
            "observedGeneration".to_owned(),
            json!(generation.unwrap_or_default()),
        );
        if let Some(requested) = self.object.annotations().get(REQUESTED) {
            status.insert("lastHandledReconcileAt".to_owned(), json!(requested));
        }
        let mut conditions = Conditions::of(&before, generation);
        for passing in [
            "Reconciling",
            "Stalled",
            FETCH_FAILED,
            STORAGE_FAILED,
            OUTDATED,
        ] {
            conditions.remove(passing);
        }
        match outcome {
            Ok(done) => {
                let message = format!("stored artifact for revision '{}'", done.revision);
                conditions.set("Ready", Truth::True, "Succeeded", &message);
                conditions.set(IN_STORAGE, Truth::True, "Succeeded", &message);
                status.insert(
                    "url".to_owned(),
                    done.artifact.get("url").cloned().unwrap_or_default(),
                );
                status.insert("artifact".to_owned(), Value::Object(done.artifact.clone()));
                if let Some(spec) = spec {
                    observe(spec, &mut status);
                }
            }
            Err(failure) => {
                conditions.set("Ready", Truth::False, failure.reason, &failure.message);
                conditions.set(
                    failure.condition,
                    Truth::True,
                    failure.reason,
                    &failure.message,
                );
                if failure.stalled {
                    conditions.set("Stalled", Truth::True, failure.reason, &failure.message);
                }
            }
        }
        conditions.store(&mut status);
        write_status(&self.api(), self.object, &status).await?;
        self.tell(&before, outcome);
        Ok(())
    }

    /// Events, where something is new.
    fn tell(&self, before: &Map<String, Value>, outcome: &Result<Done, Failure>) {
        let ready = Conditions::of(before, None);
        let events = &self.actor.events;
        match outcome {
            Ok(Done {
                stored: Some(subject),
                ..
            }) => {
                let message = format!("stored artifact for commit '{subject}'");
                events.normal(self.object, &self.actor.kind, "NewArtifact", &message);
            }
            Ok(done) if ready.status("Ready") == Some("False") => {
                let message = format!("stored artifact for revision '{}'", done.revision);
                events.normal(self.object, &self.actor.kind, "Succeeded", &message);
            }
            Ok(_) => {}
            Err(failure) => events.warning(
                self.object,
                &self.actor.kind,
                failure.reason,
                &failure.message,
            ),
        }
    }
}

/// What the artifact was made from, so that a change of it is noticed.
fn observe(spec: &GitRepositorySpec, status: &mut Map<String, Value>) {
    let facts = [
        (
            "observedIgnore",
            spec.ignore.as_ref().map(|ignore| json!(ignore)),
        ),
        (
            "observedRecurseSubmodules",
            spec.recurse_submodules.then_some(json!(true)),
        ),
        (
            "observedSparseCheckout",
            (!spec.sparse_checkout.is_empty()).then(|| json!(spec.sparse_checkout)),
        ),
    ];
    for (key, fact) in facts {
        match fact {
            Some(fact) => drop(status.insert(key.to_owned(), fact)),
            None => drop(status.remove(key)),
        }
    }
}

fn artifact_status(artifact: &Artifact, revision: &str) -> Map<String, Value> {
    let status = json!({
        "url": artifact.url,
        "path": artifact.path,
        "revision": revision,
        "digest": artifact.digest,
        "checksum": artifact.digest.hex(),
        "size": artifact.size_bytes,
        "lastUpdateTime": now(),
    });
    status.as_object().cloned().unwrap_or_default()
}

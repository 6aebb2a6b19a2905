//! One pass over a Build: carries it out unless it has ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carto_artifacts::digest::Digest;
use carto_artifacts::oci::manifest::MANIFEST;
use carto_artifacts::oci::name::ImageName;
use carto_artifacts::oci::registry::{Registry, StoredManifest};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;
use kube::runtime::wait::await_condition;
use serde_json::json;

use super::container::Kitchen;
use super::native::{self, Plan};
use super::spec::{Build, BuildSpec};
use super::{BuildActor, pod, source};
use crate::conditions::{Conditions, Truth};
use crate::credentials::Credentials;
use crate::logs::LogWriter;
use crate::names::IDENTITY;
use crate::shell::{PassError, blocking, chain, objects, read, status_of, until, write_status};

/// A build that says nothing of its own limit.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Repository of the store for images on their way to a foreign registry.
const STAGING: &str = "carto-build";

pub(super) async fn pass(
    object: Arc<DynamicObject>,
    actor: Arc<BuildActor>,
) -> Result<Action, PassError> {
    let build = Build::of(&object);
    if build.succeeded.is_some() || object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let one = Pass {
        actor: &actor,
        object: &object,
        build,
    };
    pod::ensure(&actor, &object).await?;
    pod::report(&actor, &object, pod::Phase::Running, "").await?;
    one.report(Truth::Unknown, "", None).await?;
    // Stopped in the middle, the Build stays as it is, and the next start takes it up.
    let work = until(&actor.stop, one.carry_out());
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = one.deleted() => {
            pod::remove(&actor, &object).await?;
            one.clear().await;
            return Ok(Action::await_change());
        }
    };
    let Some(outcome) = outcome else {
        return Ok(Action::await_change());
    };
    match outcome? {
        Ok(image) => {
            pod::report(&actor, &object, pod::Phase::Succeeded, "").await?;
            one.report(Truth::True, "", Some(&image)).await?;
            actor.events.normal(
                &*object,
                &actor.builds,
                "BuildSucceeded",
                &format!("pushed {image}"),
            );
        }
        Err(problem) => {
            pod::report(&actor, &object, pod::Phase::Failed, &problem).await?;
            one.report(Truth::False, &problem, None).await?;
            actor
                .events
                .warning(&*object, &actor.builds, "BuildFailed", &problem);
        }
    }
    Ok(Action::await_change())
}

struct Pass<'a> {
    actor: &'a BuildActor,
    object: &'a DynamicObject,
    build: Build,
}

impl Pass<'_> {
    fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    async fn report(
        &self,
        truth: Truth,
        message: &str,
        image: Option<&str>,
    ) -> Result<(), PassError> {
        let mut status = status_of(self.object);
        let mut conditions = Conditions::of(&status, None);
        conditions.set("Succeeded", truth, "", message);
        conditions.store(&mut status);
        status.insert(
            "observedGeneration".to_owned(),
            json!(self.object.metadata.generation),
        );
        status.insert("podName".to_owned(), json!(pod::name_of(self.object)));
        if truth == Truth::True {
            status.insert("stepsCompleted".to_owned(), json!([pod::CONTAINER]));
        }
        if let Some(image) = image {
            status.insert("latestImage".to_owned(), json!(image));
        }
        let api = objects(
            &self.actor.client,
            &self.actor.builds,
            Some(&self.namespace()),
        );
        write_status(&api, self.object, &status).await
    }

    /// The pushed image by digest, or what went wrong.
    async fn carry_out(&self) -> Result<Result<String, String>, PassError> {
        let name = pod::name_of(self.object);
        let log = match self
            .actor
            .logs
            .resume(&self.namespace(), &name, pod::CONTAINER)
        {
            Ok(log) => log,
            Err(error) => return Ok(Err(format!("cannot write the build's log: {error}"))),
        };
        let spec: BuildSpec = match read(self.object, "spec") {
            Ok(spec) => spec,
            Err(problem) => return Ok(Err(problem)),
        };
        let found = Credentials::of_account(
            &self.actor.client,
            &self.namespace(),
            &spec.service_account_name,
        )
        .await?;
        let outcome = match found {
            Ok(credentials) => {
                let limit = spec
                    .active_deadline_seconds
                    .map_or(TIMEOUT, Duration::from_secs);
                let work = self.build_and_push(&spec, &credentials, &log);
                let timed = tokio::time::timeout(limit, work).await;
                timed.unwrap_or_else(|_| {
                    Err(format!(
                        "the build did not end within {} s",
                        limit.as_secs()
                    ))
                })
            }
            Err(problem) => Err(problem),
        };
        self.clear().await;
        match &outcome {
            Ok(image) => log.say(&format!("done: {image}")),
            Err(problem) => log.say(&format!("failed: {problem}")),
        }
        Ok(outcome)
    }

    /// Completes when nobody wants the build any more.
    async fn deleted(&self) {
        let api = objects(
            &self.actor.client,
            &self.actor.builds,
            Some(&self.namespace()),
        );
        let uid = self.object.uid().unwrap_or_default();
        let gone = move |build: Option<&DynamicObject>| {
            build.is_none_or(|build| {
                build.metadata.deletion_timestamp.is_some()
                    || build.metadata.uid.as_deref() != Some(&uid)
            })
        };
        let name = self.object.name_any();
        if let Err(error) = await_condition(api, &name, gone).await {
            tracing::warn!(%error, build = name, "cannot watch a build; it goes on if it is deleted");
            std::future::pending::<()>().await;
        }
    }

    /// Removes what the build needed on its way.
    async fn clear(&self) {
        let scratch = self.scratch();
        drop(blocking(move || std::fs::remove_dir_all(scratch)).await);
    }

    fn scratch(&self) -> PathBuf {
        self.actor.work.join(self.object.uid().unwrap_or_default())
    }

    async fn build_and_push(
        &self,
        spec: &BuildSpec,
        credentials: &Credentials,
        log: &LogWriter,
    ) -> Result<String, String> {
        let tags = spec
            .tags
            .iter()
            .map(|tag| tag.parse::<ImageName>())
            .collect::<Result<Vec<_>, _>>();
        let tags = tags.map_err(|error| error.to_string())?;
        let Some(first) = tags.first() else {
            return Err("the build has no tag".to_owned());
        };
        let registry = &self.actor.registry;
        if let Some(digest) = self.finished_before(first) {
            log.say("the image of these inputs is stored already");
            return self.push(&tags, &digest, credentials, log).await;
        }
        let scratch = self.scratch();
        let folder = scratch.join("source");
        let folder = source::fetch(
            self.actor,
            spec,
            &self.namespace(),
            credentials,
            &folder,
            log,
        )
        .await?;
        let plan = native::plan(&folder, spec)?;
        let labels = native::labels(&self.build.identity, spec);
        let digest = match &plan {
            Plan::Dockerfile => {
                let labels: Vec<_> = labels.into_iter().collect();
                let (keys, _told_when_pushing) = credentials.keychain();
                let kitchen = Kitchen {
                    registry,
                    launcher: &self.actor.launcher,
                    folder: &folder,
                    scratch: &scratch,
                    keys: &keys,
                    log,
                };
                kitchen.build(spec, &labels).await?
            }
            Plan::Static(_) | Plan::Program(_) => {
                let words = if matches!(plan, Plan::Static(_)) {
                    "a static site"
                } else {
                    "a finished program"
                };
                log.say(&format!("the source is {words}: building from scratch"));
                let (registry, internal) = (registry.clone(), self.actor.launcher.internal.clone());
                let built = blocking(move || {
                    native::build(&registry, &internal, &plan, &folder, (STAGING, &[]), labels)
                });
                built.await.map_err(|error| error.to_string())??.digest
            }
        };
        self.note(&digest);
        self.push(&tags, &digest, credentials, log).await
    }

    fn note_path(&self) -> PathBuf {
        self.actor
            .registry
            .root()
            .join("built")
            .join(&self.build.identity)
    }

    /// Remembers which image came of these inputs.
    fn note(&self, digest: &Digest) {
        if !self.build.identity.is_empty() {
            // Without the note these inputs are built again, to the same image.
            drop(carto_artifacts::listen::write_whole(
                &self.note_path(),
                digest.as_str().as_bytes(),
            ));
        }
    }

    /// The image that was built from the same inputs before (by this build when it was cut off, or by an older one),
    /// unless somebody asked for another build.
    fn finished_before(&self, name: &ImageName) -> Option<Digest> {
        if self.build.identity.is_empty() || self.build.reason == "TRIGGER" {
            return None;
        }
        let noted = std::fs::read_to_string(self.note_path())
            .ok()?
            .trim()
            .parse::<Digest>()
            .ok();
        let tagged = || {
            let manifest = self
                .actor
                .registry
                .manifest(&name.repository, &name.reference())
                .ok()?;
            self.actor.is_ours(name).then_some(manifest.digest)
        };
        let digest = noted.or_else(tagged)?;
        let (_, manifest, config) = self.actor.registry.image(&digest).ok()?;
        let complete = manifest
            .layers
            .iter()
            .all(|layer| self.actor.registry.blob_size(&layer.digest).is_some());
        (complete && config.config.labels.get(IDENTITY) == Some(&self.build.identity))
            .then_some(digest)
    }

    async fn push(
        &self,
        tags: &[ImageName],
        digest: &Digest,
        credentials: &Credentials,
        log: &LogWriter,
    ) -> Result<String, String> {
        let registry = &self.actor.registry;
        let bytes = registry.read_blob(digest).map_err(|error| chain(&error))?;
        let manifest = StoredManifest {
            digest: digest.clone(),
            media_type: media_type(&bytes),
            bytes,
        };
        let (keys, notes) = credentials.keychain();
        notes.iter().for_each(|note| log.say(note));
        for tag in tags {
            log.say(&format!("pushing {tag}"));
            if self.actor.is_ours(tag) {
                keep(registry, tag, &manifest).map_err(|error| chain(&error))?;
            } else {
                let pushed = self
                    .actor
                    .registries
                    .push(tag, &[], &keys, &manifest, registry)
                    .await;
                pushed.map_err(|error| chain(&error))?;
            }
        }
        tags.first()
            .map(|first| first.at(digest))
            .ok_or_else(|| "the build has no tag".to_owned())
    }
}

fn keep(
    registry: &Registry,
    tag: &ImageName,
    manifest: &StoredManifest,
) -> Result<(), carto_artifacts::oci::registry::RegistryError> {
    registry
        .put_manifest(
            &tag.repository,
            &tag.reference(),
            &manifest.media_type,
            &manifest.bytes,
        )
        .map(drop)
}

fn media_type(manifest: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    value["mediaType"].as_str().unwrap_or(MANIFEST).to_owned()
}

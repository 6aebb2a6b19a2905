//! One pass over an Image: is a build needed, which, and what is to be said.

use std::sync::Arc;
use std::time::Duration;

use carto_artifacts::git::{Reference, Remote};
use carto_artifacts::oci::name::ImageName;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::spec::{
    BUILD_NUMBER, BUILDER_KIND, BUILDER_NAME, Build, BuildSpec, IMAGE, IMAGE_GENERATION, ImageSpec,
    REASON, Source, is_owned_by,
};
use super::{BuildActor, kpack};
use crate::conditions::{Conditions, Truth};
use crate::credentials::{Credentials, secret_keys};
use crate::names::{IDENTITY, child_name};
use crate::shell::{PassError, chain, is_not_found, objects, read, status_of, write_status};

/// As kpack: how many ended builds stay, and how often a branch is looked at.
const HISTORY: usize = 10;
const BRANCH_INTERVAL: Duration = Duration::from_secs(60);

/// What there is to say about an Image.
struct Verdict {
    truth: Truth,
    reason: &'static str,
    message: String,
    builder_ready: bool,
}

impl Verdict {
    fn wrong(reason: &'static str, message: String) -> Verdict {
        Verdict {
            truth: Truth::False,
            reason,
            message,
            builder_ready: true,
        }
    }
}

pub(super) async fn pass(
    object: Arc<DynamicObject>,
    actor: Arc<BuildActor>,
) -> Result<Action, PassError> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let one = Pass {
        actor: &actor,
        object: &object,
        uid: object.uid().unwrap_or_default(),
    };
    let spec: ImageSpec = match read(&object, "spec") {
        Ok(spec) => spec,
        Err(message) => {
            one.report(&Verdict::wrong("InvalidSpec", message), None)
                .await?;
            return Ok(Action::await_change());
        }
    };
    if let Some(verdict) = one.check(&spec).await? {
        one.report(&verdict, one.last_build().await?.as_ref())
            .await?;
        return Ok(Action::await_change());
    }
    let last = one.last_build().await?;
    if let Some(running) = last.as_ref().filter(|build| build.succeeded.is_none()) {
        one.report(&one.verdict(running), Some(running)).await?;
        return Ok(Action::await_change());
    }
    let key = ObjectRef::from_obj_with(&*object, actor.images.clone());
    let source = match one.resolve(&spec).await? {
        Ok(source) => source,
        Err(message) => {
            let mut verdict = Verdict::wrong(
                "ResolverNotReady",
                format!(
                    "Error: SourceResolver '{}-source' is not ready: {message}",
                    object.name_any()
                ),
            );
            verdict.truth = Truth::False;
            one.report(&verdict, last.as_ref()).await?;
            return Ok(Action::requeue(actor.retries.failed(key)));
        }
    };
    actor.retries.succeeded(&key);
    let current = match one.needed(&spec, &source, last.as_ref()) {
        Some(reason) => one.start(&spec, &source, last.as_ref(), reason).await?,
        None => last,
    };
    if let Some(build) = &current {
        one.report(&one.verdict(build), Some(build)).await?;
    }
    one.forget_old_builds(&spec).await?;
    // A branch moves without anybody telling; all other sources change with the object.
    let moves = spec
        .source
        .git
        .as_ref()
        .is_some_and(|git| !is_commit(&git.revision));
    Ok(if moves {
        Action::requeue(BRANCH_INTERVAL)
    } else {
        Action::await_change()
    })
}

fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Pass<'a> {
    actor: &'a BuildActor,
    object: &'a DynamicObject,
    uid: String,
}

impl Pass<'_> {
    fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    fn builds(&self) -> Api<DynamicObject> {
        objects(
            &self.actor.client,
            &self.actor.builds,
            Some(&self.namespace()),
        )
    }

    /// What is wrong with the Image itself or its builder.
    async fn check(&self, spec: &ImageSpec) -> Result<Option<Verdict>, PassError> {
        if let Err(error) = spec.tag.parse::<ImageName>() {
            return Ok(Some(Verdict::wrong(
                "InvalidSpec",
                format!("spec.tag: {error}"),
            )));
        }
        let sources = [
            spec.source.git.is_some(),
            spec.source.blob.is_some(),
            spec.source.registry.is_some(),
        ];
        if sources.into_iter().filter(|there| *there).count() != 1 {
            let message = "spec.source must have exactly one of git, blob, registry".to_owned();
            return Ok(Some(Verdict::wrong("InvalidSpec", message)));
        }
        let builder = spec.builder();
        let namespace = self.namespace();
        let (kind, within) = match builder.kind.as_str() {
            "ClusterBuilder" => (kpack("ClusterBuilder", "clusterbuilders"), None),
            "Builder" => (kpack("Builder", "builders"), Some(namespace.as_str())),
            other => {
                let message =
                    format!("spec.builder.kind '{other}' is neither ClusterBuilder nor Builder");
                return Ok(Some(Verdict::wrong("InvalidSpec", message)));
            }
        };
        match objects(&self.actor.client, &kind, within)
            .get(&builder.name)
            .await
        {
            Ok(_) => Ok(None),
            Err(error) if is_not_found(&error) => {
                let message = format!(
                    "Error: Unable to find builder '{}' in namespace '{}'. Apply a {} of that name, or use the ClusterBuilder 'default'.",
                    builder.name,
                    within.unwrap_or_default(),
                    builder.kind
                );
                let verdict = Verdict::wrong("BuilderNotFound", message);
                Ok(Some(Verdict {
                    builder_ready: false,
                    ..verdict
                }))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn all_builds(&self) -> Result<Vec<Build>, PassError> {
        let labels = format!("{IMAGE}={}", self.object.name_any());
        let listed = self
            .builds()
            .list(&ListParams::default().labels(&labels))
            .await?;
        let own = listed
            .items
            .iter()
            .filter(|build| is_owned_by(*build, &self.uid));
        let mut builds: Vec<Build> = own.map(Build::of).collect();
        builds.sort_by_key(|build| build.number);
        Ok(builds)
    }

    async fn last_build(&self) -> Result<Option<Build>, PassError> {
        Ok(self.all_builds().await?.pop())
    }

    /// The source with branches and tags replaced by what they are now.
    async fn resolve(&self, spec: &ImageSpec) -> Result<Result<Source, String>, PassError> {
        let mut source = spec.source.clone();
        let Some(git) = &mut source.git else {
            return Ok(Ok(source));
        };
        if is_commit(&git.revision) {
            return Ok(Ok(source));
        }
        let account = spec.service_account();
        let found = Credentials::of_account(&self.actor.client, &self.namespace(), account).await?;
        let entries = match found {
            Ok(credentials) => credentials.for_git(&git.url),
            Err(message) => return Ok(Err(message)),
        };
        let remote = match Remote::new(&git.url, &secret_keys(&entries)) {
            Ok(remote) => remote,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let revision = Some(git.revision.clone()).filter(|revision| !revision.is_empty());
        let branch = Reference {
            branch: revision.clone(),
            ..Reference::default()
        };
        let tag = Reference {
            tag: revision,
            ..Reference::default()
        };
        let resolved = match self.actor.git.resolve(&remote, &branch).await {
            Err(_) if tag.tag.is_some() => self.actor.git.resolve(&remote, &tag).await,
            other => other,
        };
        Ok(match resolved {
            Ok(resolved) => {
                git.revision = resolved.commit;
                Ok(source)
            }
            Err(error) => Err(chain(&error)),
        })
    }

    /// Why a build is needed, in kpack's words; `None` when the last one is good for this.
    fn needed(
        &self,
        spec: &ImageSpec,
        source: &Source,
        last: Option<&Build>,
    ) -> Option<&'static str> {
        let Some(last) = last else {
            return Some("CONFIG");
        };
        if last.asked_again {
            return Some("TRIGGER");
        }
        if last.identity == spec.identity(source) {
            return None;
        }
        let commit = |source: &Source| source.git.as_ref().map(|git| git.revision.clone());
        let only_commit =
            commit(&last.source).is_some_and(|old| commit(source).is_some_and(|new| new != old));
        Some(if only_commit { "COMMIT" } else { "CONFIG" })
    }

    async fn start(
        &self,
        spec: &ImageSpec,
        source: &Source,
        last: Option<&Build>,
        reason: &'static str,
    ) -> Result<Option<Build>, PassError> {
        let number = last.map_or(0, |build| build.number) + 1;
        let name = child_name(&self.object.name_any(), &format!("-build-{number}"));
        let mut labels = self.object.metadata.labels.clone().unwrap_or_default();
        labels.insert(BUILD_NUMBER.to_owned(), number.to_string());
        labels.insert(IMAGE.to_owned(), self.object.name_any());
        labels.insert(
            IMAGE_GENERATION.to_owned(),
            self.object
                .metadata
                .generation
                .unwrap_or_default()
                .to_string(),
        );
        labels.insert(IDENTITY.to_owned(), spec.identity(source));
        let builder = spec.builder();
        let build_spec = BuildSpec {
            tags: tags(spec, number),
            service_account_name: spec.service_account().to_owned(),
            source: source.clone(),
            env: spec.build.env.clone(),
            default_process: spec.default_process.clone(),
            active_deadline_seconds: spec.build.build_timeout,
        };
        let spec = serde_json::to_value(build_spec)
            .map_err(|error| PassError::Local(error.to_string()))?;
        let mut build = DynamicObject::new(&name, &self.actor.builds).data(json!({"spec": spec}));
        build.metadata.namespace = Some(self.namespace());
        build.metadata.labels = Some(labels);
        build.metadata.annotations = Some(
            [
                (REASON, reason.to_owned()),
                (BUILDER_NAME, builder.name),
                (BUILDER_KIND, builder.kind),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        );
        build.metadata.owner_references = self
            .object
            .controller_owner_ref(&self.actor.images)
            .map(|owner| vec![owner]);
        match self.builds().create(&PostParams::default(), &build).await {
            Ok(created) => Ok(Some(Build::of(&created))),
            // Another pass was faster, or a build of a former Image of this name is still being deleted.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(PassError::Local(
                format!("the Build \"{name}\" exists already"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    fn verdict(&self, build: &Build) -> Verdict {
        let (name, namespace) = (&build.name, self.namespace());
        match build.succeeded {
            None => Verdict {
                truth: Truth::Unknown,
                reason: "BuildRunning",
                message: format!("Build '{name}' is executing"),
                builder_ready: true,
            },
            Some(true) => Verdict {
                truth: Truth::True,
                reason: "UpToDate",
                message: "Last build succeeded".to_owned(),
                builder_ready: true,
            },
            Some(false) => Verdict::wrong(
                "BuildFailed",
                format!(
                    "Error: Build '{name}' in namespace '{namespace}' failed: {}",
                    build.message
                ),
            ),
        }
    }

    async fn report(&self, verdict: &Verdict, build: Option<&Build>) -> Result<(), PassError> {
        let mut status: Map<String, Value> = status_of(self.object);
        let mut conditions = Conditions::of(&status, None);
        conditions.set("Ready", verdict.truth, verdict.reason, &verdict.message);
        if verdict.builder_ready {
            conditions.set("BuilderReady", Truth::True, "BuilderReady", "");
            conditions.set("BuilderUpToDate", Truth::True, "BuilderUpToDate", "");
        } else {
            conditions.set(
                "BuilderReady",
                Truth::False,
                verdict.reason,
                &verdict.message,
            );
            conditions.remove("BuilderUpToDate");
        }
        conditions.store(&mut status);
        status.insert(
            "observedGeneration".to_owned(),
            json!(self.object.metadata.generation),
        );
        if let Some(build) = build {
            status.insert("buildCounter".to_owned(), json!(build.number));
            status.insert("latestBuildRef".to_owned(), json!(build.name));
            status.insert("latestBuildReason".to_owned(), json!(build.reason));
            status.insert(
                "latestBuildImageGeneration".to_owned(),
                json!(build.generation),
            );
            if let (Some(true), Some(image)) = (build.succeeded, &build.image) {
                status.insert("latestImage".to_owned(), json!(image));
            }
        }
        let api = objects(
            &self.actor.client,
            &self.actor.images,
            Some(&self.namespace()),
        );
        write_status(&api, self.object, &status).await
    }

    /// Removes the oldest ended builds beyond the limits.
    async fn forget_old_builds(&self, spec: &ImageSpec) -> Result<(), PassError> {
        let builds = self.all_builds().await?;
        for (succeeded, limit) in [
            (true, spec.success_build_history_limit),
            (false, spec.failed_build_history_limit),
        ] {
            let ended: Vec<&Build> = builds
                .iter()
                .filter(|build| build.succeeded == Some(succeeded))
                .collect();
            // The last build stays whatever the limit: it says what need not be built again.
            let last = builds.last().map(|build| &build.name);
            let surplus = ended.len().saturating_sub(limit.unwrap_or(HISTORY));
            for build in ended
                .into_iter()
                .take(surplus)
                .filter(|build| Some(&build.name) != last)
            {
                match self
                    .builds()
                    .delete(&build.name, &DeleteParams::default())
                    .await
                {
                    Err(error) if !is_not_found(&error) => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The tag, one that only this build has, and further tags.
fn tags(spec: &ImageSpec, number: u64) -> Vec<String> {
    let mut tags = vec![spec.tag.clone()];
    if spec.image_tagging_strategy.as_deref() != Some("None")
        && let Ok(name) = spec.tag.parse::<ImageName>()
    {
        let front = name
            .tag
            .as_deref()
            .filter(|tag| *tag != "latest")
            .map(|tag| format!("{tag}-"))
            .unwrap_or_default();
        let time = jiff::Timestamp::now().strftime("%Y%m%d.%H%M%S");
        tags.push(format!("{}:{front}b{number}.{time}", name.path()));
    }
    tags.extend(spec.additional_tags.iter().cloned());
    tags
}

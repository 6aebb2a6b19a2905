//! One container of a pod: pulled, started, looked at, started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use carto_artifacts::pull::Image;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::command;
use super::probe::{Look, Looks};
use super::status::{Ended, Now, State};
use super::{Shared, limits};
use crate::conditions::now;
use crate::credentials::Credentials;
use crate::internal::supervise::{EXIT_NO_OVERLAY, Root, Spec};
use crate::process::{Orders, Process};
use crate::shell::chain;

/// First pause before a container is started again, as the kubelet's.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest pause.
const LAST_BACKOFF: Duration = Duration::from_secs(300);
/// A container that ran this long starts with the first pause again.
const STEADY: Duration = Duration::from_secs(600);
/// Time that a container has to end when its liveness probe failed and its Pod says nothing.
const GRACE: Duration = Duration::from_secs(30);

/// Tells a container when to end, and within which time.
#[derive(Clone)]
pub(super) struct Ending(pub(super) watch::Receiver<Option<Duration>>);

impl Ending {
    /// Completes when the container is to end.
    pub(super) async fn asked(&mut self) -> Duration {
        let asked = self.0.wait_for(Option::is_some).await;
        asked.ok().and_then(|grace| *grace).unwrap_or_default()
    }
}

/// How a container ended for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finished {
    /// By itself, and its pod does not want it to be started again.
    Ended(i32),
    /// It was asked to.
    Stopped,
}

/// One container of a pod.
pub(super) struct Replica<'a> {
    pub(super) shared: &'a Shared,
    pub(super) pod: &'a Pod,
    pub(super) container: &'a Container,
    /// The pod's.
    pub(super) folder: &'a Path,
    /// Whether it is to end before others begin.
    pub(super) init: bool,
}

/// How one run of a container ended.
enum End {
    Stopped,
    Exited(i32),
    /// It never started.
    Failed {
        reason: &'static str,
        message: String,
    },
}

impl End {
    fn failed(reason: &'static str) -> impl FnOnce(String) -> Self {
        move |message| Self::Failed { reason, message }
    }
}

impl Replica<'_> {
    /// Runs the container again and again, with growing pauses, until it is told to end or has ended for good.
    pub(super) async fn run(&self, state: &watch::Sender<State>, mut ending: Ending) -> Finished {
        let mut pause = FIRST_BACKOFF;
        let mut first = true;
        loop {
            let begin = Instant::now();
            let end = self.run_once(state, &mut ending).await;
            if begin.elapsed() > STEADY {
                (pause, first) = (FIRST_BACKOFF, true);
            }
            match end {
                End::Stopped => return Finished::Stopped,
                End::Exited(code) => {
                    self.note_end(state, code);
                    if !self.starts_again(code) {
                        return Finished::Ended(code);
                    }
                    state.send_modify(|state| state.restarts += 1);
                    // The kubelet starts again at once after the first end.
                    if std::mem::take(&mut first) {
                        continue;
                    }
                    self.back_off(state, pause, code);
                }
                End::Failed { reason, message } => self.note_failure(state, reason, &message),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _grace = ending.asked() => return Finished::Stopped,
            }
            pause = (pause * 2).min(LAST_BACKOFF);
        }
    }

    fn starts_again(&self, code: i32) -> bool {
        let spec = self.pod.spec.as_ref();
        let policy = spec.and_then(|spec| spec.restart_policy.as_deref());
        match policy {
            Some("Never") => false,
            Some("OnFailure") => code != 0,
            _ => !self.init || code != 0,
        }
    }

    fn note_end(&self, state: &watch::Sender<State>, code: i32) {
        state.send_modify(|state| {
            let since = match &state.now {
                Now::Running { since } => Some(since.clone()),
                _ => None,
            };
            let ended = Ended::with(code, since);
            state.ready = self.init && code == 0;
            state.started = false;
            state.port = None;
            if self.starts_again(code) {
                state.last = Some(ended.clone());
            }
            state.now = Now::Ended(ended);
        });
    }

    fn back_off(&self, state: &watch::Sender<State>, pause: Duration, code: i32) {
        let (pod, name) = (self.pod.name_any(), &self.container.name);
        let seconds = pause.as_secs();
        let message = format!(
            "back-off {seconds}s restarting failed container={name} pod={pod} (it ended with code {code}: see \
             kubectl logs {pod} -c {name} --previous)"
        );
        state.send_modify(|state| state.now = Now::waiting("CrashLoopBackOff", &message));
        let message = format!("Back-off restarting failed container {name} in pod {pod}");
        self.warn("BackOff", &message);
    }

    fn note_failure(&self, state: &watch::Sender<State>, reason: &str, message: &str) {
        self.warn("Failed", &format!("Error: {reason}: {message}"));
        state.send_modify(|state| {
            state.ready = false;
            state.now = Now::waiting(reason, message);
        });
    }

    fn warn(&self, reason: &str, message: &str) {
        self.shared.kubelet.warning(self.pod, &(), reason, message);
    }

    async fn run_once(&self, state: &watch::Sender<State>, ending: &mut Ending) -> End {
        let prepared = tokio::select! {
            prepared = self.prepare(state) => prepared,
            _grace = ending.asked() => return End::Stopped,
        };
        let (image, mut spec, port) = match prepared {
            Ok(prepared) => prepared,
            Err(end) => return end,
        };
        state.send_modify(|state| state.port = Some(port));
        let end = self.run_process(&spec, port, state, ending).await;
        if !matches!(end, End::Exited(code) if code == i32::from(EXIT_NO_OVERLAY)) {
            return end;
        }
        // No overlays on this machine: the container gets a copy of the image.
        let folder = self.scratch().join("root");
        if let Err(error) = copy_tree(&image.root, &folder).await {
            return End::failed("CreateContainerError")(format!("cannot copy the image: {error}"));
        }
        spec.root = Some(Root::Folder(folder));
        self.run_process(&spec, port, state, ending).await
    }

    /// Everything that a run needs.
    async fn prepare(&self, state: &watch::Sender<State>) -> Result<(Image, Spec, u16), End> {
        let isolation = self.shared.launcher.isolation;
        if let Some(problem) = limits::refusal(self.pod, self.container, isolation) {
            return Err(End::failed("CreateContainerConfigError")(problem));
        }
        let image = self.pull().await?;
        state.send_modify(|state| state.image_id = image.digest.to_string());
        let uid = self.pod.uid().unwrap_or_default();
        let note = format!("pod/{uid}/{}", self.container.name);
        let port = self
            .shared
            .ports
            .reserve(&note)
            .await
            .map_err(|error| End::failed("CreateContainerError")(chain(&error)))?;
        let spec = command::spec(self, &image, port)
            .await
            .map_err(End::failed("CreateContainerConfigError"))?;
        Ok((image, spec, port))
    }

    async fn pull(&self) -> Result<Image, End> {
        let reference = self.container.image.clone().unwrap_or_default();
        let back_off = |message: String| {
            End::failed("ImagePullBackOff")(format!(
                "Back-off pulling image \"{reference}\": ErrImagePull: {message}"
            ))
        };
        let keys = Credentials::for_pulling(&self.shared.client, self.pod)
            .await
            .map_err(|error| back_off(error.to_string()))?;
        let (keys, notes) = keys.keychain();
        for note in notes {
            self.warn("FailedToRetrieveImagePullSecret", &note);
        }
        let pulled = self.shared.images.pull(&reference, &keys).await;
        pulled.map_err(|error| back_off(chain(&error)))
    }

    /// Where the container's changes to its image lie.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("containers").join(&self.container.name)
    }

    async fn run_process(
        &self,
        spec: &Spec,
        port: u16,
        state: &watch::Sender<State>,
        ending: &mut Ending,
    ) -> End {
        let failed = End::failed("CreateContainerError");
        let namespace = self.pod.namespace().unwrap_or_default();
        let name = self.pod.name_any();
        let logs = &self.shared.logs;
        let log = match logs.start(&namespace, &name, &self.container.name) {
            Ok(log) => log,
            Err(error) => return failed(format!("cannot write the log: {error}")),
        };
        if let Err(error) = make_folders(spec) {
            return failed(format!("cannot prepare the container's folders: {error}"));
        }
        let mut process = match self.shared.launcher.start(spec, &log).await {
            Ok(process) => process,
            Err(error) => return failed(format!("cannot start the supervisor: {error}")),
        };
        state.send_modify(|state| state.now = Now::Running { since: now() });
        let looks = Looks::of(self.container, port);
        let orders = process.orders();
        tokio::select! {
            code = process.ended() => End::Exited(code),
            grace = ending.asked() => {
                process.stop(grace).await;
                End::Stopped
            }
            message = self.watch_health(&looks, &orders, state) => {
                self.kill(&mut process, &message).await
            }
        }
    }

    /// Ends a container that is not healthy; the policy decides whether it starts again.
    async fn kill(&self, process: &mut Process, message: &str) -> End {
        let name = &self.container.name;
        let told = format!("Container {name} {message}, will be restarted");
        self.shared.kubelet.normal(self.pod, &(), "Killing", &told);
        let spec = self.pod.spec.as_ref();
        let grace = spec
            .and_then(|spec| spec.termination_grace_period_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(GRACE, Duration::from_secs);
        End::Exited(process.stop(grace.min(GRACE)).await)
    }

    /// Looks at the container until it must be ended; says why.
    async fn watch_health(
        &self,
        looks: &Looks,
        orders: &Orders,
        state: &watch::Sender<State>,
    ) -> String {
        if let Some(startup) = &looks.startup
            && !self.becomes_good(startup, orders, "Startup").await
        {
            return "failed startup probe".to_owned();
        }
        state.send_modify(|state| state.started = true);
        if self.init {
            return std::future::pending().await;
        }
        tokio::select! {
            never = self.watch_readiness(looks.readiness.as_ref(), orders, state) => match never {},
            () = self.watch_liveness(looks.liveness.as_ref(), orders) => "failed liveness probe".to_owned(),
        }
    }

    /// Looks until it goes well once, or fails too often.
    async fn becomes_good(&self, look: &Look, orders: &Orders, kind: &str) -> bool {
        tokio::time::sleep(look.initial_delay).await;
        for _try in 0..look.failures {
            match look.once(orders).await {
                Ok(()) => return true,
                Err(problem) => self.unhealthy(kind, &problem),
            }
            tokio::time::sleep(look.period).await;
        }
        false
    }

    fn unhealthy(&self, kind: &str, problem: &str) {
        self.warn("Unhealthy", &format!("{kind} probe failed: {problem}"));
    }

    async fn watch_liveness(&self, look: Option<&Look>, orders: &Orders) {
        let Some(look) = look else {
            return std::future::pending().await;
        };
        tokio::time::sleep(look.initial_delay).await;
        let mut failures = 0;
        loop {
            match look.once(orders).await {
                Ok(()) => failures = 0,
                Err(problem) => {
                    self.unhealthy("Liveness", &problem);
                    failures += 1;
                }
            }
            if failures >= look.failures {
                return;
            }
            tokio::time::sleep(look.period).await;
        }
    }

    async fn watch_readiness(
        &self,
        look: Option<&Look>,
        orders: &Orders,
        state: &watch::Sender<State>,
    ) -> std::convert::Infallible {
        let set = |ready: bool| {
            state.send_if_modified(|state| std::mem::replace(&mut state.ready, ready) != ready)
        };
        let Some(look) = look else {
            set(true);
            return std::future::pending().await;
        };
        tokio::time::sleep(look.initial_delay).await;
        let (mut was_ready, mut good, mut bad) = (false, 0, 0);
        loop {
            match look.once(orders).await {
                Ok(()) => {
                    (good, bad) = (good + 1, 0);
                    if good >= look.successes {
                        was_ready = true;
                        set(true);
                        if !Looks::stays_under_watch(self.container) {
                            return std::future::pending().await;
                        }
                    }
                }
                Err(problem) => {
                    (good, bad) = (0, bad + 1);
                    if was_ready {
                        self.unhealthy("Readiness", &problem);
                    }
                    if bad >= look.failures {
                        set(false);
                    }
                }
            }
            let pause = if was_ready {
                look.period
            } else {
                look.first_period
            };
            tokio::time::sleep(pause).await;
        }
    }
}

fn make_folders(spec: &Spec) -> std::io::Result<()> {
    if let Some(Root::Overlay {
        upper,
        work,
        merged,
        ..
    }) = &spec.root
    {
        for folder in [upper, work, merged] {
            // A container that starts again starts from its image.
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => std::fs::create_dir_all(folder)?,
            }
        }
    }
    Ok(())
}

async fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(parent) = to.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let output = tokio::process::Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .output()
        .await?;
    if output.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

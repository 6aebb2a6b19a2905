//! One replica: a Pod object, the processes of its containers, and what is said of them.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use carto_artifacts::{oci::credentials::Keychain, pull::Image};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    probe::{PERIOD, Readiness},
    process::{Isolation, Process},
    service::Endpoint,
};
use crate::internal::{
    static_server,
    supervise::{EXIT_NO_OVERLAY, Root, Spec},
};

/// First pause before a container is started again, as the kubelet's.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest pause.
const LAST_BACKOFF: Duration = Duration::from_secs(300);
/// A container that ran this long starts with the first pause again.
const STEADY: Duration = Duration::from_secs(600);
/// Longest time a process gets to end when its Pod says nothing.
const GRACE: Duration = Duration::from_secs(10);

/// What a replica says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Health {
    /// Every container is ready.
    pub(super) ready: bool,
    /// Why not, when something is wrong.
    pub(super) trouble: Option<String>,
}

/// Runs a replica until `stop`; then its processes and its Pod object are gone.
pub(super) async fn run(
    shared: Arc<Shared>,
    pod: Pod,
    health: watch::Sender<Health>,
    stop: CancellationToken,
) {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let api = Api::<Pod>::namespaced(shared.client.clone(), &namespace);
    let pod = match api.create(&PostParams::default(), &pod).await {
        Ok(pod) => pod,
        Err(error) => {
            health.send_replace(Health {
                ready: false,
                trouble: Some(format!("cannot create the pod \"{name}\": {error}")),
            });
            return;
        }
    };
    let containers = pod
        .spec
        .as_ref()
        .map(|spec| spec.containers.clone())
        .unwrap_or_default();
    let states: Vec<_> = containers
        .iter()
        .map(|container| watch::Sender::new(State::waiting(container, "ContainerCreating", "")))
        .collect();
    let work = join_all(containers.iter().zip(&states).map(|(container, state)| {
        let (replica, stop) = (
            Replica {
                shared: &shared,
                pod: &pod,
                container,
            },
            &stop,
        );
        async move { replica.run(state, stop).await }
    }));
    let reporter = report(&api, &pod, &states, &health);
    tokio::select! {
        _ended = work => {}
        () = reporter => {}
    }
    shared.backends.remove(&namespace, &name);
    health.send_replace(Health::default());
    let now = DeleteParams::default().grace_period(0);
    match api.delete(&name, &now).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => tracing::warn!(%error, pod = name, "cannot delete the pod"),
    }
    if let Err(error) = shared.logs.remove(&namespace, &name) {
        tracing::warn!(%error, pod = name, "cannot remove the logs");
    }
    let _scratch = tokio::fs::remove_dir_all(scratch(&shared, &namespace, &name)).await;
}

fn scratch(shared: &Shared, namespace: &str, name: &str) -> PathBuf {
    shared
        .state_dir
        .join("containers")
        .join(namespace)
        .join(name)
}

/// What is known of one container; becomes its `containerStatuses` entry.
#[derive(Debug, Clone, PartialEq)]
struct State {
    name: String,
    image: String,
    image_id: String,
    ready: bool,
    restarts: u32,
    /// `waiting`, `running` or `terminated`.
    state: Value,
    last: Value,
    /// What is wrong, for the Deployment's condition.
    trouble: Option<String>,
    endpoint: Option<Endpoint>,
}

impl State {
    fn waiting(container: &Container, reason: &str, message: &str) -> Self {
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            image_id: String::new(),
            ready: false,
            restarts: 0,
            state: waiting(reason, message),
            last: json!({}),
            trouble: None,
            endpoint: None,
        }
    }
}

fn waiting(reason: &str, message: &str) -> Value {
    if message.is_empty() {
        return json!({"waiting": {"reason": reason}});
    }
    json!({"waiting": {"reason": reason, "message": message}})
}

/// Writes the Pod's status whenever a container's state changes, and tells the Services.
async fn report(
    api: &Api<Pod>,
    pod: &Pod,
    states: &[watch::Sender<State>],
    health: &watch::Sender<Health>,
) {
    let mut receivers: Vec<_> = states.iter().map(watch::Sender::subscribe).collect();
    let mut written = Value::Null;
    let started = jiff::Timestamp::now();
    loop {
        let seen: Vec<State> = receivers
            .iter_mut()
            .map(|receiver| receiver.borrow_and_update().clone())
            .collect();
        let status = status(&seen, started, &written);
        if status != written {
            let patch = Patch::Merge(json!({"status": status}));
            match api
                .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
                .await
            {
                Ok(_) => written = status,
                Err(kube::Error::Api(gone)) if gone.code == 404 => return,
                Err(error) => tracing::warn!(%error, "cannot write a pod's status"),
            }
        }
        health.send_if_modified(|health| {
            let now = Health {
                ready: seen.iter().all(|state| state.ready),
                trouble: seen.iter().find_map(|state| state.trouble.clone()),
            };
            let changed = *health != now;
            *health = now;
            changed
        });
        let changes = receivers
            .iter_mut()
            .map(|receiver| Box::pin(receiver.changed()));
        let (changed, ..) = futures::future::select_all(changes).await;
        if changed.is_err() {
            return;
        }
    }
}

fn status(states: &[State], started: jiff::Timestamp, before: &Value) -> Value {
    let ready = states.iter().all(|state| state.ready);
    let running = states
        .iter()
        .all(|state| state.state.get("running").is_some());
    let statuses: Vec<Value> = states
        .iter()
        .map(|state| {
            json!({
                "name": state.name, "image": state.image, "imageID": state.image_id,
                "ready": state.ready, "started": state.state.get("running").is_some(),
                "restartCount": state.restarts, "state": state.state, "lastState": state.last
            })
        })
        .collect();
    let condition = |kind: &str, holds: bool| {
        let word = if holds { "True" } else { "False" };
        let old = before["conditions"].as_array().into_iter().flatten();
        let since = old
            .filter(|condition| condition["type"] == kind && condition["status"] == word)
            .find_map(|condition| condition["lastTransitionTime"].as_str().map(str::to_owned))
            .unwrap_or_else(|| format!("{:.0}", jiff::Timestamp::now()));
        let mut condition = json!({"type": kind, "status": word, "lastTransitionTime": since});
        if !holds {
            condition["reason"] = json!("ContainersNotReady");
        }
        condition
    };
    json!({
        "phase": if running { "Running" } else { "Pending" },
        "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "hostIP": "127.0.0.1",
        "startTime": format!("{started:.0}"),
        "conditions": [
            condition("PodScheduled", true), condition("Initialized", true),
            condition("ContainersReady", ready), condition("Ready", ready)
        ],
        "containerStatuses": statuses
    })
}

/// One container of a replica.
struct Replica<'a> {
    shared: &'a Shared,
    pod: &'a Pod,
    container: &'a Container,
}

/// How one run of a container ended.
enum End {
    /// The replica is to stop.
    Stopped,
    /// The process ended by itself.
    Exited(i32),
    /// It never started.
    Failed {
        reason: &'static str,
        message: String,
    },
}

impl Replica<'_> {
    /// Runs the container again and again, with growing pauses, until `stop`.
    async fn run(&self, state: &watch::Sender<State>, stop: &CancellationToken) {
        let mut pause = FIRST_BACKOFF;
        let mut first = true;
        loop {
            let begin = Instant::now();
            let end = self.run_once(state, stop).await;
            self.withdraw();
            if begin.elapsed() > STEADY {
                (pause, first) = (FIRST_BACKOFF, true);
            }
            match end {
                End::Stopped => return,
                End::Exited(code) => {
                    let ended = terminated(code);
                    state.send_modify(|state| {
                        state.last = ended.clone();
                        state.restarts += 1;
                        state.ready = false;
                        state.endpoint = None;
                        state.state = ended;
                        state.trouble = Some(self.exited(code));
                    });
                    // The kubelet starts again at once after the first end.
                    if first {
                        first = false;
                        continue;
                    }
                    let message = format!(
                        "back-off {}s restarting failed container={} pod={}",
                        pause.as_secs(),
                        self.container.name,
                        self.pod.name_any()
                    );
                    state.send_modify(|state| state.state = waiting("CrashLoopBackOff", &message));
                }
                End::Failed { reason, message } => state.send_modify(|state| {
                    state.ready = false;
                    state.state = waiting(reason, &message);
                    state.trouble = Some(format!("{}: {message}", self.container.name));
                }),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = (pause * 2).min(LAST_BACKOFF);
        }
    }

    fn exited(&self, code: i32) -> String {
        let (pod, name) = (self.pod.name_any(), &self.container.name);
        format!("container \"{name}\" ended with code {code}: see kubectl logs {pod} -c {name}")
    }

    fn withdraw(&self) {
        let namespace = self.pod.namespace().unwrap_or_default();
        self.shared
            .backends
            .remove(&namespace, &self.pod.name_any());
    }

    async fn run_once(&self, state: &watch::Sender<State>, stop: &CancellationToken) -> End {
        let reference = self.container.image.clone().unwrap_or_default();
        let keys = Keychain::new();
        let image = tokio::select! {
            image = self.shared.images.pull(&reference, &keys) => image,
            () = stop.cancelled() => return End::Stopped,
        };
        let image = match image {
            Ok(image) => image,
            Err(error) => {
                return End::Failed {
                    reason: "ErrImagePull",
                    message: chain(&error),
                };
            }
        };
        state.send_modify(|state| state.image_id = image.digest.to_string());
        let port = match free_port().await {
            Ok(port) => port,
            Err(error) => {
                let message = format!("no free port on this machine: {error}");
                return End::Failed {
                    reason: "CreateContainerError",
                    message,
                };
            }
        };
        let mut spec = match self.spec(&image, port).await {
            Ok(spec) => spec,
            Err(message) => {
                return End::Failed {
                    reason: "CreateContainerConfigError",
                    message,
                };
            }
        };
        let end = self.run_process(&image, &spec, port, state, stop).await;
        if !matches!(end, End::Exited(code) if code == i32::from(EXIT_NO_OVERLAY)) {
            return end;
        }
        // No overlays on this machine: the container gets a copy of the image.
        let folder = self.scratch().join("root");
        if let Err(error) = copy_tree(&image.root, &folder).await {
            let message = format!("cannot copy the image: {error}");
            return End::Failed {
                reason: "CreateContainerError",
                message,
            };
        }
        spec.root = Some(Root::Folder(folder));
        self.run_process(&image, &spec, port, state, stop).await
    }

    fn scratch(&self) -> PathBuf {
        let namespace = self.pod.namespace().unwrap_or_default();
        scratch(self.shared, &namespace, &self.pod.name_any()).join(&self.container.name)
    }

    async fn run_process(
        &self,
        image: &Image,
        spec: &Spec,
        port: u16,
        state: &watch::Sender<State>,
        stop: &CancellationToken,
    ) -> End {
        let failed = |message: String| End::Failed {
            reason: "CreateContainerError",
            message,
        };
        let namespace = self.pod.namespace().unwrap_or_default();
        let name = self.pod.name_any();
        let log = match self
            .shared
            .logs
            .start(&namespace, &name, &self.container.name)
        {
            Ok(log) => log,
            Err(error) => return failed(format!("cannot write the log: {error}")),
        };
        if let Err(error) = prepare(spec) {
            return failed(format!("cannot prepare the container's folders: {error}"));
        }
        let internal = &self.shared.internal;
        let started = Process::start(internal, self.shared.isolation, spec, &log).await;
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return failed(format!("cannot start the supervisor: {error}")),
        };
        let now = format!("{:.0}", jiff::Timestamp::now());
        let running = json!({"running": {"startedAt": now}});
        state.send_modify(|state| {
            state.state = running;
            state.image_id = image.digest.to_string();
        });
        let endpoint = Endpoint::of(self.pod, self.container, port);
        let readiness = Readiness::of(self.container, port);
        let mut ready = false;
        loop {
            tokio::select! {
                code = process.ended() => return End::Exited(code),
                () = stop.cancelled() => {
                    self.stop_process(&mut process).await;
                    return End::Stopped;
                }
                holds = look(&readiness, ready) => {
                    if holds && !ready {
                        ready = true;
                        self.shared.backends.add(endpoint.clone());
                        state.send_modify(|state| {
                            state.ready = true;
                            state.trouble = None;
                        });
                    }
                }
            }
        }
    }

    async fn stop_process(&self, process: &mut Process) {
        self.withdraw();
        let grace = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.termination_grace_period_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(GRACE, Duration::from_secs)
            .min(GRACE);
        process.terminate().await;
        if tokio::time::timeout(grace, process.ended()).await.is_err() {
            process.kill().await;
        }
    }

    async fn spec(&self, image: &Image, port: u16) -> Result<Spec, String> {
        let config = &image.config;
        let mut command = self
            .container
            .command
            .clone()
            .unwrap_or_else(|| config.entrypoint.clone());
        let args = match (&self.container.args, &self.container.command) {
            (Some(args), _) => args.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => config.cmd.clone(),
        };
        command.extend(args);
        if command.is_empty() {
            return Err("neither the image nor the container names a command".to_owned());
        }
        let client = &self.shared.client;
        let from_image = &config.env;
        let mut env =
            super::environment::resolve(client, self.pod, self.container, from_image).await?;
        env.entry("PATH".to_owned()).or_insert_with(|| {
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()
        });
        env.insert("HOSTNAME".to_owned(), self.pod.name_any());
        env.insert("PORT".to_owned(), port.to_string());
        env.insert("CARTO_LOOPBACK".to_owned(), "1".to_owned());
        let workdir = self
            .container
            .working_dir
            .clone()
            .or_else(|| config.working_dir.clone())
            .unwrap_or_default();
        let mut spec = Spec {
            command,
            env,
            workdir,
            root: None,
            mounts: Vec::new(),
            user: None,
            own_namespace: self.shared.isolation.has_root(),
        };
        if is_static_server(&spec.command) {
            self.serve_statically(&mut spec, image);
        } else if self.shared.isolation.has_root() {
            spec.user = numeric_user(config.user.as_deref())
                .filter(|_user| self.shared.isolation == Isolation::Namespaces);
            spec.root = Some(self.overlay(image));
        } else {
            share_machine(&mut spec, image);
        }
        Ok(spec)
    }

    /// The file server of static images is this very program: it needs no root of its own, and
    /// never leaves the folder that it serves.
    fn serve_statically(&self, spec: &mut Spec, image: &Image) {
        let internal = &self.shared.internal;
        let asked: Vec<String> = spec
            .command
            .iter()
            .skip_while(|word| *word != "static-server")
            .cloned()
            .collect();
        spec.command = vec![internal.program.display().to_string()];
        spec.command.extend(internal.args.iter().cloned());
        spec.command.extend(asked);
        let root = image.root.display().to_string();
        spec.env
            .insert(static_server::ROOT_VARIABLE.to_owned(), root);
        "/".clone_into(&mut spec.workdir);
    }

    fn overlay(&self, image: &Image) -> Root {
        let scratch = self.scratch();
        Root::Overlay {
            lower: image.root.clone(),
            upper: scratch.join("upper"),
            work: scratch.join("work"),
            merged: scratch.join("merged"),
        }
    }
}

/// Looks at readiness after a moment; once ready, only rarely.
async fn look(readiness: &Readiness, ready: bool) -> bool {
    if ready {
        return std::future::pending().await;
    }
    tokio::time::sleep(PERIOD).await;
    readiness.holds().await
}

fn is_static_server(command: &[String]) -> bool {
    command
        .first()
        .is_some_and(|program| program.ends_with("/carto"))
        && command.iter().any(|word| word == "static-server")
}

fn numeric_user(user: Option<&str>) -> Option<(u32, u32)> {
    let (user, group) = user?.split_once(':').unwrap_or((user?, ""));
    let user = user.parse().ok()?;
    Some((user, group.parse().unwrap_or(user)))
}

/// Without a root of its own the process is started from where its image lies.
fn share_machine(spec: &mut Spec, image: &Image) {
    if let Some(program) = spec.command.first_mut() {
        let inside = image.root.join(program.trim_start_matches('/'));
        if inside.is_file() {
            *program = inside.display().to_string();
        }
    }
    let workdir = image.root.join(spec.workdir.trim_start_matches('/'));
    spec.workdir = workdir.display().to_string();
}

fn prepare(spec: &Spec) -> std::io::Result<()> {
    if let Some(Root::Overlay {
        upper,
        work,
        merged,
        ..
    }) = &spec.root
    {
        for folder in [upper, work, merged] {
            std::fs::create_dir_all(folder)?;
        }
    }
    Ok(())
}

async fn copy_tree(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
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

async fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port())
}

fn terminated(code: i32) -> Value {
    let reason = if code == 0 { "Completed" } else { "Error" };
    let now = format!("{:.0}", jiff::Timestamp::now());
    json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": now}})
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The labels of a Pod.
pub(super) fn labels(pod: &Pod) -> BTreeMap<String, String> {
    pod.labels().clone()
}

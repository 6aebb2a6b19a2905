//! An embedded API with actors at work, in temporary folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use carto_actors::{Actor, Actors, Config, Internal, Isolate};
use carto_apiserver::{ApiServer, UserInfo};
use carto_artifacts::listen::Ports;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Home {
    pub dir: tempfile::TempDir,
    pub client: Client,
    pub registry: String,
    pub config: Config,
    api: Option<ApiServer>,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl Home {
    pub(crate) async fn start(actors: &[Actor]) -> Home {
        Home::start_with(actors, Isolate::AsFarAsPossible).await
    }

    pub(crate) async fn start_with(actors: &[Actor], isolate: Isolate) -> Home {
        // Every test may be the first of the process.
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let crds = carto_actors::crds()
            .iter()
            .map(|crd| serde_json::to_value(crd).unwrap())
            .collect();
        let config = carto_apiserver::Config {
            crds,
            ..carto_apiserver::Config::default()
        };
        let api = ApiServer::start(config).await.unwrap();
        let client = Client::new(api.service(UserInfo::admin()), "default");
        let internal = Internal {
            program: PathBuf::from(env!("CARGO_BIN_EXE_carto-actors-internal")),
            args: vec![],
        };
        let mut config = Config::new(dir.path().join("state"), internal);
        config.actors = actors.iter().copied().collect::<BTreeSet<_>>();
        config.isolate = isolate;
        // Not the port that every registry prefers: a home that pauses must find its own again.
        std::fs::create_dir_all(&config.state_dir).unwrap();
        let ports = Ports::open(config.state_dir.join("ports.json")).unwrap();
        drop(ports.listen("registry").await.unwrap());
        let mut home = Home {
            dir,
            client,
            registry: String::new(),
            config,
            api: Some(api),
            stop: CancellationToken::new(),
            running: None,
        };
        home.resume().await;
        home
    }

    /// Starts the actors (again).
    pub(crate) async fn resume(&mut self) {
        let actors = Actors::open(self.config.clone()).await.unwrap();
        actors.registry().clone_into(&mut self.registry);
        self.stop = CancellationToken::new();
        let (client, stop) = (self.client.clone(), self.stop.clone());
        self.running = Some(tokio::spawn(async move {
            actors.run(client, stop).await.unwrap();
        }));
    }

    /// Stops the actors, as Ctrl-C does.
    pub(crate) async fn pause(&mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    /// Ends all, and fails if the actors did not end by themselves.
    pub(crate) async fn stop(mut self) {
        self.pause().await;
        self.api.take().unwrap().shutdown().await;
    }

    pub(crate) fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), "default", &resource)
    }

    pub(crate) async fn apply(&self, object: Value) -> DynamicObject {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        };
        let api = self.objects(&text("/apiVersion"), &text("/kind"));
        let parameters = PatchParams::apply("test").force();
        api.patch(&text("/metadata/name"), &parameters, &Patch::Apply(&object))
            .await
            .unwrap()
    }

    /// Waits until the object is as wanted; on failure shows what it was last.
    pub(crate) async fn until(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let api = self.objects(api_version, kind);
        let mut last = Value::Null;
        let waited = wait_for(async || {
            let Ok(object) = api.get(name).await else {
                return false;
            };
            last = serde_json::to_value(object).unwrap();
            wanted(&last)
        })
        .await;
        assert!(
            waited,
            "{kind} {name} never was as wanted: {}",
            serde_json::to_string_pretty(&last).unwrap()
        );
        last
    }
}

/// Asks again and again until the answer is yes or patience ends.
pub(crate) async fn wait_for(mut condition: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if condition().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// The condition of an object, as `status/reason/message`.
pub(crate) fn condition(object: &Value, kind: &str) -> (String, String, String) {
    let found = object["status"]["conditions"]
        .as_array()
        .and_then(|all| all.iter().find(|c| c["type"] == kind));
    let text = |field: &str| {
        found
            .and_then(|c| c[field].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    (text("status"), text("reason"), text("message"))
}

pub(crate) fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").0 == "True"
}

/// Runs git in a folder as a user would, without that user's configuration.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with one branch, `main`.
pub(crate) fn repository(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main", "."]);
}

/// Commits files and returns the commit.
pub(crate) fn commit(folder: &Path, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "--quiet", "-m", "change"]);
    git(folder, &["rev-parse", "HEAD"])
}

pub(crate) fn git_repository(name: &str, url: &str) -> Value {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"url": url, "interval": "1h", "ref": {"branch": "main"}},
    })
}

/// Command lines of living processes that a home below this folder started.
pub(crate) fn processes_of(folder: &Path) -> Vec<String> {
    let mark = format!("CARTO_STATE_FOLDER={}", folder.display());
    let all = processes().into_iter();
    all.filter(|pid| of_process(pid, "environ").contains(&mark))
        .map(|pid| of_process(&pid, "cmdline"))
        .collect()
}

/// Command lines of all living processes.
pub(crate) fn command_lines() -> Vec<String> {
    let all = processes().into_iter();
    all.map(|pid| of_process(&pid, "cmdline")).collect()
}

fn processes() -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|pid| pid.parse::<u32>().is_ok())
        .collect()
}

fn of_process(pid: &str, file: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

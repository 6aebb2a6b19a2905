//! `kill -9` while clients write: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carto_apiserver::{ApiServer, Config};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::port::client;

const ROUNDS: u64 = 6;
const WRITERS: u64 = 8;

/// The server of a round; runs in a process of its own, until it is killed.
#[tokio::test]
#[ignore = "is started by the test below, as a child"]
async fn the_server_that_is_killed() {
    let Some(dir) = std::env::var_os("CARTO_CRASH_DIR") else {
        return;
    };
    let config = Config {
        state_dir: Some(dir.into()),
        port: Some(0),
        ..Config::default()
    };
    let server = ApiServer::start(config).await.unwrap();
    println!("ready {}", server.url().unwrap());
    std::future::pending::<()>().await;
}

/// Kills its process when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn start(dir: &std::path::Path) -> Killed {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::the_server_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("CARTO_CRASH_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let killed = Killed(child);
    let ready = output
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("ready https://"));
    assert!(ready, "the child did not start");
    killed
}

/// Name of an object, and the revision and value that were acknowledged last.
type Acknowledged = Arc<Mutex<BTreeMap<String, (u64, u64)>>>;

async fn write(maps: Api<ConfigMap>, round: u64, writer: u64, acknowledged: Acknowledged) {
    for n in 0.. {
        let name = format!("r{round}-w{writer}-{}", n / 3);
        let written = if n % 3 == 0 {
            let map: ConfigMap = serde_json::from_value(
                json!({"metadata": {"name": name}, "data": {"n": n.to_string()}}),
            )
            .unwrap();
            maps.create(&PostParams::default(), &map).await
        } else {
            let patch = Patch::Merge(json!({"data": {"n": n.to_string()}}));
            maps.patch(&name, &PatchParams::default(), &patch).await
        };
        // The server is gone: this one was not acknowledged.
        let Ok(written) = written else { return };
        let revision = written.resource_version().unwrap().parse().unwrap();
        acknowledged.lock().unwrap().insert(name, (revision, n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    let dir = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    let mut seen_until = None;
    for round in 0..ROUNDS {
        let server = start(dir.path());
        let kubeconfig = std::fs::read_to_string(dir.path().join("kubeconfig")).unwrap();
        let maps: Api<ConfigMap> = Api::default_namespaced(client(&kubeconfig).await);
        check(&maps, &acknowledged).await;
        if let Some(from) = seen_until.replace(newest(&maps).await) {
            resume(&maps, from, &acknowledged).await;
        }
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(maps.clone(), round, writer, acknowledged.clone())))
            .collect();
        // Not a wait for something: the moment of death is meant to be any.
        tokio::time::sleep(Duration::from_millis(60 + 37 * round)).await;
        drop(server);
        for writer in writers {
            writer.await.unwrap();
        }
    }
    assert!(
        acknowledged.lock().unwrap().len() > 20,
        "something was written"
    );
}

/// Everything acknowledged is there, in the state acknowledged or a later one that was not.
async fn check(maps: &Api<ConfigMap>, acknowledged: &Acknowledged) {
    let list = maps.list(&ListParams::default()).await.unwrap();
    let found: BTreeMap<String, (u64, u64)> = list
        .items
        .iter()
        .filter(|map| map.name_any().starts_with('r'))
        .map(|map| {
            let n = map.data.as_ref().unwrap()["n"].parse().unwrap();
            (
                map.name_any(),
                (map.resource_version().unwrap().parse().unwrap(), n),
            )
        })
        .collect();
    for (name, (revision, n)) in acknowledged.lock().unwrap().iter() {
        let (found_revision, found_n) = found.get(name).copied().unwrap_or_default();
        assert!(
            found_revision >= *revision && found_n >= *n,
            "{name} was {n} at {revision}, and is {found_n} at {found_revision}"
        );
    }
}

async fn newest(maps: &Api<ConfigMap>) -> u64 {
    let list = maps.list(&ListParams::default()).await.unwrap();
    list.metadata.resource_version.unwrap().parse().unwrap()
}

/// A watch from before the crash goes on after it, with every acknowledged write.
async fn resume(maps: &Api<ConfigMap>, from: u64, acknowledged: &Acknowledged) {
    let expect: Vec<(String, u64)> = acknowledged
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, (revision, _))| *revision > from)
        .map(|(name, (revision, _))| (name.clone(), *revision))
        .collect();
    let params = WatchParams::default().timeout(1);
    let events = maps.watch(&params, &from.to_string()).await.unwrap();
    let mut seen = vec![];
    let mut last = from;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            WatchEvent::Added(map) | WatchEvent::Modified(map) => {
                let revision: u64 = map.resource_version().unwrap().parse().unwrap();
                assert!(revision > last, "in order, once");
                last = revision;
                seen.push((map.name_any(), revision));
            }
            WatchEvent::Bookmark(_) => {}
            other => panic!("{other:?}"),
        }
    }
    for write in expect {
        assert!(seen.contains(&write), "{write:?} is missing");
    }
}

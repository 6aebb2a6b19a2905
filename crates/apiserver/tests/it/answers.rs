//! Scripts of requests, whose answers must be those of a kube-apiserver.
//!
//! A script is `data/scripts/NAME.yaml`: each document is an object to create, or a request. What a kube-apiserver
//! v1.36.3 answers is in `data/answers/NAME.json.gz`; for `objects` it ran without the admission plugins ServiceAccount,
//! DefaultTolerationSeconds and Priority, which prepare pods for nodes. With `CARTO_TEST_KUBECONFIG` the scripts also run
//! against that cluster and its answers are compared with the recorded ones; those named in `CARTO_TEST_RECORD`,
//! separated by commas, are recorded anew.

mod differences;
mod mask;
mod script;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use self::script::{Answer, Script};
use crate::fixtures::{admin, server};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn scripts(wanted: impl Fn(&str) -> bool) -> Vec<Script> {
    let mut paths: Vec<_> = std::fs::read_dir(data().join("scripts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let scripts = paths.iter().map(|path| Script::read(path));
    scripts.filter(|script| wanted(&script.name)).collect()
}

fn recorded(script: &Script) -> Vec<Answer> {
    let path = data().join(format!("answers/{}.json.gz", script.name));
    let file = std::fs::File::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; record it first", path.display()));
    let answers: Vec<Answer> = serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap();
    answers
        .into_iter()
        .map(|answer| mask::answer(answer, "{ns}"))
        .collect()
}

fn write(name: &str, content: &impl serde::Serialize) {
    let file = std::fs::File::create(data().join(name)).unwrap();
    let mut out = flate2::GzBuilder::new().write(file, flate2::Compression::best());
    serde_json::to_writer(&mut out, content).unwrap();
    out.finish().unwrap();
}

/// Records the answers to a script and, for the one that creates objects of all kinds, how these look in protobuf.
async fn record(script: &Script, client: &Client) {
    let mut messages = vec![];
    let answers = script
        .run_and(client, async |collection, created| {
            let name = created.body["metadata"]["name"]
                .as_str()
                .unwrap_or_default();
            if script.name != "objects" || name.is_empty() {
                return;
            }
            let path = format!("{collection}/{name}");
            let bytes = script::get(client, &path, "application/vnd.kubernetes.protobuf").await;
            let object = script::get(client, &path, "application/json").await;
            let object: Value = serde_json::from_slice(&object).unwrap();
            messages.push(json!({"object": object, "message": STANDARD.encode(bytes)}));
        })
        .await;
    write(&format!("answers/{}.json.gz", script.name), &answers);
    if !messages.is_empty() {
        write("messages.json.gz", &messages);
    }
}

/// Runs scripts and fails with all differences.
async fn check(scripts: Vec<Script>, client: &Client, of_subject: bool) {
    let mut report = String::new();
    for script in scripts {
        let answers = script.run(client).await;
        let expected = recorded(&script);
        assert_eq!(
            answers.len(),
            expected.len(),
            "{}: record it anew",
            script.name
        );
        for ((step, expected), found) in script.steps.iter().zip(&expected).zip(&answers) {
            let known = if of_subject { &*step.differs } else { &[] };
            let differences = differences::of(expected, found, known);
            if !differences.is_empty() {
                report.push_str(&format!("{}: {}\n", script.name, step.title()));
                for difference in differences {
                    report.push_str(&format!("    {difference}\n"));
                }
            }
        }
    }
    assert!(report.is_empty(), "- expected, + found:\n{report}");
}

#[tokio::test]
async fn answers_are_those_of_kubernetes() {
    let server = server().await;
    check(scripts(|_| true), &admin(&server), true).await;
    server.shutdown().await;
}

/// The script whose answers depend on admission plugins.
const PREPARED: &str = "objects";

#[tokio::test]
async fn a_cluster_gives_the_recorded_answers() {
    let Some(client) = cluster("a_cluster_gives_the_recorded_answers").await else {
        return;
    };
    let record = std::env::var("CARTO_TEST_RECORD").unwrap_or_default();
    if record.is_empty() {
        check(scripts(|name| name != PREPARED), &client, false).await;
    }
    for script in scripts(|name| record.split(',').any(|one| one == name)) {
        self::record(&script, &client).await;
    }
}

#[tokio::test]
#[ignore = "needs a kube-apiserver without the admission plugins that prepare pods"]
async fn a_bare_cluster_gives_the_recorded_answers() {
    let Some(client) = cluster("a_bare_cluster_gives_the_recorded_answers").await else {
        return;
    };
    check(scripts(|name| name == PREPARED), &client, false).await;
}

async fn cluster(test: &str) -> Option<Client> {
    let kubeconfig = carto_testkit::real::kubeconfig(test)?;
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    drop(rustls::crypto::ring::default_provider().install_default());
    Some(Client::try_from(config.await.unwrap()).unwrap())
}

//! The scenarios of `tests/scenarios`, as stories for the laws.
//!
//! The same files are played on the embedded home and beside the original. Here each runs against
//! the API in memory, where every request can go wrong.

use std::path::{Path, PathBuf};
use std::{env, fs};

use carto_core::key::{Mapping, ObjectKey, ServiceAccountKey};
use serde_json::{Map, Value};

use crate::cluster::{Cluster, key};
use crate::laws::Story;

/// The `apiVersion` of kinds that scenarios need not write out; all others are ours.
const KINDS: &[(&str, &str)] = &[
    ("Thing", "scenario.carto.run/v1"),
    ("ClusterThing", "scenario.carto.run/v1"),
    ("Note", "scenario.carto.run/v1"),
    ("ConfigMap", "v1"),
    ("ServiceAccount", "v1"),
    ("Role", "rbac.authorization.k8s.io/v1"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
];
/// Kinds that owners stamp: name, plural, whether they have a namespace.
const SERVED: &[(&str, &str, bool)] = &[
    ("Thing", "things", true),
    ("ClusterThing", "clusterthings", false),
    ("Note", "notes", true),
    ("Runnable", "runnables", true),
    ("Workload", "workloads", true),
    ("Deliverable", "deliverables", true),
];

/// A scenario from its file.
pub(crate) struct Written {
    id: String,
    trusted: bool,
    /// What happens before each time that things settle.
    parts: Vec<Vec<Value>>,
}

/// Reads every scenario, or those that `CARTO_SCENARIO` names a part of.
pub(crate) fn all() -> Vec<Written> {
    let only = env::var("CARTO_SCENARIO").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<PathBuf> = folders(&folder)
        .iter()
        .flat_map(|folder| entries(folder))
        .collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let mut all: Vec<Written> = files.iter().map(|file| read(file)).collect();
    all.retain(|story| story.id.contains(&only));
    assert!(!all.is_empty(), "no scenario is named like {only:?}");
    all
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders = entries(folder);
    folders.retain(|path| path.is_dir());
    folders
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("scenarios are there");
    entries
        .map(|entry| entry.expect("readable").path())
        .collect()
}

fn read(file: &Path) -> Written {
    let id = file
        .file_stem()
        .expect("files have names")
        .to_string_lossy();
    let text = fs::read_to_string(file).expect("scenarios can be read");
    let documents: Vec<Value> =
        carto_yaml::decode_all(&with_id(&text, &id)).expect("scenarios are YAML");
    let scenario = &documents[0];
    let mut parts = vec![Vec::new()];
    for step in scenario["steps"].as_array().expect("a list of steps") {
        if *step == "settle" {
            parts.push(Vec::new());
        } else {
            parts.last_mut().expect("never empty").push(step.clone());
        }
    }
    parts.retain(|part| !part.is_empty());
    Written {
        id: id.into_owned(),
        trusted: scenario["accounts"] != "untrusted",
        parts,
    }
}

/// Puts the name of the scenario where it says `ID` as a word.
fn with_id(text: &str, id: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts: Vec<&str> = text.split("ID").collect();
    let mut out = parts[0].to_owned();
    for pair in parts.windows(2) {
        let word = !pair[0].ends_with(inside) && !pair[1].starts_with(inside);
        out.push_str(if word { id } else { "ID" });
        out.push_str(pair[1]);
    }
    out
}

impl Story for Written {
    fn name(&self) -> &str {
        &self.id
    }

    fn begin(&self) -> Cluster {
        let cluster = Cluster::new();
        cluster.with(|state| {
            state.rbac = !self.trusted;
            for namespace in [self.id.as_str(), "default"] {
                let account = ServiceAccountKey::new(namespace, "default");
                state.accounts.insert(account);
            }
            for (kind, plural, namespaced) in SERVED {
                let mapping = Mapping {
                    plural: (*plural).into(),
                    namespaced: *namespaced,
                };
                let served = (api_version(kind).to_owned(), (*kind).to_owned());
                state.kinds.insert(served, mapping);
            }
        });
        self.change(&cluster, 0);
        cluster
    }

    fn changes(&self) -> usize {
        self.parts.len()
    }

    fn change(&self, cluster: &Cluster, number: usize) {
        for step in &self.parts[number] {
            self.perform(cluster, step);
        }
    }
}

impl Written {
    fn perform(&self, cluster: &Cluster, step: &Value) {
        if *step == "next-second" {
            cluster.wait(1);
            return;
        }
        let step = step
            .as_object()
            .expect("a step is a word or says what it does");
        let (verb, what) = step.iter().next().expect("a step says what it does");
        match verb.as_str() {
            "apply" => {
                for object in what.as_array().expect("a list of objects") {
                    self.apply(cluster, object.clone());
                }
            }
            "merge" => cluster.edit(
                &self.named(cluster, &what["object"]),
                "kubectl-edit",
                |object| {
                    carto_merge::json_merge::patch(object, &what["set"]);
                },
            ),
            "status" => {
                let key = self.named(cluster, &what["object"]);
                let mut status = cluster.get(&key).expect("it is there")["status"].take();
                if status.is_null() {
                    status = Value::Object(Map::new());
                }
                carto_merge::json_merge::patch(&mut status, &what["set"]);
                cluster.set_status(&key, status);
            }
            "delete" => cluster.user_delete(&self.named(cluster, what)),
            other => panic!("{}: unknown step {other}", self.id),
        }
    }

    fn apply(&self, cluster: &Cluster, mut object: Value) {
        let kind = object["kind"]
            .as_str()
            .expect("objects have a kind")
            .to_owned();
        object["apiVersion"] = api_version(&kind).into();
        if !kind.starts_with("Cluster") && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = self.id.clone().into();
        }
        if kind == "ServiceAccount" {
            let name = object["metadata"]["name"]
                .as_str()
                .expect("accounts have a name");
            let account = ServiceAccountKey::new(&self.id, name);
            cluster.with(|state| state.accounts.insert(account));
        }
        cluster.user_apply(&object);
    }

    /// The object that is written `Kind/name` or, the second of a generated name, `Kind/prefix-#2`.
    fn named(&self, cluster: &Cluster, written: &Value) -> ObjectKey {
        let (kind, name) = written
            .as_str()
            .and_then(|text| text.split_once('/'))
            .expect("Kind/name");
        if let Some((prefix, number)) = name.split_once('#') {
            return cluster.generated(kind, prefix, number.parse().expect("a number"));
        }
        let mut key = key(api_version(kind), kind, name);
        if key.namespace.is_some() {
            key.namespace = Some(self.id.as_str().into());
        }
        key
    }
}

fn api_version(kind: &str) -> &'static str {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or("carto.run/v1alpha1", |(_, version)| version)
}

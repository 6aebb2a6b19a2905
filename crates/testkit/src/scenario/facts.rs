//! What a cluster looks like, without what differs from run to run: identifiers, versions, times,
//! random ends of names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Map, Value};

use super::world::{Key, Seen};

/// Object (`Kind/name`) to path to value. The path of a list's element is its `type` or `name`
/// where it has one.
pub type Facts = BTreeMap<String, BTreeMap<String, String>>;

/// Kinds whose spec is the scenario's own: only the status tells anything.
const STATUS_ONLY: [&str; 5] = [
    "Workload",
    "Deliverable",
    "Runnable",
    "ClusterSupplyChain",
    "ClusterDelivery",
];
/// Written by everybody's cluster, not by a choreographer.
const NOT_OURS: &str = "kube-root-ca.crt";
/// What client-go's recorder puts before events that it has seen too many of.
const COMBINED: &str = "(combined from similar events): ";

/// Depends on the owner's uid: only that it is there tells anything.
const DIGEST: &str = "carto.run/stamp-digest";

/// Names given by a server or a digest, each with its lasting stand-in.
#[derive(Default)]
pub(super) struct Names {
    given: BTreeMap<String, String>,
    used: BTreeMap<String, usize>,
}

impl Names {
    /// Gives a stand-in to every generated name that is new, in the order of creation.
    pub(super) fn learn(&mut self, objects: &BTreeMap<Key, Seen>) {
        let mut fresh: Vec<(&str, u64, &str, &str)> = objects
            .iter()
            .filter(|((_, _, name), _)| !self.given.contains_key(name))
            .filter_map(|((_, _, name), seen)| {
                let metadata = &seen.object["metadata"];
                let prefix = metadata["generateName"].as_str()?;
                let created = metadata["creationTimestamp"].as_str().unwrap_or_default();
                Some((created, seen.place, prefix, name.as_str()))
            })
            .collect();
        fresh.sort_unstable();
        for (_, _, prefix, name) in fresh {
            let number = self.used.entry(prefix.to_owned()).or_default();
            *number += 1;
            self.given
                .insert(name.to_owned(), format!("{prefix}#{number}"));
        }
    }

    /// The real name behind a stand-in; any other name is itself.
    pub(super) fn real<'a>(&'a self, name: &'a str) -> &'a str {
        let found = self.given.iter().find(|(_, stand_in)| *stand_in == name);
        found.map_or(name, |(real, _)| real)
    }

    fn replace(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (real, stand_in) in &self.given {
            if text.contains(real.as_str()) {
                text = text.replace(real.as_str(), stand_in);
            }
        }
        text
    }
}

/// Collects the facts about objects.
pub(super) fn collect(objects: &BTreeMap<Key, Seen>, names: &Names) -> Facts {
    let mut facts = Facts::new();
    for ((kind, _, name), seen) in objects {
        if name == NOT_OURS {
            continue;
        }
        if *kind == "Event" {
            let (about, path) = event(&seen.object);
            let entry = facts.entry(names.replace(&about)).or_default();
            entry.insert(
                format!("event {}", names.replace(&path)),
                component(&seen.object),
            );
            continue;
        }
        let entry = facts
            .entry(format!("{kind}/{}", names.replace(name)))
            .or_default();
        let mut leaves = Leaves { names, into: entry };
        leaves.object(kind, &seen.object);
    }
    facts
}

fn event(object: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let about = &object["involvedObject"];
    let message = text(&object["message"]);
    let message = message.strip_prefix(COMBINED).unwrap_or(&message);
    (
        format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        format!(
            "{} {}: {message}",
            text(&object["type"]),
            text(&object["reason"])
        ),
    )
}

fn component(object: &Value) -> String {
    let source = &object["source"]["component"];
    let reporting = &object["reportingComponent"];
    let named = [source, reporting]
        .into_iter()
        .filter_map(Value::as_str)
        .find(|c| !c.is_empty());
    named.unwrap_or_default().to_owned()
}

struct Leaves<'a> {
    names: &'a Names,
    into: &'a mut BTreeMap<String, String>,
}

impl Leaves<'_> {
    fn object(&mut self, kind: &str, object: &Value) {
        if STATUS_ONLY.contains(&kind) {
            let generation = &object["metadata"]["generation"];
            let status = &object["status"];
            if let Some(observed) = status.get("observedGeneration") {
                let current = if observed == generation {
                    "current"
                } else {
                    "older"
                };
                self.leaf("status.observedGeneration", current.to_owned());
            }
            self.value("status", &without(status, &["observedGeneration"]));
            // That somebody else owns it, or deletes it, is worth telling of these too.
            self.metadata(
                &object["metadata"],
                &["ownerReferences", "deletionTimestamp", "finalizers"],
            );
            let label = |key: &&String| key.starts_with("carto.run/");
            let labels = object["metadata"]["labels"]
                .as_object()
                .into_iter()
                .flatten();
            for (key, value) in labels.filter(|(key, _)| label(key)) {
                self.value(&format!("metadata.labels.{key}"), value);
            }
            return;
        }
        self.metadata(
            &object["metadata"],
            &[
                "labels",
                "annotations",
                "ownerReferences",
                "deletionTimestamp",
                "finalizers",
            ],
        );
        let rest = without(object, &["apiVersion", "kind", "metadata"]);
        for (key, value) in rest.as_object().into_iter().flatten() {
            self.value(key, value);
        }
    }

    fn metadata(&mut self, metadata: &Value, parts: &[&str]) {
        for part in parts {
            let value = &metadata[*part];
            match *part {
                "ownerReferences" => {
                    for owner in value.as_array().into_iter().flatten() {
                        let owner = without(owner, &["uid"]);
                        self.leaf("metadata.ownerReferences", compact(&owner));
                    }
                }
                "deletionTimestamp" if !value.is_null() => {
                    self.leaf("metadata.deletionTimestamp", "set".to_owned());
                }
                _ if value.is_null() => {}
                _ => self.value(&format!("metadata.{part}"), value),
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(map) if map.is_empty() => self.leaf(path, "{}".to_owned()),
            Value::Object(map) if is_reference(path) => {
                self.leaf(path, compact(&Value::Object(map.clone())));
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.value(&format!("{path}.{key}"), value);
                }
            }
            Value::Array(items) => self.list(path, items),
            Value::Null if path == "status" => {}
            scalar => self.leaf(path, scalar.to_string()),
        }
    }

    fn list(&mut self, path: &str, items: &[Value]) {
        match keys(path, items) {
            Some(keys) => {
                self.leaf(path, keys.join(", "));
                for (key, item) in keys.iter().zip(items) {
                    self.element(&format!("{path}.{key}"), item);
                }
            }
            None if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
            {
                self.leaf(path, compact(&Value::Array(items.to_vec())));
            }
            None => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}.{index}"), item);
                }
            }
        }
    }

    /// An element of a list with keys: a condition, an output or a resource.
    fn element(&mut self, path: &str, item: &Value) {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        if path.contains("conditions.") {
            let condition = format!("{} {}: {}", text("status"), text("reason"), text("message"));
            self.leaf(path, condition);
        } else if path.contains("outputs.") {
            self.leaf(path, format!("{:?} {}", text("preview"), text("digest")));
        } else {
            self.value(path, &without(item, &["name"]));
        }
    }

    fn leaf(&mut self, path: &str, value: String) {
        let value = if path.ends_with(DIGEST) {
            "(a digest)".to_owned()
        } else {
            self.names.replace(&value)
        };
        self.into.insert(self.names.replace(path), value);
    }
}

/// Whether an object is told in one line.
fn is_reference(path: &str) -> bool {
    path.starts_with("status.") && path.ends_with("Ref")
}

/// The keys of the elements of a list, when they are what tells them apart.
fn keys(path: &str, items: &[Value]) -> Option<Vec<String>> {
    let key = match path.rsplit('.').next()? {
        "conditions" => "type",
        "resources" | "outputs" | "inputs" if path.starts_with("status.") => "name",
        _ => return None,
    };
    let keys: Vec<String> = items
        .iter()
        .map(|item| item[key].as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    let distinct: BTreeSet<&String> = keys.iter().collect();
    (distinct.len() == keys.len()).then_some(keys)
}

fn without(value: &Value, keys: &[&str]) -> Value {
    let Some(map) = value.as_object() else {
        return value.clone();
    };
    let kept = map.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

/// JSON in one line, its keys in order.
fn compact(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let parts: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{key}: {}", compact(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(compact).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Writes facts down: all of the first look, then what is new, other or gone at each further one.
pub fn render(looks: &[Facts]) -> String {
    let mut out = String::new();
    let mut before = &Facts::new();
    for (number, look) in looks.iter().enumerate() {
        let _infallible = writeln!(out, "=== {}", number + 1);
        for (object, facts) in look {
            let older = before.get(object);
            if older == Some(facts) {
                continue;
            }
            let _infallible = writeln!(out, "{object}");
            for (path, value) in facts {
                if older.and_then(|older| older.get(path)) != Some(value) {
                    let _infallible = writeln!(out, "  {path} = {}", one_line(value));
                }
            }
            for path in older.into_iter().flat_map(BTreeMap::keys) {
                if !facts.contains_key(path) {
                    let _infallible = writeln!(out, "  {path} is gone");
                }
            }
        }
        for object in before.keys().filter(|object| !look.contains_key(*object)) {
            let _infallible = writeln!(out, "{object} is gone");
        }
        before = look;
    }
    out
}

fn one_line(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n")
}

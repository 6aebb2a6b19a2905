//! `status.resources`: reading what the last pass wrote, writing what this one found.
//!
//! Source: cartographer pkg/realizer/realizer.go (`generateRealizedResource`),
//! pkg/realizer/statuses/resource_statuses.go.

use serde_json::{Map, Value};

use crate::condition::{self, Status};
use crate::json;
use crate::key::{Gvk, Mapping, ObjectKey};
use crate::outputs::Shown;
use crate::words::{API_VERSION, condition_type};

/// One entry of `status.resources`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) stamped: Option<Stamped>,
    /// Kind and name.
    pub(crate) template: Option<(String, String)>,
    /// Names of the resources it takes inputs from.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<Shown>,
    pub(crate) conditions: Vec<Value>,
}

/// The object an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) key: ObjectKey,
    /// Qualified resource.
    pub(crate) resource: String,
}

impl Stamped {
    pub(crate) fn new(key: &ObjectKey, mapping: &Mapping) -> Self {
        Self {
            key: key.clone(),
            resource: mapping.qualified(&key.gvk),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let part = |key: &str| json::text(value, &[key]);
        Some(Self {
            key: ObjectKey {
                gvk: Gvk::new(part("apiVersion")?, part("kind")?),
                namespace: part("namespace").map(Into::into),
                name: part("name")?.into(),
            },
            resource: part("resource").unwrap_or_default().to_owned(),
        })
    }

    fn write(&self) -> Value {
        let mut map = Map::new();
        map.insert("apiVersion".into(), self.key.gvk.api_version().into());
        map.insert("kind".into(), self.key.gvk.kind.as_ref().into());
        if let Some(namespace) = &self.key.namespace {
            map.insert("namespace".into(), namespace.as_ref().into());
        }
        map.insert("name".into(), self.key.name.as_ref().into());
        if !self.resource.is_empty() {
            map.insert("resource".into(), self.resource.as_str().into());
        }
        Value::Object(map)
    }
}

impl Entry {
    /// Reads all entries of an owner's status.
    pub(crate) fn read_all(owner: &Value) -> Vec<Self> {
        json::list(owner, &["status", "resources"])
            .iter()
            .map(Self::read)
            .collect()
    }

    fn read(value: &Value) -> Self {
        let template = json::text(value, &["templateRef", "name"]).map(|name| {
            (
                json::string(value, &["templateRef", "kind"]),
                name.to_owned(),
            )
        });
        let shown = |output: &Value| Shown {
            name: json::string(output, &["name"]),
            preview: json::string(output, &["preview"]),
            digest: json::string(output, &["digest"]),
            since: json::string(output, &["lastTransitionTime"]),
        };
        let inputs = json::list(value, &["inputs"]);
        Self {
            name: json::string(value, &["name"]),
            stamped: value.get("stampedRef").and_then(Stamped::read),
            template,
            inputs: inputs
                .iter()
                .map(|input| json::string(input, &["name"]))
                .collect(),
            outputs: json::list(value, &["outputs"]).iter().map(shown).collect(),
            conditions: json::list(value, &["conditions"]).to_vec(),
        }
    }

    /// Writes the entry; what is empty is left out.
    pub(crate) fn write(self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), self.name.into());
        if let Some(stamped) = &self.stamped {
            map.insert("stampedRef".into(), stamped.write());
        }
        if let Some((kind, name)) = self.template {
            let reference = json::object([
                ("apiVersion", API_VERSION.into()),
                ("kind", kind.into()),
                ("name", name.into()),
            ]);
            map.insert("templateRef".into(), reference);
        }
        let mut put = |key: &str, list: Vec<Value>| {
            if !list.is_empty() {
                map.insert(key.into(), Value::Array(list));
            }
        };
        put(
            "inputs",
            self.inputs
                .into_iter()
                .map(|name| json::object([("name", name.into())]))
                .collect(),
        );
        put(
            "outputs",
            self.outputs.into_iter().map(write_output).collect(),
        );
        put("conditions", self.conditions);
        Value::Object(map)
    }

    /// Returns its `Healthy` condition, when it has one.
    pub(crate) fn healthy(&self) -> Option<&Value> {
        condition::find(&self.conditions, condition_type::HEALTHY)
    }

    /// Returns the status of its `Healthy` condition.
    pub(crate) fn health(&self) -> Option<Status> {
        self.healthy()
            .map(|one| Status::parse(&json::string(one, &["status"])))
    }

    /// Reports whether it stands for an object that is no longer needed.
    pub(crate) fn is_leftover(&self) -> bool {
        condition::find(&self.conditions, condition_type::PRUNED).is_some()
    }
}

fn write_output(output: Shown) -> Value {
    json::object([
        ("name", output.name.into()),
        ("preview", output.preview.into()),
        ("digest", output.digest.into()),
        ("lastTransitionTime", output.since.into()),
    ])
}

/// Finds the object that an owner's status names for a resource.
pub(crate) fn stamped_for(owner: &Value, resource: &str) -> Option<ObjectKey> {
    let is_leftover = |entry: &Value| {
        let conditions = json::list(entry, &["conditions"]);
        condition::find(conditions, condition_type::PRUNED).is_some()
    };
    let entry = json::list(owner, &["status", "resources"])
        .iter()
        .find(|entry| json::text(entry, &["name"]) == Some(resource) && !is_leftover(entry))?;
    let stamped = entry.get("stampedRef").and_then(Stamped::read);
    stamped.map(|stamped| stamped.key)
}

/// Puts entries in order: those that were there before keep their place, new ones follow as they
/// are given, leftovers come last.
pub(crate) fn arrange(previous: &[Entry], mut entries: Vec<Entry>) -> Vec<Entry> {
    let place = |entry: &Entry| {
        previous
            .iter()
            .filter(|old| !old.is_leftover())
            .position(|old| old.name == entry.name)
    };
    entries.sort_by_key(|entry| {
        let rank = if entry.is_leftover() {
            2
        } else {
            u8::from(place(entry).is_none())
        };
        (rank, if rank == 0 { place(entry) } else { None })
    });
    entries
}

/// Judges the whole by the `Healthy` conditions of its parts, in order.
pub(crate) fn owner_health(entries: &[Entry]) -> crate::condition::Condition {
    use crate::condition::Condition;
    use crate::words::reason;
    let judged: Vec<Condition> = entries
        .iter()
        .filter_map(Entry::healthy)
        .map(|one| {
            let status = Status::parse(&json::string(one, &["status"]));
            Condition::new(
                condition_type::HEALTHY,
                status,
                "",
                json::string(one, &["message"]),
            )
        })
        .collect();
    let mut sum = condition::summary(condition_type::RESOURCES_HEALTHY, &judged);
    reason::HEALTHY_CONDITION_RULE.clone_into(&mut sum.reason);
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(name: &str) -> Entry {
        Entry {
            name: name.into(),
            ..Entry::default()
        }
    }

    fn leftover(name: &str) -> Entry {
        let conditions = vec![json!({"type": "Pruned", "status": "False"})];
        Entry {
            name: name.into(),
            conditions,
            ..Entry::default()
        }
    }

    #[test]
    fn old_entries_keep_their_place_new_ones_follow_leftovers_are_last() {
        let previous = [leftover("b"), entry("c"), entry("a")];
        let new = vec![
            leftover("c"),
            entry("x"),
            entry("a"),
            entry("b"),
            entry("c"),
        ];
        let names: Vec<String> = arrange(&previous, new)
            .into_iter()
            .map(|e| e.name)
            .collect();
        assert_eq!(names, ["c", "a", "x", "b", "c"]);
    }

    #[test]
    fn entries_survive_reading_and_writing() {
        let written = json!({
            "name": "r",
            "stampedRef": {"apiVersion": "a.b/v1", "kind": "K", "namespace": "ns", "name": "n", "resource": "ks.a.b"},
            "templateRef": {"apiVersion": API_VERSION, "kind": "ClusterTemplate", "name": "t"},
            "inputs": [{"name": "i"}],
            "outputs": [{"name": "url", "preview": "x\n", "digest": "sha256:1", "lastTransitionTime": "t"}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "t"}],
        });
        assert_eq!(Entry::read(&written).write(), written);
    }
}

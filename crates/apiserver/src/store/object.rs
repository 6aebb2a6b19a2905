//! One stored object: its JSON, and the few facts that are asked for without parsing it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::Revision;

/// Where an object is: resource, namespace (empty for cluster scope) and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Group and plural with a slash between, as `apps/deployments`; `/pods` for the core group.
    pub(crate) resource: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(
        resource: impl Into<Arc<str>>,
        namespace: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            resource: resource.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// As a row key: no part can hold a slash except the resource, which holds exactly one.
    pub(super) fn encode(&self) -> String {
        format!("{}/{}/{}", self.resource, self.namespace, self.name)
    }

    pub(super) fn decode(text: &str) -> Option<Self> {
        let (rest, name) = text.rsplit_once('/')?;
        let (resource, namespace) = rest.rsplit_once('/')?;
        resource
            .contains('/')
            .then(|| Self::new(resource, namespace, name))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.resource, self.namespace, self.name)
    }
}

/// An owner reference, as far as collection needs it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Owner {
    #[serde(default)]
    pub(crate) api_version: String,
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) uid: String,
    #[serde(default)]
    pub(crate) block_owner_deletion: bool,
}

/// An object at one revision. Cheap to share, never changed.
pub(crate) struct Object {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    pub(crate) uid: Box<str>,
    /// Sorted by key.
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    pub(crate) owners: Box<[Owner]>,
    /// Has a deletion timestamp.
    pub(crate) deleting: bool,
    /// The whole object with its resourceVersion, in the storage version.
    pub(crate) json: Bytes,
    revision_at: u32,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} @{})", self.key, self.revision)
    }
}

impl Object {
    /// The object as a tree.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).expect("the store holds what it serialised itself")
    }

    /// The same object at another revision: what watchers see when it goes.
    pub(crate) fn at(&self, revision: Revision) -> Self {
        Self {
            key: self.key.clone(),
            revision,
            uid: self.uid.clone(),
            labels: self.labels.clone(),
            owners: self.owners.clone(),
            deleting: self.deleting,
            json: splice(self.head(), revision, self.tail()),
            revision_at: self.revision_at,
        }
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }

    /// JSON before and after the digits of the revision.
    pub(super) fn head(&self) -> &[u8] {
        &self.json[..self.revision_at as usize]
    }

    pub(super) fn tail(&self) -> &[u8] {
        let at = self.revision_at as usize;
        let digits = self.json[at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        &self.json[at + digits..]
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.json.len()
    }
}

fn splice(head: &[u8], revision: Revision, tail: &[u8]) -> Bytes {
    let mut json = Vec::with_capacity(head.len() + 20 + tail.len());
    json.extend_from_slice(head);
    json.extend_from_slice(revision.to_string().as_bytes());
    json.extend_from_slice(tail);
    json.into()
}

/// An object that has no revision yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) key: Key,
    uid: Box<str>,
    labels: Box<[(Box<str>, Box<str>)]>,
    owners: Box<[Owner]>,
    deleting: bool,
    json: Vec<u8>,
    revision_at: u32,
}

/// What a row needs besides its JSON; read back from the JSON when a store is opened.
#[derive(Deserialize)]
struct Facts {
    metadata: MetaFacts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaFacts {
    #[serde(default)]
    uid: Box<str>,
    #[serde(default)]
    labels: Option<std::collections::BTreeMap<Box<str>, Box<str>>>,
    #[serde(default)]
    owner_references: Option<Box<[Owner]>>,
    #[serde(default)]
    deletion_timestamp: Option<serde::de::IgnoredAny>,
}

impl Draft {
    /// Serialises `object`; a resourceVersion that it carries is dropped.
    ///
    /// # Panics
    /// When `object` has no `metadata` map; the pipelines see to it.
    pub(crate) fn new(key: Key, object: &Value) -> Self {
        let top = object.as_object().expect("an object is a map");
        let metadata = top
            .get("metadata")
            .and_then(Value::as_object)
            .expect("the pipelines give every object metadata");
        let (json, revision_at) = serialise(top, metadata);
        let text = |field: &str| {
            metadata
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        Self {
            key,
            uid: text("uid").into(),
            labels: labels(metadata.get("labels")),
            owners: owners(metadata.get("ownerReferences")),
            deleting: metadata.contains_key("deletionTimestamp"),
            json,
            revision_at,
        }
    }

    /// Reads a row back.
    pub(super) fn restore(key: Key, json: Vec<u8>, revision_at: u32) -> serde_json::Result<Self> {
        let facts: Facts = serde_json::from_slice(&json)?;
        let meta = facts.metadata;
        Ok(Self {
            key,
            uid: meta.uid,
            labels: meta.labels.unwrap_or_default().into_iter().collect(),
            owners: meta.owner_references.unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
            json,
            revision_at,
        })
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.json.len()
    }

    pub(super) fn commit(self, revision: Revision) -> Object {
        let (head, tail) = self.json.split_at(self.revision_at as usize);
        Object {
            json: splice(head, revision, tail),
            key: self.key,
            revision,
            uid: self.uid,
            labels: self.labels,
            owners: self.owners,
            deleting: self.deleting,
            revision_at: self.revision_at,
        }
    }
}

fn labels(value: Option<&Value>) -> Box<[(Box<str>, Box<str>)]> {
    let Some(map) = value.and_then(Value::as_object) else {
        return Box::default();
    };
    // The map is sorted already: serde_json keeps its keys in order.
    map.iter()
        .filter_map(|(k, v)| Some((k.as_str().into(), v.as_str()?.into())))
        .collect()
}

fn owners(value: Option<&Value>) -> Box<[Owner]> {
    let Some(list) = value.and_then(Value::as_array) else {
        return Box::default();
    };
    list.iter()
        .filter_map(|owner| Owner::deserialize(owner).ok())
        .collect()
}

type Map = serde_json::Map<String, Value>;

/// JSON with an empty resourceVersion in its place of the sorted metadata, and where its digits go.
fn serialise(top: &Map, metadata: &Map) -> (Vec<u8>, u32) {
    let mut out = Vec::with_capacity(2048);
    let mut revision_at = 0;
    out.push(b'{');
    for (n, (name, value)) in top.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        put(&mut out, name);
        out.push(b':');
        if name == "metadata" {
            revision_at = serialise_metadata(&mut out, metadata);
        } else {
            put(&mut out, value);
        }
    }
    out.push(b'}');
    (out, revision_at)
}

fn serialise_metadata(out: &mut Vec<u8>, metadata: &Map) -> u32 {
    const NAME: &str = "resourceVersion";
    let mut revision_at = None;
    let place = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"\"resourceVersion\":\"");
        let at = u32::try_from(out.len()).expect("objects are far smaller than 4 GiB");
        out.push(b'"');
        at
    };
    out.push(b'{');
    let mut first = true;
    let mut comma = |out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
    };
    for (name, value) in metadata {
        if name.as_str() >= NAME && revision_at.is_none() {
            comma(out);
            revision_at = Some(place(out));
        }
        if name == NAME {
            continue;
        }
        comma(out);
        put(out, name);
        out.push(b':');
        put(out, value);
    }
    let at = revision_at.unwrap_or_else(|| {
        comma(out);
        place(out)
    });
    out.push(b'}');
    at
}

fn put<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("a tree of JSON values always serialises");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> Key {
        Key::new("demo.io/widgets", "default", "w1")
    }

    fn check(object: &Value) {
        let committed = Draft::new(key(), object).commit(4711);
        let mut expect = object.clone();
        expect["metadata"]["resourceVersion"] = json!("4711");
        assert_eq!(committed.value(), expect);
        assert_eq!(
            committed.json,
            serde_json::to_vec(&expect).unwrap(),
            "keys stay sorted"
        );
        let later = committed.at(99_999);
        expect["metadata"]["resourceVersion"] = json!("99999");
        assert_eq!(later.value(), expect);
    }

    #[test]
    fn the_revision_is_put_in_its_sorted_place() {
        check(&json!({"apiVersion": "v1", "kind": "A", "metadata": {}}));
        check(&json!({"apiVersion": "v1", "metadata": {"name": "w1"}, "spec": {"a": [1, "x"]}}));
        check(&json!({"metadata": {"name": "w1", "resourceVersion": "3", "uid": "u"}, "z": 1}));
        check(&json!({"metadata": {"uid": "u"}}));
    }

    #[test]
    fn facts_survive_a_restart() {
        let object = json!({"metadata": {
            "uid": "u", "labels": {"b": "2", "a": "1"}, "deletionTimestamp": "x",
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o"}]}});
        let draft = Draft::new(key(), &object);
        let (json, at) = (draft.json.clone(), draft.revision_at);
        let back = Draft::restore(key(), json, at).unwrap().commit(7);
        let there = draft.commit(7);
        assert_eq!(back.json, there.json);
        assert_eq!((&*back.uid, back.deleting), ("u", true));
        assert_eq!(back.labels, there.labels);
        assert_eq!(back.label("b"), Some("2"));
        assert_eq!(back.owners, there.owners);
        assert_eq!(back.owners[0].uid, "o");
    }

    #[test]
    fn keys_survive_a_restart() {
        for key in [
            key(),
            Key::new("/pods", "a", "b"),
            Key::new("/namespaces", "", "x:y"),
        ] {
            assert_eq!(Key::decode(&key.encode()), Some(key));
        }
        assert_eq!(Key::decode("nonsense"), None);
    }
}

//! How a stamp is recognised again: digests on objects, names of runs.
//!
//! The cluster is the memory. Every stamped object carries the digest of its stamp as an
//! annotation; a run carries it in short as a label as well, and a generated name ends in letters
//! made of it. So neither a restart nor a lost reply nor going back to earlier inputs makes a
//! second object for the same stamp.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::digest;
use crate::json;
use crate::key::ServiceAccountKey;
use crate::words::{LABEL_PREFIX, SERVICE_ACCOUNT, STAMP_DIGEST};

/// The longest name of an object.
const MAX_NAME: usize = 63;

/// A finished object with its digest on it, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sealed {
    /// The object, shared with the requests that send it.
    pub(crate) object: Arc<Value>,
    /// Digest of the stamp.
    pub(crate) digest: String,
}

impl Sealed {
    fn new(object: Value, digest: String) -> Self {
        let object = Arc::new(object);
        Self { object, digest }
    }

    /// Makes an object that turned out to have no namespace one without, and notes in whose name it goes when its owner
    /// is gone: nobody else collects it.
    pub(crate) fn unscope(&mut self, account: &ServiceAccountKey) {
        let Some(map) = Arc::make_mut(&mut self.object).as_object_mut() else {
            return;
        };
        let metadata = json::object_at(map, "metadata");
        metadata.remove("namespace");
        json::object_at(metadata, "annotations")
            .insert(SERVICE_ACCOUNT.into(), account.to_string().into());
    }

    /// Takes `blockOwnerDeletion` out of the owner references.
    pub(crate) fn clear_block(&mut self) {
        take_blocks(Arc::make_mut(&mut self.object));
    }
}

/// Seals an object that is changed in place: its digest is that of the whole object.
///
/// `blockOwnerDeletion` does not count, since it is left out where the account may not set it.
pub(crate) fn seal_mutable(mut object: Value) -> Sealed {
    let blocks = take_blocks(&mut object);
    let digest = digest::stamp(&object);
    put_blocks(&mut object, blocks);
    annotate(&mut object, &digest);
    Sealed::new(object, digest)
}

/// Seals a run: its digest is that of what was rendered, of who owns it and of what it is for.
///
/// Our own labels and the owner reference do not count, so that neither a renamed blueprint nor a
/// changed lifecycle runs everything again; `purpose` says what does (kind and name of the
/// template, name of the resource).
pub(crate) fn seal_run(mut object: Value, owner_uid: &str, purpose: &[&str]) -> Sealed {
    let mut counted = object.clone();
    if let Some(metadata) = counted.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("ownerReferences");
        metadata.remove("namespace");
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.starts_with(LABEL_PREFIX));
        }
    }
    let digest = digest::stamp(&json!([counted, owner_uid, purpose]));
    annotate(&mut object, &digest);
    if let Some(map) = object.as_object_mut() {
        let metadata = json::object_at(map, "metadata");
        json::object_at(metadata, "labels")
            .insert(STAMP_DIGEST.into(), digest::short(&digest).into());
        name(metadata, &digest);
    }
    Sealed::new(object, digest)
}

/// Turns `generateName` into a name.
fn name(metadata: &mut Map<String, Value>, digest: &str) {
    let given = metadata
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let base = metadata
        .get("generateName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !given.is_empty() || base.is_empty() {
        return;
    }
    let suffix = digest::name_suffix(digest);
    let room = MAX_NAME - suffix.len();
    let end = (0..=room.min(base.len()))
        .rev()
        .find(|at| base.is_char_boundary(*at))
        .unwrap_or(0);
    let name = format!("{}{suffix}", &base[..end]);
    metadata.insert("name".into(), name.into());
}

fn annotate(object: &mut Value, digest: &str) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    let metadata = json::object_at(map, "metadata");
    json::object_at(metadata, "annotations").insert(STAMP_DIGEST.into(), digest.into());
}

const BLOCK: &str = "blockOwnerDeletion";

/// Takes `blockOwnerDeletion` out of each of the owner references.
fn take_blocks(object: &mut Value) -> Vec<Option<Value>> {
    references(object)
        .map(|owner| owner.remove(BLOCK))
        .collect()
}

/// Puts back what [`take_blocks`] took.
fn put_blocks(object: &mut Value, blocks: Vec<Option<Value>>) {
    for (owner, block) in references(object).zip(blocks) {
        if let Some(block) = block {
            owner.insert(BLOCK.into(), block);
        }
    }
}

fn references(object: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let metadata = object.get_mut("metadata");
    let owners = metadata.and_then(|metadata| metadata.get_mut("ownerReferences"));
    owners
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(label: &str, spec: &str) -> Value {
        json!({
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
            "metadata": {
                "generateName": "t-", "namespace": "ns",
                "labels": {"carto.run/supply-chain-name": label, "mine": "x"},
                "ownerReferences": [{"uid": "u", "blockOwnerDeletion": true}],
            },
            "spec": {"a": spec},
        })
    }

    #[test]
    fn runs_are_told_apart_by_content_owner_and_purpose_only() {
        let base = seal_run(run("chain", "1"), "u", &["t"]);
        assert_eq!(base.digest, seal_run(run("other", "1"), "u", &["t"]).digest);
        assert_ne!(base.digest, seal_run(run("chain", "2"), "u", &["t"]).digest);
        assert_ne!(base.digest, seal_run(run("chain", "1"), "v", &["t"]).digest);
        assert_ne!(base.digest, seal_run(run("chain", "1"), "u", &["s"]).digest);
    }

    #[test]
    fn a_run_has_one_name_that_fits() {
        let name = |object: &Value| json::string(object, &["metadata", "name"]);
        let one = seal_run(run("c", "1"), "u", &[]);
        assert!(name(&one.object).starts_with("t-"));
        assert_eq!(
            name(&one.object),
            name(&seal_run(run("c", "1"), "u", &[]).object)
        );
        let mut long = run("c", "1");
        long["metadata"]["generateName"] = "n".repeat(80).into();
        assert_eq!(name(&seal_run(long, "u", &[]).object).len(), MAX_NAME);
        let mut fixed = run("c", "1");
        fixed["metadata"]["name"] = "fixed".into();
        assert_eq!(name(&seal_run(fixed, "u", &[]).object), "fixed");
    }

    #[test]
    fn digests_are_on_the_object() {
        let sealed = seal_run(run("c", "1"), "u", &[]);
        assert_eq!(
            digest::carried(&sealed.object),
            Some(sealed.digest.as_str())
        );
        let label = json::string(&sealed.object, &["metadata", "labels", STAMP_DIGEST]);
        assert_eq!(label, digest::short(&sealed.digest));
    }

    #[test]
    fn block_owner_deletion_does_not_change_a_stamp() {
        let with = seal_mutable(run("c", "1"));
        let mut without = run("c", "1");
        take_blocks(&mut without);
        assert_ne!(without, run("c", "1"));
        assert_eq!(with.digest, seal_mutable(without).digest);
    }
}

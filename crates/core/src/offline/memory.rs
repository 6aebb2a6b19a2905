//! The objects of a world, and what is done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carto_merge::fieldpath::Filter;
use carto_merge::schema::Schema;
use carto_merge::smd;
use serde_json::Value;

use super::{Action, INVENTED_UID};
use crate::digest;
use crate::json;
use crate::key::{Gvk, ObjectKey};
use crate::realize::{ApiFailure, FIELD_MANAGER, FailureKind, Reply};
use crate::row::{Expressions, Row};

/// Namespace of objects from files that name none and are of our kinds.
const NAMESPACE: &str = "default";

/// Objects by key and by owner, and the writes of the pass under way.
#[derive(Default)]
pub(super) struct Memory {
    objects: BTreeMap<ObjectKey, Value>,
    /// Keys by the uid of the controller owner.
    owned: BTreeMap<String, BTreeSet<ObjectKey>>,
    expressions: BTreeMap<Gvk, Expressions>,
    births: u64,
    pub(super) actions: Vec<Action>,
}

/// Gives an owner from a file the namespace and uid that a server would.
pub(super) fn identify(owner: &mut Value) {
    if json::text(owner, &["metadata", "namespace"]).is_none() {
        owner["metadata"]["namespace"] = NAMESPACE.into();
    }
    if json::text(owner, &["metadata", "uid"]).is_none() {
        let place: Vec<String> = [
            &["kind"][..],
            &["metadata", "namespace"],
            &["metadata", "name"],
        ]
        .iter()
        .map(|path| json::string(owner, path))
        .collect();
        let digest = digest::stamp(&Value::from(place));
        owner["metadata"]["uid"] = format!("{INVENTED_UID}{}", digest::short(&digest)).into();
    }
}

fn controller(object: &Value) -> Option<&str> {
    let owners = json::list(object, &["metadata", "ownerReferences"]);
    let controls = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
    json::text(owners.iter().find(controls)?, &["uid"])
}

impl Memory {
    /// Takes in an object as a file or a listing has it.
    pub(super) fn observe(&mut self, mut object: Value) {
        if json::string(&object, &["apiVersion"]) == crate::words::API_VERSION {
            identify(&mut object);
        }
        if let Some(key) = ObjectKey::of(&object) {
            self.put(&key, object);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Replaces the status of an object.
    pub(super) fn set_status(&mut self, key: &ObjectKey, status: Value) {
        if let Some(object) = self.objects.get_mut(key) {
            object["status"] = status;
        }
    }

    /// Notes what is to be read out of the objects of a kind.
    pub(super) fn ask(&mut self, gvk: &Gvk, expressions: &Expressions) {
        let known = self.expressions.entry(gvk.clone()).or_default();
        *known = known.union(expressions);
    }

    fn put(&mut self, key: &ObjectKey, mut object: Value) {
        let metadata = &mut object["metadata"];
        if json::text(metadata, &["uid"]).is_none() {
            self.births += 1;
            metadata["uid"] = format!("{INVENTED_UID}{}", self.births).into();
        }
        self.forget_owner(key);
        if let Some(uid) = controller(&object) {
            let keys = self.owned.entry(uid.to_owned()).or_default();
            keys.insert(key.clone());
        }
        self.objects.insert(key.clone(), object);
    }

    fn forget_owner(&mut self, key: &ObjectKey) {
        let uid = self.objects.get(key).and_then(controller);
        if let Some(keys) = uid.and_then(|uid| self.owned.get_mut(uid)) {
            keys.remove(key);
        }
    }

    pub(super) fn list(
        &self,
        gvk: &Gvk,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Value> {
        let wanted = |(key, object): &(&ObjectKey, &Value)| {
            let has = |(key, value): &(String, String)| {
                json::text(object, &["metadata", "labels", key]) == Some(value)
            };
            key.gvk == *gvk
                && (namespace.is_none() || key.namespace.as_deref() == namespace)
                && labels.iter().all(has)
        };
        let found = self.objects.iter().filter(wanted);
        found.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn apply(
        &mut self,
        key: &ObjectKey,
        object: &Value,
        force: bool,
        now: &str,
    ) -> Result<Reply, ApiFailure> {
        let before = self.objects.get(key).cloned();
        let schema = Schema::deduced();
        let version = key.gvk.api_version();
        let request = smd::Request {
            versions: &smd::OneVersion {
                api_version: &version,
                schema: &schema,
            },
            api_version: &version,
            kind: &key.gvk.kind,
            manager: FIELD_MANAGER,
            subresource: "",
            now,
            filter: &Filter::Everything,
        };
        let applied = smd::apply(&request, before.as_ref(), object, force).map_err(|error| {
            let kind = match error {
                smd::ApplyError::Conflicts(_) => FailureKind::Conflict,
                _ => FailureKind::Invalid,
            };
            ApiFailure {
                kind,
                message: error.to_string(),
                code: 409,
            }
        })?;
        Ok(self.written(key, before, applied.object))
    }

    /// Creates a run. One that is observed under the same generated base stands for it: files
    /// cannot know the names that are made up here.
    pub(super) fn create(&mut self, object: &Value, now: &str) -> Result<Reply, ApiFailure> {
        let key = ObjectKey::of(object).ok_or_else(|| ApiFailure {
            kind: FailureKind::Invalid,
            message: "name or generateName is required".to_owned(),
            code: 422,
        })?;
        if self.objects.contains_key(&key) {
            return Err(ApiFailure {
                kind: FailureKind::AlreadyExists,
                message: format!("\"{}\" already exists", key.name),
                code: 409,
            });
        }
        let base = json::string(object, &["metadata", "generateName"]);
        let stands_for = |(other, live): &(&ObjectKey, &Value)| {
            let of_nobody = digest::carried(live).is_none() && controller(live).is_none();
            other.gvk == key.gvk
                && other.namespace == key.namespace
                && of_nobody
                && !base.is_empty()
                && other.name.starts_with(base.as_str())
        };
        let mut object = object.clone();
        if let Some((_, live)) = self.objects.iter().find(stands_for)
            && let Some(status) = live.get("status")
        {
            object["status"] = status.clone();
        }
        object["metadata"]["creationTimestamp"] = now.into();
        Ok(self.written(&key, None, object))
    }

    /// Carries out the operations of a JSON patch that the core asks for: `add` and `replace`.
    /// Nobody else is here, so `test` holds.
    pub(super) fn patch(&mut self, key: &ObjectKey, patch: &Value) -> Result<Reply, ApiFailure> {
        let before = self.objects.get(key).cloned();
        let mut object = before.clone().ok_or_else(|| super::not_found(key))?;
        for operation in patch.as_array().into_iter().flatten() {
            let path = json::string(operation, &["path"]);
            let Some((parent, last)) = path.rsplit_once('/') else {
                continue;
            };
            let last = last.replace("~1", "/").replace("~0", "~");
            let is_write = matches!(json::text(operation, &["op"]), Some("add" | "replace"));
            if let Some(slot) = object.pointer_mut(parent).filter(|_| is_write) {
                slot[last] = operation.get("value").cloned().unwrap_or_default();
            }
        }
        Ok(self.written(key, before, object))
    }

    pub(super) fn delete(&mut self, key: &ObjectKey) {
        self.forget_owner(key);
        let before = self.objects.remove(key);
        self.actions.push(Action {
            key: key.clone(),
            before,
            after: None,
        });
    }

    fn written(&mut self, key: &ObjectKey, before: Option<Value>, after: Value) -> Reply {
        self.put(key, after);
        let after = self.objects.get(key).cloned().unwrap_or_default();
        let created = before.is_none();
        self.actions.push(Action {
            key: key.clone(),
            before,
            after: Some(after.clone()),
        });
        Reply::Applied {
            object: after.into(),
            row: None,
            created,
        }
    }

    pub(super) fn row(&self, key: &ObjectKey) -> Option<Arc<Row>> {
        let object = self.objects.get(key)?;
        let expressions = self.expressions.get(&key.gvk).cloned().unwrap_or_default();
        Row::extract(object, &expressions).map(Arc::new)
    }

    pub(super) fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>> {
        let keys = self.owned.get(owner_uid).into_iter().flatten();
        keys.filter_map(|key| self.row(key)).collect()
    }
}

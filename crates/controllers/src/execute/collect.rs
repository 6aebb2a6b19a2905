//! Deletes what a gone owner left behind and Kubernetes does not collect.

use std::sync::Arc;

use carto_core::key::ServiceAccountKey;
use carto_core::realize::{FailureKind, MAX_DELETIONS};
use carto_core::row::Row;
use serde_json::Value;

use super::{Executor, Notes};
use crate::index::Own;
use crate::key::Key;
use crate::metrics::Verb;
use crate::queue::{Next, Turn};
use crate::wire::{Call, Failure, Path};

impl Executor {
    /// Deletes the objects without a namespace of former owners of this key, each as the account that stamped it.
    pub(super) async fn collect(&self, turn: &Turn) -> Next {
        let key = &turn.key;
        let left = self.index.abandoned(key);
        if left.is_empty() {
            return Next::Await;
        }
        // The index may have heard of an object before it hears of its owner.
        let there = match self.uid_now(key).await {
            Ok(uid) => uid,
            Err(failure) => {
                tracing::warn!(%key, %failure, "cannot tell whether the owner is gone");
                return Next::Retry;
            }
        };
        let mut next = Next::Await;
        let gone = |row: &&Arc<Row>| row.controller.as_ref().map(|c| &*c.uid) != there.as_deref();
        for (number, row) in left.iter().filter(gone).enumerate() {
            if number == MAX_DELETIONS {
                return next.max(Next::Continue);
            }
            next = next.max(self.delete_abandoned(turn, row).await);
        }
        next
    }

    /// The uid of the object that has this key now, by the API itself.
    async fn uid_now(&self, key: &Key) -> Result<Option<String>, Failure> {
        let namespace = Some(&*key.namespace).filter(|namespace| !namespace.is_empty());
        let path = Path::collection(
            "carto.run",
            "v1alpha1",
            Own::of(key.kind).plural(),
            namespace,
        );
        let call = Call::get(Verb::Get, path.object(&key.name).done());
        let body = match self.wire.call(call).await {
            Ok(body) => body,
            Err(failure) if failure.is_not_found() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let object: Value = serde_json::from_slice(&body).map_err(|error| Failure::lost(&error))?;
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        Ok(uid.map(str::to_owned))
    }

    async fn delete_abandoned(&self, turn: &Turn, row: &Row) -> Next {
        let account = row.account.as_deref().cloned();
        let account =
            account.unwrap_or_else(|| ServiceAccountKey::new(&turn.key.namespace, "default"));
        let who = account.clone();
        let mut notes = Notes::default();
        let uid = row.uid.text();
        let deleted = self.delete(turn, &row.key, &uid, account, &mut notes);
        match deleted.await {
            Ok(_) => {
                tracing::info!(owner = %turn.key, object = %row.key.name, kind = %row.key.gvk, "collected");
                Next::Await
            }
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.index.deleted_through(&turn.key, &row.key, &uid);
                Next::Await
            }
            Err(failure) => {
                tracing::warn!(
                    owner = %turn.key,
                    object = %row.key.name,
                    kind = %row.key.gvk,
                    account = %who,
                    failure = failure.message,
                    "an object of a gone owner stays: let the account delete it, or delete it by hand"
                );
                Next::Retry
            }
        }
    }
}

//! One request of the core, from its words to the API's and back.

use std::sync::Arc;

use carto_core::key::{Gvk, Mapping, ObjectKey, ServiceAccountKey};
use carto_core::realize::{ApiFailure, FailureKind, Purpose, Reply, Request};
use carto_core::row::{Expressions, Live, Row};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Executor, MANAGER, Notes};
use crate::discovery::Unmapped;
use crate::index::Flavor;
use crate::key::Key;
use crate::metrics::Verb;
use crate::queue::Turn;
use crate::wire::{Call, Content, Failure, Identity, Path};

/// A request that failed, and on which kind.
type Failed = ApiFailure;

impl Executor {
    /// Performs a request of the core.
    pub(super) async fn perform(&self, turn: &Turn, request: Request, notes: &mut Notes) -> Reply {
        let result = match request {
            Request::Resolve { gvk } => self.resolve(&gvk, notes).await.map(Reply::Mapping),
            Request::Observe { gvk, expressions } => {
                self.observe(turn, &gvk, &expressions, notes).await
            }
            Request::Get { key, account } => self.get(turn, &key, account, notes).await,
            Request::List {
                gvk,
                namespace,
                labels,
                account,
            } => {
                self.list(&gvk, namespace.as_deref(), &labels, account, notes)
                    .await
            }
            Request::Apply {
                key,
                object,
                force,
                purpose,
                account,
            } => {
                let force = if force { "true" } else { "false" };
                let query = [MANAGER, ("force", force)];
                let write = Write {
                    verb: Verb::Apply,
                    method: Method::PATCH,
                    content: Content::Apply,
                };
                let reply = self
                    .write(turn, &key, &query, write, &object, account, notes)
                    .await;
                if reply.is_ok() && purpose == Purpose::Repair {
                    self.index.repaired(&key, Instant::now());
                }
                reply
            }
            Request::Patch {
                key,
                patch,
                account,
            } => {
                let write = Write {
                    verb: Verb::Apply,
                    method: Method::PATCH,
                    content: Content::JsonPatch,
                };
                self.write(turn, &key, &[MANAGER], write, &patch, account, notes)
                    .await
            }
            Request::Create {
                gvk,
                namespace,
                object,
                account,
            } => {
                let name = object.pointer("/metadata/name").and_then(Value::as_str);
                let key = ObjectKey {
                    gvk,
                    namespace,
                    name: name.unwrap_or_default().into(),
                };
                let write = Write {
                    verb: Verb::Create,
                    method: Method::POST,
                    content: Content::Json,
                };
                self.write(turn, &key, &[MANAGER], write, &object, account, notes)
                    .await
            }
            Request::Delete { key, uid, account } => {
                self.delete(turn, &key, &uid, account, notes).await
            }
        };
        result.unwrap_or_else(Reply::Failed)
    }

    async fn resolve(&self, gvk: &Gvk, notes: &mut Notes) -> Result<Mapping, Failed> {
        self.discovery
            .resolve(gvk)
            .await
            .map_err(|unmapped| no_match(gvk, unmapped, notes))
    }

    async fn observe(
        &self,
        turn: &Turn,
        gvk: &Gvk,
        expressions: &Expressions,
        notes: &mut Notes,
    ) -> Result<Reply, Failed> {
        let observing = self.watches.observe(turn.key.kind, gvk, expressions);
        match tokio::time::timeout(self.wire.timeout(), observing).await {
            Ok(Ok((mapping, watch))) => Ok(Reply::Observed { mapping, watch }),
            Ok(Err(unmapped)) => Err(no_match(gvk, unmapped, notes)),
            Err(_) => Err(failed(&Failure::timeout(self.wire.timeout()))),
        }
    }

    async fn get(
        &self,
        turn: &Turn,
        key: &ObjectKey,
        account: ServiceAccountKey,
        notes: &mut Notes,
    ) -> Result<Reply, Failed> {
        let mapping = self.resolve(&key.gvk, notes).await?;
        let uri = path_of(&mapping, key).done();
        let call = Call::get(Verb::Get, uri).acting_as(identity(account));
        let (_, object) = self.send(&key.gvk, call, notes).await?;
        self.write_through(&turn.key, &key.gvk, &object, Row::read);
        Ok(Reply::Object(object.whole()))
    }

    async fn list(
        &self,
        gvk: &Gvk,
        namespace: Option<&str>,
        labels: &[(String, String)],
        account: ServiceAccountKey,
        notes: &mut Notes,
    ) -> Result<Reply, Failed> {
        let mapping = self.resolve(gvk, notes).await?;
        let namespace = namespace.filter(|_| mapping.namespaced);
        let path = Path::collection(&gvk.group, &gvk.version, &mapping.plural, namespace);
        let selector: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let uri = path.query(&[("labelSelector", &selector.join(","))]);
        let call = Call::get(Verb::List, uri).acting_as(identity(account));
        let (_, list) = self.send(gvk, call, notes).await?;
        let mut list = list.into_object();
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let with_kind = |mut item| {
            name_kind(&mut item, gvk);
            item
        };
        Ok(Reply::Objects(items.into_iter().map(with_kind).collect()))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one request's parts, named by its callers"
    )]
    async fn write(
        &self,
        turn: &Turn,
        key: &ObjectKey,
        query: &[(&str, &str)],
        write: Write,
        body: &Value,
        account: ServiceAccountKey,
        notes: &mut Notes,
    ) -> Result<Reply, Failed> {
        let mapping = self.resolve(&key.gvk, notes).await?;
        let path = match write.verb {
            Verb::Create => collection_of(&mapping, key),
            _ => path_of(&mapping, key),
        };
        let call = Call::with_body(
            write.verb,
            write.method,
            path.query(query),
            write.content,
            body,
        )
        .acting_as(identity(account));
        if let Some(due) = notes.replied.or(turn.read_at) {
            self.metrics.hop(due.elapsed());
            self.metrics.feed.tell(body, due.elapsed());
        }
        let asked = Instant::now();
        let (code, object) = self.send(&key.gvk, call, notes).await?;
        let replied = Instant::now();
        if write.verb == Verb::Apply {
            self.metrics.applied(replied.duration_since(asked));
        }
        notes.replied = Some(replied);
        let row = self.write_through(&turn.key, &key.gvk, &object, Row::applied);
        Ok(Reply::Applied {
            object,
            row,
            created: code == StatusCode::CREATED,
        })
    }

    pub(super) async fn delete(
        &self,
        turn: &Turn,
        key: &ObjectKey,
        uid: &Arc<str>,
        account: ServiceAccountKey,
        notes: &mut Notes,
    ) -> Result<Reply, Failed> {
        let mapping = self.resolve(&key.gvk, notes).await?;
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": &**uid},
        });
        let uri = path_of(&mapping, key).done();
        let call = Call::with_body(Verb::Delete, Method::DELETE, uri, Content::Json, &options)
            .acting_as(identity(account));
        let (_, reply) = self.send(&key.gvk, call, notes).await?;
        let kind = reply.object().get("kind").and_then(Value::as_str);
        let gone = kind == Some("Status");
        if gone {
            self.index.deleted_through(&turn.key, key, uid);
        } else {
            self.write_through(&turn.key, &key.gvk, &reply, Row::read);
        }
        Ok(Reply::Deleted { gone })
    }

    /// Sends a request about objects of a kind and reads the reply.
    async fn send(
        &self,
        gvk: &Gvk,
        call: Call,
        notes: &mut Notes,
    ) -> Result<(StatusCode, Live), Failed> {
        let failure = match self.wire.call_with_code(call).await {
            Ok((code, body)) => match serde_json::from_slice::<Live>(&body) {
                Ok(mut object) => {
                    name_kind(object.object_mut(), gvk);
                    return Ok((code, object));
                }
                Err(error) => Failure::lost(&error),
            },
            Err(failure) => failure,
        };
        if failure.is_not_found() && !failure.status {
            // Nobody serves this path, although somebody did when it was looked up.
            self.discovery.forget(&gvk.group);
            self.resolve(gvk, notes).await?;
        }
        Err(failed(&failure))
    }

    /// Puts what a reply says into the index, if the kind is kept and a watch will tell of its changes. Returns the row.
    fn write_through(
        &self,
        key: &Key,
        gvk: &Gvk,
        object: &Live,
        read: fn(&Live, &Expressions) -> Option<Row>,
    ) -> Option<Arc<Row>> {
        let expressions = self.index.expressions(gvk)?;
        let row = read(object, &expressions)?;
        let is_watched = row.labels.contains_key(Flavor::of(key.kind).selector());
        is_watched.then(|| self.index.written_through(key, row))
    }
}

/// The kind of a write.
struct Write {
    verb: Verb,
    method: Method,
    content: Content,
}

fn identity(account: ServiceAccountKey) -> Identity {
    Identity::Account {
        namespace: account.namespace,
        name: account.name,
    }
}

fn collection_of(mapping: &Mapping, key: &ObjectKey) -> Path {
    let namespace = key.namespace.as_deref().filter(|_| mapping.namespaced);
    Path::collection(&key.gvk.group, &key.gvk.version, &mapping.plural, namespace)
}

fn path_of(mapping: &Mapping, key: &ObjectKey) -> Path {
    collection_of(mapping, key).object(&key.name)
}

/// Items of lists of built-in kinds do not say what they are.
fn name_kind(object: &mut Value, gvk: &Gvk) {
    if let Value::Object(map) = object
        && !map.contains_key("kind")
    {
        map.insert("apiVersion".to_owned(), gvk.api_version().into());
        map.insert("kind".to_owned(), (*gvk.kind).into());
    }
}

fn no_match(gvk: &Gvk, unmapped: Unmapped, notes: &mut Notes) -> Failed {
    let group_known = match unmapped {
        Unmapped::Kind => true,
        Unmapped::Group => false,
        Unmapped::Failed(failure) => return failed(&failure),
    };
    notes.missing.insert(Arc::clone(&gvk.group));
    ApiFailure {
        kind: FailureKind::NoMatch { group_known },
        message: "the server could not find the requested resource".to_owned(),
        code: 404,
    }
}

/// The core's view of a failure.
fn failed(failure: &Failure) -> ApiFailure {
    let kind = match (failure.code, failure.reason.as_str()) {
        (0, _) => FailureKind::Timeout,
        (404, _) => FailureKind::NotFound,
        (403, _) => FailureKind::Forbidden,
        (409, "AlreadyExists") => FailureKind::AlreadyExists,
        (409, _) => FailureKind::Conflict,
        (400 | 413 | 422, _) => FailureKind::Invalid,
        // Not our fault and not for ever: credentials are renewed, too.
        (401 | 429 | 500..=599, _) => FailureKind::Unavailable,
        _ => FailureKind::Other,
    };
    ApiFailure {
        kind,
        message: failure.message.clone(),
        code: failure.code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failure_of;

    fn kind_of(code: u16, reason: &str) -> FailureKind {
        let body = json!({"kind": "Status", "code": code, "reason": reason}).to_string();
        failed(&failure_of(
            StatusCode::from_u16(code).unwrap(),
            None,
            body.as_bytes(),
        ))
        .kind
    }

    #[test]
    fn failures_are_told_apart() {
        assert_eq!(kind_of(409, "AlreadyExists"), FailureKind::AlreadyExists);
        assert_eq!(kind_of(409, "Conflict"), FailureKind::Conflict);
        assert_eq!(kind_of(403, "Forbidden"), FailureKind::Forbidden);
        assert_eq!(kind_of(422, "Invalid"), FailureKind::Invalid);
        assert_eq!(kind_of(503, "ServiceUnavailable"), FailureKind::Unavailable);
        let lost = failed(&Failure::lost(&std::io::Error::other("reset")));
        assert_eq!(lost.kind, FailureKind::Timeout);
    }
}

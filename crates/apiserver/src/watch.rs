//! The stream of a watch.
//!
//! Source: apiserver `pkg/endpoints/handlers/watch.go`, `pkg/storage/cacher/cache_watcher.go`, v1.36.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::error::ApiError;
use crate::negotiate::{Form, Shape};
use crate::pipeline::{json_of, to_json};
use crate::selectors::Selection;
use crate::store::{Event, Expired, Object, Revision, Scope, Subscription, WatchEnd};
use crate::{respond, table};

/// Bytes that are gathered before they are handed on.
const CHUNK: usize = 64 << 10;
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Without `timeoutSeconds`, a watch lasts between this and twice this.
const LASTS: u64 = 30 * 60;

/// Answers a watch.
pub(crate) async fn serve(
    api: &Api,
    call: Call,
    form: Form,
) -> Result<Response<ApiBody>, ApiError> {
    call.query.validate_list(true)?;
    let revision = call.query.revision()?;
    let selection = Selection::parse(&call.query, &call.resource, &call.target.name)?;
    let scope = if call.namespace().is_empty() {
        Scope::Resource(call.resource.storage.clone())
    } else {
        Scope::Namespace(call.resource.storage.clone(), call.namespace().into())
    };
    let initial = call.query.flag_if_given("sendInitialEvents");
    let bookmarks = call.query.flag("allowWatchBookmarks");
    let lasts = lasts(call.query.number("timeoutSeconds")?);
    let (objects, subscription) = match (initial, revision) {
        (Some(true), at) => {
            api.wait_until(at.unwrap_or(0)).await?;
            api.store.list_and_subscribe(scope)
        }
        (None, None | Some(0)) => api.store.list_and_subscribe(scope),
        (Some(false), None | Some(0)) => match api.store.subscribe(scope, None) {
            Ok(subscription) => (vec![], subscription),
            Err(expired) => return Ok(too_old(0, expired)),
        },
        (None | Some(false), Some(after)) => match api.store.subscribe(scope, Some(after)) {
            Ok(subscription) => (vec![], subscription),
            Err(expired) => return Ok(too_old(after, expired)),
        },
    };
    let now = Instant::now();
    let watch = Watch {
        encoder: Encoder { form, first: true },
        selection,
        initial: objects.into(),
        announce_initial_end: initial == Some(true) && bookmarks,
        bookmarks,
        next_bookmark: now + BOOKMARK_EVERY,
        deadline: now + lasts,
        state: Progress::Open,
        subscription,
        call,
    };
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|bytes| (bytes, watch))
    });
    Ok(stream_of(ApiBody::stream(stream)))
}

fn lasts(asked: Option<i64>) -> Duration {
    match asked
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
    {
        Some(seconds) => Duration::from_secs(seconds),
        None => {
            // Spread, so that watches that began together do not end together.
            let random = u64::from(uuid::Uuid::new_v4().into_bytes()[0]);
            Duration::from_secs(LASTS + LASTS * random / 256)
        }
    }
}

fn stream_of(body: ApiBody) -> Response<ApiBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    respond::set_type(&mut response, "application/json");
    response
}

/// A watch that begins too far back ends at once, with code 200 and an error inside.
fn too_old(after: Revision, expired: Expired) -> Response<ApiBody> {
    stream_of(ApiBody::full(error_line(&ApiError::Expired {
        message: format!("too old resource version: {after} ({})", expired.oldest),
        continue_token: None,
    })))
}

fn error_line(error: &ApiError) -> Bytes {
    let mut line = to_json(&json!({"type": "ERROR", "object": error.status()})).to_vec();
    line.push(b'\n');
    line.into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Closed,
}

/// A watch in progress.
struct Watch {
    call: Call,
    subscription: Subscription,
    selection: Selection,
    encoder: Encoder,
    /// What was there at the beginning and is not sent yet.
    initial: VecDeque<Arc<Object>>,
    announce_initial_end: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    state: Progress,
}

impl Watch {
    /// The next piece of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while self.state == Progress::Open {
            self.gather_initial(&mut out);
            if !out.is_empty() {
                return Some(out.freeze());
            }
            let wake = if self.bookmarks {
                self.deadline.min(self.next_bookmark)
            } else {
                self.deadline
            };
            tokio::select! {
                biased;
                events = self.subscription.next() => match events {
                    Ok(events) => self.gather(&events, &mut out),
                    Err(end) => self.end(end, &mut out),
                },
                () = tokio::time::sleep_until(wake) => self.tick(&mut out),
            }
            if !out.is_empty() {
                return Some(out.freeze());
            }
        }
        None
    }

    fn gather_initial(&mut self, out: &mut BytesMut) {
        while out.len() < CHUNK {
            let Some(object) = self.initial.pop_front() else {
                break;
            };
            if self.selection.matches(&self.call.resource, &object) {
                self.encoder.line(&self.call, "ADDED", &object, out);
            }
        }
        if self.initial.is_empty() && std::mem::take(&mut self.announce_initial_end) {
            self.encoder
                .bookmark(&self.call, self.subscription.position(), true, out);
        }
    }

    fn gather(&mut self, events: &[Arc<Event>], out: &mut BytesMut) {
        for event in events {
            let resource = &self.call.resource;
            let matches = |object: &Arc<Object>| self.selection.matches(resource, object);
            let before = event.prev.as_ref().filter(|prev| matches(prev));
            let after = !event.deleted && matches(&event.object);
            match (before, after) {
                (None, true) => self.encoder.line(&self.call, "ADDED", &event.object, out),
                (Some(_), true) => self
                    .encoder
                    .line(&self.call, "MODIFIED", &event.object, out),
                (Some(_), false) if event.deleted => {
                    self.encoder.line(&self.call, "DELETED", &event.object, out);
                }
                (Some(prev), false) => {
                    let last = prev.at(event.revision);
                    self.encoder.line(&self.call, "DELETED", &last, out);
                }
                (None, false) => {}
            }
        }
    }

    fn end(&mut self, end: WatchEnd, out: &mut BytesMut) {
        self.state = Progress::Closed;
        if let WatchEnd::Expired(expired) = end {
            let error = ApiError::Expired {
                message: format!(
                    "too old resource version: {} ({})",
                    self.subscription.position(),
                    expired.oldest
                ),
                continue_token: None,
            };
            out.put(error_line(&error));
        }
    }

    fn tick(&mut self, out: &mut BytesMut) {
        let now = Instant::now();
        let over = now >= self.deadline;
        if self.bookmarks {
            // Nothing may lie between the bookmark and what was sent.
            match self.subscription.ready() {
                Ok(events) if events.is_empty() => {}
                Ok(events) => self.gather(&events, out),
                Err(end) => return self.end(end, out),
            }
            self.encoder
                .bookmark(&self.call, self.subscription.position(), false, out);
            self.next_bookmark = now + BOOKMARK_EVERY;
        }
        if over {
            self.state = Progress::Closed;
        }
    }
}

/// Writes events in the form that the client wants.
struct Encoder {
    form: Form,
    /// Tables carry their columns once.
    first: bool,
}

impl Encoder {
    fn line(&mut self, call: &Call, kind: &str, object: &Object, out: &mut BytesMut) {
        match self.form.shape {
            Shape::Object => put(kind, &json_of(object, &call.resource), out),
            Shape::Partial | Shape::PartialList => {
                let value = call.resource.load(object);
                put(
                    kind,
                    &to_json(&respond::partial(&value, self.form.meta_version)),
                    out,
                );
            }
            Shape::Table => {
                let value = call.resource.load(object);
                let rows = json!([table::row(call, &value, self.form.meta_version)]);
                let table = self.table(call, object.revision, rows);
                put(kind, &to_json(&table), out);
            }
        }
    }

    fn table(&mut self, call: &Call, revision: Revision, rows: Value) -> Value {
        let mut table = table::new(&call.resource, self.form.meta_version);
        if !std::mem::take(&mut self.first) {
            table["columnDefinitions"] = Value::Null;
        }
        table["metadata"] = json!({"resourceVersion": revision.to_string()});
        table["rows"] = rows;
        table
    }

    fn bookmark(&mut self, call: &Call, revision: Revision, initial_end: bool, out: &mut BytesMut) {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let resource = &call.resource;
        let object = match self.form.shape {
            Shape::Object => json!({"kind": *resource.kind, "apiVersion": *resource.api_version,
                "metadata": metadata}),
            Shape::Partial | Shape::PartialList => json!({"kind": "PartialObjectMetadata",
                "apiVersion": format!("meta.k8s.io/{}", self.form.meta_version),
                "metadata": metadata}),
            Shape::Table => {
                let mut table = self.table(call, revision, json!([]));
                if initial_end {
                    // Clients look for the annotation on an object, so there is one row for it.
                    table["rows"] = json!([{"cells": [], "object": {
                        "kind": *resource.kind, "apiVersion": *resource.api_version,
                        "metadata": metadata}}]);
                }
                table
            }
        };
        put("BOOKMARK", &to_json(&object), out);
    }
}

fn put(kind: &str, object: &[u8], out: &mut BytesMut) {
    out.reserve(object.len() + 32);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
}

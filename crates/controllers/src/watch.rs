//! One resilient watch: a list, then the changes since, for as long as the process lives.
//!
//! A watch belongs to one resource (all namespaces or one) and an optional selector. It reads bytes, hands each object
//! to its [`Sink`] at once and keeps nothing but its position. What it copes with: pages, bookmarks, an expired position
//! (list again; the sink works out the difference), closed and broken connections (resume, with bounded backoff),
//! a connection that silently died (bookmarks stop coming), and a resource that may not be read or does not exist
//! (waits for a hint that rights or kinds changed, and now and then tries by itself).
//!
//! Source: the behaviour expected of clients in the Kubernetes API concepts, "Efficient detection of changes".

use std::sync::Arc;
use std::time::Duration;

use carto_core::row::Live;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch::{Receiver, Sender};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Verb;
use crate::wire::{Call, Detail, Failure, Path, Wire};

mod glance;
mod lines;
mod page;

pub(crate) use glance::Glance;

use lines::Lines;

/// Objects per page of a list. Source: client-go tools/pager.
const PAGE: &str = "500";
/// How long the server keeps one watch open; drawn between this and one and a half times this.
const OPEN_SECONDS: u64 = 1800;
/// So much longer may a server be silent that has not sent a bookmark yet.
const BEFORE_BOOKMARKS: u32 = 3;
/// A watch that lived this long did not fail to open.
const LIVED: Duration = Duration::from_secs(5);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LAST: Duration = Duration::from_secs(30);
/// Without the right or the kind only somebody's act helps, of which the hint tells. This is for when no hint comes.
const BACKOFF_LAST_UNAVAILABLE: Duration = Duration::from_mins(5);

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Option<String>,
    pub(crate) detail: Detail,
}

impl Target {
    fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    fn call(&self, verb: Verb, pairs: &[(&str, &str)]) -> Call {
        let namespace = self.namespace.as_deref();
        let path = Path::collection(&self.group, &self.version, &self.plural, namespace);
        let selector = self
            .selector
            .as_deref()
            .map(|selector| ("labelSelector", selector));
        let pairs: Vec<_> = pairs.iter().copied().chain(selector).collect();
        Call::get(verb, path.query(&pairs)).detail(self.detail)
    }
}

/// Where the objects go. Called from one task, in order.
pub(crate) trait Sink: Send + Sync + 'static {
    /// What is kept of an object.
    type Item: Send + 'static;

    /// Whether it may know of a change already ([`Sink::knows`]).
    const ECHOES: bool = false;

    /// Reads an object; `None` when it is none of the sink's business. Also called on other threads.
    fn decode(&self, object: Live) -> Option<Self::Item>;

    /// Whether an object is there at this very version already, as it is when we wrote it.
    fn knows(&self, object: &Glance<'_>) -> bool {
        let _ = object;
        false
    }

    /// Reads an object that has just changed.
    fn decode_changed(&self, object: Live) -> Option<Self::Item> {
        self.decode(object)
    }

    /// A list is about to be read; what is written through after this moment may be newer than the list.
    fn list_begins(&self) -> u64;

    /// All objects there are. `begun` is what [`Sink::list_begins`] returned.
    fn listed(&self, begun: u64, items: Vec<Self::Item>);

    /// An object was added or changed; the bytes that tell of it were read at `read_at`.
    fn changed(&self, item: Self::Item, read_at: Instant);

    /// An object is gone.
    fn deleted(&self, item: Self::Item, read_at: Instant);

    /// The API answers again after a failure.
    fn recovered(&self) {}

    /// The resource may not be listed, or is not there. What was known of it is out of date from now on.
    fn unavailable(&self) {}
}

/// How far a watch has got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Lists begun so far.
    begun: u64,
    /// The last list that was handed to the sink, counted from 1; 0 while there was none.
    pub(crate) listed: u64,
    /// Why the resource cannot be watched, while that is so.
    pub(crate) failure: Option<Failure>,
}

/// Both ends of what a watch is told and tells.
#[derive(Debug)]
pub(crate) struct Control {
    /// The number of the list that somebody wants.
    wanted: Sender<u64>,
    progress: Sender<Progress>,
    /// Raised when rights or kinds have changed.
    hint: Sender<u64>,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            wanted: Sender::new(1),
            progress: Sender::new(Progress::default()),
            hint: Sender::new(0),
        }
    }

    /// The state now.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Whether objects were listed at least once and can still be watched.
    pub(crate) fn is_synced(&self) -> bool {
        let progress = self.progress.borrow();
        progress.listed > 0 && progress.failure.is_none()
    }

    /// Waits until the resource was listed once, or cannot be.
    pub(crate) async fn settled(&self) -> Progress {
        self.reached(1).await
    }

    /// Waits until the resource was listed once, however long that takes.
    pub(crate) async fn listed(&self) {
        let mut progress = self.progress.subscribe();
        // Both ends are in this structure: it cannot close.
        drop(progress.wait_for(|progress| progress.listed > 0).await);
    }

    /// Asks for a list that begins after this call, and waits for it. Many callers share one list.
    pub(crate) async fn list_again(&self) -> Progress {
        let number = self.progress.borrow().begun + 1;
        self.wanted
            .send_modify(|wanted| *wanted = number.max(*wanted));
        self.reached(number).await
    }

    /// Tells that rights or kinds have changed, so that an unavailable resource is worth another try.
    pub(crate) fn hint(&self) {
        self.hint.send_modify(|hint| *hint += 1);
    }

    async fn reached(&self, number: u64) -> Progress {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|p| p.listed >= number || p.failure.is_some())
            .await;
        reached.map(|p| p.clone()).unwrap_or_default()
    }
}

/// Runs the watch until cancelled. When nothing comes for `silence`, nobody is there any more.
pub(crate) async fn run<S: Sink>(
    wire: Wire,
    target: Target,
    sink: Arc<S>,
    control: Arc<Control>,
    silence: Duration,
    cancel: CancellationToken,
) {
    let wanted = control.wanted.subscribe();
    let hints = control.hint.subscribe();
    let watch = Watch {
        wire,
        target,
        sink,
        control,
        silence,
        wanted,
        hints,
        failures: 0,
    };
    cancel.run_until_cancelled(watch.run()).await;
}

struct Watch<S> {
    wire: Wire,
    target: Target,
    sink: Arc<S>,
    control: Arc<Control>,
    silence: Duration,
    wanted: Receiver<u64>,
    hints: Receiver<u64>,
    failures: u32,
}

/// Why a stream of changes ended.
#[derive(Debug)]
enum End {
    /// The server closed it in good order.
    Closed,
    /// Neither an event nor a bookmark for too long.
    Silent,
    /// Somebody wants a list.
    Relist,
    Failed(Failure),
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Live,
}

impl<S: Sink> Watch<S> {
    async fn run(mut self) {
        let mut position: Option<String> = None;
        loop {
            let Some(from) = position.take() else {
                match self.list().await {
                    Ok(at) => position = Some(at),
                    Err(failure) => self.list_failed(failure).await,
                }
                continue;
            };
            let mut at = from;
            let opened = Instant::now();
            let end = self.stream(&mut at).await;
            if opened.elapsed() >= LIVED {
                self.failures = 0;
            }
            tracing::debug!(kind = self.target.kind, position = at, ?end, "watch ended");
            match end {
                End::Relist => {}
                End::Closed | End::Silent => {
                    position = Some(at);
                    if matches!(end, End::Silent) || opened.elapsed() < LIVED {
                        self.restarting().await;
                    }
                }
                End::Failed(failure) if failure.is_expired() => self.restarting().await,
                End::Failed(failure) if failure.is_forbidden() || failure.is_not_found() => {
                    // The list says what is the matter, and whether it lasts.
                    self.restarting().await;
                }
                End::Failed(failure) => {
                    tracing::debug!(kind = self.target.kind, %failure, "watch failed");
                    position = Some(at);
                    self.restarting().await;
                }
            }
        }
    }

    async fn restarting(&mut self) {
        self.wire.metrics().watch_restarted();
        self.pause(BACKOFF_LAST).await;
    }

    async fn list_failed(&mut self, failure: Failure) {
        let unavailable = failure.is_forbidden() || failure.is_not_found();
        if self.failures == 0 || unavailable {
            tracing::info!(kind = self.target.kind, %failure, "cannot list");
        }
        if unavailable {
            self.sink.unavailable();
            self.control
                .progress
                .send_modify(|progress| progress.failure = Some(failure));
            self.pause(BACKOFF_LAST_UNAVAILABLE).await;
        } else {
            // A position that expired between two pages is nobody's fault and cured by the next list.
            self.pause(BACKOFF_LAST).await;
        }
    }

    /// Waits with exponential backoff, or until a hint comes.
    async fn pause(&mut self, last: Duration) {
        let wait = BACKOFF_FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(last);
        self.failures = self.failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(jittered(wait)) => {}
            Ok(()) = self.hints.changed() => self.failures = 0,
        }
    }

    /// Lists everything, page by page, and returns the position of the list.
    async fn list(&mut self) -> Result<String, Failure> {
        let mut number = 0;
        self.control.progress.send_if_modified(|progress| {
            progress.begun += 1;
            number = progress.begun;
            false
        });
        let begun = self.sink.list_begins();
        let mut items = Vec::new();
        let mut token = String::new();
        let position = loop {
            let mut pairs = vec![("limit", PAGE)];
            if !token.is_empty() {
                pairs.push(("continue", &token));
            }
            let body = self.wire.call(self.target.call(Verb::List, &pairs)).await?;
            let page = self.read_page(body).await?;
            items.extend(page.items);
            // Bounded by the server: each page but the last moves the token on.
            match page.token {
                Some(next) if next != token => token = next,
                _ => break page.position,
            }
        };
        self.sink.listed(begun, items);
        if number > 1 {
            self.wire.metrics().relisted();
        }
        if self.failures > 0 {
            self.sink.recovered();
        }
        self.failures = 0;
        self.control.progress.send_modify(|progress| {
            progress.listed = number;
            progress.failure = None;
        });
        Ok(position)
    }

    /// Decodes a page off the reactor: five hundred objects take milliseconds.
    async fn read_page(&self, body: bytes::Bytes) -> Result<page::Page<S::Item>, Failure> {
        let sink = Arc::clone(&self.sink);
        let (api_version, kind) = (self.target.api_version(), self.target.kind.clone());
        let partial = self.target.detail == Detail::Metadata;
        let read = tokio::task::spawn_blocking(move || {
            page::read(&body, |mut object| {
                name_kind(object.object_mut(), &api_version, &kind, partial);
                sink.decode(object)
            })
        });
        match read.await {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(error)) => Err(Failure::lost(&error)),
            Err(panicked) => {
                self.wire.metrics().panicked();
                Err(Failure::lost(&panicked))
            }
        }
    }

    /// Follows the changes from `position`, which moves along.
    async fn stream(&mut self, position: &mut String) -> End {
        let open = (OPEN_SECONDS + random_below(OPEN_SECONDS / 2)).to_string();
        let call = self.target.call(
            Verb::Watch,
            &[
                ("watch", "1"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", position),
                ("timeoutSeconds", &open),
            ],
        );
        let mut body = match self.wire.open(call).await {
            Ok(body) => body,
            Err(failure) => return End::Failed(failure),
        };
        if self.failures > 0 {
            self.sink.recovered();
        }
        if self.list_is_wanted() {
            return End::Relist;
        }
        let mut lines = Lines::default();
        let mut patience = self.silence.saturating_mul(BEFORE_BOOKMARKS);
        loop {
            let frame = tokio::select! {
                frame = tokio::time::timeout(patience, body.frame()) => frame,
                Ok(()) = self.wanted.changed() => {
                    if self.list_is_wanted() {
                        return End::Relist;
                    }
                    continue;
                }
            };
            let bytes = match frame {
                Err(_) => return End::Silent,
                Ok(None) => return End::Closed,
                Ok(Some(Err(error))) => return End::Failed(Failure::lost(&error)),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            let read_at = Instant::now();
            if let Err(error) = lines.push(&bytes) {
                return End::Failed(Failure::lost(&error));
            }
            while let Some(line) = lines.next() {
                match self.event(line, read_at, position) {
                    Ok(true) => patience = self.silence,
                    Ok(false) => {}
                    Err(failure) => return End::Failed(failure),
                }
            }
        }
    }

    fn list_is_wanted(&mut self) -> bool {
        *self.wanted.borrow_and_update() > self.control.progress.borrow().listed
    }

    /// Takes in one event; returns whether it was a bookmark.
    fn event(&self, line: &[u8], read_at: Instant, position: &mut String) -> Result<bool, Failure> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(false);
        }
        if S::ECHOES
            && let Some(object) = Glance::at_change(line)
            && self.sink.knows(&object)
        {
            object.version.as_ref().clone_into(position);
            return Ok(false);
        }
        let Event { kind, mut object } =
            serde_json::from_slice(line).map_err(|error| Failure::lost(&error))?;
        let tree = object.object_mut();
        if kind == "ERROR" {
            let body = serde_json::to_vec(tree).expect("a JSON value can always be written");
            let code = tree.get("code").and_then(Value::as_u64).unwrap_or(500);
            let code = u16::try_from(code)
                .ok()
                .and_then(|c| http::StatusCode::from_u16(c).ok());
            return Err(crate::wire::failure_of(
                code.unwrap_or_default(),
                None,
                &body,
            ));
        }
        if let Some(at) = tree
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
        {
            at.clone_into(position);
        }
        if kind == "BOOKMARK" {
            return Ok(true);
        }
        let partial = self.target.detail == Detail::Metadata;
        name_kind(tree, &self.target.api_version(), &self.target.kind, partial);
        match kind.as_str() {
            "ADDED" | "MODIFIED" => {
                if let Some(item) = self.sink.decode_changed(object) {
                    self.sink.changed(item, read_at);
                }
            }
            "DELETED" => {
                if let Some(item) = self.sink.decode_changed(object) {
                    self.sink.deleted(item, read_at);
                }
            }
            other => tracing::debug!(kind = other, "unknown kind of watch event"),
        }
        Ok(false)
    }
}

/// Items of a list of a built-in kind do not say what they are, and partial ones say only that they are partial.
fn name_kind(object: &mut Value, api_version: &str, kind: &str, partial: bool) {
    if let Value::Object(map) = object
        && (partial || !map.contains_key("kind"))
    {
        map.insert("apiVersion".to_owned(), api_version.into());
        map.insert("kind".to_owned(), kind.into());
    }
}

/// A number that differs from call to call and process to process; good enough to spread load.
pub(crate) fn random_below(bound: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::time::Instant::now()) % bound.max(1)
}

/// Between three quarters and all of the wait, so that many watches do not come back at the same moment.
fn jittered(wait: Duration) -> Duration {
    let quarter = wait / 4;
    let micros = u64::try_from(quarter.as_micros()).unwrap_or(u64::MAX);
    wait.saturating_sub(Duration::from_micros(random_below(
        micros.saturating_add(1),
    )))
}

#[cfg(test)]
mod tests;

//! Passes: carries out what the core decides.
//!
//! One generic loop for every kind: take the object from the index, let the core think (a few at a time), perform what
//! it asks for as the account it names, hand back the reply, until the outcome is there.
//! Replies to writes are in the index before the core goes on. Then the status is written if it differs, events go to
//! the recorder, and what the pass depended on goes to the index.
//!
//! A panic ends its pass and is counted; the key is tried again with backoff.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use carto_core::blueprint;
use carto_core::key::{BlueprintKind, OwnerKind};
use carto_core::realize::{self, Dependency, Observed, Outcome, Realization, Reply, Request, Step};
use carto_core::row::Live;
use carto_core::runnable::RunnablePass;
use futures::FutureExt as _;
use http::Method;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::discovery::Discovery;
use crate::events::{Recorder, Regarding};
use crate::index::{Index, Original, Own, PassEnd};
use crate::key::{Key, Kind};
use crate::metrics::{Metrics, Verb};
use crate::queue::{Next, Queue, Turn};
use crate::watches::Watches;
use crate::wire::{Call, Content, Failure, Path, Wire};

mod collect;
mod perform;
mod think;

pub(crate) use think::Thinking;

/// More requests than this in one pass are a bug in the core, whose own bound is eight per resource and
/// [`realize::MAX_DELETIONS`].
const REQUESTS_MAX: usize = 4096;

/// One pass of the core over one object.
pub(crate) trait Pass: Send {
    /// Thinks on, given the reply to what was asked last.
    fn resume(&mut self, reply: Option<Reply>) -> Step;

    /// Does what need not be done before the next request, while that is under way.
    fn meanwhile(&mut self) {}
}

/// How a pass begins.
pub(crate) type Begin = Arc<dyn Fn(Kind, Observed) -> Box<dyn Pass> + Send + Sync>;

/// Everything a pass needs.
pub(crate) struct Executor {
    pub(crate) wire: Wire,
    pub(crate) index: Arc<Index>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) begin: Begin,
    pub(crate) thinking: Thinking,
}

/// Why a pass gave no outcome.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("it panicked")]
    Panicked,
    #[error("it asked for more than {REQUESTS_MAX} requests")]
    Endless,
    #[error("the controllers stop")]
    Stopping,
    #[error("the object in the index is not JSON")]
    Unreadable(#[from] serde_json::Error),
}

/// What is remembered during one pass.
#[derive(Default)]
struct Notes {
    /// Groups of kinds that nobody serves.
    missing: BTreeSet<Arc<str>>,
    /// The reply of the last write.
    replied: Option<Instant>,
}

impl Executor {
    /// Runs one pass and gives the key back to the queue.
    pub(crate) async fn run(&self, turn: Turn) {
        let started = Instant::now();
        let key = turn.key.clone();
        let span = tracing::info_span!(
            "reconcile",
            kind = key.kind.name(),
            namespace = &*key.namespace,
            name = &*key.name,
            attempt = turn.attempts
        );
        let pass = AssertUnwindSafe(self.pass(&turn))
            .catch_unwind()
            .instrument(span);
        let next = pass.await.unwrap_or_else(|_| {
            self.metrics.panicked();
            tracing::error!(%key, "the pass panicked; this is a bug");
            Next::Retry
        });
        if next == Next::Retry {
            self.metrics.retried();
        }
        let changes = self.index.changes_of(&key);
        if !self.queue.done(&key, next) {
            self.index.answered(&key, changes);
        }
        self.metrics.reconciled(started.elapsed());
    }

    async fn pass(&self, turn: &Turn) -> Next {
        let key = &turn.key;
        let began = self.index.moment();
        let collected = self.collect(turn).await;
        let Some(original) = self.index.owner(key) else {
            self.index.forget_if_gone(key);
            return collected;
        };
        let mut notes = Notes::default();
        match self.think_through(turn, original, &mut notes).await {
            Ok((owner, outcome)) => {
                let end = PassEnd {
                    outcome: &outcome,
                    began,
                    missing: notes.missing,
                };
                let may_be_delay = self.index.pass_ended(key, end, Instant::now());
                let concluded = self.conclude(key, &owner, *outcome, may_be_delay).await;
                collected.max(concluded)
            }
            Err(Broken::Stopping) => Next::Retry,
            Err(broken) => {
                if matches!(broken, Broken::Panicked) {
                    self.metrics.panicked();
                }
                tracing::error!(%key, %broken, "the pass broke off; this is a bug");
                Next::Retry
            }
        }
    }

    /// From the first thought to the outcome.
    async fn think_through(
        &self,
        turn: &Turn,
        original: Original,
        notes: &mut Notes,
    ) -> Result<(Arc<Value>, Box<Outcome>), Broken> {
        let (begin, kind) = (Arc::clone(&self.begin), turn.key.kind);
        let index: Arc<dyn realize::Index> = Arc::clone(&self.index) as _;
        let now = Timestamp::now();
        let watches = Arc::clone(&self.watches);
        let first = self.thinking.think(move || {
            let owner = original.read()?;
            let mut pass = begin(
                kind,
                Observed {
                    owner: Arc::clone(&owner),
                    now,
                    index,
                },
            );
            let step = pass.resume(None);
            let step = go_on(pass.as_mut(), step, kind, &watches);
            Ok::<_, Broken>((owner, pass, step))
        });
        let (owner, mut pass, mut step) = first.await??;
        for _ in 0..REQUESTS_MAX {
            let request = match step {
                Step::Done(outcome) => return Ok((owner, outcome)),
                Step::Do(request) => request,
            };
            let waits = matches!(request, Request::Observe { .. });
            let meanwhile = async {
                // The request leaves first.
                tokio::task::yield_now().await;
                pass.meanwhile();
            };
            let reply = tokio::select! {
                (reply, ()) = futures::future::join(self.perform(turn, request, notes), meanwhile) => reply,
                // No watch answers any more. What is under way otherwise is waited for.
                () = self.watches.ended(), if waits => return Err(Broken::Stopping),
            };
            let watches = Arc::clone(&self.watches);
            (pass, step) = self
                .thinking
                .think(move || {
                    let step = pass.resume(Some(reply));
                    let step = go_on(pass.as_mut(), step, kind, &watches);
                    (pass, step)
                })
                .await?;
        }
        Err(Broken::Endless)
    }

    /// Carries out what the outcome says.
    async fn conclude(
        &self,
        key: &Key,
        owner: &Value,
        outcome: Outcome,
        may_be_delay: bool,
    ) -> Next {
        let mut next = match outcome.next {
            realize::Next::AwaitChange => Next::Await,
            realize::Next::RetryWithBackoff => Next::Retry,
            realize::Next::Again => Next::Continue,
            realize::Next::Later => Next::Later,
        };
        let mut events = outcome.events;
        if let Some(status) = &outcome.status
            && let Err(failure) = self.write_status(key, owner, status).await
        {
            next = next.max(status_failed(key, &failure));
            // What the status would have told of will be found again; what was done was done only once.
            events.retain(|event| event.reason.starts_with("StampedObject"));
        }
        if let Some(recorder) = &self.recorder
            && !events.is_empty()
        {
            recorder.record(regarding(key, owner), events);
        }
        for on in &outcome.depends_on {
            let unheard = match on {
                Dependency::Selected { .. } => !self.watches.select(on).await,
                Dependency::Permissions(_) => !self.watches.hears_rights(),
                _ => false,
            };
            if unheard {
                next = next.max(Next::Later);
            }
        }
        if may_be_delay {
            next = next.max(Next::Retry);
        }
        next
    }

    /// Replaces the status of one of our own kinds, if it is still at the version that was looked at.
    async fn write_status(&self, key: &Key, owner: &Value, status: &Value) -> Result<(), Failure> {
        let object = WithStatus { owner, status };
        let namespace = Some(&*key.namespace).filter(|namespace| !namespace.is_empty());
        let plural = Own::of(key.kind).plural();
        let path = Path::collection("carto.run", "v1alpha1", plural, namespace);
        let uri = path.object(&key.name).sub("status").query(&[MANAGER]);
        let call = Call::with_body(Verb::Status, Method::PUT, uri, Content::Json, &object);
        let reply = self.wire.call(call).await?;
        let written: Live =
            serde_json::from_slice(&reply).map_err(|error| Failure::lost(&error))?;
        self.index.status_written(key, written.into_object());
        Ok(())
    }
}

/// An owner as it is sent with another status.
struct WithStatus<'a> {
    owner: &'a Value,
    status: &'a Value,
}

impl Serialize for WithStatus<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.owner.as_object().into_iter().flatten();
        let others = fields.filter(|(name, _)| *name != "status");
        let status = ("status", self.status);
        serializer.collect_map(
            others
                .map(|(name, value)| (name.as_str(), value))
                .chain([status]),
        )
    }
}

/// Answers what needs no waiting where the thought is, so that a pass that asks the API for nothing is one thought.
fn go_on(pass: &mut dyn Pass, mut step: Step, kind: Kind, watches: &Watches) -> Step {
    for _ in 0..REQUESTS_MAX {
        let reply = match &step {
            Step::Do(Request::Observe { gvk, expressions }) => watches
                .observed(kind, gvk, expressions)
                .map(|(mapping, watch)| Reply::Observed { mapping, watch }),
            Step::Do(Request::Resolve { gvk }) => {
                watches.discovery().known(gvk).map(Reply::Mapping)
            }
            _ => None,
        };
        let Some(reply) = reply else { break };
        step = pass.resume(Some(reply));
    }
    step
}

/// Names us as the one who writes.
const MANAGER: (&str, &str) = ("fieldManager", realize::FIELD_MANAGER);

/// What to do when a status was not written.
fn status_failed(key: &Key, failure: &Failure) -> Next {
    if failure.is_not_found() {
        // Gone; the watch will say so.
        return Next::Await;
    }
    if failure.is_conflict() {
        tracing::debug!(%key, "the object changed before its status was written");
        return Next::Outdated;
    }
    tracing::warn!(%key, %failure, "the status was not written");
    Next::Retry
}

fn regarding(key: &Key, owner: &Value) -> Regarding {
    let text = |pointer: &str| {
        owner
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(Arc::from)
            .unwrap_or_default()
    };
    Regarding {
        api_version: "carto.run/v1alpha1",
        kind: key.kind.name(),
        namespace: Arc::clone(&key.namespace),
        name: Arc::clone(&key.name),
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
    }
}

#[cfg(test)]
mod tests;

/// Begins a pass of the core.
pub(crate) fn begin(kind: Kind, observed: Observed) -> Box<dyn Pass> {
    match kind {
        Kind::Workload => Box::new(Realization::new(OwnerKind::Workload, observed)),
        Kind::Deliverable => Box::new(Realization::new(OwnerKind::Deliverable, observed)),
        Kind::Runnable => Box::new(RunnablePass::new(observed)),
        Kind::ClusterSupplyChain => Box::new(Examination(BlueprintKind::SupplyChain, observed)),
        Kind::ClusterDelivery => Box::new(Examination(BlueprintKind::Delivery, observed)),
    }
}

impl Pass for Realization {
    fn resume(&mut self, reply: Option<Reply>) -> Step {
        self.resume(reply)
    }

    fn meanwhile(&mut self) {
        self.meanwhile();
    }
}

impl Pass for RunnablePass {
    fn resume(&mut self, reply: Option<Reply>) -> Step {
        self.resume(reply)
    }
}

/// A pass over a blueprint: one thought, no requests.
struct Examination(BlueprintKind, Observed);

impl Pass for Examination {
    fn resume(&mut self, _: Option<Reply>) -> Step {
        Step::Done(Box::new(blueprint::examine(self.0, &self.1)))
    }
}

//! Following events.
//!
//! A watcher holds no queue. It has a place in the ring and a [`Signal`] in which the writer leaves the
//! first revision that concerns it; it reads the ring itself when it gets to run. However slow, it costs
//! a few words; when the ring has moved past its place, it alone ends, with [`WatchEnd::Expired`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use super::{Event, Expired, Revision, Scope, Store};

/// Events read at once, so that a watcher far behind does not hold the lock for long.
const BATCH: usize = 256;

/// Where the writer tells a watcher that there is something.
#[derive(Debug)]
pub(super) struct Signal {
    /// First revision that concerns the watcher and that it did not read; 0 for none.
    pending: AtomicU64,
    ended: AtomicBool,
    notify: Notify,
}

impl Signal {
    pub(super) fn new(pending: Option<Revision>) -> Self {
        Self {
            pending: AtomicU64::new(pending.unwrap_or(0)),
            ended: AtomicBool::new(false),
            notify: Notify::new(),
        }
    }

    /// Called with the state locked for writing.
    pub(super) fn raise(&self, revision: Revision) {
        if self.pending.load(Ordering::Acquire) == 0 {
            self.pending.store(revision, Ordering::Release);
            self.notify.notify_one();
        }
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// Why a watch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchEnd {
    /// The watcher was too slow, or began too far back.
    Expired(Expired),
    /// The resource is no longer served, or the server stops.
    Ended,
}

/// A watcher.
#[derive(Debug)]
pub(crate) struct Subscription {
    store: Store,
    scope: Scope,
    /// Everything up to here was delivered.
    position: Revision,
    signal: Arc<Signal>,
}

impl Subscription {
    pub(super) fn new(store: Store, scope: Scope, position: Revision, signal: Arc<Signal>) -> Self {
        Self {
            store,
            scope,
            position,
            signal,
        }
    }

    /// The revision up to which everything was delivered.
    pub(crate) fn position(&self) -> Revision {
        self.position
    }

    /// The next events, at least one; waits for them.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Event>>, WatchEnd> {
        loop {
            if self.signal.ended.load(Ordering::Acquire) {
                return Err(WatchEnd::Ended);
            }
            let events = self.ready()?;
            if !events.is_empty() {
                return Ok(events);
            }
            // `notify_one` leaves a permit, so what came since the look is not missed.
            self.signal.notify.notified().await;
        }
    }

    /// The events that are there, possibly none; moves the position to the present when none remain.
    pub(crate) fn ready(&mut self) -> Result<Vec<Arc<Event>>, WatchEnd> {
        let state = self.store.read();
        // Writers hold the lock exclusively, so pending cannot change between here and the store.
        let pending = self.signal.pending.load(Ordering::Acquire);
        if pending == 0 {
            self.position = self.position.max(state.revision());
            return Ok(vec![]);
        }
        // What lies before the first pending revision does not concern this watcher, so having been
        // overtaken by the ring there is no loss.
        let after = self.position.max(pending - 1);
        let (events, complete) = state
            .events_after(&self.scope, after, BATCH)
            .map_err(WatchEnd::Expired)?;
        let rest = if complete < state.revision() {
            complete + 1
        } else {
            0
        };
        self.signal.pending.store(rest, Ordering::Release);
        self.position = after.max(complete);
        Ok(events)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.store
            .0
            .state_mut()
            .unsubscribe(&self.scope, &self.signal);
    }
}

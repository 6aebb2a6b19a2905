//! The store: all objects, their revisions and the recent past.
//!
//! One process-wide revision counts all writes. The current state lives in memory and answers every
//! read; an engine makes writes durable before anybody sees them. The recent past is a ring of events
//! bounded by number and bytes, which serves watches, lists at an exact revision and continue tokens.
//! The engine keeps the same ring as an undo log, so that a restart goes on where it stopped.
//!
//! Shape: a write is a [`Write`] with an expectation about the present; it succeeds at one revision or
//! fails as a whole. Reads take a consistent picture under one lock; reading and subscribing happen in
//! the same critical section, so that no event is lost or seen twice.

mod disk;
#[cfg(test)]
mod faulty;
mod object;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use disk::{FORMAT, OpenError};
pub(crate) use object::{Draft, Key, Object, Owner};
pub(crate) use state::{Event, Expired, Listing, Scope, State};
pub(crate) use subscription::{Subscription, WatchEnd};
pub(crate) use writer::{Write, WriteError};

/// Number of a write; zero is before the first.
pub(crate) type Revision = u64;

/// Bounds of the ring of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Default for Limits {
    /// Enough for a page of `kubectl get` or a reconnect in the middle of a storm.
    fn default() -> Self {
        Self {
            events: 50_000,
            bytes: 64 << 20,
        }
    }
}

/// Shared access to the store.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: RwLock<State>,
    writer: writer::Writer,
    /// The newest published revision, for those who wait for one.
    published: tokio::sync::watch::Sender<Revision>,
}

impl Store {
    /// A store that forgets everything when it is dropped.
    pub(crate) fn in_memory(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            state: RwLock::new(State::new(limits)),
            writer: writer::Writer::in_memory(),
            published: tokio::sync::watch::Sender::new(0),
        }))
    }

    /// A store in the folder `dir`, made when it does not exist.
    ///
    /// Blocks while it reads what is there.
    pub(crate) fn open(dir: &Path, limits: Limits) -> Result<Self, OpenError> {
        let mut state = State::new(limits);
        let disk = disk::Disk::open(dir, &mut state)?;
        let revision = state.revision();
        let store = Self(Arc::new(Shared {
            state: RwLock::new(state),
            writer: writer::Writer::on_disk(),
            published: tokio::sync::watch::Sender::new(revision),
        }));
        store.0.writer.start(disk, &store.0);
        Ok(store)
    }

    /// Performs a write and returns the object as it was written; for a delete, the last state with
    /// the revision of the deletion.
    ///
    /// A write that was acknowledged is on disk. A caller that goes away does not undo its write.
    pub(crate) async fn write(&self, write: Write) -> Result<Arc<Object>, WriteError> {
        self.0.writer.write(&self.0, write).await
    }

    /// Keeps a secret of the server itself, outside the revisions.
    pub(crate) async fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), WriteError> {
        self.0.writer.put_secret(name, value).await
    }

    /// A secret that [`put_secret`](Self::put_secret) kept.
    pub(crate) async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, WriteError> {
        self.0.writer.secret(name).await
    }

    /// The present, for as long as the guard lives. Never hold it across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic of another reader leaves the state whole; the writer mutates it in one place that
        // does not panic half-way.
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object under `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Object>> {
        self.read().get(key).cloned()
    }

    /// The newest revision.
    pub(crate) fn revision(&self) -> Revision {
        self.read().revision()
    }

    /// Waits until `revision` is published.
    pub(crate) async fn wait_for(&self, revision: Revision) {
        let mut published = self.0.published.subscribe();
        if published
            .wait_for(|newest| *newest >= revision)
            .await
            .is_err()
        {
            // The sender lives as long as the store that this borrows.
            unreachable!("the store is alive");
        }
    }

    /// Follows what happens in `scope` after `after`; `None` begins now.
    pub(crate) fn subscribe(
        &self,
        scope: Scope,
        after: Option<Revision>,
    ) -> Result<Subscription, Expired> {
        let mut state = self.0.state_mut();
        let after = after.unwrap_or(state.revision());
        let shared = state.subscribe(&scope, after)?;
        drop(state);
        Ok(Subscription::new(self.clone(), scope, after, shared))
    }

    /// Takes what is there and follows what happens next, in one step.
    pub(crate) fn list_and_subscribe(&self, scope: Scope) -> (Vec<Arc<Object>>, Subscription) {
        let mut state = self.0.state_mut();
        let objects = state.list_scope(&scope);
        let after = state.revision();
        let shared = state
            .subscribe(&scope, after)
            .expect("the present has not expired");
        drop(state);
        (
            objects,
            Subscription::new(self.clone(), scope, after, shared),
        )
    }

    /// Ends all watches of a resource, because it is no longer served.
    pub(crate) fn end_watches(&self, resource: &str) {
        self.0
            .state_mut()
            .end_watches(|of| of.is_some_and(|of| of == resource));
    }

    /// Ends all watches, because the server stops.
    pub(crate) fn end_all_watches(&self) {
        self.0.state_mut().end_watches(|_| true);
    }

    /// Ends all watches, because the server stops, and then the writer. Blocks until the last write
    /// is on disk and the file is free for another process.
    pub(crate) fn close(&self) {
        self.end_all_watches();
        self.0.writer.close();
    }

    /// Whether the last write reached the disk.
    pub(crate) fn is_healthy(&self) -> bool {
        self.0.writer.is_healthy()
    }
}

impl Shared {
    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes committed events visible: the picture, the ring, the watchers, those who wait.
    fn publish(&self, events: Vec<Event>) {
        let Some(newest) = events.last().map(|event| event.revision) else {
            return;
        };
        let mut state = self.state_mut();
        for event in events {
            state.apply(event);
        }
        drop(state);
        self.published.send_replace(newest);
    }
}

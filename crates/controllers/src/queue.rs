//! What is to be reconciled next.
//!
//! A key is in the queue at most once, and at most one pass over it runs at a time; what happens to it meanwhile makes
//! it run once more. Tenants (namespaces) take turns, and no tenant may occupy all slots, so that a neighbour's wait
//! does not grow with somebody else's backlog. Failing keys wait with exponential backoff, and any change to what they
//! depend on ends the wait.
//!
//! Bound: one entry per key known to the index; the index only wakes keys that it holds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carto_core::row::Uid;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::key::Key;

/// First delay of a failing key; doubles with each failure. Source: client-go util/workqueue default rate limiter.
const BACKOFF_FIRST: Duration = Duration::from_millis(5);
/// The original goes up to 1000 s; changes wake a key at once anyway, so this only paces failures of the API itself.
const BACKOFF_LAST: Duration = Duration::from_mins(5);
/// How long "later" is.
const LATER: Duration = Duration::from_mins(1);
/// More marks than this on a running key are not worth telling apart: it simply runs again.
const MARKS_MAX: usize = 64;

/// One version of one object, as seen on a watch or in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) uid: Uid,
    pub(crate) version: u64,
}

/// Why a key is woken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    /// The version that was seen, when a reply to our own request may turn out to be the same.
    pub(crate) mark: Option<Mark>,
    /// When the bytes that told of it were read.
    pub(crate) read_at: Option<Instant>,
}

impl Cause {
    pub(crate) fn unmarked(read_at: Option<Instant>) -> Self {
        Self {
            mark: None,
            read_at,
        }
    }
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Next {
    /// Only a change can alter the result.
    Await,
    /// In a minute: something that it depends on cannot be heard of.
    Later,
    /// There is more to do than one pass may.
    Continue,
    /// What was read is out of date; again at once, and with backoff should that go on.
    Outdated,
    /// The API failed; again with backoff.
    Retry,
}

/// A key handed out to be worked on. Give it back with [`Queue::done`].
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) key: Key,
    /// The oldest bytes that this pass answers.
    pub(crate) read_at: Option<Instant>,
    /// Failures in a row before this pass.
    pub(crate) attempts: u32,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running,
    Delayed { until: Instant, ticket: u64 },
}

#[derive(Debug)]
struct Entry {
    state: State,
    attempts: u32,
    read_at: Option<Instant>,
    /// While running: must run again whatever the replies say.
    dirty: bool,
    /// While running: must run again unless the replies are these very versions.
    marks: Vec<Mark>,
}

#[derive(Debug, Default)]
struct Tenant {
    waiting: VecDeque<Key>,
    running: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    tenants: HashMap<Arc<str>, Tenant>,
    /// Blueprints, before anybody else: they are few, and many wait for what they say.
    first: VecDeque<Key>,
    /// Tenants with waiting keys, in turn.
    ring: VecDeque<Arc<str>>,
    delayed: BTreeMap<(Instant, u64), Key>,
    /// Only blueprints are handed out.
    blueprints_only: bool,
    tickets: u64,
    running: usize,
    waiting: usize,
    #[cfg(test)]
    losing: bool,
}

/// The queue. All methods but [`Queue::next`] return at once.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    ready: Notify,
    per_tenant: usize,
}

impl Queue {
    /// A queue for `slots` passes at a time.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            inner: Mutex::default(),
            ready: Notify::new(),
            per_tenant: (slots - slots / 4).max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every method leaves the state whole before anything that could panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a pass over `key`.
    pub(crate) fn wake(&self, key: &Key, cause: Cause) {
        if self.lock().wake(key, cause) {
            self.ready.notify_one();
        }
    }

    /// Tells that the running pass over `key` has itself received this version of an object, so that hearing of it (or
    /// of an older one) from a watch is no reason to run again.
    pub(crate) fn absolve(&self, key: &Key, seen: &Mark) {
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry
                .marks
                .retain(|mark| mark.uid != seen.uid || mark.version > seen.version);
        }
    }

    /// The next key, as soon as there is one and its tenant has a slot. Meant for one caller.
    pub(crate) async fn next(&self) -> Turn {
        loop {
            let deadline = {
                let mut inner = self.lock();
                inner.promote(Instant::now());
                if let Some(turn) = inner.take(self.per_tenant) {
                    return turn;
                }
                inner.delayed.keys().next().map(|(until, _)| *until)
            };
            match deadline {
                Some(until) => {
                    tokio::select! {
                        () = self.ready.notified() => {}
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
                None => self.ready.notified().await,
            }
        }
    }

    /// Ends a pass. Returns whether the key is in the queue again.
    pub(crate) fn done(&self, key: &Key, next: Next) -> bool {
        let queued = self.lock().done(key, next, Instant::now());
        // Also when nothing was queued: the tenant has a slot again.
        self.ready.notify_one();
        queued
    }

    /// Ends the waits of all failing keys: whatever failed has just come back.
    pub(crate) fn release_delayed(&self) {
        let mut inner = self.lock();
        let keys: Vec<Key> = std::mem::take(&mut inner.delayed).into_values().collect();
        for key in keys {
            inner.enqueue(&key);
        }
        drop(inner);
        self.ready.notify_one();
    }

    /// Whether the key waits, is delayed or is being worked on.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.lock().entries.contains_key(key)
    }

    /// Keys waiting (delayed ones apart), and keys being worked on.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.waiting, inner.running)
    }

    /// Whether only blueprints are handed out, for the time being.
    pub(crate) fn blueprints_only(&self, only: bool) {
        self.lock().blueprints_only = only;
        self.ready.notify_one();
    }

    /// Whether no blueprint waits or runs.
    pub(crate) fn blueprints_done(&self) -> bool {
        let inner = self.lock();
        inner.first.is_empty() && !inner.entries.keys().any(|key| key.kind.is_blueprint())
    }

    /// Keys that wait for their next try.
    pub(crate) fn delayed(&self) -> usize {
        self.lock().delayed.len()
    }

    /// Makes the queue lose whatever it is told, or stop doing so.
    #[cfg(test)]
    pub(crate) fn lose(&self, lose: bool) {
        self.lock().losing = lose;
    }
}

impl Inner {
    /// Returns whether a key has become ready.
    fn wake(&mut self, key: &Key, cause: Cause) -> bool {
        #[cfg(test)]
        if self.losing {
            return false;
        }
        let Some(entry) = self.entries.get_mut(key) else {
            let entry = Entry {
                state: State::Waiting,
                attempts: 0,
                read_at: cause.read_at,
                dirty: false,
                marks: Vec::new(),
            };
            self.entries.insert(key.clone(), entry);
            self.enqueue(key);
            return true;
        };
        match entry.state {
            State::Waiting => {
                entry.read_at = earliest(entry.read_at, cause.read_at);
                false
            }
            State::Running => {
                entry.read_at = earliest(entry.read_at, cause.read_at);
                match cause.mark {
                    Some(mark) if entry.marks.len() < MARKS_MAX => entry.marks.push(mark),
                    _ => entry.dirty = true,
                }
                false
            }
            State::Delayed { until, ticket } => {
                entry.read_at = cause.read_at;
                self.delayed.remove(&(until, ticket));
                self.enqueue(key);
                true
            }
        }
    }

    fn enqueue(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.state = State::Waiting;
        }
        self.waiting += 1;
        if key.kind.is_blueprint() {
            self.first.push_back(key.clone());
            return;
        }
        let tenant = self.tenants.entry(Arc::clone(&key.namespace)).or_default();
        if tenant.waiting.is_empty() {
            self.ring.push_back(Arc::clone(&key.namespace));
        }
        tenant.waiting.push_back(key.clone());
    }

    fn promote(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry() {
            if first.key().0 > now {
                break;
            }
            let key = first.remove();
            self.enqueue(&key);
        }
    }

    fn take(&mut self, per_tenant: usize) -> Option<Turn> {
        if let Some(key) = self.first.pop_front() {
            return Some(self.begin(key));
        }
        if self.blueprints_only {
            return None;
        }
        for _ in 0..self.ring.len() {
            let name = self.ring.pop_front()?;
            let tenant = self
                .tenants
                .get_mut(&name)
                .expect("a tenant in the ring has waiting keys");
            if tenant.running >= per_tenant {
                self.ring.push_back(name);
                continue;
            }
            let key = tenant
                .waiting
                .pop_front()
                .expect("a tenant in the ring has waiting keys");
            tenant.running += 1;
            if !tenant.waiting.is_empty() {
                self.ring.push_back(name);
            }
            return Some(self.begin(key));
        }
        None
    }

    fn begin(&mut self, key: Key) -> Turn {
        self.waiting -= 1;
        self.running += 1;
        let entry = self
            .entries
            .get_mut(&key)
            .expect("a waiting key has an entry");
        entry.state = State::Running;
        entry.dirty = false;
        entry.marks.clear();
        let read_at = entry.read_at.take();
        let attempts = entry.attempts;
        Turn {
            key,
            read_at,
            attempts,
        }
    }

    fn done(&mut self, key: &Key, next: Next, now: Instant) -> bool {
        self.running -= 1;
        if !key.kind.is_blueprint()
            && let Some(tenant) = self.tenants.get_mut(&key.namespace)
        {
            tenant.running -= 1;
            if tenant.running == 0 && tenant.waiting.is_empty() {
                self.tenants.remove(&key.namespace);
            }
        }
        let entry = self
            .entries
            .get_mut(key)
            .expect("a running key has an entry");
        let dirty = entry.dirty || !entry.marks.is_empty();
        let delay = match next {
            Next::Await | Next::Continue => Duration::ZERO,
            Next::Later => LATER,
            // The first repetition of a pass that read something outdated does not wait.
            Next::Outdated if entry.attempts == 0 => Duration::ZERO,
            Next::Outdated | Next::Retry => backoff(entry.attempts),
        };
        entry.attempts = match next {
            Next::Outdated | Next::Retry => entry.attempts.saturating_add(1),
            Next::Await | Next::Later | Next::Continue => 0,
        };
        if dirty || next == Next::Continue {
            self.enqueue(key);
            return true;
        }
        if next == Next::Await {
            self.entries.remove(key);
            return false;
        }
        entry.read_at = None;
        self.tickets += 1;
        let (until, ticket) = (now + delay, self.tickets);
        entry.state = State::Delayed { until, ticket };
        self.delayed.insert((until, ticket), key.clone());
        true
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The wait after so many earlier failures in a row.
pub(crate) fn backoff(attempts: u32) -> Duration {
    BACKOFF_FIRST
        .saturating_mul(1 << attempts.min(20))
        .min(BACKOFF_LAST)
}

#[cfg(test)]
mod tests;

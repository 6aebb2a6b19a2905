//! The one place that changes anything.
//!
//! On disk, writes queue to one thread, which takes what is there (up to [`BATCH`]), checks each
//! against the present and the batch so far, commits all in one transaction, publishes, and only then
//! answers. In memory the same happens at once, under a lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::{Draft, Event, Key, Object, Revision, Shared};

/// Writes in one transaction.
const BATCH: usize = 256;

/// Writes that wait; callers beyond that wait to queue.
const QUEUE: usize = 4096;

/// What must be there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing.
    Absent,
    /// The object at this revision.
    At(Revision),
}

/// What a write does.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Draft),
    Delete,
}

/// A write that succeeds or fails as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) key: Key,
    pub(crate) expect: Expect,
    pub(crate) change: Change,
    /// Objects that must exist and not be on their way out, as the namespace of a new object.
    pub(crate) guards: Vec<Key>,
}

impl Write {
    pub(crate) fn create(draft: Draft, guards: Vec<Key>) -> Self {
        Self {
            key: draft.key.clone(),
            expect: Expect::Absent,
            change: Change::Put(draft),
            guards,
        }
    }

    pub(crate) fn replace(draft: Draft, at: Revision) -> Self {
        Self {
            key: draft.key.clone(),
            expect: Expect::At(at),
            change: Change::Put(draft),
            guards: vec![],
        }
    }

    pub(crate) fn delete(object: &Object) -> Self {
        let expect = Expect::At(object.revision);
        Self {
            key: object.key.clone(),
            expect,
            change: Change::Delete,
            guards: vec![],
        }
    }
}

/// Why a write did not happen.
#[derive(Debug, Clone)]
pub(crate) enum WriteError {
    /// Something is there where nothing was expected.
    Exists(Arc<Object>),
    /// What is there is not what was expected.
    Changed(Option<Arc<Object>>),
    /// A guard is gone or on its way out.
    Guard(Key),
    /// The disk refuses.
    Disk(Arc<str>),
    /// The store is closed.
    Closed,
}

type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

enum Command {
    Write(Box<Write>, Reply<Arc<Object>>),
    PutSecret(String, Vec<u8>, Reply<()>),
    Secret(String, Reply<Option<Vec<u8>>>),
}

#[derive(Debug)]
pub(super) struct Writer {
    mode: Mode,
    healthy: AtomicBool,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

#[derive(Debug)]
enum Mode {
    Memory(Mutex<HashMap<String, Vec<u8>>>),
    /// The queue to the thread; `None` before the start and after the close.
    Disk(Mutex<Option<mpsc::Sender<Command>>>),
}

impl Writer {
    pub(super) fn in_memory() -> Self {
        Self {
            mode: Mode::Memory(Mutex::default()),
            healthy: AtomicBool::new(true),
            thread: Mutex::default(),
        }
    }

    pub(super) fn on_disk() -> Self {
        Self {
            mode: Mode::Disk(Mutex::default()),
            healthy: AtomicBool::new(true),
            thread: Mutex::default(),
        }
    }

    pub(super) fn start(&self, disk: Disk, shared: &Arc<Shared>) {
        let Mode::Disk(queue) = &self.mode else {
            return;
        };
        let (sender, receiver) = mpsc::channel(QUEUE);
        *queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let shared = Arc::downgrade(shared);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || run(disk, receiver, &shared))
            .expect("the operating system starts a thread for the store");
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Takes no more writes, and waits until those that queued are done and the file is closed.
    pub(super) fn close(&self) {
        if let Mode::Disk(queue) = &self.mode {
            queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the store panicked");
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    pub(super) async fn write(
        &self,
        shared: &Shared,
        write: Write,
    ) -> Result<Arc<Object>, WriteError> {
        match &self.mode {
            Mode::Memory(lock) => {
                let _one_at_a_time = lock.lock().unwrap_or_else(PoisonError::into_inner);
                let mut batch = Batch::new(shared);
                let written = batch.add(write)?;
                shared.publish(batch.events);
                Ok(written)
            }
            Mode::Disk(_) => {
                self.send(|reply| Command::Write(Box::new(write), reply))
                    .await
            }
        }
    }

    pub(super) async fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), WriteError> {
        match &self.mode {
            Mode::Memory(secrets) => {
                let mut secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
                secrets.insert(name.to_owned(), value.to_vec());
                Ok(())
            }
            Mode::Disk(_) => {
                self.send(|reply| Command::PutSecret(name.to_owned(), value.to_vec(), reply))
                    .await
            }
        }
    }

    pub(super) async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, WriteError> {
        match &self.mode {
            Mode::Memory(secrets) => Ok(secrets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(name)
                .cloned()),
            Mode::Disk(_) => {
                self.send(|reply| Command::Secret(name.to_owned(), reply))
                    .await
            }
        }
    }

    async fn send<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, WriteError> {
        let Mode::Disk(queue) = &self.mode else {
            return Err(WriteError::Closed);
        };
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queue) = queue else {
            return Err(WriteError::Closed);
        };
        let (reply, answer) = oneshot::channel();
        queue
            .send(command(reply))
            .await
            .map_err(|_| WriteError::Closed)?;
        drop(queue);
        answer.await.map_err(|_| WriteError::Closed)?
    }
}

/// Writes that belong to one transaction, checked against the present and each other.
struct Batch<'a> {
    shared: &'a Shared,
    next: Revision,
    overlay: HashMap<Key, Option<Arc<Object>>>,
    events: Vec<Event>,
}

impl<'a> Batch<'a> {
    fn new(shared: &'a Shared) -> Self {
        let next = shared
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .revision()
            + 1;
        Self {
            shared,
            next,
            overlay: HashMap::new(),
            events: vec![],
        }
    }

    fn present(&self, key: &Key) -> Option<Arc<Object>> {
        match self.overlay.get(key) {
            Some(object) => object.clone(),
            None => self
                .shared
                .state
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(key)
                .cloned(),
        }
    }

    fn add(&mut self, write: Write) -> Result<Arc<Object>, WriteError> {
        for guard in write.guards {
            if self.present(&guard).is_none_or(|object| object.deleting) {
                return Err(WriteError::Guard(guard));
            }
        }
        let prev = self.present(&write.key);
        match (write.expect, &prev) {
            (Expect::Absent, None) => {}
            (Expect::Absent, Some(there)) => return Err(WriteError::Exists(there.clone())),
            (Expect::At(revision), Some(there)) if there.revision == revision => {}
            (Expect::At(_), there) => return Err(WriteError::Changed(there.clone())),
        }
        let revision = self.next;
        let (object, deleted) = match write.change {
            Change::Put(draft) => (draft.commit(revision), false),
            Change::Delete => {
                let there = prev.as_ref().ok_or(WriteError::Changed(None))?;
                (there.at(revision), true)
            }
        };
        self.next += 1;
        let object = Arc::new(object);
        self.overlay
            .insert(write.key.clone(), (!deleted).then(|| object.clone()));
        self.events.push(Event {
            revision,
            key: write.key,
            prev,
            object: object.clone(),
            deleted,
        });
        Ok(object)
    }
}

/// The thread. Ends when the last sender or the store is gone.
fn run(mut disk: Disk, mut queue: mpsc::Receiver<Command>, shared: &Weak<Shared>) {
    while let Some(first) = queue.blocking_recv() {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut commands = vec![first];
        while commands.len() < BATCH
            && let Ok(more) = queue.try_recv()
        {
            commands.push(more);
        }
        serve(&mut disk, &shared, commands);
    }
}

fn serve(disk: &mut Disk, shared: &Shared, commands: Vec<Command>) {
    recover(disk, shared);
    let mut batch = Batch::new(shared);
    let mut secrets = vec![];
    let mut writes = vec![];
    let mut acknowledgements = vec![];
    for command in commands {
        match command {
            Command::Write(write, reply) => match batch.add(*write) {
                Ok(object) => writes.push((object, reply)),
                Err(error) => answer(reply, Err(error)),
            },
            Command::PutSecret(name, value, reply) => {
                secrets.push((name, value));
                acknowledgements.push(reply);
            }
            Command::Secret(name, reply) => answer(
                reply,
                disk.secret(&name)
                    .map_err(|error| WriteError::Disk(error.to_string().into())),
            ),
        }
    }
    if writes.is_empty() && acknowledgements.is_empty() {
        return;
    }
    let compacted = shared
        .state
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .compacted();
    match disk.commit(&batch.events, &secrets, compacted) {
        Ok(()) => {
            shared.writer.healthy.store(true, Ordering::Relaxed);
            shared.publish(batch.events);
            writes
                .into_iter()
                .for_each(|(object, reply)| answer(reply, Ok(object)));
            acknowledgements
                .into_iter()
                .for_each(|reply| answer(reply, Ok(())));
        }
        Err(error) => {
            if shared.writer.healthy.swap(false, Ordering::Relaxed) {
                tracing::error!(%error, "the store cannot write; reads and watches go on");
            }
            let error: Arc<str> = error.to_string().into();
            let failed = || WriteError::Disk(error.clone());
            writes
                .into_iter()
                .for_each(|(_, reply)| answer(reply, Err(failed())));
            acknowledgements
                .into_iter()
                .for_each(|reply| answer(reply, Err(failed())));
        }
    }
}

/// After a failed commit: whether that one is on disk after all is known only by looking.
fn recover(disk: &mut Disk, shared: &Shared) {
    if !disk.needs_reopening() {
        return;
    }
    let present = shared.state.read().unwrap_or_else(PoisonError::into_inner);
    let found = disk.reopen(&present);
    drop(present);
    match found {
        Ok(events) => shared.publish(events),
        Err(error) => tracing::debug!(%error, "the store is still not writable"),
    }
}

fn answer<T>(reply: Reply<T>, result: Result<T, WriteError>) {
    // A caller that went away does not undo its write.
    drop(reply.send(result));
}

//! Notices changes of repositories on this machine: a commit, a push, a moved tag.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, stream};
use kube::api::DynamicObject;
use kube::runtime::reflector::ObjectRef;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Changes that wait for a pass. One that does not fit is one of very many, and those bring the pass too.
const QUEUE: usize = 4096;

type Key = ObjectRef<DynamicObject>;

/// Which objects wait for changes in which folders.
pub(crate) struct Notices {
    shared: Arc<Mutex<Shared>>,
    changed: Mutex<Option<mpsc::Receiver<Key>>>,
}

struct Shared {
    waiting: HashMap<PathBuf, HashSet<Key>>,
    /// Without one (the system refuses more watches), intervals still work.
    watcher: Option<RecommendedWatcher>,
}

impl Notices {
    pub(crate) fn start() -> Notices {
        let (queue, changed) = mpsc::channel(QUEUE);
        let shared = Arc::new(Mutex::new(Shared {
            waiting: HashMap::new(),
            watcher: None,
        }));
        let seen = Arc::clone(&shared);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let shared = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for key in event.paths.iter().flat_map(|path| shared.interested(path)) {
                drop(queue.try_send(key));
            }
        });
        match watcher {
            Ok(watcher) => lock(&shared).watcher = Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "folders cannot be watched; commits are noticed by interval only");
            }
        }
        Notices {
            shared,
            changed: Mutex::new(Some(changed)),
        }
    }

    /// The objects whose repositories changed. Can be taken once.
    pub(crate) fn changed(&self) -> impl Stream<Item = Key> + Send + 'static + use<> {
        let receiver = self
            .changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        stream::unfold(receiver, |receiver| async move {
            let mut receiver = receiver?;
            receiver.recv().await.map(|key| (key, Some(receiver)))
        })
    }

    /// From now on, changes of the references in this folder (`.git`, or a bare repository) concern the object.
    pub(crate) fn wait(&self, key: &Key, folder: &Path) {
        let mut shared = lock(&self.shared);
        if shared
            .waiting
            .get(folder)
            .is_some_and(|keys| keys.contains(key))
        {
            return;
        }
        shared.drop_key(key);
        let shared = &mut *shared;
        let keys = shared.waiting.entry(folder.to_owned()).or_default();
        let first = keys.is_empty();
        keys.insert(key.clone());
        let Some(watcher) = shared.watcher.as_mut().filter(|_| first) else {
            return;
        };
        let refs = ["refs", "reftable"].map(|name| folder.join(name));
        let watched = watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .and_then(|()| {
                refs.iter()
                    .filter(|path| path.is_dir())
                    .try_for_each(|path| watcher.watch(path, RecursiveMode::Recursive))
            });
        if let Err(error) = watched {
            tracing::warn!(folder = %folder.display(), %error, "a repository cannot be watched; its commits are noticed by interval only");
        }
    }

    /// The object is gone, or its repository is elsewhere now.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.shared).drop_key(key);
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn drop_key(&mut self, key: &Key) {
        let mut empty = Vec::new();
        for (folder, keys) in &mut self.waiting {
            keys.remove(key);
            if keys.is_empty() {
                empty.push(folder.clone());
            }
        }
        for folder in empty {
            self.waiting.remove(&folder);
            if let Some(watcher) = &mut self.watcher {
                for path in [folder.clone(), folder.join("refs"), folder.join("reftable")] {
                    drop(watcher.unwatch(&path));
                }
            }
        }
    }

    /// The objects that a changed path concerns: references, not objects, locks or the index.
    fn interested(&self, path: &Path) -> Vec<Key> {
        let lock = path
            .extension()
            .is_some_and(|extension| extension == "lock");
        if lock {
            return Vec::new();
        }
        let of_references = |folder: &PathBuf| {
            path.strip_prefix(folder).is_ok_and(|below| {
                let first = below
                    .iter()
                    .next()
                    .and_then(|part| part.to_str())
                    .unwrap_or_default();
                matches!(first, "HEAD" | "packed-refs" | "refs" | "reftable")
            })
        };
        let concerned = self
            .waiting
            .iter()
            .filter(|(folder, _)| of_references(folder));
        concerned
            .flat_map(|(_, keys)| keys.iter().cloned())
            .collect()
    }
}

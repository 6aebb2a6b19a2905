//! What is there and since when it rests: one watch per kind over a whole API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::kinds;

/// How long the first lists may take, kinds that are not served yet included.
const FIRST_LISTS: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

/// Why an API cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A kind of the scenarios cannot be listed.
    #[error("these kinds could not be listed within {} s: {kinds}", FIRST_LISTS.as_secs())]
    NotServed {
        /// Their names.
        kinds: String,
    },
}

/// Everything that scenarios concern in one API, kept current by watches.
pub struct World {
    client: Client,
    known: Arc<Mutex<Known>>,
    watches: Vec<JoinHandle<()>>,
}

/// Kind, namespace (empty at cluster scope) and name.
pub(super) type Key = (&'static str, String, String);

/// An object, and its place in the order in which objects were first seen.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) object: Value,
    pub(super) place: u64,
}

/// Which object, and which version of its spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The object.
    pub uid: String,
    /// Counts the changes of its spec; 0 where the server does not.
    pub generation: i64,
}

#[derive(Default)]
struct Known {
    objects: BTreeMap<Key, Seen>,
    moved: BTreeMap<String, Instant>,
    places: u64,
    listed: BTreeSet<&'static str>,
}

impl World {
    /// Starts to follow an API; returns when every kind was listed once.
    ///
    /// # Errors
    /// A kind that is not served.
    pub async fn follow(client: Client) -> Result<Self, WorldError> {
        let known = Arc::new(Mutex::new(Known::default()));
        let watches = kinds::followed()
            .map(|kind| tokio::spawn(follow(client.clone(), kind, Arc::clone(&known))))
            .collect();
        let world = Self {
            client,
            known,
            watches,
        };
        let begin = Instant::now();
        loop {
            let missing: Vec<&str> = {
                let known = world.known();
                kinds::followed()
                    .filter(|kind| !known.listed.contains(kind))
                    .collect()
            };
            if missing.is_empty() {
                return Ok(world);
            }
            if begin.elapsed() > FIRST_LISTS {
                return Err(WorldError::NotServed {
                    kinds: missing.join(", "),
                });
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// A client of the API that is followed.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Since when nothing of a scenario has moved.
    pub(super) fn moved(&self, scenario: &str) -> Option<Instant> {
        self.known().moved.get(scenario).copied()
    }

    /// Which object each of a scenario's is, and at which version of its spec; owners, blueprints and events
    /// apart.
    pub fn identities(&self, scenario: &str) -> BTreeMap<String, Identity> {
        let stamped = ["Thing", "ClusterThing", "Note", "ConfigMap", "Runnable"];
        let objects = self.objects_of(scenario).into_iter();
        let objects = objects.filter(|((kind, ..), _)| stamped.contains(kind));
        objects
            .map(|((kind, _, name), seen)| {
                let metadata = &seen.object["metadata"];
                let identity = Identity {
                    uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
                    generation: metadata["generation"].as_i64().unwrap_or_default(),
                };
                (format!("{kind}/{name}"), identity)
            })
            .collect()
    }

    /// Everything that belongs to a scenario.
    pub(super) fn objects_of(&self, scenario: &str) -> BTreeMap<Key, Seen> {
        let known = self.known();
        let of_scenario = known
            .objects
            .iter()
            .filter(|(key, _)| belongs(key) == scenario);
        of_scenario
            .map(|(key, seen)| (key.clone(), seen.clone()))
            .collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}

/// The scenario that an object belongs to.
fn belongs((_, namespace, name): &Key) -> &str {
    if namespace.is_empty() {
        name.split('.').next().unwrap_or_default()
    } else {
        namespace
    }
}

async fn follow(client: Client, kind: &'static str, known: Arc<Mutex<Known>>) {
    let Ok(api) = kinds::api(&client, kind, None) else {
        return;
    };
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .boxed();
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        // A failed watch is opened again by the stream; a kind that is not served yet is tried
        // again.
        let Ok(event) = event else { continue };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => {
                listed.insert(key(kind, &object));
                known.put(kind, object);
            }
            watcher::Event::InitDone => {
                known
                    .objects
                    .retain(|key, _| key.0 != kind || listed.contains(key));
                known.listed.insert(kind);
            }
            watcher::Event::Apply(object) => known.put(kind, object),
            watcher::Event::Delete(object) => known.remove(&key(kind, &object)),
        }
    }
}

fn key(kind: &'static str, object: &DynamicObject) -> Key {
    let metadata = &object.metadata;
    (
        kind,
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

impl Known {
    fn put(&mut self, kind: &'static str, object: DynamicObject) {
        let key = key(kind, &object);
        let object = serde_json::to_value(object).unwrap_or_default();
        let older = self.objects.get(&key);
        // An event that is merely counted once more is no movement.
        let moved = match older {
            Some(older) => kind != "Event" && version(&older.object) != version(&object),
            None => true,
        };
        if moved {
            self.moved.insert(belongs(&key).to_owned(), Instant::now());
        }
        let place = older.map_or(self.places, |older| older.place);
        self.places += 1;
        self.objects.insert(key, Seen { object, place });
    }

    fn remove(&mut self, key: &Key) {
        self.moved.insert(belongs(key).to_owned(), Instant::now());
        self.objects.remove(key);
    }
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

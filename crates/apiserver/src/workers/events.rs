//! Events are kept for an hour after they were last written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use super::CONCURRENT;
use crate::api::Api;
use crate::store::{Key, Revision, Scope, WatchEnd, Write};
use crate::time;

const EVENTS: &str = "/events";
/// Source: kube-apiserver, default of `--event-ttl`.
const LIFETIME_SECONDS: i64 = 3600;
const SWEEP: Duration = Duration::from_secs(30);

/// When each event is due, by time and by key.
#[derive(Default)]
struct Due {
    by_time: BTreeMap<(i64, Revision), Key>,
    by_key: HashMap<Key, (i64, Revision)>,
}

impl Due {
    fn set(&mut self, key: &Key, at: i64, revision: Revision) {
        self.forget(key);
        self.by_time.insert((at, revision), key.clone());
        self.by_key.insert(key.clone(), (at, revision));
    }

    fn forget(&mut self, key: &Key) {
        if let Some(place) = self.by_key.remove(key) {
            self.by_time.remove(&place);
        }
    }

    fn take(&mut self, now: i64) -> Vec<(Key, Revision)> {
        let later = self.by_time.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.by_time, later);
        due.into_iter()
            .map(|((_, revision), key)| {
                self.by_key.remove(&key);
                (key, revision)
            })
            .collect()
    }
}

pub(super) async fn run(api: Arc<Api>) {
    api.worker_is_ready(&mut false);
    loop {
        if follow(&api).await == WatchEnd::Ended {
            return;
        }
    }
}

async fn follow(api: &Arc<Api>) -> WatchEnd {
    let (objects, mut subscription) = api.store.list_and_subscribe(Scope::Resource(EVENTS.into()));
    let mut due = Due::default();
    for object in objects {
        let written = object.value()["metadata"]["creationTimestamp"]
            .as_str()
            .and_then(time::parse)
            .unwrap_or_else(time::now_seconds);
        due.set(&object.key, written + LIFETIME_SECONDS, object.revision);
    }
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            events = subscription.next() => match events {
                Ok(events) => {
                    for event in events {
                        if event.deleted {
                            due.forget(&event.key);
                        } else {
                            let at = time::now_seconds() + LIFETIME_SECONDS;
                            due.set(&event.key, at, event.revision);
                        }
                    }
                }
                Err(end) => return end,
            },
            _ = sweep.tick() => expire(api, due.take(time::now_seconds())).await,
        }
    }
}

async fn expire(api: &Arc<Api>, due: Vec<(Key, Revision)>) {
    futures::stream::iter(due)
        .for_each_concurrent(CONCURRENT, |(key, revision)| async move {
            let Some(object) = api.store.get(&key).filter(|o| o.revision == revision) else {
                return;
            };
            // One that was written meanwhile lives on.
            drop(api.store.write(Write::delete(&object)).await);
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_counts() {
        let (a, b) = (Key::new(EVENTS, "n", "a"), Key::new(EVENTS, "n", "b"));
        let mut due = Due::default();
        due.set(&a, 10, 1);
        due.set(&b, 20, 2);
        due.set(&a, 30, 3);
        assert_eq!(due.take(20), [(b, 2)]);
        assert_eq!(due.take(29), []);
        assert_eq!(due.take(30), [(a, 3)]);
    }
}

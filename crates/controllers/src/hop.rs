//! The controllers' share of every step that a change takes, for those who want to watch it.

use std::time::Duration;

use tokio::sync::broadcast;

/// Hops that a slow listener may be behind before it misses some.
const BEHIND: usize = 1024;

/// One write that carried a change to the next object.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The step of the blueprint whose object was written; empty when the object says none.
    pub resource: String,
    /// From the bytes of the event that made it due, or the reply of the write before it in the
    /// same pass, to the write handed to the client.
    pub ours: Duration,
}

/// Tells listeners about hops; costs nothing without any.
#[derive(Debug)]
pub(crate) struct Feed(broadcast::Sender<Hop>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl Feed {
    /// Every hop from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Hop> {
        self.0.subscribe()
    }

    /// Tells of a write of `object`.
    pub(crate) fn tell(&self, object: &serde_json::Value, ours: Duration) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let resource = object
            .pointer("/metadata/labels/carto.run~1resource-name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        // Nobody listening any more is no failure.
        drop(self.0.send(Hop { resource, ours }));
    }
}

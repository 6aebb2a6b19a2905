//! Events on owners, written off the critical path.
//!
//! What client-go's recorder does, with two differences: nothing limits the rate of an object's events, so that no real
//! change stays without one, and the buffer is counted, so that what is dropped is known. Identical events raise the
//! count of one; too many that differ only in their text become a combined one. While many wait, what one pass says of
//! outputs, and of health, is said in one event each, and while owners wait for a pass, events keep out of their way:
//! one is written at a time. Source: client-go
//! `tools/record/events_cache.go`.
//!
//! Bounds: [`PENDING_MAX`] events wait, [`REMEMBERED_MAX`] are remembered for being counted.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use carto_core::realize::EventRecord;
use http::Method;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::metrics::{Metrics, Verb};
use crate::wire::{Call, Content, Failure, Path, Wire};

/// About 20 MB at most. A burst of more is a storm in which the text of single events helps nobody.
const PENDING_MAX: usize = 65_536;
/// Per writer; together as many as client-go remembers.
const REMEMBERED_MAX: usize = 4096 / WRITERS;
/// Events of one object are written by one writer, in order.
const WRITERS: usize = 4;
/// Events of one object and reason that differ only in their text, until they are combined. The original's 10 hides
/// steps of a long chain.
const SIMILAR_MAX: usize = 25;
/// Over this time similar events are counted.
const SIMILAR_WINDOW: Duration = Duration::from_mins(10);
/// While more than this wait, events of one pass and reason are joined.
const CROWDED: usize = 128;
/// Joined texts are no longer than this. The API allows 1024 bytes.
const JOINED_MAX_BYTES: usize = 1000;
/// Tries per event, a second apart and more.
const TRIES: u32 = 4;

/// The object that an event is about.
#[derive(Clone, Debug)]
pub(crate) struct Regarding {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Arc<str>,
    pub(crate) resource_version: Arc<str>,
}

#[derive(Debug)]
struct Note {
    regarding: Arc<Regarding>,
    record: EventRecord,
    at: Timestamp,
}

/// Tells whether the API has more important work than events.
pub(crate) type Busy = Box<dyn Fn() -> bool + Send + Sync>;

/// Where events are handed in. Never blocks.
pub(crate) struct Recorder {
    writers: Vec<mpsc::UnboundedSender<Note>>,
    pending: Arc<AtomicUsize>,
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

impl Recorder {
    /// A recorder and its writers, which end when the recorder is dropped and everything is written. `busy` tells
    /// whether there is more important work for the API.
    pub(crate) fn new(
        wire: &Wire,
        metrics: &Arc<Metrics>,
        busy: Busy,
    ) -> (Self, Vec<impl Future<Output = ()> + use<>>) {
        let pending = Arc::new(AtomicUsize::new(0));
        let manners = Arc::new(Manners {
            busy,
            one: Semaphore::new(1),
        });
        let (senders, writers) = (0..WRITERS)
            .map(|_| {
                let (sender, receiver) = mpsc::unbounded_channel();
                let writer = Writer {
                    wire: wire.clone(),
                    metrics: Arc::clone(metrics),
                    pending: Arc::clone(&pending),
                    manners: Arc::clone(&manners),
                    correlator: Correlator::default(),
                };
                (sender, writer.run(receiver))
            })
            .unzip();
        let recorder = Self {
            writers: senders,
            pending,
            hasher: RandomState::new(),
            metrics: Arc::clone(metrics),
        };
        (recorder, writers)
    }

    /// Hands in the events of one pass.
    pub(crate) fn record(&self, regarding: Regarding, records: Vec<EventRecord>) {
        let regarding = Arc::new(regarding);
        let hash = self.hasher.hash_one(&regarding.uid);
        let writer = usize::try_from(hash % WRITERS as u64).expect("a handful");
        let at = Timestamp::now();
        let records = if self.pending() > CROWDED {
            joined(records)
        } else {
            records
        };
        for record in records {
            // The channel is bounded here rather than by its type, for a common bound of all writers.
            if self.pending.fetch_add(1, Ordering::Relaxed) >= PENDING_MAX {
                self.pending.fetch_sub(1, Ordering::Relaxed);
                self.metrics.event_dropped();
                continue;
            }
            let note = Note {
                regarding: Arc::clone(&regarding),
                record,
                at,
            };
            if self.writers[writer].send(note).is_err() {
                self.pending.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Events not written yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

/// Joins the records of a pass that have the same reason, but for what was done to objects.
fn joined(records: Vec<EventRecord>) -> Vec<EventRecord> {
    let mut out: Vec<EventRecord> = Vec::new();
    for record in records {
        let apart = record.reason.starts_with("StampedObject");
        let same = out.iter_mut().find(|one| {
            !apart
                && one.reason == record.reason
                && one.component == record.component
                && one.message.len() + record.message.len() < JOINED_MAX_BYTES
        });
        if let Some(one) = same {
            one.message.push_str("; ");
            one.message.push_str(&record.message);
        } else {
            out.push(record);
        }
    }
    out
}

/// Events let others go first.
struct Manners {
    busy: Busy,
    one: Semaphore,
}

struct Writer {
    wire: Wire,
    metrics: Arc<Metrics>,
    pending: Arc<AtomicUsize>,
    manners: Arc<Manners>,
    correlator: Correlator,
}

impl Writer {
    async fn run(mut self, mut notes: mpsc::UnboundedReceiver<Note>) {
        while let Some(note) = notes.recv().await {
            let manners = Arc::clone(&self.manners);
            // Closed by nobody; were it, there would be nothing to wait for.
            let turn = if (manners.busy)() {
                manners.one.acquire().await.ok()
            } else {
                None
            };
            self.write(&note).await;
            drop(turn);
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn write(&mut self, note: &Note) {
        let mut action = self.correlator.observe(note, Instant::now());
        for attempt in 0..TRIES {
            match self.wire.call(action.call(note)).await {
                Ok(_) => return,
                Err(failure) if failure.is_not_found() && action.series.count > 1 => {
                    // Events expire; the series begins anew.
                    action.begin_anew(note);
                    self.correlator.begun_anew(&action);
                }
                Err(failure) if is_final(&failure) => {
                    tracing::debug!(%failure, message = note.record.message, "event not written");
                    break;
                }
                Err(failure) => {
                    tracing::debug!(%failure, attempt, "event not written yet");
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                }
            }
        }
        self.metrics.event_dropped();
    }
}

/// Whether trying again is of no use: refused (as in a namespace that is being deleted), invalid, or there already.
fn is_final(failure: &Failure) -> bool {
    (400..500).contains(&failure.code) && failure.code != 429 && failure.code != 404
        || failure.is_not_found()
}

/// What is to be written for a note.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Action {
    /// Key of the series.
    key: u64,
    series: Series,
    combined: bool,
}

impl Action {
    fn begin_anew(&mut self, note: &Note) {
        self.series = Series::begin(note);
    }

    fn message<'a>(&self, note: &'a Note) -> Cow<'a, str> {
        if self.combined {
            format!("(combined from similar events): {}", note.record.message).into()
        } else {
            Cow::Borrowed(&note.record.message)
        }
    }

    fn call(&self, note: &Note) -> Call {
        let about = &*note.regarding;
        let namespace = if about.namespace.is_empty() {
            "default"
        } else {
            &about.namespace
        };
        let path = Path::collection("", "v1", "events", Some(namespace));
        let last = seconds(note.at);
        let message = self.message(note);
        if self.series.count > 1 {
            let again = wire_event::Again {
                count: self.series.count,
                last_timestamp: &last,
                message: &message,
            };
            let uri = path.object(&self.series.name(note)).done();
            return Call::with_body(Verb::Event, Method::PATCH, uri, Content::MergePatch, &again);
        }
        let component = note.record.component;
        let first = wire_event::Event {
            api_version: "v1",
            kind: "Event",
            metadata: wire_event::Metadata {
                name: &self.series.name(note),
                namespace,
            },
            involved_object: wire_event::Reference {
                api_version: about.api_version,
                kind: about.kind,
                namespace: &about.namespace,
                name: &about.name,
                uid: &about.uid,
                resource_version: &about.resource_version,
            },
            reason: note.record.reason,
            message: &message,
            source: wire_event::Source { component },
            first_timestamp: &seconds(self.series.first),
            last_timestamp: &last,
            count: 1,
            r#type: "Normal",
            event_time: None,
            reporting_component: component,
            reporting_instance: "",
        };
        Call::with_body(
            Verb::Event,
            Method::POST,
            path.done(),
            Content::Json,
            &first,
        )
    }
}

/// Events as they are sent: `v1.Event`, of which there are more than of all other requests.
mod wire_event {
    use serde::Serialize;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Event<'a> {
        pub(super) api_version: &'a str,
        pub(super) kind: &'a str,
        pub(super) metadata: Metadata<'a>,
        pub(super) involved_object: Reference<'a>,
        pub(super) reason: &'a str,
        pub(super) message: &'a str,
        pub(super) source: Source<'a>,
        pub(super) first_timestamp: &'a str,
        pub(super) last_timestamp: &'a str,
        pub(super) count: u32,
        pub(super) r#type: &'a str,
        pub(super) event_time: Option<&'a str>,
        pub(super) reporting_component: &'a str,
        pub(super) reporting_instance: &'a str,
    }

    #[derive(Serialize)]
    pub(super) struct Metadata<'a> {
        pub(super) name: &'a str,
        pub(super) namespace: &'a str,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Reference<'a> {
        pub(super) api_version: &'a str,
        pub(super) kind: &'a str,
        pub(super) namespace: &'a str,
        pub(super) name: &'a str,
        pub(super) uid: &'a str,
        pub(super) resource_version: &'a str,
    }

    #[derive(Serialize)]
    pub(super) struct Source<'a> {
        pub(super) component: &'a str,
    }

    /// What changes in an event that is seen once more.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Again<'a> {
        pub(super) count: u32,
        pub(super) last_timestamp: &'a str,
        pub(super) message: &'a str,
    }
}

/// As `metav1.Time` is written.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Events that are counted in one object. Small, as thousands are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Series {
    first: Timestamp,
    /// Keeps the names of one process apart.
    serial: u16,
    /// How often it happened; 1 creates.
    count: u32,
}

impl Series {
    fn begin(note: &Note) -> Self {
        static SERIAL: AtomicU16 = AtomicU16::new(0);
        Self {
            first: note.at,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            count: 1,
        }
    }

    /// A name as client-go gives it, cut so that it stays valid.
    fn name(&self, note: &Note) -> String {
        let name: String = note.regarding.name.chars().take(200).collect();
        format!(
            "{}.{:x}{:04x}",
            name.trim_end_matches(['.', '-']),
            self.first.as_nanosecond(),
            self.serial
        )
    }
}

/// Texts of one object and reason; few, or they are combined.
#[derive(Debug)]
struct Similar {
    texts: Vec<u64>,
    since: Instant,
}

/// Finds out which events are the same and which are alike.
#[derive(Debug, Default)]
struct Correlator {
    hasher: RandomState,
    series: HashMap<u64, Series>,
    similar: HashMap<u64, Similar>,
    /// In the order in which they came, to be forgotten.
    order: VecDeque<(u64, u64)>,
}

impl Correlator {
    fn observe(&mut self, note: &Note, now: Instant) -> Action {
        let record = &note.record;
        let alike = (&note.regarding.uid, record.reason, record.component);
        let group = self.hasher.hash_one(alike);
        let text = self.hasher.hash_one((group, &record.message));
        let similar = self.similar.entry(group).or_insert_with(|| Similar {
            texts: Vec::new(),
            since: now,
        });
        if now.duration_since(similar.since) > SIMILAR_WINDOW {
            similar.texts.clear();
            similar.since = now;
        }
        let known = similar.texts.contains(&text);
        let combined = !known && similar.texts.len() >= SIMILAR_MAX;
        if !known && !combined {
            similar.texts.push(text);
        }
        let key = if combined { group } else { text };
        let series = match self.series.get_mut(&key) {
            Some(series) => {
                series.count = series.count.saturating_add(1);
                *series
            }
            None => {
                let series = Series::begin(note);
                self.series.insert(key, series);
                self.order.push_back((key, group));
                self.forget_oldest();
                series
            }
        };
        Action {
            key,
            series,
            combined,
        }
    }

    fn begun_anew(&mut self, action: &Action) {
        if let Some(series) = self.series.get_mut(&action.key) {
            *series = action.series;
        }
    }

    fn forget_oldest(&mut self) {
        while self.order.len() > REMEMBERED_MAX {
            let Some((series, group)) = self.order.pop_front() else {
                return;
            };
            self.series.remove(&series);
            self.similar.remove(&group);
        }
    }
}

#[cfg(test)]
mod tests;

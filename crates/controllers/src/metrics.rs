//! Counters of the controllers: plain atomics, read as one [`Snapshot`].
//!
//! Labels are bounded by construction (an enum each); no object names are kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hop::Feed;

mod prometheus;

/// What a request to the API was for.
///
/// Finer than HTTP's methods, because a status write and an apply cost the same but mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// One object read by name.
    Get,
    /// One page of a list.
    List,
    /// A watch opened.
    Watch,
    /// A server-side apply of a stamped object.
    Apply,
    /// An object created.
    Create,
    /// An object deleted.
    Delete,
    /// The status of one of our own kinds written.
    Status,
    /// An event created or its count raised.
    Event,
    /// A discovery document read.
    Discovery,
    /// The leader's lease read or renewed.
    Lease,
}

impl Verb {
    /// All verbs, in the order of [`Snapshot::requests`].
    pub const ALL: [Self; 10] = [
        Self::Get,
        Self::List,
        Self::Watch,
        Self::Apply,
        Self::Create,
        Self::Delete,
        Self::Status,
        Self::Event,
        Self::Discovery,
        Self::Lease,
    ];

    /// The name under which the verb is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Apply => "apply",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Status => "status",
            Self::Event => "event",
            Self::Discovery => "discovery",
            Self::Lease => "lease",
        }
    }
}

/// The live counters; shared by everything that runs.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [AtomicU64; Verb::ALL.len()],
    failed_requests: AtomicU64,
    reconciles: AtomicU64,
    retries: AtomicU64,
    panics: AtomicU64,
    watch_restarts: AtomicU64,
    relists: AtomicU64,
    events_dropped: AtomicU64,
    swept: AtomicU64,
    hops: Histogram,
    pub(crate) feed: Feed,
    applies: Histogram,
    passes: Histogram,
}

impl Metrics {
    pub(crate) fn request(&self, verb: Verb) {
        self.requests[verb as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_failed(&self) {
        self.failed_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reconciled(&self, took: Duration) {
        self.reconciles.fetch_add(1, Ordering::Relaxed);
        self.passes.record(took);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn watch_restarted(&self) {
        self.watch_restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn relisted(&self) {
        self.relists.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn event_dropped(&self) {
        self.events_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn swept(&self, keys: u64) {
        self.swept.fetch_add(keys, Ordering::Relaxed);
    }

    /// Records one hop: from the bytes of a watch event to the next write handed to the client.
    pub(crate) fn hop(&self, took: Duration) {
        self.hops.record(took);
    }

    /// Records one apply: from the request handed to the client to the reply.
    pub(crate) fn applied(&self, took: Duration) {
        self.applies.record(took);
    }

    /// Everything at one moment; the gauges are filled in by whoever owns them.
    pub fn snapshot(&self) -> Snapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            requests: Verb::ALL.map(|verb| (verb, load(&self.requests[verb as usize]))),
            failed_requests: load(&self.failed_requests),
            reconciles: load(&self.reconciles),
            retries: load(&self.retries),
            panics: load(&self.panics),
            watch_restarts: load(&self.watch_restarts),
            relists: load(&self.relists),
            events_dropped: load(&self.events_dropped),
            swept: load(&self.swept),
            hops: self.hops.snapshot(),
            applies: self.applies.snapshot(),
            passes: self.passes.snapshot(),
            queue: 0,
            running: 0,
            delayed: 0,
            events_pending: 0,
            watches: 0,
            owners: 0,
            rows: 0,
            leading: false,
        }
    }
}

/// The counters at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Requests handed to the client since the start, by purpose.
    pub requests: [(Verb, u64); Verb::ALL.len()],
    /// Those that were answered with an error or not at all.
    pub failed_requests: u64,
    /// Passes over owners, Runnables and blueprints.
    pub reconciles: u64,
    /// Passes that ended in a retry with backoff.
    pub retries: u64,
    /// Passes that ended in a panic.
    pub panics: u64,
    /// Watches opened again after an error or silence.
    pub watch_restarts: u64,
    /// Lists made because a watch could not be resumed.
    pub relists: u64,
    /// Events given up because the buffer was full or the API refused them.
    pub events_dropped: u64,
    /// Keys that only the sweep of the index noticed.
    pub swept: u64,
    /// From the bytes of a watch event read, or the reply to the write before it in the same pass, to the next write
    /// handed to the client.
    pub hops: Distribution,
    /// Applies of stamped objects that succeeded, from the request handed to the client to the reply.
    pub applies: Distribution,
    /// Duration of whole passes, the API's part included.
    pub passes: Distribution,
    /// Keys waiting now.
    pub queue: u64,
    /// Passes running now.
    pub running: u64,
    /// Keys waiting for their next try, after a failure or because something they depend on cannot be heard of.
    pub delayed: u64,
    /// Events not written yet.
    pub events_pending: u64,
    /// Watches open or being opened now.
    pub watches: u64,
    /// Owners, Runnables and blueprints known now.
    pub owners: u64,
    /// Rows of stamped objects held now.
    pub rows: u64,
    /// Whether this replica is the one that works now.
    pub leading: bool,
}

impl Snapshot {
    /// How many requests were made for this purpose.
    pub fn requests_for(&self, verb: Verb) -> u64 {
        self.requests[verb as usize].1
    }

    /// All requests, whatever for.
    pub fn requests_total(&self) -> u64 {
        self.requests.iter().map(|(_, count)| count).sum()
    }

    /// Object and status writes; events and leases apart.
    pub fn writes(&self) -> u64 {
        [Verb::Apply, Verb::Create, Verb::Delete, Verb::Status]
            .into_iter()
            .map(|verb| self.requests_for(verb))
            .sum()
    }
}

/// Sixteen buckets per power of two of nanoseconds: an error of at most 6 % at any scale.
const SUB_BITS: u32 = 4;
/// Up to 2^40 ns, 18 minutes; longer counts as that.
const BUCKETS: usize = (41 - SUB_BITS as usize) << SUB_BITS;

/// A histogram of durations that many threads may write to.
#[derive(Debug)]
struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
        }
    }
}

fn bucket_of(ns: u64) -> usize {
    let base = 1 << SUB_BITS;
    if ns < base {
        return usize::try_from(ns).expect("below sixteen");
    }
    let exponent = ns.ilog2();
    let sub = (ns >> (exponent - SUB_BITS)) - base;
    let index = (u64::from(exponent - SUB_BITS + 1) << SUB_BITS) + sub;
    usize::try_from(index).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

/// The largest duration that falls into the bucket.
fn upper_ns(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let base = 1 << SUB_BITS;
    if bucket < base {
        return bucket;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    ((base + (bucket & (base - 1)) + 1) << shift) - 1
}

impl Histogram {
    fn record(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        self.max_ns.fetch_max(ns, Ordering::Relaxed);
    }

    fn snapshot(&self) -> Distribution {
        Distribution {
            buckets: self
                .buckets
                .iter()
                .map(|b| b.load(Ordering::Relaxed))
                .collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
            max_ns: self.max_ns.load(Ordering::Relaxed),
        }
    }
}

/// Durations counted in buckets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Distribution {
    buckets: Vec<u64>,
    sum_ns: u64,
    max_ns: u64,
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} (p50 {:?}, p99 {:?}, max {:?})",
            self.count(),
            self.quantile(0.5).unwrap_or_default(),
            self.quantile(0.99).unwrap_or_default(),
            self.max()
        )
    }
}

impl Distribution {
    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many durations did not exceed `bound`; at most 6 % of the bound too many.
    pub fn count_up_to(&self, bound: Duration) -> u64 {
        let last = bucket_of(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX));
        self.buckets.iter().take(last + 1).sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// The longest duration recorded.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    /// The duration that the given share (0 to 1) of all does not exceed; at most 6 % too high. `None` without any.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within the count; exact below 2^52"
        )]
        let rank = ((count as f64) * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        bucket.map(|bucket| Duration::from_nanos(upper_ns(bucket).min(self.max_ns)))
    }

    /// What was recorded since `earlier`, a snapshot of the same histogram. The maximum stays that of all.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            buckets: self
                .buckets
                .iter()
                .zip(&earlier.buckets)
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
            max_ns: self.max_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_ordered() {
        let mut last = 0;
        for bucket in 1..BUCKETS {
            let upper = upper_ns(bucket);
            assert!(upper > last, "bucket {bucket}");
            assert_eq!(bucket_of(upper), bucket);
            assert_eq!(bucket_of(last + 1), bucket);
            last = upper;
        }
    }

    #[test]
    fn quantiles_are_within_a_sixteenth() {
        let histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        let all = histogram.snapshot();
        assert_eq!(all.count(), 1000);
        for (share, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let got = all.quantile(share).unwrap().as_secs_f64() * 1e6;
            assert!((got / micros - 1.0).abs() < 0.07, "{share}: {got}");
        }
        assert_eq!(all.max(), Duration::from_millis(1));
    }

    #[test]
    fn a_difference_holds_only_what_came_later() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(1));
        let before = histogram.snapshot();
        histogram.record(Duration::from_millis(1));
        let since = histogram.snapshot().since(&before);
        assert_eq!(since.count(), 1);
        assert!(since.quantile(1.0).unwrap() < Duration::from_millis(2));
    }

    #[test]
    fn an_empty_distribution_has_no_quantile() {
        assert_eq!(Histogram::default().snapshot().quantile(0.5), None);
    }
}

//! The counters as Prometheus reads them.
//!
//! Source: the Prometheus text exposition format, version 0.0.4.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Distribution, Snapshot};

/// Upper bounds of the buckets that are told, in microseconds.
const BOUNDS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000,
];

impl Snapshot {
    /// The counters in the text format of Prometheus.
    pub fn prometheus(&self) -> String {
        let mut page = Page(String::with_capacity(4096));
        page.head(
            "carto_requests_total",
            "counter",
            "Requests to the API by purpose.",
        );
        for (verb, count) in &self.requests {
            page.line(
                "carto_requests_total",
                &format!("{{verb=\"{}\"}}", verb.name()),
                count,
            );
        }
        for (name, help, count) in [
            (
                "carto_failed_requests_total",
                "Requests that were refused or not answered.",
                self.failed_requests,
            ),
            (
                "carto_reconciles_total",
                "Passes over owners, Runnables and blueprints.",
                self.reconciles,
            ),
            (
                "carto_retries_total",
                "Passes that ended in a retry with backoff.",
                self.retries,
            ),
            (
                "carto_panics_total",
                "Passes that ended in a panic.",
                self.panics,
            ),
            (
                "carto_watch_restarts_total",
                "Watches opened again after an error or silence.",
                self.watch_restarts,
            ),
            (
                "carto_relists_total",
                "Lists made because a watch could not be resumed.",
                self.relists,
            ),
            (
                "carto_events_dropped_total",
                "Events that were given up.",
                self.events_dropped,
            ),
            (
                "carto_swept_total",
                "Keys that only the sweep of the index noticed.",
                self.swept,
            ),
        ] {
            page.single(name, "counter", help, count);
        }
        for (name, help, count) in [
            ("carto_queue", "Keys that wait.", self.queue),
            (
                "carto_delayed",
                "Keys that wait for their next try.",
                self.delayed,
            ),
            ("carto_running", "Passes that run.", self.running),
            (
                "carto_events_pending",
                "Events not written yet.",
                self.events_pending,
            ),
            ("carto_watches", "Watches that are open.", self.watches),
            (
                "carto_owners",
                "Owners, Runnables and blueprints that are known.",
                self.owners,
            ),
            ("carto_rows", "Stamped objects that are known.", self.rows),
            (
                "carto_leading",
                "Whether this replica writes.",
                u64::from(self.leading),
            ),
        ] {
            page.single(name, "gauge", help, count);
        }
        page.histogram(
            "carto_hop_seconds",
            "From an event read, or the reply of the write before, to the next write.",
            &self.hops,
        );
        page.histogram(
            "carto_apply_seconds",
            "Applies of stamped objects, from the request to the reply.",
            &self.applies,
        );
        page.histogram(
            "carto_pass_seconds",
            "Whole passes, the API's part included.",
            &self.passes,
        );
        page.0
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.write(format_args!("{name}{labels} {value}\n"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(name, "", value);
    }

    fn histogram(&mut self, name: &str, help: &str, of: &Distribution) {
        self.head(name, "histogram", help);
        for bound in BOUNDS_US.map(Duration::from_micros) {
            let labels = format!("{{le=\"{}\"}}", bound.as_secs_f64());
            self.line(&format!("{name}_bucket"), &labels, of.count_up_to(bound));
        }
        self.line(&format!("{name}_bucket"), "{le=\"+Inf\"}", of.count());
        self.line(&format!("{name}_sum"), "", of.sum().as_secs_f64());
        self.line(&format!("{name}_count"), "", of.count());
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Metrics, Verb};

    use super::*;

    #[test]
    fn counters_and_histograms_are_told() {
        let metrics = Metrics::default();
        metrics.request(Verb::Apply);
        metrics.hop(Duration::from_micros(300));
        metrics.hop(Duration::from_millis(2));
        let text = metrics.snapshot().prometheus();
        for line in [
            "# TYPE carto_requests_total counter",
            "carto_requests_total{verb=\"apply\"} 1",
            "carto_hop_seconds_bucket{le=\"0.0001\"} 0",
            "carto_hop_seconds_bucket{le=\"0.0005\"} 1",
            "carto_hop_seconds_bucket{le=\"+Inf\"} 2",
            "carto_hop_seconds_sum 0.0023",
            "carto_hop_seconds_count 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

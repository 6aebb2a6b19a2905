//! Which runs are old enough to go.
//!
//! Source: cartographer pkg/realizer/runnable/gc/gc.go. Differs: the current run always stays, and
//! superseded runs that never end are kept up to both limits together; the original keeps all of
//! them for ever.

use std::sync::Arc;

use crate::condition::Status;
use crate::model::Retention;
use crate::row::Row;

/// Returns the runs to delete, oldest last. `runs` are all but the current one, with their health;
/// `current` is the health of that.
pub(crate) fn surplus(
    mut runs: Vec<(Arc<Row>, Status)>,
    current: Status,
    limits: Retention,
) -> Vec<Arc<Row>> {
    runs.retain(|(row, _)| !row.deleting);
    runs.sort_by(|(a, _), (b, _)| {
        b.created
            .cmp(&a.created)
            .then_with(|| a.key.name.cmp(&b.key.name))
    });
    let mut counts = Counts::default();
    counts.add(current);
    let over = |(_, health): &(Arc<Row>, Status)| counts.add(*health) > limits.of(*health);
    runs.into_iter().filter(over).map(|(row, _)| row).collect()
}

#[derive(Default)]
struct Counts {
    good: usize,
    bad: usize,
    open: usize,
}

impl Counts {
    /// Counts one more and returns how many there are of its health.
    fn add(&mut self, health: Status) -> usize {
        let count = match health {
            Status::True => &mut self.good,
            Status::False => &mut self.bad,
            Status::Unknown => &mut self.open,
        };
        *count += 1;
        *count
    }
}

impl Retention {
    fn of(self, health: Status) -> usize {
        match health {
            Status::True => self.successful,
            Status::False => self.failed,
            Status::Unknown => self.successful.saturating_add(self.failed),
        }
    }
}

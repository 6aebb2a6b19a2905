//! Owners at rest: nothing is said of objects that are as the last pass left them, when it had nothing to say either.

use std::sync::Arc;

use super::{Flight, Realization};
use crate::apply::Applied;
use crate::model::Blueprint;
use crate::outputs;
use crate::realize::{Next, Outcome};
use crate::recall::{self, Note, Recall, Rest, Trace};
use crate::status::Entry;
use crate::task::Done;

impl Realization {
    /// Puts off what is to be said of a recalled object; others get its output at once.
    pub(super) fn put_off(&mut self, flight: Flight, applied: Applied) {
        let Some(work) = &mut self.work else { return };
        let rule = &flight.template.output;
        let output = outputs::read(rule, Some(&applied.row), flight.inputs.deployment());
        if let Ok(Some(output)) = output {
            let resource = &work.blueprint.resources[flight.index];
            work.outputs.insert(resource.name.clone(), output);
        }
        self.deferred.push((flight, applied));
    }

    /// Says what was put off, in order.
    pub(super) fn settle_deferred(&mut self) {
        for (flight, applied) in std::mem::take(&mut self.deferred) {
            self.settle(flight, Done::of(applied));
        }
    }

    /// Ends the pass where there is nothing to say.
    pub(super) fn rest(&mut self) -> Option<Outcome> {
        let work = self.work.as_ref()?;
        if self.deferred.len() != work.blueprint.resources.len() {
            return None;
        }
        let trace = |(flight, applied): &(Flight, Applied)| self.trace(flight, applied);
        let traces: Vec<Trace> = self.deferred.iter().map(trace).collect::<Option<_>>()?;
        if !self.recall.rests(|| self.resting(&work.blueprint, &traces)) {
            return None;
        }
        Some(Outcome {
            depends_on: std::mem::take(&mut self.depends_on),
            watched: std::mem::take(&mut self.watched),
            recall: std::mem::take(&mut self.recall),
            ..Outcome::unchanged()
        })
    }

    fn resting(&self, blueprint: &Arc<Blueprint>, traces: &[Trace]) -> Rest {
        let rows = self.index.rows_of(&self.owner.uid);
        Rest::new(&self.owner, blueprint, traces, rows)
    }

    /// Notes for the next pass that an object was as it should be.
    pub(super) fn trace(&self, flight: &Flight, applied: &Applied) -> Option<Trace> {
        if !applied.as_sent || applied.unwatched.is_some() || flight.note.is_some() {
            return None;
        }
        let found = recall::found(&applied.row, &self.owner.uid)?;
        Some(Trace {
            template: Arc::clone(&flight.template),
            note: Note::new(flight.seen?, found),
            row: Arc::clone(&applied.row),
            mapping: applied.mapping.clone(),
        })
    }

    /// Returns what this pass leaves for the next; `outcome` is all but that, and `entries` are those of its status.
    pub(super) fn left(&self, outcome: &Outcome, entries: Option<&[Entry]>) -> Recall {
        let is_quiet = outcome.status.is_none()
            && outcome.events.is_empty()
            && outcome.next == Next::AwaitChange
            && entries.is_some_and(|entries| !entries.iter().any(Entry::is_leftover));
        let work = self
            .work
            .as_ref()
            .filter(|work| is_quiet && self.traces.len() == work.blueprint.resources.len());
        let rest = work.map(|work| self.resting(&work.blueprint, &self.traces));
        Recall::new(&self.traces, rest)
    }
}

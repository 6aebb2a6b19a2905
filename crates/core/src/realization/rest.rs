//! Owners at rest: nothing is said of objects that are as the last pass left them, when it had nothing to say either.

use std::sync::Arc;

use super::{Course, Flight, Landed, Realization};
use crate::apply::Applied;
use crate::model::Blueprint;
use crate::realize::{Next, Outcome};
use crate::recall::{self, Note, Recall, Rest, Trace};

impl Realization {
    /// Ends the pass where there is nothing to say.
    pub(super) fn rest(&mut self) -> Option<Outcome> {
        let work = self.work.as_ref()?;
        if self.landed.len() != work.blueprint.resources.len() {
            return None;
        }
        let recalled = |one: &Landed| matches!(one.flight.course, Course::Recalled(..));
        if !self.landed.iter().all(recalled) {
            return None;
        }
        let trace = |one: &Landed| self.trace(&one.flight, &one.applied);
        let traces: Vec<Trace> = self.landed.iter().map(trace).collect::<Option<_>>()?;
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
        let found = match flight.course {
            Course::Recalled(_, found) => found,
            Course::Rendered(_) => recall::found(&applied.row, &self.owner.uid)?,
        };
        Some(Trace {
            template: Arc::clone(&flight.template),
            note: Note::new(flight.seen?, found),
            row: Arc::clone(&applied.row),
            mapping: applied.mapping.clone(),
        })
    }

    /// Returns what this pass leaves for the next; `outcome` is all but that, and its status `is_complete` when it has an
    /// entry for each resource and for nothing else.
    pub(super) fn left(&self, outcome: &Outcome, is_complete: bool) -> Recall {
        let is_quiet = outcome.status.is_none()
            && outcome.events.is_empty()
            && outcome.next == Next::AwaitChange
            && is_complete;
        let work = self
            .work
            .as_ref()
            .filter(|work| is_quiet && self.traces.len() == work.blueprint.resources.len());
        let rest = work.map(|work| self.resting(&work.blueprint, &self.traces));
        Recall::new(&self.traces, rest)
    }
}

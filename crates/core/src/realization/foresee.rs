//! Rendering ahead: while an object is being applied, the next one is rendered with what the first will give.
//!
//! An output that a template reads from what it stamps itself is known before the server answers; one of a status is not,
//! and then nothing is foreseen. What was rendered ahead is used only if its template comes to see the very same, so that
//! a guess that fails costs time and nothing else. Templates in ytt are left out: they may take long, and the reply to the
//! request that is under way would have to wait for them.

use std::collections::BTreeMap;

use super::resource::Rendered;
use super::{Course, Realization, Work};
use crate::digest::Fingerprint;
use crate::inputs::Inputs;
use crate::model::{Body, OutputRule};
use crate::outputs::{self, Output};
use crate::row::Row;

/// The next object, ready before its turn.
pub(super) struct Foreseen {
    index: usize,
    /// What its template sees in it.
    seen: Fingerprint,
    rendered: Rendered,
}

impl Realization {
    /// Renders the next object, if all that it needs can be told.
    pub(super) fn foresee(&mut self) {
        self.foreseen = self.next_rendered();
    }

    /// What was rendered ahead for a resource whose template sees this.
    pub(super) fn foreseen(&mut self, index: usize, seen: Option<Fingerprint>) -> Option<Rendered> {
        let foreseen = self.foreseen.take()?;
        (foreseen.index == index && Some(foreseen.seen) == seen).then_some(foreseen.rendered)
    }

    fn next_rendered(&self) -> Option<Foreseen> {
        let work = self.work.as_ref()?;
        let index = *work.sequence.get(work.begun)?;
        let resource = &work.blueprint.resources[index];
        let template = self.template_of(resource)?;
        if !matches!(template.body, Body::Object { .. }) {
            return None;
        }
        let inputs = Inputs::collect(&work.blueprint, resource, &expected(work)?);
        if !inputs.missing.is_empty() {
            return None;
        }
        let seen = self.seen(resource, &template, &inputs)?;
        if self.recalled(resource, &template, seen).is_some() {
            return None;
        }
        let rendered = self.rendered(resource, &template, &inputs).ok()?;
        Some(Foreseen {
            index,
            seen,
            rendered,
        })
    }
}

/// All outputs, with that of the object that is being applied, if it stays as it was sent; `None` if that cannot be
/// told.
fn expected(work: &Work) -> Option<BTreeMap<String, Output>> {
    let flight = work.flight.as_ref()?;
    let Course::Rendered(task) = &flight.course else {
        return None;
    };
    let rule = &flight.template.output;
    if matches!(rule, OutputRule::Deployment(_)) {
        return None;
    }
    let row = Row::expected(task.applying()?, flight.template.expressions())?;
    let mut outputs = work.outputs.clone();
    if let Some(output) = outputs::read(rule, Some(&row), None).ok()? {
        let name = &work.blueprint.resources[flight.index].name;
        outputs.insert(name.clone(), output);
    }
    Some(outputs)
}

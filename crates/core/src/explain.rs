//! Why is it stuck?
//!
//! From what the API has (the owner with its status, the blueprints, the templates) to one cause
//! and what to do about it: which blueprint matched or why none did, which resource holds
//! everything up, who waits for it, what comes next.

mod advice;
mod changes;
mod inputs;

use std::sync::Arc;

use serde_json::Value;

use crate::context::{Schema, Subject};
use crate::key::OwnerKind;
use crate::model::{Blueprint, Owner, Selector};
use crate::realization::{Selection, select};
use crate::view::{OwnerView, ResourceView, State};

pub use changes::{LastChange, last_changes};
pub use inputs::{Input, inputs};

/// What is to be said about an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The owner as it is shown.
    pub view: OwnerView,
    /// How its blueprint was found, or why not.
    pub selection: Selected,
    /// The blueprint, when exactly one is selected.
    pub blueprint: Option<Arc<Blueprint>>,
    /// What holds it up; `None` when nothing does.
    pub cause: Option<Cause>,
    /// What happens or is to be done next, one sentence each.
    pub next: Vec<String>,
}

/// How selection went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Exactly one blueprint.
    One {
        /// Its name.
        name: String,
        /// How many requirements it has: the most specific wins.
        score: usize,
    },
    /// None; why each of them does not match, the nearest first.
    None(Vec<Mismatch>),
    /// Several match equally well.
    Several(Vec<String>),
    /// A selector cannot be judged.
    Invalid(String),
}

/// Why a blueprint does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Name of the blueprint.
    pub name: String,
    /// The requirements that do not hold.
    pub unmet: Vec<String>,
}

/// What holds an owner up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The resource, when it is one.
    pub resource: Option<String>,
    /// Whether somebody has to act; otherwise it is on its way.
    pub needs_action: bool,
    /// Reason, as in the status.
    pub reason: String,
    /// Message, as in the status.
    pub message: String,
    /// Resources that wait for it, in order.
    pub waiting: Vec<String>,
}

/// Explains the state of an owner.
pub fn explain(
    kind: OwnerKind,
    owner: &Arc<Value>,
    blueprints: Vec<Arc<Blueprint>>,
) -> Explanation {
    let schema = match kind {
        OwnerKind::Workload => Schema::Workload,
        OwnerKind::Deliverable => Schema::Deliverable,
    };
    let subject = Subject::new(schema, owner);
    let parsed = Owner::read(kind, owner.clone());
    let (selection, blueprint) = match select(&parsed, &subject, blueprints.clone()) {
        Selection::One(one) => {
            let name = one.name.to_string();
            (
                Selected::One {
                    name,
                    score: one.selector.compiled.score(),
                },
                Some(one),
            )
        }
        Selection::Several(several) => {
            let names = several.iter().map(|one| one.name.to_string()).collect();
            (Selected::Several(names), None)
        }
        Selection::Invalid(text) => (Selected::Invalid(text), None),
        Selection::Unlabelled | Selection::Nothing => (
            Selected::None(mismatches(&parsed, &subject, &blueprints)),
            None,
        ),
    };
    let view = OwnerView::read(kind, owner, blueprint.as_deref());
    let cause = cause(&view);
    let next = advice::next(&view, &selection, cause.as_ref());
    Explanation {
        view,
        selection,
        blueprint,
        cause,
        next,
    }
}

/// Says of every blueprint why it does not match, the nearest first.
fn mismatches(owner: &Owner, subject: &Subject, blueprints: &[Arc<Blueprint>]) -> Vec<Mismatch> {
    let mut all: Vec<Mismatch> = blueprints
        .iter()
        .map(|blueprint| Mismatch {
            name: blueprint.name.to_string(),
            unmet: unmet(owner, subject, &blueprint.selector),
        })
        .collect();
    all.sort_by(|a, b| {
        a.unmet
            .len()
            .cmp(&b.unmet.len())
            .then_with(|| a.name.cmp(&b.name))
    });
    all
}

fn unmet(owner: &Owner, subject: &Subject, selector: &Selector) -> Vec<String> {
    let mut unmet = Vec::new();
    for (key, value) in &selector.match_labels {
        match owner.labels.get(key) {
            Some(found) if found == value => {}
            Some(found) => unmet.push(format!("label [{key}] is [{found}], not [{value}]")),
            None => unmet.push(format!("label [{key}: {value}] is missing")),
        }
    }
    for expression in &selector.match_expressions {
        let alone = Selector::of_expression(expression);
        let unset = subject.unset_root();
        let root = subject.root(&unset);
        if !alone
            .compiled
            .matches(&owner.labels, &root)
            .unwrap_or(false)
        {
            unmet.push(format!(
                "labels do not satisfy {}",
                advice::requirement(expression)
            ));
        }
    }
    for field in selector.compiled.fields() {
        let unset = subject.unset_root();
        let root = subject.root(&unset);
        if !field.matches(&root).unwrap_or(false) {
            let values = match field.values() {
                [] => String::new(),
                values => format!(" [{}]", values.join(", ")),
            };
            unmet.push(format!(
                "field [{}] does not satisfy {}{values}",
                field.path().as_str(),
                field.operator()
            ));
        }
    }
    if unmet.is_empty() && selector.compiled.score() == 0 {
        unmet.push("it has no selector, so it selects nothing".to_owned());
    }
    unmet
}

/// Finds the first resource in the flow that is not ready, failures before waiting, and who waits
/// for it.
fn cause(view: &OwnerView) -> Option<Cause> {
    if view.state == State::Ready {
        return None;
    }
    let flow: Vec<&ResourceView> = view
        .flow()
        .into_iter()
        .map(|at| &view.resources[at])
        .collect();
    let holds_up = |state: State| {
        flow.iter()
            .find(|one| one.state == state && one.reason != "InputNotAvailable")
    };
    let Some(first) = holds_up(State::Failed).or_else(|| holds_up(State::Waiting)) else {
        return Some(Cause {
            resource: None,
            needs_action: view.state == State::Failed,
            reason: view.reason.clone(),
            message: view.message.clone(),
            waiting: Vec::new(),
        });
    };
    let mut behind = vec![first.name.clone()];
    for resource in &flow {
        if resource.inputs.iter().any(|input| behind.contains(input)) {
            behind.push(resource.name.clone());
        }
    }
    behind.remove(0);
    Some(Cause {
        resource: Some(first.name.clone()),
        needs_action: first.state == State::Failed,
        reason: first.reason.clone(),
        message: first.message.clone(),
        waiting: behind,
    })
}

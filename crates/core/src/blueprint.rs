//! One pass over a `ClusterSupplyChain` or `ClusterDelivery`: are its templates there?
//!
//! Source: cartographer pkg/controllers/{supplychain,delivery}_reconciler.go.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::condition::{self, Condition, Status};
use crate::json;
use crate::key::{BlueprintKind, TemplateKind};
use crate::model::Blueprint;
use crate::realize::{Dependency, Next, Observed, Outcome};
use crate::recall::Recall;
use crate::validate;
use crate::words::{condition_type, reason};

/// Examines a blueprint. Asks for nothing.
pub fn examine(kind: BlueprintKind, observed: &Observed) -> Outcome {
    let blueprint = Blueprint::read(kind, &observed.owner);
    let mut depends_on = BTreeSet::new();
    let mut ready = templates_ready(&blueprint, |kind, name| {
        depends_on.insert(Dependency::Template {
            kind,
            name: name.into(),
        });
        observed.index.template(kind, name).is_some()
    });
    if ready.status == Status::True {
        ready.message = mistakes(&blueprint, observed);
    }
    let status = status(observed, ready);
    let current = observed.owner.get("status").unwrap_or(&Value::Null);
    Outcome {
        status: (status != *current).then_some(status),
        events: Vec::new(),
        depends_on,
        watched: BTreeSet::new(),
        next: Next::AwaitChange,
        recall: Recall::default(),
    }
}

/// Says whether all templates of a blueprint are there: the condition `TemplatesReady`.
pub(crate) fn templates_ready(
    blueprint: &Blueprint,
    mut known: impl FnMut(TemplateKind, &str) -> bool,
) -> Condition {
    let kind = condition_type::TEMPLATES_READY;
    let missing: Vec<&str> = blueprint
        .templates()
        .filter(|(resource, name)| !resource.kind().is_some_and(|kind| known(kind, name)))
        .map(|(resource, _)| resource.name.as_str())
        .collect();
    if missing.is_empty() {
        return Condition::good(kind, reason::READY);
    }
    let names = missing.join(", ");
    let text = format!("did not find the template of the resource(s) [{names}]");
    Condition::new(kind, Status::False, reason::TEMPLATES_NOT_FOUND, text)
}

/// Mistakes that the status tells at most.
const MAX_MISTAKES: usize = 5;

/// Says what of a blueprint and its templates can never work, for where no admission says it;
/// empty when nothing is wrong. It takes nothing away: what works goes on working.
fn mistakes(blueprint: &Blueprint, observed: &Observed) -> String {
    let mut all = validate::errors(&observed.owner);
    let named: BTreeSet<(TemplateKind, &str)> = blueprint
        .templates()
        .filter_map(|(resource, name)| Some((resource.kind()?, name)))
        .collect();
    for (kind, name) in named {
        let template = observed.index.template(kind, name);
        let mistakes = template.iter().flat_map(|template| &template.mistakes);
        all.extend(mistakes.map(|text| format!("{} [{name}]: {text}", kind.name())));
    }
    let more = all.len().saturating_sub(MAX_MISTAKES);
    all.truncate(MAX_MISTAKES);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join("; ")
}

fn status(observed: &Observed, condition: Condition) -> Value {
    let previous = json::list(&observed.owner, &["status", "conditions"]);
    let now = condition::timestamp(observed.now);
    let conditions = condition::finalize(vec![condition], previous, &now);
    let mut status = Map::new();
    status.insert("conditions".into(), Value::Array(conditions));
    if let Some(generation) = json::at(&observed.owner, &["metadata", "generation"]) {
        status.insert("observedGeneration".into(), generation.clone());
    }
    Value::Object(status)
}

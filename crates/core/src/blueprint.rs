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
use crate::words::{condition_type, reason};

/// Examines a blueprint. Asks for nothing.
pub fn examine(kind: BlueprintKind, observed: &Observed) -> Outcome {
    let blueprint = Blueprint::read(kind, &observed.owner);
    let mut depends_on = BTreeSet::new();
    let ready = templates_ready(&blueprint, |kind, name| {
        depends_on.insert(Dependency::Template {
            kind,
            name: name.into(),
        });
        observed.index.template(kind, name).is_some()
    });
    let status = status(observed, ready);
    let current = observed.owner.get("status").unwrap_or(&Value::Null);
    Outcome {
        status: (status != *current).then_some(status),
        events: Vec::new(),
        depends_on,
        watched: BTreeSet::new(),
        next: Next::AwaitChange,
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

//! An explanation for people and for programs.

use std::fmt::Write as _;

use carto_core::{
    explain::{Cause, LastChange, Mismatch, Selected},
    view::{ResourceView, State},
};
use serde_json::{Value, json};

use super::{
    Answer,
    look::{Look, Thing},
};
use crate::output;

/// Writers of an object that are named at most.
const MAX_CHANGES: usize = 5;
/// Fields of one writer that are named at most.
const MAX_FIELDS: usize = 6;
/// Blueprints that do not match and are named at most.
const MAX_MISMATCHES: usize = 5;

pub(super) fn text(answer: &Answer) -> String {
    let mut out = String::new();
    headline(answer, &mut out);
    if answer.asked.is_none() {
        overview(answer, &mut out);
    }
    if let Some(look) = &answer.look {
        closer(answer, look, &mut out);
    }
    let next = &answer.explanation.next;
    if answer.asked.is_none() && !next.is_empty() {
        out.push_str("\nNext\n");
        for sentence in next {
            let _ = writeln!(out, "  {sentence}");
        }
    }
    out
}

const fn word(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Waiting => "waiting",
        State::Failed => "failed",
        State::Pending => "pending",
    }
}

fn headline(answer: &Answer, out: &mut String) {
    let view = &answer.explanation.view;
    let kind = view.kind.name();
    let _ = writeln!(
        out,
        "{kind} {}/{}: {}",
        view.namespace,
        view.name,
        word(view.state)
    );
    let blueprint = answer.kind.blueprint().name();
    match &answer.explanation.selection {
        Selected::One { name, score } => {
            let requirements = if *score == 1 {
                "requirement"
            } else {
                "requirements"
            };
            let _ = writeln!(out, "{blueprint} {name}, by {score} {requirements}");
        }
        Selected::Several(names) => {
            let _ = writeln!(
                out,
                "{} of kind {blueprint} match equally well",
                names.join(", ")
            );
        }
        Selected::Invalid(why) => {
            let _ = writeln!(out, "no {blueprint} can be selected: {why}");
        }
        Selected::None(mismatches) => {
            let _ = writeln!(out, "no {blueprint} matches");
            for Mismatch { name, unmet } in mismatches.iter().take(MAX_MISMATCHES) {
                let _ = writeln!(out, "  {name}: {}", unmet.join("; "));
            }
        }
    }
}

/// One line for each resource in the order in which things flow.
fn overview(answer: &Answer, out: &mut String) {
    let view = &answer.explanation.view;
    if view.resources.is_empty() {
        if !view.message.is_empty() {
            let _ = writeln!(out, "{}", output::sentence(&view.reason, &view.message));
        }
        return;
    }
    out.push_str("\nResources\n");
    let flow: Vec<&ResourceView> = view
        .flow()
        .into_iter()
        .map(|at| &view.resources[at])
        .collect();
    let width = flow
        .iter()
        .map(|one| one.name.chars().count())
        .max()
        .unwrap_or_default();
    for resource in flow {
        let object = resource.qualified.as_deref().unwrap_or("nothing stamped");
        let word = word(resource.state);
        let _ = writeln!(out, "  {:width$}  {word:<8} {object}", resource.name);
    }
    for leftover in &view.leftovers {
        let object = leftover
            .object
            .as_ref()
            .map(|key| format!("{} {}", key.gvk.kind, key.name));
        let object = object.unwrap_or_default();
        let _ = writeln!(out, "  left over: {object}: {}", leftover.message);
    }
    if let Some(cause) = &answer.explanation.cause {
        held_up(cause, out);
    }
}

fn held_up(cause: &Cause, out: &mut String) {
    let what = cause.resource.as_deref().unwrap_or("it");
    let verb = if cause.needs_action {
        "fails"
    } else {
        "is on its way"
    };
    let message = output::sentence(&cause.reason, &cause.message);
    let _ = writeln!(out, "\n{what} {verb}: {message}");
    if !cause.waiting.is_empty() {
        let _ = writeln!(out, "waiting for it: {}", cause.waiting.join(", "));
    }
}

fn closer(answer: &Answer, look: &Look, out: &mut String) {
    let resource = &look.resource;
    let _ = writeln!(
        out,
        "\nResource {}: {}",
        resource.name,
        word(resource.state)
    );
    if answer.asked.is_some() && resource.state != State::Ready {
        let _ = writeln!(
            out,
            "  {}",
            output::sentence(&resource.reason, &resource.message)
        );
    }
    for input in &look.inputs {
        let name = match input.name.as_str() {
            "" => input.kind.to_owned(),
            name => format!("{} {name}", input.kind),
        };
        let values: Vec<String> = input
            .values
            .iter()
            .map(|(key, value)| short(key, value))
            .collect();
        let values = match values[..] {
            [] => "missing".to_owned(),
            _ => values.join(", "),
        };
        let _ = writeln!(out, "  takes {name} from {}: {values}", input.producer);
    }
    for output in &resource.outputs {
        let _ = writeln!(out, "  gives {}", short(&output.name, &output.preview));
    }
    if !look.consumers.is_empty() {
        let _ = writeln!(out, "  then comes {}", look.consumers.join(", "));
    }
    for template in &look.templates {
        thing("by", template, out);
    }
    for (word, found) in [("object", &look.object), ("run", &look.run)] {
        if let Some(found) = found {
            thing(word, found, out);
        }
    }
    for note in &look.notes {
        let _ = writeln!(out, "  {note}");
    }
}

/// The first line of a value.
fn short(name: &str, value: &str) -> String {
    let mut lines = value.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { " ..." } else { "" };
    format!("{name} {first}{more}")
}

pub(super) fn thing(word: &str, thing: &Thing, out: &mut String) {
    if !thing.exists {
        let _ = writeln!(out, "  {word} {}, which is not there", thing.title);
        return;
    }
    let _ = writeln!(out, "  {word} {}", thing.title);
    for (kind, status, message) in &thing.conditions {
        let colon = if message.is_empty() { "" } else { ": " };
        let _ = writeln!(out, "    {kind} {status}{colon}{message}");
    }
    for change in thing.changes.iter().take(MAX_CHANGES) {
        let _ = writeln!(out, "    {}", changed(change));
    }
}

fn changed(change: &LastChange) -> String {
    let mut fields: Vec<&str> = change.fields.iter().map(String::as_str).collect();
    let more = fields.len().saturating_sub(MAX_FIELDS);
    fields.truncate(MAX_FIELDS);
    let mut text = format!(
        "{} {} wrote {}",
        change.time,
        change.manager,
        fields.join(", ")
    );
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// The explanation as data.
pub(super) fn data(answer: &Answer) -> Value {
    let view = &answer.explanation.view;
    let selection = match &answer.explanation.selection {
        Selected::One { name, score } => json!({"name": name, "requirements": score}),
        Selected::Several(names) => json!({"several": names}),
        Selected::Invalid(why) => json!({"invalid": why}),
        Selected::None(mismatches) => {
            let one = |one: &Mismatch| json!({"name": one.name, "unmet": one.unmet});
            json!({"none": mismatches.iter().map(one).collect::<Vec<_>>()})
        }
    };
    let cause = answer.explanation.cause.as_ref().map(|cause| {
        json!({
            "resource": cause.resource, "needsAction": cause.needs_action,
            "reason": cause.reason, "message": cause.message, "waiting": cause.waiting,
        })
    });
    let flow = view.flow().into_iter().map(|at| &view.resources[at]);
    json!({
        "kind": view.kind.name(), "namespace": view.namespace, "name": view.name,
        "state": word(view.state), "reason": view.reason, "message": view.message,
        "blueprint": selection,
        "resources": flow.map(resource_data).collect::<Vec<_>>(),
        "cause": cause,
        "look": answer.look.as_ref().map(look_data),
        "next": answer.explanation.next,
    })
}

fn resource_data(resource: &ResourceView) -> Value {
    json!({
        "name": resource.name, "state": word(resource.state),
        "reason": resource.reason, "message": resource.message,
        "object": resource.qualified, "inputs": resource.inputs,
    })
}

fn look_data(look: &Look) -> Value {
    let input = |input: &carto_core::explain::Input| {
        let values: serde_json::Map<String, Value> = input
            .values
            .iter()
            .map(|(name, preview)| (name.clone(), preview.as_str().into()))
            .collect();
        json!({
            "kind": input.kind, "name": input.name, "from": input.producer,
            "isMissing": values.is_empty(), "values": values,
        })
    };
    json!({
        "resource": look.resource.name,
        "inputs": look.inputs.iter().map(input).collect::<Vec<_>>(),
        "consumers": look.consumers,
        "templates": look.templates.iter().map(thing_data).collect::<Vec<_>>(),
        "object": look.object.as_ref().map(thing_data),
        "run": look.run.as_ref().map(thing_data),
        "notes": look.notes,
    })
}

pub(super) fn thing_data(thing: &Thing) -> Value {
    let change = |change: &LastChange| {
        json!({
            "manager": change.manager, "operation": change.operation, "time": change.time,
            "subresource": change.subresource, "fields": change.fields,
        })
    };
    let condition = |(kind, status, message): &(String, String, String)| json!({"type": kind, "status": status, "message": message});
    json!({
        "name": thing.title, "exists": thing.exists,
        "conditions": thing.conditions.iter().map(condition).collect::<Vec<_>>(),
        "changes": thing.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

//! A plan for people and for programs.

use std::collections::BTreeMap;

use carto_core::plan::{Effect, ObjectChange, OwnerChange, Plan};
use carto_yaml::emit::k8s;
use serde_json::{Value, json};

use crate::{env::Env, error::CommandError, output};

/// Prints every owner for whom something changes, then the summary.
pub(super) fn text(plan: &Plan, diffs: bool, env: &Env) -> Result<(), CommandError> {
    for change in &plan.owners {
        env.out(&owner(change, diffs))?;
    }
    env.out(&summary(plan))?;
    Ok(())
}

fn owner(change: &OwnerChange, diffs: bool) -> String {
    let key = &change.owner;
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let mut text = format!("{} {namespace}/{}\n", key.gvk.kind, key.name);
    let blueprint = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    if change.blueprint.is_change() {
        let (before, after) = (&change.blueprint.before, &change.blueprint.after);
        text += &format!(
            "  blueprint {} -> {}\n",
            blueprint(before),
            blueprint(after)
        );
    }
    if change.ready.is_change() {
        let word = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
        text += &format!("  ready now:  {}\n", word(&change.ready.before));
        text += &format!("  ready then: {}\n", word(&change.ready.after));
    }
    for object in &change.objects {
        text += &format!("  {} {}\n", object.effect.name(), title(object));
        if diffs {
            for line in diff(object).lines() {
                text += &format!("    {line}\n");
            }
        }
    }
    text
}

fn title(object: &ObjectChange) -> String {
    let name = format!("{} {}", object.key.gvk.kind, object.key.name);
    match &object.resource {
        Some(resource) => format!("{name} (resource {resource})"),
        None => name,
    }
}

fn diff(object: &ObjectChange) -> String {
    let yaml = |value: &Option<Value>| value.as_ref().map(k8s).unwrap_or_default();
    output::unified(&yaml(&object.before), &yaml(&object.after))
}

fn summary(plan: &Plan) -> String {
    let mut effects: BTreeMap<Effect, usize> = BTreeMap::new();
    let mut worse = 0;
    for change in &plan.owners {
        for object in &change.objects {
            *effects.entry(object.effect).or_default() += 1;
        }
        let was_ready = change.ready.before.starts_with("True");
        worse += usize::from(was_ready && change.ready.after.starts_with("False"));
    }
    let count = |effect| effects.get(&effect).copied().unwrap_or_default();
    let mut text = format!(
        "{} of {} owners change: {} objects to create, {} runs to start, {} to change, {} to delete\n",
        plan.owners.len(),
        plan.examined,
        count(Effect::Create),
        count(Effect::Run),
        count(Effect::Change),
        count(Effect::Delete),
    );
    if worse > 0 {
        text += &format!("{worse} of them are ready now and would fail\n");
    }
    text
}

/// The plan as data.
pub(super) fn data(plan: &Plan) -> Value {
    let object = |object: &ObjectChange| {
        json!({
            "apiVersion": object.key.gvk.api_version(),
            "kind": &*object.key.gvk.kind,
            "namespace": object.key.namespace.as_deref(),
            "name": &*object.key.name,
            "resource": object.resource,
            "effect": object.effect.name(),
            "before": object.before,
            "after": object.after,
        })
    };
    let owner = |change: &OwnerChange| {
        json!({
            "kind": &*change.owner.gvk.kind,
            "namespace": change.owner.namespace.as_deref(),
            "name": &*change.owner.name,
            "blueprint": {"before": change.blueprint.before, "after": change.blueprint.after},
            "ready": {"before": change.ready.before, "after": change.ready.after},
            "objects": change.objects.iter().map(object).collect::<Vec<_>>(),
        })
    };
    json!({
        "examined": plan.examined,
        "owners": plan.owners.iter().map(owner).collect::<Vec<_>>(),
    })
}

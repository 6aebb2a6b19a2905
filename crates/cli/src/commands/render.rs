//! `carto render`: what templates stamp, without a cluster.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use carto_core::{
    key::{ObjectKey, OwnerKind},
    offline::{Rendered, World, plain},
    view::{OwnerView, State},
};
use serde_json::Value;

use crate::{env::Env, error::CommandError, manifests, output};

/// Shows what would be stamped, without a cluster
///
/// Reads chains, deliveries, templates and the workloads, deliverables and runnables to render.
/// Objects of other kinds in the files are taken as observed on the cluster: their status gives
/// the outputs that later steps need. Stamped objects go to the standard output, what holds a
/// step up to the standard error.
///
/// Exits 1 when a step cannot be stamped until somebody corrects something.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files, folders (searched for .yaml, .yml and .json) or - for the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only what is stamped for this resource of the chains
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// How objects are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Format,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        files,
        resource,
        output,
    } = args;
    let objects = manifests::objects(&files)?;
    let world = Arc::new(World::new(objects, BTreeMap::new(), jiff::Timestamp::now()));
    let settled = world.settle();
    if settled.passes.is_empty() {
        return Err(CommandError::user(
            "there is no workload, deliverable or runnable in these files",
        )
        .hint("name the file of one beside the chain and its templates"));
    }
    let mut stamped = Vec::new();
    let mut stuck = 0;
    for (key, rendered) in &settled.passes {
        for action in &rendered.actions {
            let Some(object) = &action.after else {
                continue;
            };
            let of = carto_core::offline::resource_of(object);
            if resource.is_none() || of == resource.as_deref() {
                stamped.push(plain(object));
            }
        }
        stuck += tell(key, rendered, &world, env);
    }
    output::objects(env, output, &stamped)?;
    if settled.restless {
        let text = "these owners undo each other's work for ever";
        return Err(CommandError::user(text));
    }
    if stuck > 0 {
        return Err(CommandError::user(format!(
            "{stuck} cannot be stamped as it is"
        )));
    }
    Ok(())
}

/// Says what holds an owner up; returns how many of its parts somebody must correct.
fn tell(key: &ObjectKey, rendered: &Rendered, world: &World, env: &Env) -> usize {
    let title = format!("{} {}", key.gvk.kind, key.name);
    let kind = match &*key.gvk.kind {
        "Workload" => OwnerKind::Workload,
        "Deliverable" => OwnerKind::Deliverable,
        _ => return tell_runnable(&title, &rendered.status, env),
    };
    let objects = world.objects();
    let owner = objects
        .iter()
        .find(|object| ObjectKey::of(object).as_ref() == Some(key));
    let Some(owner) = owner else { return 0 };
    let view = OwnerView::read(kind, owner, None);
    let Some(blueprint) = &view.blueprint else {
        env.err(&format!("{title}: {}\n", view.message));
        return 1;
    };
    env.err(&format!(
        "{title}: by {} {blueprint}\n",
        kind.blueprint().name()
    ));
    let mut stuck = 0;
    for resource in view.flow().into_iter().map(|at| &view.resources[at]) {
        let word = match resource.state {
            State::Ready => continue,
            State::Waiting | State::Pending => "waits",
            State::Failed => "fails",
        };
        stuck += usize::from(resource.state == State::Failed);
        let message = output::sentence(&resource.reason, &resource.message);
        env.err(&format!("  {} {word}: {message}\n", resource.name));
    }
    if view.resources.is_empty() && view.state == State::Failed {
        env.err(&format!(
            "  {}\n",
            output::sentence(&view.reason, &view.message)
        ));
        stuck += 1;
    }
    stuck
}

fn tell_runnable(title: &str, status: &Value, env: &Env) -> usize {
    let conditions = status["conditions"].as_array();
    let find = |kind: &str| {
        let mut all = conditions.into_iter().flatten();
        all.find(|condition| condition["type"] == *kind)
    };
    let Some(ready) = find("RunTemplateReady").filter(|one| one["status"] == "False") else {
        env.err(&format!("{title}\n"));
        return 0;
    };
    let text = |key: &str| ready[key].as_str().unwrap_or_default();
    let message = output::sentence(text("reason"), text("message"));
    env.err(&format!("{title} fails: {message}\n"));
    usize::from(text("reason") != "OutputPathNotSatisfied")
}

//! `carto plan`: what a change of chains, templates or workloads would do to a cluster.

mod print;
mod snapshot;

use std::{collections::BTreeSet, path::PathBuf};

use carto_core::{
    key::ObjectKey,
    plan::{self, Inputs, Plan},
};
use serde_json::Value;

use crate::{commands::up::runtime, env::Env, error::CommandError, live::Live, manifests, output};

/// Shows what files would change on a cluster, without changing anything
///
/// Reads the chains, templates and owners of the cluster and all that was stamped for them, puts
/// the files over that, and lets the controllers' own logic decide in memory. Prints a diff of
/// every object that would change and sums up how many owners it reaches.
///
/// Only reads. Exits 0 whether or not there are changes; with --exit-code 2 when there are.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files or folders with chains, deliveries, templates, workloads, deliverables, runnables
    #[arg(value_name = "FILE", required_unless_present_any = ["delete", "pending"])]
    files: Vec<PathBuf>,
    /// Files or folders whose objects would be deleted
    #[arg(long, value_name = "FILE")]
    delete: Vec<PathBuf>,
    /// Compares with the cluster as it is, not as its controllers would leave it: also what they
    /// have not done yet. Without files, what Carto would do where another choreographer ran
    #[arg(long)]
    pending: bool,
    /// Only owners in this namespace [default: all]
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only this owner, such as workload/web or web
    #[arg(long, value_name = "OWNER")]
    only: Option<String>,
    /// The summary without the diffs
    #[arg(long)]
    summary: bool,
    /// Exits 2 when something would change
    #[arg(long)]
    exit_code: bool,
    /// A kubeconfig file, in place of the usual ones
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// How the plan is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Shape,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        files,
        delete,
        pending,
        namespace,
        only,
        summary,
        exit_code,
        kubeconfig,
        output,
    } = args;
    let files = ours(manifests::objects(&files)?, env);
    let removed = manifests::objects(&delete)?;
    let only = only.as_deref().map(Only::parse).transpose()?;
    let inputs = runtime()?.block_on(async {
        let mut live = Live::connect(kubeconfig.as_deref()).await?;
        let here = live.default_namespace().to_owned();
        let files = placed(files, &here);
        let removed = placed(removed, &here);
        let snapshot = snapshot::take(&mut live, namespace.as_deref(), &files, env).await?;
        Ok::<_, CommandError>(Inputs {
            live: snapshot,
            files,
            removed: removed.iter().filter_map(ObjectKey::of).collect(),
            mappings: live.mappings(),
            pending,
        })
    })?;
    missing(&inputs, env);
    let mut plan = plan::plan(inputs, jiff::Timestamp::now());
    let in_scope = |key: &ObjectKey| {
        let place = namespace.as_deref();
        (place.is_none() || key.namespace.as_deref() == place)
            && only.as_ref().is_none_or(|only| only.is(key))
    };
    plan.owners.retain(|change| in_scope(&change.owner));
    match output {
        output::Shape::Text => print::text(&plan, !summary, env)?,
        shape => output::document(env, shape, &print::data(&plan))?,
    }
    finish(&plan, exit_code)
}

fn finish(plan: &Plan, exit_code: bool) -> Result<(), CommandError> {
    if plan.restless {
        let text = "with these files, owners would undo each other's work for ever";
        return Err(CommandError::user(text));
    }
    if exit_code && !plan.owners.is_empty() {
        return Err(CommandError::changes());
    }
    Ok(())
}

/// Which owner is meant.
struct Only {
    kind: Option<&'static str>,
    name: String,
}

impl Only {
    fn parse(text: &str) -> Result<Self, CommandError> {
        let Some((kind, name)) = text.split_once('/') else {
            return Ok(Self {
                kind: None,
                name: text.to_owned(),
            });
        };
        let kind = match kind.to_lowercase().as_str() {
            "workload" | "workloads" | "wld" => "Workload",
            "deliverable" | "deliverables" | "dlv" => "Deliverable",
            "runnable" | "runnables" | "run" => "Runnable",
            _ => {
                let text = format!("there is no kind of owner \"{kind}\"");
                return Err(CommandError::user(text)
                    .hint("owners are workload/NAME, deliverable/NAME and runnable/NAME"));
            }
        };
        Ok(Self {
            kind: Some(kind),
            name: name.to_owned(),
        })
    }

    fn is(&self, key: &ObjectKey) -> bool {
        self.kind.is_none_or(|kind| *key.gvk.kind == *kind) && *key.name == *self.name
    }
}

/// Leaves out what Carto does not carry; it is applied by somebody else.
fn ours(objects: Vec<Value>, env: &Env) -> Vec<Value> {
    let is_ours = |object: &Value| {
        let version = object["apiVersion"].as_str();
        version.is_some_and(|version| version.starts_with("carto.run/"))
    };
    let (ours, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_ours);
    if !others.is_empty() {
        env.err(&format!(
            "{} objects of other kinds are left out of the plan\n",
            others.len()
        ));
    }
    ours
}

/// Gives owners without a namespace the one that kubectl would.
fn placed(mut objects: Vec<Value>, namespace: &str) -> Vec<Value> {
    for object in &mut objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        let namespaced = !kind.starts_with("Cluster");
        if namespaced && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = namespace.into();
        }
    }
    objects
}

/// Says which objects to delete are not there.
fn missing(inputs: &Inputs, env: &Env) {
    let live: BTreeSet<ObjectKey> = inputs.live.iter().filter_map(ObjectKey::of).collect();
    for key in inputs.removed.difference(&live) {
        env.err(&format!(
            "{} {} is not there anyway\n",
            key.gvk.kind, key.name
        ));
    }
}

//! `carto explain`: why an owner, or one resource of it, is where it is.

mod look;
mod print;

use std::{path::PathBuf, sync::Arc};

use carto_core::{
    explain::{self, Explanation},
    key::{Gvk, ObjectKey, OwnerKind},
    model::Blueprint,
};
use serde_json::Value;

use crate::{commands::up::runtime, env::Env, error::CommandError, live::Live, output};
use look::Look;

/// Explains why a workload or deliverable is where it is
///
/// Says which chain carries it or why none does, which resource holds it up and why, which inputs
/// are missing and from whom, who changed what last, and what comes next. With RESOURCE it tells
/// everything about that step.
///
/// Only reads. Exits 0 whatever the answer is.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of a workload, or deliverable/NAME
    #[arg(value_name = "WORKLOAD")]
    owner: String,
    /// A resource of its chain
    #[arg(value_name = "RESOURCE")]
    resource: Option<String>,
    /// Its namespace [default: that of the kubeconfig]
    #[arg(short, long)]
    namespace: Option<String>,
    /// A kubeconfig file, in place of the usual ones
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Shape,
}

pub(crate) const API_VERSION: &str = "carto.run/v1alpha1";

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        owner,
        resource,
        namespace,
        kubeconfig,
        output,
    } = args;
    let (kind, name) = named(&owner)?;
    let answer = runtime()?.block_on(async {
        let mut live = Live::connect(kubeconfig.as_deref()).await?;
        let namespace = namespace.unwrap_or_else(|| live.default_namespace().to_owned());
        let key = ObjectKey {
            gvk: Gvk::new(API_VERSION, kind.name()),
            namespace: Some(namespace.as_str().into()),
            name: name.into(),
        };
        let owner = live.get(&key).await?.ok_or_else(|| absent(&key))?;
        answer(&mut live, kind, owner, resource).await
    })?;
    match output {
        output::Shape::Text => Ok(env.out(&print::text(&answer))?),
        shape => output::document(env, shape, &print::data(&answer)),
    }
}

/// Everything that is to be said.
struct Answer {
    kind: OwnerKind,
    explanation: Explanation,
    /// The resource that was asked about.
    asked: Option<String>,
    /// A closer look at the resource that was asked about, else at the one that holds it up.
    look: Option<Look>,
}

async fn answer(
    live: &mut Live,
    kind: OwnerKind,
    owner: Value,
    asked: Option<String>,
) -> Result<Answer, CommandError> {
    let gvk = Gvk::new(API_VERSION, kind.blueprint().name());
    let blueprints = live.list(&gvk, None, "").await?;
    let read = |object: &Value| Arc::new(Blueprint::read(kind.blueprint(), object));
    let blueprints = blueprints.iter().map(read).collect();
    let explanation = explain::explain(kind, &Arc::new(owner), blueprints);
    if let Some(name) = &asked {
        known(name, &explanation)?;
    }
    let cause = explanation.cause.as_ref();
    let closer = asked
        .clone()
        .or_else(|| cause.and_then(|cause| cause.resource.clone()));
    let look = match closer {
        Some(name) => Some(look::at(live, &explanation, &name).await),
        None => None,
    };
    Ok(Answer {
        kind,
        explanation,
        asked,
        look,
    })
}

fn named(owner: &str) -> Result<(OwnerKind, &str), CommandError> {
    let Some((kind, name)) = owner.split_once('/') else {
        return Ok((OwnerKind::Workload, owner));
    };
    match kind.to_lowercase().as_str() {
        "workload" | "workloads" | "wld" => Ok((OwnerKind::Workload, name)),
        "deliverable" | "deliverables" | "dlv" => Ok((OwnerKind::Deliverable, name)),
        _ => Err(
            CommandError::user(format!("there is no kind of owner \"{kind}\""))
                .hint("name a workload, or deliverable/NAME"),
        ),
    }
}

fn absent(key: &ObjectKey) -> CommandError {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    CommandError::user(format!(
        "there is no {} \"{}\" in namespace \"{namespace}\"",
        key.gvk.kind.to_lowercase(),
        key.name
    ))
    .hint("name another namespace with -n")
}

fn known(name: &str, explanation: &Explanation) -> Result<(), CommandError> {
    let resources = &explanation.view.resources;
    if resources.iter().any(|resource| resource.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = resources.iter().map(|one| one.name.as_str()).collect();
    let error = CommandError::user(format!("it has no resource \"{name}\""));
    Err(match names[..] {
        [] => error.hint("it has no resources yet: ask without naming one"),
        _ => error.hint(format!("it has {}", names.join(", "))),
    })
}

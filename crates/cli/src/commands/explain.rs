//! `carto explain`: why an owner, or one resource of it, is where it is.

mod look;
mod print;
mod runnable;

use std::{path::PathBuf, sync::Arc};

use carto_core::{
    explain::{self, Explanation},
    key::{Gvk, ObjectKey, OwnerKind},
    model::Blueprint,
};
use serde_json::Value;

use crate::{commands::up::runtime, env::Env, error::CommandError, live::Live, output};
use look::Look;

/// Explains why a workload, deliverable or runnable is where it is
///
/// Says which chain carries it or why none does, which resource holds it up and why, which inputs
/// are missing and from whom, who changed what last, and what comes next. With RESOURCE it tells
/// everything about that step; of a runnable it tells its template, its newest run and its outputs.
///
/// Only reads. Exits 0 whatever the answer is.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of a workload, or deliverable/NAME, or runnable/NAME
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
    let (asked, name) = named(&owner)?;
    if let (Asked::Runnable, Some(name)) = (asked, &resource) {
        let error = CommandError::user(format!("a runnable has no resource \"{name}\""));
        return Err(error.hint("ask for the runnable alone"));
    }
    let (text, data) = runtime()?.block_on(async {
        let mut live = Live::connect(kubeconfig.as_deref()).await?;
        let namespace = namespace.unwrap_or_else(|| live.default_namespace().to_owned());
        let key = ObjectKey {
            gvk: Gvk::new(API_VERSION, asked.kind()),
            namespace: Some(namespace.as_str().into()),
            name: name.into(),
        };
        let object = live.get(&key).await?.ok_or_else(|| absent(&key))?;
        match asked {
            Asked::Owner(kind) => {
                let answer = answer(&mut live, kind, object, resource).await?;
                Ok::<_, CommandError>((print::text(&answer), print::data(&answer)))
            }
            Asked::Runnable => {
                let answer = runnable::answer(&mut live, &key, &object).await;
                Ok((answer.text(), answer.data()))
            }
        }
    })?;
    match output {
        output::Shape::Text => Ok(env.out(&text)?),
        shape => output::document(env, shape, &data),
    }
}

/// What is asked about.
#[derive(Clone, Copy)]
enum Asked {
    Owner(OwnerKind),
    Runnable,
}

impl Asked {
    const fn kind(self) -> &'static str {
        match self {
            Self::Owner(kind) => kind.name(),
            Self::Runnable => "Runnable",
        }
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

fn named(owner: &str) -> Result<(Asked, &str), CommandError> {
    let Some((kind, name)) = owner.split_once('/') else {
        return Ok((Asked::Owner(OwnerKind::Workload), owner));
    };
    match kind.to_lowercase().as_str() {
        "workload" | "workloads" | "wld" => Ok((Asked::Owner(OwnerKind::Workload), name)),
        "deliverable" | "deliverables" | "dlv" => Ok((Asked::Owner(OwnerKind::Deliverable), name)),
        "runnable" | "runnables" | "run" => Ok((Asked::Runnable, name)),
        _ => Err(
            CommandError::user(format!("there is no kind of owner \"{kind}\""))
                .hint("name a workload, or deliverable/NAME, or runnable/NAME"),
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

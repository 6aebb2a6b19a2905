//! `carto crds`: prints custom resource definitions for `kubectl apply -f -`.

use crate::{env::Env, error::CommandError};

/// Prints Carto's custom resource definitions as YAML
///
/// Example: carto crds | kubectl apply --server-side -f -
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Prints those of the stand-ins for Flux and kpack too
    #[arg(long)]
    actors: bool,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { actors } = args;
    env.out(&carto_server::crds_yaml(actors))?;
    Ok(())
}

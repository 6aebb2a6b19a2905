//! `carto install`: prints what a cluster needs, for `kubectl apply -f -`.

use carto_server::Installation;

use crate::{env::Env, error::CommandError};

/// Prints everything that a cluster needs to run Carto as YAML
///
/// Example: carto install | kubectl apply --server-side -f -
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the controllers run
    #[arg(long, value_name = "NAME", default_value = "carto-system")]
    namespace: String,
    /// The image that holds carto [default: the published one of this version]
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Replicas of the controllers; one of them works, the others wait
    #[arg(long, value_name = "N", default_value_t = 2)]
    replicas: u32,
    /// Sets up the validating webhook too
    #[arg(long)]
    webhook: bool,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        namespace,
        image,
        replicas,
        webhook,
    } = args;
    let installation = Installation {
        namespace,
        image,
        replicas,
        webhook,
    };
    env.out(&installation.yaml())?;
    Ok(())
}

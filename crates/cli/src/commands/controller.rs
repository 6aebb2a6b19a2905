//! `carto controller`: the controllers alone, against any Kubernetes API.

use std::path::PathBuf;

use crate::{
    commands::up::{interrupted, runtime},
    env::Env,
    error::CommandError,
};

/// Runs the controllers against a Kubernetes API
///
/// Uses KUBECONFIG, the in-cluster configuration or ~/.kube/config as kubectl does. Prints
/// "ready" when its indexes are in sync.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A kubeconfig file, in place of the usual ones
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { kubeconfig } = args;
    runtime()?.block_on(async {
        let signals = interrupted();
        let client = carto_server::remote_client(kubeconfig.as_deref())
            .await
            .map_err(|error| {
                CommandError::config(error.to_string())
                    .hint("name a kubeconfig with --kubeconfig FILE or KUBECONFIG")
            })?;
        let controllers = carto_server::start_controllers(client)
            .await
            .map_err(|error| CommandError::config(error.to_string()))?;
        tokio::pin!(signals);
        tokio::select! {
            () = controllers.synced() => {}
            () = &mut signals => return Ok(()),
        }
        env.out("ready\n")?;
        signals.await;
        controllers.stop().await;
        Ok(())
    })
}

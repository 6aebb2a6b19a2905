//! `carto controller`: the controllers alone, against any Kubernetes API.

use std::{path::PathBuf, time::Duration};

use carto_server::{Lease, Replica, ReplicaConfig, ReplicaError, Webhook};

use crate::{
    commands::up::{interrupted, no_threads},
    env::Env,
    error::CommandError,
    logging,
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
    /// Writes only while holding this lease, so that several replicas can run
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = parse_lease)]
    lease: Option<(String, String)>,
    /// How long a lease holds that is not renewed, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease_duration: u64,
    /// Passes over owners at a time, of all kinds together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent: Option<u16>,
    /// Serves /metrics, /healthz and /readyz on this port
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// Serves the validating webhook on this port, with a certificate of its own
    #[arg(long, value_name = "PORT")]
    webhook_port: Option<u16>,
    /// The ValidatingWebhookConfiguration that is to trust the certificate
    #[arg(long, value_name = "NAME", default_value = "carto-validating-webhook")]
    webhook_configuration: String,
    #[command(flatten)]
    logging: logging::Args,
    #[command(flatten)]
    former: Former,
}

/// Flags of the original that divide its workers among kinds. Ours take turns between namespaces
/// instead and share one number of passes.
#[derive(clap::Args)]
struct Former {
    #[arg(long, hide = true, value_name = "N")]
    max_concurrent_workloads: Option<u16>,
    #[arg(long, hide = true, value_name = "N")]
    max_concurrent_deliveries: Option<u16>,
    #[arg(long, hide = true, value_name = "N")]
    max_concurrent_runnables: Option<u16>,
}

impl Former {
    fn is_used(&self) -> bool {
        let Self {
            max_concurrent_workloads,
            max_concurrent_deliveries,
            max_concurrent_runnables,
        } = self;
        max_concurrent_workloads
            .or(*max_concurrent_deliveries)
            .or(*max_concurrent_runnables)
            .is_some()
    }
}

fn parse_lease(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("a lease is named NAMESPACE/NAME".to_owned()),
    }
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        kubeconfig,
        lease,
        lease_duration,
        max_concurrent,
        metrics_port,
        webhook_port,
        webhook_configuration,
        logging,
        former,
    } = args;
    logging.start();
    if former.is_used() {
        env.err(
            "carto: --max-concurrent-workloads, -deliveries and -runnables have no effect: all \
             kinds share --max-concurrent\n",
        );
    }
    let config = ReplicaConfig {
        concurrency: max_concurrent.map(usize::from),
        lease: lease.map(|(namespace, name)| Lease {
            namespace,
            name,
            duration: Duration::from_secs(lease_duration),
        }),
        // The original's flag, where 0 means none.
        probes: metrics_port.filter(|port| *port != 0),
        webhook: webhook_port.map(|port| Webhook {
            port,
            configuration: webhook_configuration,
        }),
    };
    let runtime = carto_server::remote_runtime().map_err(|error| no_threads(&error))?;
    runtime.block_on(async {
        let signals = interrupted();
        let remote = carto_server::remote(kubeconfig.as_deref())
            .await
            .map_err(|error| {
                CommandError::config(error.to_string())
                    .hint("name a kubeconfig with --kubeconfig FILE or KUBECONFIG")
            })?;
        let replica = Replica::start(remote, config).await.map_err(not_started)?;
        tokio::pin!(signals);
        tokio::select! {
            () = replica.synced() => {}
            () = &mut signals => return Ok(()),
        }
        env.out("ready\n")?;
        signals.await;
        replica.stop().await;
        Ok(())
    })
}

fn not_started(error: ReplicaError) -> CommandError {
    let is_port = matches!(error, ReplicaError::Listen { .. });
    let error = CommandError::config(error.to_string());
    if is_port {
        error.hint("choose another port")
    } else {
        error
    }
}

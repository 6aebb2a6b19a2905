//! One replica of the controllers against a Kubernetes API that somebody else runs, with what goes with it in a cluster:
//! the lease, probes and counters, the validating webhook.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use carto_controllers::{Config, Controllers, LeaderElection, RunError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{probes::Probes, remote::Remote, serving, webhook};

/// How one replica is run.
#[derive(Debug, Clone, Default)]
pub struct ReplicaConfig {
    /// Passes at a time, if not the usual number.
    pub concurrency: Option<usize>,
    /// The lease to hold before anything is written.
    pub lease: Option<Lease>,
    /// Port of `/healthz`, `/readyz` and `/metrics`; 0 for any free one.
    pub probes: Option<u16>,
    /// The validating webhook.
    pub webhook: Option<Webhook>,
}

/// Which lease.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How long it holds without renewal.
    pub duration: Duration,
}

/// Where the webhook listens, and which configuration names it.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The port; 0 for any free one.
    pub port: u16,
    /// Name of the `ValidatingWebhookConfiguration`.
    pub configuration: String,
}

/// Why a replica did not start.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The API refuses us.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A port cannot be opened.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// A running replica.
pub struct Replica {
    controllers: Arc<Controllers>,
    probes: Option<SocketAddr>,
    webhook: Option<SocketAddr>,
    stop: CancellationToken,
    serving: Vec<JoinHandle<()>>,
}

impl Replica {
    /// Starts a replica.
    ///
    /// # Errors
    /// When a port is taken, or the API does not know who asks.
    pub async fn start(remote: Remote, config: ReplicaConfig) -> Result<Self, ReplicaError> {
        let Remote { client, transport } = remote;
        let ReplicaConfig {
            concurrency,
            lease,
            probes,
            webhook,
        } = config;
        let probes = listen(probes).await?;
        let webhook_listener = listen(webhook.as_ref().map(|webhook| webhook.port)).await?;
        let defaults = Config::default();
        let config = Config {
            concurrency: concurrency.unwrap_or(defaults.concurrency),
            leader_election: lease.map(election),
            ..defaults
        };
        let controllers = Arc::new(Controllers::start(transport, config).await?);
        let address = |listener: &TcpListener| listener.local_addr().ok();
        let mut replica = Self {
            probes: probes.as_ref().and_then(address),
            webhook: webhook_listener.as_ref().and_then(address),
            controllers,
            stop: CancellationToken::new(),
            serving: Vec::new(),
        };
        if let Some(listener) = probes {
            let answers = Arc::new(Probes(Arc::downgrade(&replica.controllers)));
            let serving = serving::serve(listener, None, answers, replica.stop.clone());
            replica.serving.push(tokio::spawn(serving));
        }
        if let (Some(listener), Some(webhook)) = (webhook_listener, webhook) {
            let serving = webhook::run(
                listener,
                client,
                webhook.configuration,
                replica.stop.clone(),
            );
            replica.serving.push(tokio::spawn(serving));
        }
        Ok(replica)
    }

    /// Waits until everything that is watched from the start is in the index.
    pub async fn synced(&self) {
        self.controllers.synced().await;
    }

    /// Where probes and counters are answered.
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes
    }

    /// Where the webhook listens.
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook
    }

    /// Stops in good order: the lease is let go last, so that another replica goes on where this one ended.
    pub async fn stop(self) {
        self.controllers.stop().await;
        self.stop.cancel();
        for serving in self.serving {
            if let Err(error) = serving.await {
                tracing::error!(%error, "a server ended in a defect");
            }
        }
    }
}

fn election(lease: Lease) -> LeaderElection {
    let Lease {
        namespace,
        name,
        duration,
    } = lease;
    LeaderElection {
        duration,
        ..LeaderElection::new(&namespace, &name, &identity())
    }
}

/// The host, which in a cluster is the pod, and something that differs from process to process, as client-go has it.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "carto",
        host => host,
    };
    let since = jiff::Timestamp::now().as_nanosecond();
    format!("{host}_{}_{since:x}", std::process::id())
}

/// Opens a port on every address of the machine: probes, scrapers and the API server come from elsewhere.
async fn listen(port: Option<u16>) -> Result<Option<TcpListener>, ReplicaError> {
    let Some(port) = port else { return Ok(None) };
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = match TcpListener::bind(both).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            // No IPv6 here.
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
        }
        bound => bound,
    };
    listener
        .map(Some)
        .map_err(|source| ReplicaError::Listen { port, source })
}

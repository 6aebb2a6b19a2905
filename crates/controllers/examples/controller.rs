//! The controllers alone, for development: `controller KUBECONFIG [LEASE-IDENTITY]`.
//!
//! Prints `ready` when everything is in sync, and the counters as a line of JSON for each line read from standard
//! input. Ends on SIGINT or SIGTERM. `RUST_LOG` sets what is logged. Users have `carto controller`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for development"
)]

use std::path::Path;

use carto_controllers::{Config, Controllers, LeaderElection};
use kube::config::KubeConfigOptions;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: controller KUBECONFIG [LEASE-IDENTITY]")?;
    let kubeconfig = kube::config::Kubeconfig::read_from(Path::new(&path))?;
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = kube::Client::try_from(config)?;
    let leader_election = args
        .next()
        .map(|identity| LeaderElection::new("default", "carto-controller", &identity));
    let controllers = Controllers::start(
        client,
        Config {
            leader_election,
            ..Config::default()
        },
    )
    .await?;
    let (mut int, mut term) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = true;
    tokio::select! {
        () = controllers.synced() => println!("ready"),
        _ = int.recv() => return Ok(()),
        _ = term.recv() => return Ok(()),
    }
    loop {
        tokio::select! {
            line = lines.next_line(), if reading => match line {
                Ok(Some(_)) => println!("{}", serde_json::to_string(&Report::of(&controllers))?),
                _ => reading = false,
            },
            _ = int.recv() => break,
            _ = term.recv() => break,
        }
    }
    eprintln!("{}", serde_json::to_string(&Report::of(&controllers))?);
    controllers.stop().await;
    Ok(())
}

#[derive(serde::Serialize)]
struct Report {
    idle: bool,
    hop_count: u64,
    hop_p50_us: u128,
    hop_p99_us: u128,
    pass_p50_us: u128,
    pass_p99_us: u128,
    #[serde(flatten)]
    all: carto_controllers::metrics::Snapshot,
}

impl Report {
    fn of(controllers: &Controllers) -> Self {
        let all = controllers.metrics();
        let micros = |of: &carto_controllers::metrics::Distribution, share| {
            of.quantile(share).unwrap_or_default().as_micros()
        };
        Self {
            idle: controllers.is_idle(),
            hop_count: all.hops.count(),
            hop_p50_us: micros(&all.hops, 0.5),
            hop_p99_us: micros(&all.hops, 0.99),
            pass_p50_us: micros(&all.passes, 0.5),
            pass_p99_us: micros(&all.passes, 0.99),
            all,
        }
    }
}

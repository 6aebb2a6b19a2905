//! `cargo xtask bench`: what the choreographer itself costs.
//!
//! The templates stamp objects whose outputs exist as soon as the object does, so that nobody
//! else's work is timed. On the embedded home everything runs in this process; with
//! `--kubeconfig` only the controllers do. Numbers are only meaningful in release builds, so the
//! task builds and runs itself again as one.

mod fleet;
mod hop;
mod process;
mod report;
mod scale;
mod stage;

use std::{path::PathBuf, process::Command};

use anyhow::{Context, bail};
use clap::Subcommand;

/// Which benchmark.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A source change crosses a chain of four objects: our share of each hop, and the whole.
    Hop(hop::Args),
    /// Many workloads at once: time to converge, requests and writes per workload, idle, restart.
    Scale(scale::Args),
}

/// Where to run and how to print.
#[derive(clap::Args, Clone)]
pub(crate) struct Common {
    /// Use the API of this kubeconfig (cluster-admin) instead of the embedded home.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Workloads that are there.
    #[arg(long, default_value_t = 1_000)]
    workloads: usize,
    /// Namespaces they are spread over.
    #[arg(long, default_value_t = 10)]
    namespaces: usize,
    /// Stamp one of the four objects with ytt.
    #[arg(long)]
    ytt: bool,
}

/// Runs the benchmark, in a release build.
pub(crate) fn run(bench: Bench) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return run_in_release();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match bench {
            Bench::Hop(args) => hop::run(args).await,
            Bench::Scale(args) => scale::run(args).await,
        }
    })
}

fn run_in_release() -> anyhow::Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the benchmark failed: {status}");
    }
    Ok(())
}

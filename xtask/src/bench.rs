//! `cargo xtask bench`: what the choreographer itself costs.
//!
//! The templates stamp objects whose outputs exist as soon as the object does, so that nobody
//! else's work is timed. On the embedded home the API and the controllers run in this process, as
//! they do for users; with `--kubeconfig` the controllers run in a process of their own, so that
//! what it uses is theirs. A bare client makes the same writes in the same run: times are compared
//! with its times, since machines differ. Numbers are only meaningful in release builds, so the
//! task builds and runs itself again as one.

mod beside;
mod chain;
mod fleet;
mod hop;
mod memory;
mod process;
mod report;
mod runner;
mod scale;
mod stage;

use std::{path::PathBuf, process::Command};

use anyhow::{Context, bail};
use clap::Subcommand;

/// Which benchmark.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A source change crosses a chain: our share of each hop, and the whole.
    Hop(hop::Args),
    /// Many owners at once: time to converge, requests and writes, idle, restart, idle passes.
    Scale(scale::Args),
    /// Carto and the original, one after the other on one API, by what shows from outside.
    Beside(beside::Args),
    /// What a stamped object and an owner take of the controllers' memory.
    Memory(memory::Args),
    /// The controllers alone, for the other benchmarks: answers each line with its counters.
    #[command(hide = true)]
    Controllers {
        /// The API.
        #[arg(long)]
        kubeconfig: PathBuf,
    },
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
    /// Owners that are there.
    #[arg(long, default_value_t = 1_000)]
    workloads: usize,
    /// Namespaces they are spread over.
    #[arg(long, default_value_t = 10)]
    namespaces: usize,
    /// What is choreographed.
    #[arg(long, value_enum, default_value_t = chain::Chain::Plain)]
    chain: chain::Chain,
}

impl Common {
    fn is_remote(&self) -> bool {
        self.kubeconfig.is_some()
    }
}

/// Runs the benchmark, in a release build.
pub(crate) fn run(bench: Bench) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return run_in_release();
    }
    let runtime = if matches!(bench, Bench::Controllers { .. }) {
        carto_server::remote_runtime()?
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
    };
    runtime.block_on(async {
        match bench {
            Bench::Hop(args) => hop::run(args).await,
            Bench::Scale(args) => scale::run(args).await,
            Bench::Beside(args) => beside::run(args).await,
            Bench::Memory(args) => memory::run(args).await,
            Bench::Controllers { kubeconfig } => runner::serve(&kubeconfig).await,
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

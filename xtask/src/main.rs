//! Builders' tasks: `cargo xtask <task>`. Nothing here is shipped.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "tasks print their results; figures for people need no more than a double holds"
)]

mod bench;
mod conformance;
mod extract_builtin;
mod gen_crds;
mod tests_run;
mod tidy;

use clap::{Parser, Subcommand};

/// Tasks for people who work on Carto.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs other projects' tests.
    #[command(subcommand)]
    Conformance(conformance::Suite),
    /// Extracts the data of built-in kinds from a running kube-apiserver.
    ExtractBuiltin {
        /// Kubeconfig of the server.
        #[arg(long)]
        kubeconfig: std::path::PathBuf,
    },
    /// Runs every test of the workspace and counts what was skipped and why.
    Test(tests_run::Args),
    /// Writes the custom resource definitions to config/crd, or checks that they are fresh.
    GenCrds {
        /// Changes nothing; fails when a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Measures what the choreographer itself costs.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Checks layering, external crates per layer, and the words the tree may not hold.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Conformance(suite) => conformance::run(&suite),
        Task::ExtractBuiltin { kubeconfig } => extract_builtin::run(&kubeconfig),
        Task::Test(args) => tests_run::run(&args),
        Task::GenCrds { check } => gen_crds::run(check),
        Task::Bench(bench) => bench::run(bench),
        Task::Tidy => tidy::run(),
    }
}

//! Runs the tests of the workspace and tells what was skipped.
//!
//! A test that needs a part which is not on every machine (a real cluster, kubectl, the real
//! ytt, skopeo) skips when the part is missing: it returns early and appends one line to the
//! file that `CARTO_TEST_SKIPS` names. This task sets that variable, runs the tests and prints
//! the lines, so that nothing is skipped silently.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fails when any test was skipped.
    #[arg(long)]
    no_skips: bool,
    /// Arguments for `cargo test`, after `--`.
    #[arg(last = true)]
    cargo_args: Vec<String>,
}

/// Runs `cargo test --workspace`, then reports the skipped tests.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Args {
        no_skips,
        cargo_args,
    } = args;
    let skips = skips_file()?;
    let status = Command::new(env!("CARGO"))
        .args(["test", "--workspace"])
        .args(cargo_args)
        .env("CARTO_TEST_SKIPS", &skips)
        .stdin(Stdio::null())
        .status()
        .context("cannot start cargo")?;
    let skipped = fs::read_to_string(&skips).unwrap_or_default();
    let mut lines: Vec<&str> = skipped.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    for line in &lines {
        println!("skipped: {line}");
    }
    println!("skipped tests: {}", lines.len());
    if !status.success() {
        bail!("tests failed: {status}");
    }
    if *no_skips && !lines.is_empty() {
        bail!("{} tests were skipped where none may be", lines.len());
    }
    Ok(())
}

fn skips_file() -> anyhow::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("carto-test-skips-{}", std::process::id()));
    fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

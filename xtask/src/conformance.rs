//! Other projects' own tests, run against Carto from a copy of their sources on disk.

mod cartographer;
mod cartographer_templates;
mod home;
mod kuttl;
mod swap;
pub(crate) mod ytt;

pub(crate) use cartographer::path_with_ytt;

use std::path::PathBuf;

/// Which tests to run.
#[derive(clap::Subcommand)]
pub(crate) enum Suite {
    /// ytt's tests of templates, validations and text, and its examples.
    Ytt {
        /// Sources of ytt, for instance `carvel.dev/ytt@v0.52.1` among Go's modules.
        dir: PathBuf,
        /// Only tests whose path contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Generated cases, given to the real ytt and to ours.
    YttDifferential(ytt::differential::Args),
    /// Every ytt template of Cartographer's repository and of our own, given to both.
    YttTemplates(ytt::templates::Args),
    /// Cartographer's declarative suite, on the embedded home or on a real kube-apiserver.
    Kuttl(kuttl::Args),
    /// Our scenarios on two real API servers, one driven by the original, one by Carto.
    Cartographer(cartographer::Args),
    /// From the original to Carto, back, and to Carto again, on one real API server.
    CartographerSwap(swap::Args),
    /// The tests of templates that Cartographer's repository brings, with `carto test`.
    CartographerTemplates {
        /// Sources of Cartographer.
        dir: PathBuf,
        /// The carto binary; built when it is not named.
        #[arg(long)]
        carto: Option<PathBuf>,
    },
}

/// How many tests ended how.
#[derive(Debug, Default, Clone)]
pub(crate) struct Summary {
    passed: usize,
    failures: Vec<String>,
    left_out: usize,
}

impl Summary {
    /// Counts one test; a failure is printed at once.
    pub(crate) fn count(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(problem) => {
                println!("FAILED {name}\n{problem}\n");
                self.failures.push(name.to_owned());
            }
        }
    }

    /// Says that a test is not run.
    pub(crate) fn leave_out(&mut self, name: &str, reason: &str) {
        println!("LEFT OUT {name}: {reason}");
        self.left_out += 1;
    }
}

/// Runs tests, and fails when one of them does.
///
/// # Errors
/// A failed test, or sources that cannot be read.
pub(crate) fn run(suite: &Suite) -> anyhow::Result<()> {
    let summary = match suite {
        Suite::Ytt { dir, only } => ytt::run(dir, only)?,
        Suite::YttDifferential(args) => ytt::differential::run(args)?.into_summary(),
        Suite::YttTemplates(args) => ytt::templates::run(args)?,
        Suite::Kuttl(args) => kuttl::run(args)?,
        Suite::Cartographer(args) => cartographer::run(args)?,
        Suite::CartographerSwap(args) => swap::run(args)?,
        Suite::CartographerTemplates { dir, carto } => {
            cartographer_templates::run(dir, carto.as_deref())?
        }
    };
    let failed = summary.failures.len();
    if summary.left_out > 0 {
        println!("{} left out", summary.left_out);
    }
    println!("{} passed, {failed} failed", summary.passed);
    anyhow::ensure!(failed == 0, "{failed} tests failed");
    Ok(())
}

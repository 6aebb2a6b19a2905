//! `carto test`: tests of templates and chains, kept as files.

mod case;
mod compare;
mod layout;
mod preprocess;

use std::path::PathBuf;

use crate::{env::Env, error::CommandError};
use case::{Case, Failure};

/// Tests templates and chains against expectations in files
///
/// Every folder below DIR that has no folders in it is a test: it stamps a template for a
/// workload and compares the result with what is expected. The files are those of Cartographer's
/// cartotest: template.yaml, workload.yaml, expected.yaml, supply-chain*.yaml and info.yaml; a
/// folder takes over what the folders above it have. With observed*.yaml or expected-status.yaml
/// the whole chain runs on the observed objects, and the status can be tested too.
///
/// Exits 1 when a test fails.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with the tests
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Prints names and descriptions of tests
    #[arg(short, long)]
    verbose: bool,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { directory, verbose } = args;
    match directory.metadata() {
        Err(error) => {
            let text = format!("cannot read {}: {error}", directory.display());
            return Err(CommandError::user(text));
        }
        Ok(entry) if !entry.is_dir() => {
            let text = format!("{} is not a folder", directory.display());
            return Err(CommandError::user(text));
        }
        Ok(_) => {}
    }
    let cases = layout::cases(&directory)?;
    let focused = cases.iter().any(|case| case.focus);
    let mut failed = 0;
    let chosen: Vec<&Case> = cases.iter().filter(|case| case.focus || !focused).collect();
    for case in &chosen {
        let result = case.run();
        failed += usize::from(result.is_err());
        env.out(&report(case, result.err(), verbose))?;
    }
    let passed = chosen.len() - failed;
    let summary = format!("{passed} passed, {failed} failed");
    if focused {
        let text = format!("{summary}; the suite fails while tests are focused");
        return Err(CommandError::user(text).hint("take \"focus: true\" out of info.yaml"));
    }
    if failed > 0 {
        return Err(CommandError::user(summary));
    }
    env.err(&format!("{summary}\n"));
    Ok(())
}

fn report(case: &Case, failure: Option<Failure>, verbose: bool) -> String {
    let place = case.directory.display();
    let mut text = match &failure {
        None => format!("PASS: {place}"),
        Some(_) => format!("FAIL: {place}"),
    };
    if let (true, Some(name)) = (verbose, &case.name) {
        text += &format!(" {name}");
    }
    text.push('\n');
    if let (true, Some(description)) = (verbose, &case.description) {
        text += &format!("  {description}\n");
    }
    for line in failure.iter().flat_map(|failure| failure.0.lines()) {
        text += &format!("  {line}\n");
    }
    text
}

//! `carto ytt`: the command line of ytt, for scripts that call it.

use std::ffi::OsString;
use std::time::Duration;

use carto_cli::disk::Disk;
use carto_ytt::command::{self, Outcome};

use crate::{commands::up::runtime, env::Env, error::CommandError};

/// Renders templates as ytt 0.52 does
///
/// Takes the arguments of ytt, writes what ytt writes and exits as ytt does, so that a script can call
/// `carto ytt` instead. `carto ytt --help` shows them. Differs: there are no `fmt` and `website`, and
/// templates run within budgets of steps, memory and output.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of ytt
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    args: Vec<OsString>,
}

/// How long fetching a file may take, and how large it may be.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_FETCHED_BYTES: u64 = 256 << 20;

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { args } = args;
    let args: Vec<String> = args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let disk = Disk::of_process(fetch);
    let Outcome {
        stdout,
        stderr,
        files,
        status,
    } = command::main(&args, &disk, None);
    env.err(&stderr);
    env.out_bytes(&stdout)?;
    if status != 0 {
        return Err(CommandError::reported());
    }
    let Some(writes) = files else { return Ok(()) };
    let mut printed = Ok(());
    let written = disk.write(&writes, &mut |path| {
        if printed.is_ok() {
            printed = env.out(&format!("creating: {path}\n"));
        }
    });
    if let Err(problem) = written {
        env.err(&command::failure(&problem));
        return Err(CommandError::reported());
    }
    Ok(printed?)
}

fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let failed = |problem: String| format!("Requesting URL '{url}': {problem}");
    let runtime = runtime().map_err(|_| failed("cannot start worker threads".to_owned()))?;
    runtime
        .block_on(carto_server::fetch(url, FETCH_TIMEOUT, MAX_FETCHED_BYTES))
        .map_err(failed)
}

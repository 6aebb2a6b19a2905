//! What the binary does when it starts itself again: the file server of static images, and the parent of every
//! container process.
//!
//! Called before anything else in `main`, without an asynchronous runtime and without configuration.

pub mod static_server;
pub mod supervise;
mod tie;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 64;

/// Runs one internal command; `args` are the words after the hidden subcommand.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    match args.split_first() {
        Some((command, rest)) if command == "static-server" => static_server::main(rest),
        Some((command, _)) if command == "supervise" => supervise::main(),
        Some((command, rest)) if command == "tie" => tie::main(rest),
        Some((command, _)) => usage(&format!("there is no internal command '{command}'")),
        None => usage("an internal command is missing"),
    }
}

fn usage(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(USAGE)
}

/// Internal commands talk to logs, not to people: plain lines on standard error.
pub(crate) fn complain(message: &str) {
    drop(writeln!(std::io::stderr(), "carto: {message}"));
}

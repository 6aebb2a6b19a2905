//! What `carto` runs as a child of itself: the file server of static images, the parent of every
//! container process. Not for people; handled before anything else starts.

use std::{ffi::OsString, process::ExitCode};

/// The hidden subcommand.
const WORD: &str = "internal";

/// Runs an internal command when this process was started for one.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let asked = args.next().is_some_and(|word| word == WORD);
    asked.then(|| carto_server::internal(args.collect::<Vec<OsString>>()))
}

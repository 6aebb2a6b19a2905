//! `tie PROGRAM ARGS…`: becomes the program, which the kernel kills when its parent dies.
//!
//! The request (`PR_SET_PDEATHSIG`) survives the change of program, and can be made without `unsafe` only by the process
//! itself. Used where no process namespace does the same.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use super::complain;
use super::supervise::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_SETUP};

pub(super) fn main(words: &[String]) -> ExitCode {
    let Some((program, args)) = words.split_first() else {
        complain("tie: a program is missing");
        return ExitCode::from(EXIT_SETUP);
    };
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        complain(&format!("cannot tie '{program}' to its parent: {error}"));
        return ExitCode::from(EXIT_SETUP);
    }
    let error = Command::new(program).args(args).exec();
    complain(&format!("cannot start '{program}': {error}"));
    ExitCode::from(match error.kind() {
        std::io::ErrorKind::NotFound => EXIT_NOT_FOUND,
        _ => EXIT_NOT_EXECUTABLE,
    })
}

//! Ends what a former life of this home left running.
//!
//! Nothing should be left: see [`crate::internal::supervise`]. A process that lost its supervisor to somebody's
//! `kill -9` is still found by the state folder in its environment; the folder is ours alone while it is locked.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::internal::supervise::STATE_VARIABLE;

/// Kills every process that was started for the state folder, and says how many there were.
pub(crate) fn end(state: &Path) -> usize {
    let mark = format!("{STATE_VARIABLE}={}", state.display());
    let marked = |pid: Pid| {
        let file = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let environment = fs::read(file).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    };
    let processes = fs::read_dir("/proc").into_iter().flatten();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != getpid() && marked(*pid))
        .filter(|pid| kill_process(*pid, Signal::KILL).is_ok())
        .count()
}

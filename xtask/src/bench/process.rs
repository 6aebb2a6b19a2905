//! What a process has used, from /proc.

use std::{fs, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

/// Processor time and memory of a process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    /// User and system time since the start, that of ended children included.
    pub(super) cpu: Duration,
    /// Resident memory, in bytes.
    pub(super) resident_bytes: u64,
    /// The most that was resident so far.
    pub(super) peak_bytes: u64,
    /// Of what is resident what is no part of a file, as the program itself is.
    pub(super) anonymous_bytes: u64,
}

/// Reads the usage of this process; zeros where there is no /proc.
pub(super) fn usage() -> Usage {
    usage_of(Path::new("/proc/self"))
}

/// Reads the usage of the process with this folder in /proc; zeros where there is none.
pub(super) fn usage_of(folder: &Path) -> Usage {
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    let bytes = |name| status_bytes(&status, name).unwrap_or_default();
    Usage {
        cpu: cpu(folder).unwrap_or_default(),
        resident_bytes: bytes("VmRSS:"),
        peak_bytes: bytes("VmHWM:"),
        anonymous_bytes: bytes("RssAnon:"),
    }
}

fn cpu(folder: &Path) -> Option<Duration> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    // utime, stime, cutime, cstime.
    let ticks = fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>());
    let ticks: u64 = ticks.sum::<Result<_, _>>().ok()?;
    // USER_HZ is 100 on every Linux that Rust supports.
    Some(Duration::from_millis(ticks * 10))
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

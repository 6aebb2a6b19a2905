//! What this process has used, from /proc.

use std::{fs, time::Duration};

use serde::{Deserialize, Serialize};

/// Processor time and memory of this process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    /// User and system time since the start.
    pub(super) cpu: Duration,
    /// Resident memory, in bytes.
    pub(super) resident_bytes: u64,
    /// The most that was resident so far.
    pub(super) peak_bytes: u64,
    /// Of what is resident what is no part of a file, as the program itself is.
    pub(super) anonymous_bytes: u64,
}

/// Reads the usage; zeros where there is no /proc.
pub(super) fn usage() -> Usage {
    Usage {
        cpu: cpu().unwrap_or_default(),
        resident_bytes: status_bytes("VmRSS:").unwrap_or_default(),
        peak_bytes: status_bytes("VmHWM:").unwrap_or_default(),
        anonymous_bytes: status_bytes("RssAnon:").unwrap_or_default(),
    }
}

fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // USER_HZ is 100 on every Linux that Rust supports.
    Some(Duration::from_millis(ticks * 10))
}

fn status_bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

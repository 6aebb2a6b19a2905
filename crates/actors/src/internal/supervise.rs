//! The parent of a container's process: `supervise`, told what to do by one line of JSON on standard input.
//!
//! Standard input stays open for as long as the home lives. `term` on it asks the process to end; its end (the home
//! stopped, crashed or was killed) kills everything at once. With a process namespace of its own this process is its
//! first one, so that the kernel ends all others with it; without, it adopts orphans (`PR_SET_CHILD_SUBREAPER`) and kills
//! whatever descends from it. Either way no process outlives the home.
//!
//! The exit code is the container's (128 + n for signal n); the codes below are ours, as with container runtimes.

mod descendants;
mod isolate;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use serde::{Deserialize, Serialize};

use super::complain;

/// An overlay could not be mounted: the caller copies the image instead.
pub(crate) const EXIT_NO_OVERLAY: u8 = 123;
/// The container could not be prepared.
pub(crate) const EXIT_SETUP: u8 = 125;
/// The command is there and cannot be run.
pub(crate) const EXIT_NOT_EXECUTABLE: u8 = 126;
/// The command is not there.
pub(crate) const EXIT_NOT_FOUND: u8 = 127;

/// A specification longer than this is refused.
const MAX_SPEC_BYTES: u64 = 4 * 1024 * 1024;

/// What to run, and how far apart from the machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Inside the root.
    pub(crate) workdir: String,
    /// The container's file system; without one the process sees the machine's.
    pub(crate) root: Option<Root>,
    /// Put into the root before the process starts.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// User and group, where this process may change them.
    pub(crate) user: Option<(u32, u32)>,
    /// Whether this process is the first of a process namespace.
    pub(crate) own_namespace: bool,
}

/// Where the container's file system comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Root {
    /// The image below, changes above.
    Overlay {
        lower: PathBuf,
        upper: PathBuf,
        work: PathBuf,
        merged: PathBuf,
    },
    /// A folder of the container's own.
    Folder(PathBuf),
}

impl Root {
    fn path(&self) -> &PathBuf {
        match self {
            Root::Overlay { merged, .. } | Root::Folder(merged) => merged,
        }
    }
}

/// A file or folder of the machine, seen inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    /// Absolute, inside the root.
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

pub(super) fn main() -> ExitCode {
    match run() {
        Ok(code) | Err(Failure::Said(code)) => ExitCode::from(code),
        Err(Failure::Say(code, message)) => {
            complain(&message);
            ExitCode::from(code)
        }
    }
}

pub(crate) enum Failure {
    Said(u8),
    Say(u8, String),
}

impl Failure {
    pub(crate) fn setup(what: &str) -> impl FnOnce(io::Error) -> Failure + '_ {
        move |error| Failure::Say(EXIT_SETUP, format!("{what}: {error}"))
    }
}

fn run() -> Result<u8, Failure> {
    let spec = read_spec()?;
    if !spec.own_namespace {
        descendants::adopt_orphans().map_err(Failure::setup("cannot adopt orphans"))?;
    }
    if let Some(root) = &spec.root {
        isolate::enter(root, &spec.mounts)?;
    }
    let child = spawn(&spec)?;
    let own_namespace = spec.own_namespace;
    // Only the standard library's own reader of standard input is safe to use from two places.
    std::thread::spawn(move || obey(child, own_namespace));
    let code = wait_for(child);
    if !own_namespace {
        descendants::kill_all();
    }
    Ok(code)
}

/// Reads byte by byte up to the first line end, so that later commands stay in the pipe.
fn read_spec() -> Result<Spec, Failure> {
    let mut line = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_SPEC_BYTES)
        .read_until(b'\n', &mut line)
        .map_err(Failure::setup("cannot read the specification"))?;
    serde_json::from_slice(&line).map_err(|error| {
        Failure::Say(
            EXIT_SETUP,
            format!("cannot understand the specification: {error}"),
        )
    })
}

fn spawn(spec: &Spec) -> Result<Pid, Failure> {
    let Some((program, args)) = spec.command.split_first() else {
        return Err(Failure::Say(
            EXIT_SETUP,
            "the container has no command".to_owned(),
        ));
    };
    let workdir = if spec.workdir.is_empty() {
        "/"
    } else {
        &spec.workdir
    };
    if spec.root.is_some() {
        std::fs::create_dir_all(workdir)
            .map_err(Failure::setup("cannot make the working directory"))?;
    }
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(&spec.env)
        .current_dir(workdir)
        .stdin(Stdio::null())
        .process_group(0);
    if let Some((user, group)) = spec.user {
        command.uid(user).gid(group);
    }
    let child = command.spawn().map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => EXIT_NOT_FOUND,
            io::ErrorKind::PermissionDenied => EXIT_NOT_EXECUTABLE,
            _ => EXIT_SETUP,
        };
        Failure::Say(code, format!("cannot start '{program}': {error}"))
    })?;
    Ok(Pid::from_child(&child))
}

/// Reaps every child, orphans too, until the container's process has ended.
fn wait_for(child: Pid) -> u8 {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                let code = status
                    .exit_status()
                    .or_else(|| status.terminating_signal().map(|n| 128 + n));
                return code
                    .and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(u8::MAX);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Cannot happen while the child is ours to wait for; ending is the safe answer.
            Err(_) => return EXIT_SETUP,
        }
    }
}

/// Follows the commands of the home until it is gone.
fn obey(child: Pid, own_namespace: bool) {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("term") => {
                let _ = kill_process_group(child, Signal::TERM);
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let _ = kill_process_group(child, Signal::KILL);
    if !own_namespace {
        descendants::kill_all();
    }
    std::process::exit(128 + Signal::KILL.as_raw());
}

//! The parent of a container's process: `supervise`, told what to do over the socket that is its standard input.
//!
//! The first line is the [`Spec`]; [`Order`]s follow, and [`Reply`]s come back, one JSON value a line. The socket stays
//! open for as long as the home lives: its end (the home stopped, crashed or was killed) kills everything at once. With
//! a process namespace of its own this process is its first one, so that the kernel ends all others with it; without, it
//! adopts orphans (`PR_SET_CHILD_SUBREAPER`), kills whatever descends from it, and its child asks the kernel to be
//! killed with it ([`super::tie`]). Either way no process outlives the home; one that hid well enough is found by
//! [`STATE_VARIABLE`] in its environment when the home starts again.
//!
//! The exit code is the container's (128 + n for signal n); the codes below are ours, as with container runtimes.

mod descendants;
mod execute;
mod isolate;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use serde::{Deserialize, Serialize};

use self::execute::Running;
use super::complain;

/// An overlay could not be mounted: the caller copies the image instead.
pub(crate) const EXIT_NO_OVERLAY: u8 = 123;
/// The container could not be prepared.
pub(crate) const EXIT_SETUP: u8 = 125;
/// The command is there and cannot be run.
pub(crate) const EXIT_NOT_EXECUTABLE: u8 = 126;
/// The command is not there.
pub(crate) const EXIT_NOT_FOUND: u8 = 127;

/// Names the state folder in the environment of every process that the home starts.
pub(crate) const STATE_VARIABLE: &str = "CARTO_STATE_FOLDER";

/// A specification longer than this is refused.
const MAX_SPEC_BYTES: u64 = 4 * 1024 * 1024;

/// What to run, and how far apart from the machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The whole environment, or what is added to that of the home.
    pub(crate) env: BTreeMap<String, String>,
    /// Whether the home's environment is there too: for tools of the machine, not for containers.
    #[serde(default)]
    pub(crate) inherit_env: bool,
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
    /// The command line that ties a program to its parent, where no namespace does.
    #[serde(default)]
    pub(crate) tie: Vec<String>,
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

/// What the home asks for while the process runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Order {
    /// Ask the process to end.
    Terminate,
    /// Run a command beside the process, seeing what it sees.
    Execute {
        id: u64,
        command: Vec<String>,
        timeout_ms: u64,
    },
}

/// What the home is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reply {
    /// The process was started.
    Started,
    /// A command that was run beside it has ended.
    Executed {
        id: u64,
        code: Option<u8>,
        output: String,
    },
}

pub(super) fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(Failure(code, message)) => {
            complain(&message);
            ExitCode::from(code)
        }
    }
}

/// Why the container's process was not started: an exit code, and words for the log.
pub(crate) struct Failure(u8, String);

impl Failure {
    pub(crate) fn setup(what: &str) -> impl FnOnce(io::Error) -> Failure + '_ {
        move |error| Failure(EXIT_SETUP, format!("{what}: {error}"))
    }
}

/// Commands that run beside the container's process.
static BESIDE: Mutex<BTreeMap<i32, Running>> = Mutex::new(BTreeMap::new());

fn run() -> Result<u8, Failure> {
    let spec = read_spec()?;
    if !spec.own_namespace {
        descendants::adopt_orphans().map_err(Failure::setup("cannot adopt orphans"))?;
    }
    if let Some(root) = &spec.root {
        isolate::enter(root, &spec.mounts)?;
    }
    let child = spawn(&spec)?;
    reply(&Reply::Started);
    let own_namespace = spec.own_namespace;
    std::thread::spawn(move || obey(child, &spec));
    let code = wait_for(child);
    if !own_namespace {
        descendants::kill_all();
    }
    Ok(code)
}

/// Reads byte by byte up to the first line end, so that later orders stay in the socket.
fn read_spec() -> Result<Spec, Failure> {
    let mut line = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_SPEC_BYTES)
        .read_until(b'\n', &mut line)
        .map_err(Failure::setup("cannot read the specification"))?;
    serde_json::from_slice(&line).map_err(|error| {
        Failure(
            EXIT_SETUP,
            format!("cannot understand the specification: {error}"),
        )
    })
}

fn spawn(spec: &Spec) -> Result<Pid, Failure> {
    if spec.root.is_some() {
        std::fs::create_dir_all(workdir(spec))
            .map_err(Failure::setup("cannot make the working directory"))?;
    }
    let Some(program) = spec.command.first() else {
        return Err(Failure(
            EXIT_SETUP,
            "the container has no command".to_owned(),
        ));
    };
    let child = command(spec, &spec.command).spawn().map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => EXIT_NOT_FOUND,
            io::ErrorKind::PermissionDenied => EXIT_NOT_EXECUTABLE,
            _ => EXIT_SETUP,
        };
        Failure(code, format!("cannot start '{program}': {error}"))
    })?;
    Ok(Pid::from_child(&child))
}

fn workdir(spec: &Spec) -> &str {
    if spec.workdir.is_empty() {
        "/"
    } else {
        &spec.workdir
    }
}

/// A command that sees what the container's process sees. `words` is not empty.
fn command(spec: &Spec, words: &[String]) -> Command {
    let words: Vec<&String> = spec.tie.iter().chain(words).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    if !spec.inherit_env {
        command.env_clear();
    }
    command
        .envs(&spec.env)
        .current_dir(workdir(spec))
        .stdin(Stdio::null())
        .process_group(0);
    if let Some((user, group)) = spec.user {
        command.uid(user).gid(group);
    }
    command
}

/// Reaps every child, orphans too, until the container's process has ended.
fn wait_for(child: Pid) -> u8 {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let code = status
                    .exit_status()
                    .or_else(|| status.terminating_signal().map(|n| 128 + n))
                    .and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(u8::MAX);
                if pid == child {
                    return code;
                }
                execute::ended(&BESIDE, pid, code);
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // Cannot happen while the child is ours to wait for; ending is the safe answer.
            Err(_) => return EXIT_SETUP,
        }
    }
}

/// Follows the orders of the home until it is gone.
fn obey(child: Pid, spec: &Spec) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Order::Terminate) => {
                let _ = kill_process_group(child, Signal::TERM);
            }
            Ok(Order::Execute {
                id,
                command: words,
                timeout_ms,
            }) => execute::start(&BESIDE, id, words, timeout_ms, |words| command(spec, words)),
            Err(error) => complain(&format!("cannot understand an order: {error}")),
        }
    }
    let _ = kill_process_group(child, Signal::KILL);
    if !spec.own_namespace {
        descendants::kill_all();
    }
    std::process::exit(128 + Signal::KILL.as_raw());
}

/// Tells the home, through the socket that orders come from.
fn reply(reply: &Reply) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let Ok(mut line) = serde_json::to_vec(reply) else {
        return;
    };
    line.push(b'\n');
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // A home that is gone needs no answer.
    drop(Answers.write_all(&line));
}

/// The writing direction of standard input.
struct Answers;

impl Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdin(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! The homes that a suite runs on: Carto's own API server, or a real control plane with a
//! controller beside it. Everything started here ends with its value.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, bail};

/// How long a part may take to say that it is ready.
const START: Duration = Duration::from_secs(90);
/// How long a part may take to end after it was asked to.
const END: Duration = Duration::from_secs(20);

/// A process that ends when this value does.
pub(crate) struct Part {
    child: Child,
    name: String,
}

impl Part {
    /// Starts a program, its words in the file `log`.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub(crate) fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = fs::File::create(log).with_context(|| log.display().to_string())?;
        let child = command
            .stdin(Stdio::piped())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    /// Starts a program and waits until it prints a line that begins with `ready`.
    ///
    /// # Errors
    /// A program that cannot be started, ends, or is not ready in time; with its last words.
    pub(crate) fn start_ready(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = fs::File::create(log).with_context(|| log.display().to_string())?;
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(file)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let part = Self { child, name };
        let (send, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.starts_with("ready") && send.send(()).is_err() {
                    return;
                }
            }
        });
        match ready.recv_timeout(START) {
            Ok(()) => Ok(part),
            Err(_) => bail!(
                "{} was not ready: {}",
                part.name,
                fs::read_to_string(log).unwrap_or_default()
            ),
        }
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Part {
    /// Asks it to end, by the end of its input and by SIGTERM; ends it when it does not.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let id = self.child.id().to_string();
        let _asked = Command::new("kill").arg(&id).stderr(Stdio::null()).status();
        let begin = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begin.elapsed() > END {
                let _killed = self.child.kill();
                let _reaped = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Where the parts that are not built here are found.
#[derive(clap::Args, Clone)]
pub(crate) struct Tools {
    /// The carto binary [default: built now]
    #[arg(long)]
    carto: Option<PathBuf>,
    /// A program that serves a real control plane with `up --dir DIR --fsync=false --stdin`
    #[arg(long, env = "CARTO_TEST_CONTROL_PLANE")]
    control_plane: Option<PathBuf>,
}

impl Tools {
    /// The binary that users get.
    ///
    /// # Errors
    /// It does not build.
    pub(crate) fn carto(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.carto {
            return Ok(path.clone());
        }
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--bin", "carto"])
            .args(["--message-format", "json-render-diagnostics"])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let executable = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
        executable.context("carto was not built")
    }

    /// Starts a real control plane in `dir`; its administrator's kubeconfig is
    /// `DIR/token.kubeconfig`.
    ///
    /// # Errors
    /// No program is named, or it does not start.
    pub(crate) fn control_plane(&self, dir: &Path) -> anyhow::Result<Part> {
        let program = self
            .control_plane
            .as_ref()
            .context("name a control plane: --control-plane or CARTO_TEST_CONTROL_PLANE")?;
        let mut command = Command::new(program);
        command.args([OsStr::new("up"), OsStr::new("--dir"), dir.as_os_str()]);
        command.args(["--fsync=false", "--stdin"]);
        Part::start_ready(command, &dir.with_extension("log"))
    }
}

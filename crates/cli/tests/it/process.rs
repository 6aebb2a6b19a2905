//! Starts the real binary and leaves nothing behind.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long anything may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The binary under test.
pub(crate) fn carto() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carto"));
    command.env_remove("KUBECONFIG").stdin(Stdio::null());
    command
}

/// Runs a command to its end, within [`PATIENCE`].
pub(crate) fn finish(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let read = |stream: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.map(|mut stream| stream.read_to_end(&mut bytes));
            bytes
        })
    };
    let stdout = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let stderr = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        if begin.elapsed() > PATIENCE {
            child.kill().expect("the child can be killed");
            panic!("no end after {} s: {command:?}", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    };
    Output {
        status,
        stdout: stdout.join().expect("stdout is read"),
        stderr: stderr.join().expect("stderr is read"),
    }
}

/// The standard output of a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = finish(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A command that serves until it is told to stop.
pub(crate) struct Serving {
    child: Child,
    first: String,
}

impl Serving {
    /// Starts it and waits for the line that begins with `ready`.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_until(command, "ready")
    }

    /// Starts it and waits for a line that begins so.
    pub(crate) fn start_until(command: &mut Command, beginning: &'static str) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with(beginning) && send.send(line).is_err() {
                    return;
                }
            }
        });
        let Ok(first) = receive.recv_timeout(PATIENCE) else {
            drop(child.kill());
            panic!("not ready after {} s: {command:?}", PATIENCE.as_secs());
        };
        Self { child, first }
    }

    /// `carto up` on a state folder.
    pub(crate) fn up(state: &Path, args: &[&str]) -> Self {
        Self::start(carto().arg("up").arg("--state").arg(state).args(args))
    }

    /// The line that said it is ready.
    pub(crate) fn ready_line(&self) -> &str {
        &self.first
    }

    /// Asks for an end as a service manager does; the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.end("-TERM")
    }

    /// Asks for an end as Ctrl-C does; the exit code.
    pub(crate) fn interrupt(self) -> Option<i32> {
        self.end("-INT")
    }

    fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        succeed(Command::new("kill").args([signal, &id]));
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status.code();
            }
            assert!(begin.elapsed() < PATIENCE, "no end after {signal}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until `look` gives a value.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// Command lines of the processes that mention `text`.
pub(crate) fn processes_that_mention(text: &str) -> Vec<String> {
    let all = processes().into_iter();
    let lines = all.map(|(line, _environment)| line);
    lines.filter(|line| line.contains(text)).collect()
}

/// Command lines of the processes that a home with this state folder started.
pub(crate) fn processes_of(state: &Path) -> Vec<String> {
    let mark = format!("CARTO_STATE_FOLDER={} ", state.display());
    let all = processes().into_iter();
    all.filter(|(_line, environment)| environment.contains(&mark))
        .map(|(line, _environment)| line)
        .collect()
}

/// Command lines and environments of all processes.
fn processes() -> Vec<(String, String)> {
    let Ok(folders) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let read = |folder: &Path, file: &str| {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    folders
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .map(|entry| entry.path())
        .map(|folder| (read(&folder, "cmdline"), read(&folder, "environ")))
        .collect()
}

//! Commands beside the container's process: what a probe with `exec` runs.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, Reply, reply};

/// As much of the output as the kubelet keeps of a probe's.
const MAX_OUTPUT_BYTES: u64 = 10 * 1024;

/// Who waits for the exit code.
pub(super) type Running = Sender<u8>;

/// Starts a command, and replies when it has ended.
pub(super) fn start(
    beside: &'static Mutex<BTreeMap<i32, Running>>,
    id: u64,
    words: Vec<String>,
    timeout_ms: u64,
    prepare: impl FnOnce(&[String]) -> Command,
) {
    let done = move |code, output| reply(&Reply::Executed { id, code, output });
    let Some(program) = words.first() else {
        return done(
            Some(EXIT_NOT_FOUND),
            "the probe names no command".to_owned(),
        );
    };
    let mut command = prepare(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (ended, code) = mpsc::channel();
    // Held until the child is known, so that its end is not met by nobody.
    let mut running = beside.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let code = match error.kind() {
                std::io::ErrorKind::NotFound => EXIT_NOT_FOUND,
                _ => EXIT_NOT_EXECUTABLE,
            };
            return done(Some(code), format!("cannot start '{program}': {error}"));
        }
    };
    let pid = Pid::from_child(&child);
    running.insert(pid.as_raw_nonzero().get(), ended);
    drop(running);
    let streams = [
        child
            .stdout
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    let readers: Vec<_> = streams.into_iter().flatten().map(read).collect();
    thread::spawn(move || {
        let code = code.recv_timeout(Duration::from_millis(timeout_ms)).ok();
        let _ = kill_process_group(pid, Signal::KILL);
        let output: Vec<String> = readers
            .into_iter()
            .filter_map(|reader| reader.join().ok())
            .collect();
        done(code, output.concat());
    });
}

/// Passes the exit code of a child on to whoever waits for it.
pub(super) fn ended(beside: &Mutex<BTreeMap<i32, Running>>, pid: Pid, code: u8) {
    let mut running = beside.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(waiting) = running.remove(&pid.as_raw_nonzero().get()) {
        // After its time was up nobody waits any more.
        let _ = waiting.send(code);
    }
}

fn read(stream: Box<dyn Read + Send>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut stream = stream.take(MAX_OUTPUT_BYTES);
        // What came until the pipe broke is what there is to tell.
        drop(stream.read_to_end(&mut bytes));
        drop(std::io::copy(
            &mut stream.into_inner(),
            &mut std::io::sink(),
        ));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

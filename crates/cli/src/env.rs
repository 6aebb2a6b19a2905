//! What a command may know of the process it runs in: its streams and its environment.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Mutex,
};

/// Everything a command needs from outside its arguments.
///
/// Commands write results to [`Env::out`] and everything else to [`Env::err`]; nothing else in
/// the workspace prints.
pub(crate) struct Env {
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
    state_home: Option<PathBuf>,
}

impl Env {
    /// The environment of this process.
    pub(crate) fn from_process() -> Self {
        Self {
            out: Mutex::new(Box::new(anstream::stdout())),
            err: Mutex::new(Box::new(anstream::stderr())),
            state_home: state_home(),
        }
    }

    /// Writes to the standard output. A closed pipe is reported as [`io::ErrorKind::BrokenPipe`].
    pub(crate) fn out(&self, text: &str) -> io::Result<()> {
        self.out_bytes(text.as_bytes())
    }

    /// Writes bytes to the standard output, as [`Env::out`] does.
    pub(crate) fn out_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.out, bytes)
    }

    /// Writes a message for people to the standard error. A failure is ignored: there is nowhere
    /// left to report it.
    pub(crate) fn err(&self, text: &str) {
        let _ignored = write_all(&self.err, text.as_bytes());
    }

    /// Where state goes when the command line names no folder: `$XDG_STATE_HOME/carto`, else
    /// `~/.local/state/carto`.
    pub(crate) fn state_home(&self) -> Option<PathBuf> {
        self.state_home.clone()
    }
}

fn write_all(stream: &Mutex<Box<dyn Write + Send>>, bytes: &[u8]) -> io::Result<()> {
    let mut stream = stream
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    stream.write_all(bytes)?;
    stream.flush()
}

fn state_home() -> Option<PathBuf> {
    let from = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("carto"))
}

//! What a server is started with, and why it may not start.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::logs::PodLogs;

/// How to run the server.
#[derive(Clone, Default)]
pub struct Config {
    /// Folder for everything that must survive; `None` keeps all in memory.
    pub state_dir: Option<PathBuf>,
    /// Port on 127.0.0.1; `Some(0)` takes the one of the last time, or any free one; `None` opens
    /// no port at all.
    pub port: Option<u16>,
    /// Enforce role-based access control; else every known user may do everything.
    pub rbac: bool,
    /// Definitions of custom kinds to install at start, as JSON.
    pub crds: Vec<Value>,
    /// Where the logs of pods come from; without it they are answered with `501 NotImplemented`.
    pub pod_logs: Option<Arc<dyn PodLogs>>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("state_dir", &self.state_dir)
            .field("port", &self.port)
            .field("rbac", &self.rbac)
            .field("crds", &self.crds.len())
            .field("pod_logs", &self.pod_logs.is_some())
            .finish()
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has the folder.
    #[error(
        "the state folder {} is in use by another process; stop that one, or choose another folder",
        .0.display()
    )]
    StateInUse(PathBuf),
    /// The folder was written by another version.
    #[error(
        "the state folder {} has format {found}, this version reads format {expected}; use the \
         version that wrote it, or choose another folder", path.display()
    )]
    StateFormat {
        /// The folder.
        path: PathBuf,
        /// Format found there.
        found: String,
        /// Format understood.
        expected: u32,
    },
    /// The folder cannot be read or written.
    #[error("the state folder {} cannot be used: {reason}", path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The port is taken.
    #[error(
        "port {0} on 127.0.0.1 is taken by another process; stop that one, or choose another port"
    )]
    PortTaken(u16),
    /// The port cannot be opened.
    #[error("cannot listen on 127.0.0.1 port {port}: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("cannot prepare the certificates: {0}")]
    Certificates(String),
    /// A definition given in the configuration was refused.
    #[error("cannot install the custom resource definition \"{name}\": {reason}")]
    Definition {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Something else.
    #[error("the API server cannot start: {0}")]
    Other(String),
}

//! The seam to whoever runs pods: where `kubectl logs` gets its text from.

mod serve;

use std::io;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// The text of a log as it becomes available.
pub type LogStream = BoxStream<'static, io::Result<Bytes>>;

/// What part of a log is wanted; the query of `GET …/pods/{name}/log`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on as the log grows.
    pub follow: bool,
    /// The log of the previous run of the container.
    pub previous: bool,
    /// Put an RFC 3339 time before each line.
    pub timestamps: bool,
    /// Only the last lines.
    pub tail_lines: Option<u64>,
    /// Only lines of the last seconds.
    pub since_seconds: Option<u64>,
    /// Only lines since a time, RFC 3339.
    pub since_time: Option<String>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
}

/// Why there is no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The pod has no such container.
    #[error("container {0} is not valid for pod {1}")]
    NoContainer(String, String),
    /// The container did not start yet.
    #[error("container \"{0}\" in pod \"{1}\" is waiting to start: {2}")]
    NotStarted(String, String, String),
    /// There is no previous run of the container.
    #[error("previous terminated container \"{0}\" in pod \"{1}\" not found")]
    NoPrevious(String, String),
    /// The log cannot be read.
    #[error("{0}")]
    Io(String),
}

/// Gives access to the logs of pods.
pub trait PodLogs: Send + Sync {
    /// Opens the log of a container.
    fn open(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        options: LogOptions,
    ) -> BoxFuture<'static, Result<LogStream, LogError>>;
}

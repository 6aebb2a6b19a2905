//! Lets the API server answer `kubectl logs` from what the actors' containers wrote.

use std::io;

use carto_actors::logs::{self, Logs};
use carto_apiserver::{LogError, LogOptions, LogStream, PodLogs};
use futures::{StreamExt, future::BoxFuture};

/// The actors' logs, as the API server wants them.
pub(crate) struct ActorLogs(pub(crate) Logs);

impl PodLogs for ActorLogs {
    fn open(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        options: LogOptions,
    ) -> BoxFuture<'static, Result<LogStream, LogError>> {
        let opened = translate(options)
            .and_then(|options| self.open_log(namespace, pod, container, &options));
        Box::pin(async move { opened })
    }
}

impl ActorLogs {
    fn open_log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        options: &logs::LogOptions,
    ) -> Result<LogStream, LogError> {
        let names = || (container.to_owned(), pod.to_owned());
        match self.0.open(namespace, pod, container, options) {
            Ok(stream) => Ok(stream.boxed()),
            Err(logs::LogError::NotFound { .. }) if options.previous => {
                let (container, pod) = names();
                Err(LogError::NoPrevious(container, pod))
            }
            Err(logs::LogError::NotFound { .. }) => {
                let (container, pod) = names();
                Err(LogError::NotStarted(
                    container,
                    pod,
                    "it has written nothing yet".to_owned(),
                ))
            }
            Err(logs::LogError::Io { path, source }) => Err(unreadable(&path, &source)),
        }
    }
}

fn unreadable(path: &std::path::Path, source: &io::Error) -> LogError {
    LogError::Io(format!("cannot read {}: {source}", path.display()))
}

fn translate(options: LogOptions) -> Result<logs::LogOptions, LogError> {
    let LogOptions {
        follow,
        previous,
        timestamps,
        tail_lines,
        since_seconds,
        since_time,
        limit_bytes,
    } = options;
    let since =
        match since_time {
            Some(text) => Some(text.parse().map_err(|error| {
                LogError::Io(format!("sinceTime \"{text}\" is no time: {error}"))
            })?),
            None => None,
        };
    Ok(logs::LogOptions {
        follow,
        previous,
        timestamps,
        tail_lines: tail_lines.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX)),
        since,
        since_seconds: since_seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)),
        limit_bytes,
    })
}

//! Output of containers: one file per container, in the form the container runtimes write
//! (`<time> <stream> F <line>`), read back as `kubectl logs` shows it.
//!
//! Files lie under `<state>/logs/<namespace>/<pod>/<container>.log`, the one before under `….previous.log`. A file is
//! cut when it reaches [`MAX_FILE_BYTES`], the cut part stays as `….log.1`. Followers are woken by the writer; when
//! the writer ends, they end.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use jiff::{Timestamp, ToSpan};
use tokio::sync::watch;

/// A file is cut here, as the kubelet does by default.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// A longer line is written in parts.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Bytes handed out at once to a reader.
const CHUNK_BYTES: usize = 64 * 1024;

/// The folder of all logs, and who is writing.
#[derive(Debug, Clone)]
pub struct Logs {
    root: PathBuf,
    live: Arc<Mutex<HashMap<PathBuf, watch::Sender<u64>>>>,
}

/// What `kubectl logs` can ask for.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Go on until the container ends.
    pub follow: bool,
    /// Of the container before the last restart.
    pub previous: bool,
    /// The time in front of every line.
    pub timestamps: bool,
    /// Only the last lines.
    pub tail_lines: Option<usize>,
    /// Only lines since then.
    pub since: Option<Timestamp>,
    /// Only lines of the last seconds; the later of the two counts.
    pub since_seconds: Option<i64>,
    /// Stop after so many bytes.
    pub limit_bytes: Option<u64>,
}

/// Why no log can be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The container has written nothing yet, or there was none before.
    #[error("{which} of container \"{container}\" in pod \"{pod}\" not found")]
    NotFound {
        /// "logs" or "previous terminated container".
        which: &'static str,
        /// As asked.
        pod: String,
        /// As asked.
        container: String,
    },
    /// The disk.
    #[error("cannot read '{}'", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Logs {
    /// Logs below `<state_dir>/logs`.
    pub fn new(state_dir: &Path) -> Logs {
        Logs {
            root: state_dir.join("logs"),
            live: Arc::default(),
        }
    }

    /// Reads a log as a stream of chunks that end at line ends.
    pub fn open(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        options: &LogOptions,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, LogError> {
        let not_found = || LogError::NotFound {
            which: if options.previous {
                "previous terminated container"
            } else {
                "logs"
            },
            pod: pod.to_owned(),
            container: container.to_owned(),
        };
        let current = self.file(namespace, pod, container).ok_or_else(not_found)?;
        let path = if options.previous {
            previous_of(&current)
        } else {
            current
        };
        // Subscribed before the first read, so that nothing written in between is missed.
        let writer = self
            .lock()
            .get(&path)
            .map(watch::Sender::subscribe)
            .filter(|_| options.follow);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_found()),
            Err(source) => return Err(LogError::Io { path, source }),
        };
        let reader = LogReader::new(file, path.clone(), options, writer)
            .map_err(|source| LogError::Io { path, source })?;
        Ok(stream::unfold(reader, |mut reader| async move {
            reader.next_chunk().await.map(|chunk| (chunk, reader))
        }))
    }

    /// Starts a new log; the one there was becomes the previous one.
    pub(crate) fn start(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
    ) -> io::Result<LogWriter> {
        let path = self
            .file(namespace, pod, container)
            .ok_or(io::ErrorKind::InvalidFilename)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match fs::rename(&path, previous_of(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        LogWriter::open(self.clone(), path)
    }

    /// Goes on with the log there is, for work that is taken up again.
    pub(crate) fn resume(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
    ) -> io::Result<LogWriter> {
        let path = self
            .file(namespace, pod, container)
            .ok_or(io::ErrorKind::InvalidFilename)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        LogWriter::open(self.clone(), path)
    }

    /// Forgets everything a pod wrote.
    pub(crate) fn remove(&self, namespace: &str, pod: &str) -> io::Result<()> {
        if !is_name(namespace) || !is_name(pod) {
            return Ok(());
        }
        match fs::remove_dir_all(self.root.join(namespace).join(pod)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets what pods wrote that are not alive.
    pub(crate) fn retain(&self, is_alive: impl Fn(&str, &str) -> bool) {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten();
            entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect()
        };
        for namespace in names(&self.root) {
            for pod in names(&self.root.join(&namespace)) {
                if !is_alive(&namespace, &pod)
                    && let Err(error) = self.remove(&namespace, &pod)
                {
                    tracing::warn!(%error, pod, "cannot remove the logs of a former pod");
                }
            }
        }
    }

    fn file(&self, namespace: &str, pod: &str, container: &str) -> Option<PathBuf> {
        let sound = is_name(namespace) && is_name(pod) && is_name(container);
        sound.then(|| {
            self.root
                .join(namespace)
                .join(pod)
                .join(format!("{container}.log"))
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, watch::Sender<u64>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names of the API never hold a slash; whoever calls may not have checked.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

fn previous_of(current: &Path) -> PathBuf {
    current.with_extension("previous.log")
}

fn cut_of(current: &Path) -> PathBuf {
    current.with_extension("log.1")
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Stdout,
    Stderr,
}

/// Appends lines; readers that follow end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter(Arc<Mutex<Writing>>);

#[derive(Debug)]
struct Writing {
    logs: Logs,
    path: PathBuf,
    file: File,
    size_bytes: u64,
    written: watch::Sender<u64>,
}

impl LogWriter {
    fn open(logs: Logs, path: PathBuf) -> io::Result<LogWriter> {
        let file = File::options().create(true).append(true).open(&path)?;
        let size_bytes = file.metadata()?.len();
        let written = watch::Sender::new(size_bytes);
        logs.lock().insert(path.clone(), written.clone());
        Ok(LogWriter(Arc::new(Mutex::new(Writing {
            logs,
            path,
            file,
            size_bytes,
            written,
        }))))
    }

    /// Appends one line. A disk that is full costs the line, not the container.
    pub(crate) fn line(&self, origin: Origin, line: &[u8]) {
        let mut writing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writing.append(origin, line) {
            tracing::warn!(path = %writing.path.display(), %error, "cannot write a log line");
        }
    }

    /// Appends a message of our own, one line for each of its lines.
    pub(crate) fn say(&self, message: &str) {
        for line in message.lines() {
            self.line(Origin::Stdout, line.as_bytes());
        }
    }
}

impl Writing {
    fn append(&mut self, origin: Origin, line: &[u8]) -> io::Result<()> {
        if self.size_bytes >= MAX_FILE_BYTES {
            fs::rename(&self.path, cut_of(&self.path))?;
            self.file = File::options().create(true).append(true).open(&self.path)?;
            self.size_bytes = 0;
        }
        let name = if origin == Origin::Stdout {
            "stdout"
        } else {
            "stderr"
        };
        let time = format!("{:.9}", Timestamp::now());
        let parts = line.chunks(MAX_LINE_BYTES).count().max(1);
        let mut out = Vec::with_capacity(line.len() + 64);
        for n in 0..parts {
            let part = line.chunks(MAX_LINE_BYTES).nth(n).unwrap_or_default();
            let tag = if n + 1 == parts { 'F' } else { 'P' };
            write!(out, "{time} {name} {tag} ")?;
            out.extend_from_slice(part);
            out.push(b'\n');
        }
        self.file.write_all(&out)?;
        self.size_bytes += out.len() as u64;
        self.written
            .send_modify(|size| *size = size.wrapping_add(out.len() as u64));
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut live = self.logs.lock();
        if live
            .get(&self.path)
            .is_some_and(|sender| sender.same_channel(&self.written))
        {
            live.remove(&self.path);
        }
    }
}

struct LogReader {
    file: BufReader<File>,
    path: PathBuf,
    writer: Option<watch::Receiver<u64>>,
    ended: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    budget: Option<u64>,
}

impl LogReader {
    fn new(
        file: File,
        path: PathBuf,
        options: &LogOptions,
        writer: Option<watch::Receiver<u64>>,
    ) -> io::Result<LogReader> {
        let recent = options
            .since_seconds
            .map(|s| Timestamp::now().saturating_sub(s.max(0).seconds()));
        let since = match (options.since, recent.and_then(Result::ok)) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let mut file = file;
        if let Some(lines) = options.tail_lines {
            let start = tail_start(&mut file, lines)?;
            file.seek(SeekFrom::Start(start))?;
        }
        Ok(LogReader {
            file: BufReader::new(file),
            path,
            writer,
            ended: false,
            timestamps: options.timestamps,
            since,
            budget: options.limit_bytes,
        })
    }

    /// The next lines, or `None` at the end.
    async fn next_chunk(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            match self.read_lines() {
                Ok(chunk) if !chunk.is_empty() => return Some(Ok(chunk.into())),
                Err(error) => {
                    self.budget = Some(0);
                    return Some(Err(error));
                }
                Ok(_) => {}
            }
            if self.ended || self.budget == Some(0) {
                return None;
            }
            match &mut self.writer {
                None => return None,
                // One more look after the writer has gone: it may have written since the last.
                Some(writer) => self.ended = writer.changed().await.is_err(),
            }
        }
    }

    fn read_lines(&mut self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut raw = Vec::new();
        while out.len() < CHUNK_BYTES && self.budget != Some(0) {
            raw.clear();
            let read = self.file.read_until(b'\n', &mut raw)?;
            if read == 0 {
                if self.reopen_if_cut()? {
                    continue;
                }
                break;
            }
            if raw.last() != Some(&b'\n') {
                // Half a line: the writer is in the middle of it.
                self.file.seek_relative(-i64::try_from(read).unwrap_or(0))?;
                break;
            }
            self.show(&raw, &mut out);
        }
        Ok(out)
    }

    fn show(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let mut fields = raw.splitn(4, |b| *b == b' ');
        let (Some(time), Some(_), Some(tag), Some(text)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        if let Some(since) = self.since {
            let at: Option<Timestamp> = std::str::from_utf8(time)
                .ok()
                .and_then(|text| text.parse().ok());
            if at.is_some_and(|at| at < since) {
                return;
            }
        }
        let before = out.len();
        if self.timestamps {
            out.extend_from_slice(time);
            out.push(b' ');
        }
        out.extend_from_slice(if tag == b"P" {
            &text[..text.len() - 1]
        } else {
            text
        });
        if let Some(budget) = &mut self.budget {
            let grown = (out.len() - before) as u64;
            let allowed = grown.min(*budget);
            out.truncate(before + usize::try_from(allowed).unwrap_or(0));
            *budget -= allowed;
        }
    }

    /// After a cut, the file under the path is another one.
    fn reopen_if_cut(&mut self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let Ok(now) = fs::metadata(&self.path) else {
            return Ok(false);
        };
        if now.ino() == self.file.get_ref().metadata()?.ino() {
            return Ok(false);
        }
        self.file = BufReader::new(File::open(&self.path)?);
        Ok(true)
    }
}

/// Where the last `lines` lines begin; lines in parts count by their parts.
fn tail_start(file: &mut File, lines: usize) -> io::Result<u64> {
    use std::io::Read;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut missing = lines + 1;
    let mut block = vec![0; CHUNK_BYTES];
    let mut first = true;
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES as u64);
        let size = usize::try_from(end - start).unwrap_or(CHUNK_BYTES);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..size])?;
        for i in (0..size).rev() {
            let last_byte = first && i == size - 1;
            if block[i] == b'\n' || last_byte {
                missing -= 1;
                if missing == 0 {
                    return Ok(start + i as u64 + 1);
                }
            }
        }
        first = false;
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn read(logs: &Logs, options: LogOptions) -> String {
        let chunks: Vec<_> = logs
            .open("dev", "app", "main", &options)
            .unwrap()
            .collect()
            .await;
        chunks
            .into_iter()
            .map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn lines_come_back_as_written_and_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        let writer = logs.start("dev", "app", "main").unwrap();
        writer.line(Origin::Stdout, b"one");
        writer.line(Origin::Stderr, b"two");
        writer.line(Origin::Stdout, &vec![b'x'; MAX_LINE_BYTES + 1]);
        let all = read(&logs, LogOptions::default()).await;
        assert_eq!(
            all,
            format!("one\ntwo\n{}\n", "x".repeat(MAX_LINE_BYTES + 1))
        );
        let limited = read(
            &logs,
            LogOptions {
                limit_bytes: Some(5),
                ..LogOptions::default()
            },
        )
        .await;
        assert_eq!(limited, "one\nt");
        let none = read(
            &logs,
            LogOptions {
                tail_lines: Some(0),
                ..LogOptions::default()
            },
        )
        .await;
        assert_eq!(none, "");
        let stamped = read(
            &logs,
            LogOptions {
                timestamps: true,
                limit_bytes: Some(35),
                ..LogOptions::default()
            },
        )
        .await;
        let (time, line) = stamped.split_once(' ').unwrap();
        assert!(time.parse::<Timestamp>().is_ok(), "{time}");
        assert_eq!(line, "one\n");
        let future = Timestamp::now().checked_add(1.hour()).unwrap();
        assert_eq!(
            read(
                &logs,
                LogOptions {
                    since: Some(future),
                    ..LogOptions::default()
                }
            )
            .await,
            ""
        );
    }

    #[tokio::test]
    async fn a_restart_keeps_the_previous_log() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        let before = logs
            .open("dev", "app", "main", &LogOptions::default())
            .err()
            .unwrap();
        assert_eq!(
            before.to_string(),
            "logs of container \"main\" in pod \"app\" not found"
        );
        logs.start("dev", "app", "main")
            .unwrap()
            .line(Origin::Stdout, b"first");
        logs.start("dev", "app", "main")
            .unwrap()
            .line(Origin::Stdout, b"second");
        logs.resume("dev", "app", "main")
            .unwrap()
            .line(Origin::Stdout, b"third");
        assert_eq!(read(&logs, LogOptions::default()).await, "second\nthird\n");
        assert_eq!(
            read(
                &logs,
                LogOptions {
                    tail_lines: Some(1),
                    ..LogOptions::default()
                }
            )
            .await,
            "third\n"
        );
        assert_eq!(
            read(
                &logs,
                LogOptions {
                    previous: true,
                    ..LogOptions::default()
                }
            )
            .await,
            "first\n"
        );
    }

    #[tokio::test]
    async fn followers_are_woken_and_end_with_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        let writer = logs.start("dev", "app", "main").unwrap();
        writer.line(Origin::Stdout, b"a");
        let options = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut followed = Box::pin(logs.open("dev", "app", "main", &options).unwrap());
        assert_eq!(followed.next().await.unwrap().unwrap(), "a\n");
        let waiting =
            tokio::spawn(async move { (followed.next().await.unwrap().unwrap(), followed) });
        writer.line(Origin::Stdout, b"b");
        let (chunk, mut followed) = waiting.await.unwrap();
        assert_eq!(chunk, "b\n");
        writer.line(Origin::Stdout, b"c");
        drop(writer);
        assert_eq!(followed.next().await.unwrap().unwrap(), "c\n");
        assert!(followed.next().await.is_none());
    }

    #[tokio::test]
    async fn names_with_slashes_reach_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        assert!(
            logs.open("..", "app", "main", &LogOptions::default())
                .is_err()
        );
        assert!(logs.start("dev", "a/b", "main").is_err());
    }
}

//! Starts one process through the supervisor, follows its output, and runs commands beside it.

use std::{
    collections::BTreeMap,
    fmt, io,
    os::{fd::OwnedFd, unix::net::UnixStream as Socket},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::{Mutex as AsyncMutex, oneshot},
    task::JoinHandle,
};

use crate::{
    config::Internal,
    internal::supervise::{Order, Reply, STATE_VARIABLE, Spec},
    logs::{LogWriter, Origin},
};

/// How far a process can be kept apart on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Own mounts, processes and root, with the rights of root.
    Namespaces,
    /// The same, as an ordinary user who is root only inside.
    UserNamespaces,
    /// Nothing of that is allowed here: the process shares the machine's view.
    Shared,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespaces => "own mount and process namespaces",
            Self::UserNamespaces => "own user, mount and process namespaces",
            Self::Shared => "none: this machine allows no namespaces",
        })
    }
}

impl Isolation {
    /// Finds out what this machine allows.
    pub(crate) async fn probe() -> Self {
        for isolation in [Self::Namespaces, Self::UserNamespaces] {
            let Some(words) = isolation.words() else {
                continue;
            };
            let tried = Command::new("unshare")
                .args(words)
                .arg("true")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .await;
            if tried.is_ok_and(|status| status.success()) {
                return isolation;
            }
        }
        Self::Shared
    }

    fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Namespaces => Some(&["--mount", "--pid", "--fork", "--kill-child"]),
            Self::UserNamespaces => Some(&[
                "--user",
                "--map-root-user",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
            ]),
            Self::Shared => None,
        }
    }

    /// Whether a process has a root file system of its own.
    pub(crate) fn has_root(self) -> bool {
        self != Self::Shared
    }
}

/// Starts processes that do not outlive this one.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    pub(crate) internal: Internal,
    pub(crate) isolation: Isolation,
    /// Marks what this home started; see [`crate::leftovers`].
    pub(crate) state: String,
}

/// A running process. Dropping it kills everything that descends from it.
pub(crate) struct Process {
    child: Child,
    orders: Orders,
    /// Copying what it writes.
    copies: [Copying; 2],
}

/// Ends with the stream; the last line that was not empty.
type Copying = Option<JoinHandle<String>>;

impl Launcher {
    /// Starts what `spec` says; its output goes to `log`.
    pub(crate) async fn start(&self, spec: &Spec, log: &LogWriter) -> io::Result<Process> {
        let mut spec = spec.clone();
        spec.env
            .insert(STATE_VARIABLE.to_owned(), self.state.clone());
        let words = self.isolation.words().filter(|_words| spec.own_namespace);
        let internal = &self.internal;
        let mut command = match words {
            Some(words) => {
                let mut command = Command::new("unshare");
                command.args(words).arg(&internal.program);
                command
            }
            None => {
                spec.tie = internal.command("tie");
                Command::new(&internal.program)
            }
        };
        let (ours, theirs) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        // Not killed when dropped: it ends when the socket does, after all that descends from it.
        let mut child = command
            .args(&internal.args)
            .arg("supervise")
            .env(STATE_VARIABLE, &self.state)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(command); // holds the other end of the socket
        let copies = [
            copy_lines(child.stdout.take(), log, Origin::Stdout),
            copy_lines(child.stderr.take(), log, Origin::Stderr),
        ];
        let (replies, mut orders) = UnixStream::from_std(ours)?.into_split();
        let mut line = serde_json::to_vec(&spec)?;
        line.push(b'\n');
        orders.write_all(&line).await?;
        Ok(Process {
            child,
            orders: Orders::new(orders, replies),
            copies,
        })
    }
}

impl Process {
    /// Waits for its end; the exit code as container runtimes give it.
    pub(crate) async fn ended(&mut self) -> i32 {
        match self.child.wait().await {
            Ok(status) => status.code().unwrap_or(137),
            Err(_) => 137,
        }
    }

    /// Asks it to end, and ends it when it has not within `grace`; its exit code.
    pub(crate) async fn stop(&mut self, grace: Duration) -> i32 {
        self.orders.send(&Order::Terminate).await;
        if let Ok(code) = tokio::time::timeout(grace, self.ended()).await {
            return code;
        }
        self.orders.close().await;
        self.ended().await
    }

    /// Waits for its end, and for all it wrote to be in the log; the exit code and the last line of its errors.
    pub(crate) async fn finished(mut self) -> (i32, String) {
        let code = self.ended().await;
        let [output, errors] = self.copies;
        let join = async |copying: Copying| match copying {
            Some(copying) => copying.await.unwrap_or_default(),
            None => String::new(),
        };
        let (output, errors) = (join(output).await, join(errors).await);
        (code, if errors.is_empty() { output } else { errors })
    }

    /// For commands beside it.
    pub(crate) fn orders(&self) -> Orders {
        self.orders.clone()
    }
}

/// What a command beside the process gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executed {
    /// None when its time was up.
    pub(crate) code: Option<u8>,
    pub(crate) output: String,
}

/// The way to the supervisor of a running process.
#[derive(Clone)]
pub(crate) struct Orders(Arc<Wire>);

struct Wire {
    writer: AsyncMutex<Option<OwnedWriteHalf>>,
    waiting: Arc<Mutex<BTreeMap<u64, oneshot::Sender<Executed>>>>,
    next: AtomicU64,
}

impl Orders {
    fn new(writer: OwnedWriteHalf, replies: OwnedReadHalf) -> Self {
        let waiting: Arc<Mutex<BTreeMap<u64, oneshot::Sender<Executed>>>> = Arc::default();
        let answered = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(replies).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(Reply::Executed { id, code, output }) = serde_json::from_str(&line) {
                    let waiter = lock(&answered).remove(&id);
                    waiter.map(|waiter| waiter.send(Executed { code, output }));
                }
            }
            // Whoever waits still learns that there will be no answer.
            lock(&answered).clear();
        });
        Self(Arc::new(Wire {
            writer: AsyncMutex::new(Some(writer)),
            waiting,
            next: AtomicU64::new(0),
        }))
    }

    async fn send(&self, order: &Order) {
        let Ok(mut line) = serde_json::to_vec(order) else {
            return;
        };
        line.push(b'\n');
        if let Some(writer) = self.0.writer.lock().await.as_mut() {
            // A supervisor that is gone has ended already.
            drop(writer.write_all(&line).await);
        }
    }

    async fn close(&self) {
        self.0.writer.lock().await.take();
    }

    /// Runs a command beside the process; `None` when the process ends first.
    pub(crate) async fn execute(&self, command: &[String], timeout: Duration) -> Option<Executed> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.0.waiting).insert(id, sender);
        let order = Order::Execute {
            id,
            command: command.to_vec(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        self.send(&order).await;
        // The supervisor keeps the time; a little more for its answer to arrive.
        let patience = timeout + Duration::from_secs(5);
        let answer = tokio::time::timeout(patience, answer).await;
        lock(&self.0.waiting).remove(&id);
        answer.ok()?.ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy_lines(
    from: Option<impl AsyncRead + Unpin + Send + 'static>,
    log: &LogWriter,
    origin: Origin,
) -> Copying {
    /// Longest line that is remembered as the last one.
    const MAX_LAST_CHARS: usize = 500;
    let from = from?;
    let log = log.clone();
    Some(tokio::spawn(async move {
        let mut last = String::new();
        let mut lines = BufReader::new(from).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            log.line(origin, &line);
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                last = text.trim().chars().take(MAX_LAST_CHARS).collect();
            }
        }
        last
    }))
}

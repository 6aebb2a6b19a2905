//! Starts one process through the supervisor and follows its output.

use std::{fmt, io, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::{
    config::Internal,
    internal::supervise::Spec,
    logs::{LogWriter, Origin},
};

/// How far a process can be kept apart on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
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
    pub(super) async fn probe() -> Self {
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
    pub(super) fn has_root(self) -> bool {
        self != Self::Shared
    }
}

/// A running process. Dropping it kills everything that descends from it.
pub(super) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
}

impl Process {
    /// Starts what `spec` says; its output goes to `log`.
    pub(super) async fn start(
        internal: &Internal,
        isolation: Isolation,
        spec: &Spec,
        log: &LogWriter,
    ) -> io::Result<Self> {
        let words = isolation.words().filter(|_words| spec.own_namespace);
        let mut command = match words {
            Some(words) => {
                let mut command = Command::new("unshare");
                command.args(words).arg(&internal.program);
                command
            }
            None => Command::new(&internal.program),
        };
        let mut child = command
            .args(&internal.args)
            .arg("supervise")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        copy_lines(child.stdout.take(), log, Origin::Stdout);
        copy_lines(child.stderr.take(), log, Origin::Stderr);
        let mut orders = child
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("the supervisor has no input"))?;
        let mut line = serde_json::to_vec(spec)?;
        line.push(b'\n');
        orders.write_all(&line).await?;
        orders.flush().await?;
        Ok(Self {
            child,
            orders: Some(orders),
        })
    }

    /// Waits for its end; the exit code as container runtimes give it.
    pub(super) async fn ended(&mut self) -> i32 {
        match self.child.wait().await {
            Ok(status) => status.code().unwrap_or(137),
            Err(_) => 137,
        }
    }

    /// Asks it to end.
    pub(super) async fn terminate(&mut self) {
        if let Some(orders) = &mut self.orders {
            // A supervisor that is gone has ended already.
            drop(orders.write_all(b"term\n").await);
            drop(orders.flush().await);
        }
    }

    /// Ends it now, with everything that descends from it.
    pub(super) async fn kill(&mut self) {
        self.orders = None;
        let _code = self.ended().await;
    }
}

fn copy_lines(
    from: Option<impl AsyncRead + Unpin + Send + 'static>,
    log: &LogWriter,
    origin: Origin,
) {
    let Some(from) = from else { return };
    let log = log.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            log.line(origin, &line);
        }
    });
}

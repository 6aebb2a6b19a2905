//! The controllers: in this process over the embedded API, or in a process of their own, of which processor time and
//! memory are theirs alone.
//!
//! The child is this program again; for each line it reads it writes one line of JSON with its counters.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use carto_server::{Controllers, Snapshot, Transport};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::process::{self, Usage};

/// How long the indexes may take to fill.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the controllers have done and used so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Counters {
    pub(super) all: Snapshot,
    pub(super) usage: Usage,
}

/// Running controllers.
pub(super) enum Runner {
    Here(Controllers),
    Apart(Box<Mutex<Apart>>),
}

impl Runner {
    /// Starts controllers in this process and waits until they are in sync.
    pub(super) async fn here(transport: Transport) -> anyhow::Result<Self> {
        let controllers = carto_server::start_controllers(transport).await?;
        tokio::time::timeout(PATIENCE, controllers.synced())
            .await
            .context("the controllers are not in sync")?;
        Ok(Self::Here(controllers))
    }

    /// Starts controllers in a process of their own and waits until they are in sync.
    pub(super) async fn apart(kubeconfig: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "controllers", "--kubeconfig"])
            .arg(kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the controllers")?;
        let ask = child.stdin.take().context("no stdin")?;
        let told = child.stdout.take().context("no stdout")?;
        let mut apart = Apart {
            child,
            ask,
            told: BufReader::new(told).lines(),
        };
        // Answered as soon as they are in sync.
        tokio::time::timeout(PATIENCE, apart.counters())
            .await
            .context("the controllers are not in sync")??;
        Ok(Self::Apart(Box::new(Mutex::new(apart))))
    }

    /// The counters now.
    pub(super) async fn counters(&self) -> anyhow::Result<Counters> {
        match self {
            Self::Here(controllers) => Ok(Counters {
                all: controllers.metrics(),
                usage: process::usage(),
            }),
            Self::Apart(apart) => apart.lock().await.counters().await,
        }
    }

    /// Stops the controllers and waits for their end.
    pub(super) async fn stop(self) {
        match self {
            Self::Here(controllers) => controllers.stop().await,
            Self::Apart(apart) => apart.into_inner().stop().await,
        }
    }
}

/// The other process.
pub(super) struct Apart {
    child: Child,
    ask: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl Apart {
    async fn counters(&mut self) -> anyhow::Result<Counters> {
        self.ask.write_all(b"\n").await?;
        let line = self.told.next_line().await?;
        let Some(line) = line else {
            bail!("the controllers ended: {:?}", self.child.wait().await);
        };
        Ok(serde_json::from_str(&line)?)
    }

    async fn stop(self) {
        let Self { mut child, ask, .. } = self;
        drop(ask);
        if tokio::time::timeout(Duration::from_secs(20), child.wait())
            .await
            .is_err()
        {
            // `kill_on_drop` sees to the rest.
            drop(child);
        }
    }
}

/// What the child runs: controllers until the standard input ends.
#[expect(
    clippy::print_stdout,
    reason = "the answers are the product of this process"
)]
pub(super) async fn serve(kubeconfig: &Path) -> anyhow::Result<()> {
    let remote = carto_server::remote(Some(kubeconfig)).await?;
    let controllers = carto_server::start_controllers(remote.transport).await?;
    controllers.synced().await;
    let runner = Runner::Here(controllers);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        println!("{}", serde_json::to_string(&runner.counters().await?)?);
    }
    runner.stop().await;
    Ok(())
}

//! `bench beside`: Carto and the original, one after the other on one API, by what shows from outside.
//!
//! The same chain, owners and changes for both; a bare client makes the same writes before each, since a machine is not
//! equally fast at all times.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, WatchEvent, WatchParams},
};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::{
    Common, fleet, hop,
    process::{self, Usage},
    report::Report,
    scale,
    stage::Stage,
};
use crate::conformance::path_with_ytt;

/// Nothing moves for so long when the controllers are done; the original's retries begin sooner.
const STILL: Duration = Duration::from_secs(3);
/// The same after a single change.
const STILL_AFTER_CHANGE: Duration = Duration::from_millis(300);
/// How long the controllers get to fill their indexes: the original does not say when it has.
const WARM_UP: Duration = Duration::from_secs(8);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(8);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// The original's binary; it runs the `ytt` on the PATH, or the one that `CARTO_TEST_YTT` names.
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// Source changes to make, one after the other.
    #[arg(long, default_value_t = 100)]
    changes: usize,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let kubeconfig = args
        .common
        .kubeconfig
        .clone()
        .context("both run on one API: name its --kubeconfig")?;
    let reference = std::fs::canonicalize(&args.reference)
        .with_context(|| args.reference.display().to_string())?;
    let search_path = path_with_ytt()?;
    let mut report = Report::default();
    report.add("owners", args.common.workloads, "");
    let mut ours = Command::new(std::env::current_exe()?);
    ours.args(["bench", "controllers", "--kubeconfig"])
        .arg(&kubeconfig);
    let mut result = measure("carto", ours, &args, &mut report).await;
    let mut theirs = Command::new(reference);
    theirs
        .env("KUBECONFIG", &kubeconfig)
        .env("PATH", search_path);
    if result.is_ok() {
        result = measure("original", theirs, &args, &mut report).await;
    }
    // What was measured until then took minutes.
    report.print(args.common.json);
    result
}

/// Plays everything with one of the two.
async fn measure(
    who: &str,
    mut command: Command,
    args: &Args,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Args {
        common, changes, ..
    } = args;
    let chain = common.chain;
    let members = fleet::members(common.workloads.max(1), common.namespaces);
    let stage = Stage::prepare(common).await?;
    let client = stage.client();
    let begin = Instant::now();
    fleet::bare_writes(client, chain, &members).await?;
    let bare = begin.elapsed();

    let still = Stillness::watch(client, &[chain.owner(), chain.object()]).await?;
    let mut controllers = Running::start(&mut command)?;
    tokio::time::sleep(WARM_UP).await;
    ensure!(
        controllers.runs()?,
        "{who} ended right after its start; run it by hand to see why"
    );
    let before = controllers.usage()?;
    let ready = stage.until_ready(members.len()).await?;
    let begin = Instant::now();
    fleet::create(client, chain, &members).await?;
    let ready = tokio::time::timeout(PATIENCE, ready)
        .await
        .context("not all became ready in time")???
        .duration_since(begin);
    still.wait(STILL).await?;
    let after = controllers.usage()?;
    let mut line = |name: &str, value: f64, unit| {
        report.number(&format!("{who}: {name}"), value, unit);
    };
    line("all ready", ready.as_secs_f64(), "s");
    line(
        "ratio to the bare client",
        ready.as_secs_f64() / bare.as_secs_f64(),
        "x",
    );
    line(
        "processor time",
        after.cpu.saturating_sub(before.cpu).as_secs_f64(),
        "s",
    );
    line("peak resident memory", scale::mebi(after.peak_bytes), "MiB");

    let mut crossings = Vec::with_capacity(*changes);
    for number in 0..*changes {
        let member = &members[number % members.len()];
        crossings.push(hop::change(client, chain, member, &format!("c{number}")).await?);
        still.wait(STILL_AFTER_CHANGE).await?;
    }
    let milliseconds = |of: fn(&hop::Crossing) -> Duration| {
        let mut all: Vec<Duration> = crossings.iter().map(of).collect();
        hop::quantile(&mut all, 0.5)
    };
    line(
        "change across all objects, p50",
        milliseconds(|one| one.whole),
        "ms",
    );
    line(
        "of which after the user's write, p50",
        milliseconds(|one| one.whole.saturating_sub(one.write)),
        "ms",
    );
    ensure!(controllers.runs()?, "{who} ended before its time");
    controllers.stop().await;
    stage.clean_up(common.namespaces).await
}

/// Controllers in a process of their own.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        // Our own end with their standard input.
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the controllers")?;
        Ok(Self(child))
    }

    fn usage(&self) -> anyhow::Result<Usage> {
        let id = self.0.id().context("the controllers ended")?;
        Ok(process::usage_of(Path::new(&format!("/proc/{id}"))))
    }

    fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    async fn stop(mut self) {
        drop(self.0.stdin.take());
        if tokio::time::timeout(Duration::from_secs(2), self.0.wait())
            .await
            .is_err()
        {
            // The original does not end by itself. What it leaves is what a crash leaves.
            drop(self.0.kill().await);
        }
    }
}

/// Tells when objects of some kinds have stopped to change.
struct Stillness {
    begun: Instant,
    /// When the last change was heard of, in milliseconds since then.
    last: Arc<AtomicU64>,
    _watches: JoinSet<()>,
}

impl Stillness {
    async fn watch(client: &Client, kinds: &[&str]) -> anyhow::Result<Self> {
        let (begun, last) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut watches = JoinSet::new();
        for kind in kinds {
            let api = Api::<DynamicObject>::all_with(client.clone(), &fleet::resource(kind));
            let list = api.list_metadata(&ListParams::default()).await?;
            let mut position = list.metadata.resource_version.unwrap_or_default();
            let last = Arc::clone(&last);
            watches.spawn(async move {
                // Ends with the benchmark, which drops it.
                loop {
                    let Ok(events) = api.watch_metadata(&WatchParams::default(), &position).await
                    else {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    let mut events = events.boxed();
                    while let Ok(Some(event)) = events.try_next().await {
                        if let WatchEvent::Added(one)
                        | WatchEvent::Modified(one)
                        | WatchEvent::Deleted(one) = event
                        {
                            position = one.metadata.resource_version.unwrap_or(position);
                            let now = u64::try_from(begun.elapsed().as_millis());
                            last.store(now.unwrap_or(u64::MAX), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        Ok(Self {
            begun,
            last,
            _watches: watches,
        })
    }

    /// Waits until nothing has changed for so long.
    async fn wait(&self, still: Duration) -> anyhow::Result<()> {
        let (called, patience) = (Instant::now(), Instant::now() + PATIENCE);
        loop {
            let last = self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed));
            if last.max(called).elapsed() >= still {
                return Ok(());
            }
            ensure!(Instant::now() < patience, "it does not come to rest");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

//! `bench scale`: all workloads at once.

use std::time::{Duration, Instant};

use anyhow::ensure;
use carto_server::Verb;

use super::{
    Common,
    fleet::{self, OBJECTS},
    process::{self, Usage},
    report::Report,
    stage::Stage,
};

/// How long the idle phase lasts.
const IDLE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// Seconds after which a fleet that has not converged counts as failed.
    #[arg(long, default_value_t = 600)]
    patience: u64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { common, patience } = args;
    let patience = Duration::from_secs(patience);
    let members = fleet::members(common.workloads, common.namespaces);
    let mut stage = Stage::prepare(&common).await?;
    let mut report = Report::default();
    report.add("workloads", common.workloads, "");

    // The same writes by a bare client, in the same run: what the API can take.
    fleet::prepare_bare(stage.client(), &members).await?;
    let begin = Instant::now();
    fleet::bare_writes(stage.client(), &members).await?;
    let bare = begin.elapsed();
    report.ratio("bare client, same writes", bare.as_secs_f64(), "s");

    stage.start().await?;
    stage.settled(patience).await?;
    let before = stage.snapshot()?;
    let base = process::usage();
    let begin = Instant::now();
    fleet::create(stage.client(), &members).await?;
    let created = begin.elapsed();
    let settled = stage.settled(patience).await?.duration_since(begin);
    let after = stage.snapshot()?;
    let used = process::usage();
    let ready = stage.ready().await?;
    ensure!(
        ready == members.len(),
        "{ready} of {} workloads are ready",
        members.len()
    );

    let per = |count: u64| to_f64(count) / to_f64(common.workloads as u64);
    report.ratio("creating the workloads", created.as_secs_f64(), "s");
    report.ratio("all ready and quiet", settled.as_secs_f64(), "s");
    report.ratio(
        "ratio to the bare client",
        settled.as_secs_f64() / bare.as_secs_f64(),
        "x",
    );
    let requests = after.requests_total() - before.requests_total();
    report.ratio("requests", per(requests), "per workload");
    let writes = after.writes() - before.writes();
    report.ratio("object and status writes", per(writes), "per workload");
    report.add("bound on those writes", OBJECTS + 3, "per workload");
    let events = after.requests_for(Verb::Event) - before.requests_for(Verb::Event);
    report.ratio("event writes", per(events), "per workload");
    report.add(
        "failed requests",
        after.failed_requests - before.failed_requests,
        "",
    );
    hops(&mut report, &after.hops.since(&before.hops));
    memory(&mut report, &base, &used, common.workloads);

    let before = stage.snapshot()?;
    let base = process::usage();
    tokio::time::sleep(IDLE).await;
    let after = stage.snapshot()?;
    report.add(
        "requests when idle",
        after.requests_total() - before.requests_total(),
        "in 10 s",
    );
    let cpu = process::usage().cpu.saturating_sub(base.cpu);
    report.ratio(
        "CPU when idle",
        cpu.as_secs_f64() / IDLE.as_secs_f64() * 1e3,
        "mCPU",
    );

    stage.stop().await;
    stage.start().await?;
    stage.settled(patience).await?;
    let restarted = stage.snapshot()?;
    report.add("writes after a restart", restarted.writes(), "");
    report.add(
        "events after a restart",
        restarted.requests_for(Verb::Event),
        "",
    );
    report.add("requests after a restart", restarted.requests_total(), "");
    stage.clean_up(common.namespaces).await?;
    report.print(common.json);
    Ok(())
}

/// Adds what a histogram of hops says.
pub(super) fn hops(report: &mut Report, hops: &carto_server::Distribution) {
    report.add("hops", hops.count(), "");
    for (name, share) in [("hop, our share, p50", 0.5), ("hop, our share, p99", 0.99)] {
        if let Some(hop) = hops.quantile(share) {
            report.ratio(name, hop.as_secs_f64() * 1e3, "ms");
        }
    }
}

fn memory(report: &mut Report, base: &Usage, used: &Usage, workloads: usize) {
    let mebi = |bytes: u64| to_f64(bytes) / f64::from(1 << 20);
    report.ratio("resident memory before", mebi(base.resident_bytes), "MiB");
    report.ratio("resident memory after", mebi(used.resident_bytes), "MiB");
    let grown = used.resident_bytes.saturating_sub(base.resident_bytes);
    let objects = (workloads * OBJECTS) as u64;
    report.ratio(
        "grown per stamped object",
        to_f64(grown) / to_f64(objects.max(1)) / 1024.0,
        "KiB",
    );
    report.ratio(
        "CPU for the convergence",
        used.cpu.saturating_sub(base.cpu).as_secs_f64(),
        "s",
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

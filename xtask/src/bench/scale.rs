//! `bench scale`: all owners at once, then nothing, then a restart, then passes that change nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carto_server::Verb;

use super::{
    Common,
    fleet::{self, Member},
    report::Report,
    runner::Counters,
    stage::Stage,
};

/// How long the idle phase lasts.
const IDLE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// Seconds after which a fleet that has not converged counts as failed.
    #[arg(long, default_value_t = 280)]
    patience: u64,
    /// Rounds in which every owner is touched without effect.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args {
        common,
        patience,
        rounds,
    } = args;
    let patience = Duration::from_secs(patience);
    let members = fleet::members(common.workloads.max(1), common.namespaces);
    let mut stage = Stage::prepare(&common).await?;
    let mut report = Report::default();
    report.add("owners", members.len(), "");
    report.add("objects of each", common.chain.objects(), "");

    let begin = Instant::now();
    fleet::bare_writes(stage.client(), common.chain, &members).await?;
    let bare = begin.elapsed();
    report.number("bare client, same writes", bare.as_secs_f64(), "s");

    // What the controllers use with nothing to do, apart from everything else.
    stage.start_apart().await?;
    let (_, empty) = stage.settled(patience).await?;
    if !common.is_remote() {
        stage.stop().await;
        stage.start().await?;
    }

    converge(&stage, &common, &members, patience, bare, &mut report).await?;
    idle(&stage, &mut report).await?;
    stage.stop().await;

    restart(&mut stage, &members, &common, patience, &empty, &mut report).await?;
    touch(&stage, &common, &members, rounds, patience, &mut report).await?;
    // A cluster takes its time to forget thousands of objects.
    report.print(common.json);
    stage.clean_up(common.namespaces).await
}

async fn converge(
    stage: &Stage,
    common: &Common,
    members: &[Member],
    patience: Duration,
    bare: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (_, before) = stage.settled(patience).await?;
    let ready = stage.until_ready(members.len()).await?;
    let begin = Instant::now();
    fleet::create(stage.client(), common.chain, members).await?;
    report.number("creating the owners", begin.elapsed().as_secs_f64(), "s");
    let ready = tokio::time::timeout(patience, ready)
        .await
        .context("not all became ready in time")???
        .duration_since(begin);
    report.number("all ready", ready.as_secs_f64(), "s");
    report.number(
        "ratio to the bare client",
        ready.as_secs_f64() / bare.as_secs_f64(),
        "x",
    );
    let (settled, after) = stage.settled(patience).await?;
    let settled = settled.duration_since(begin);
    report.number("all ready and events written", settled.as_secs_f64(), "s");

    let per = Per(members.len());
    report.number(
        "requests",
        per.of(after.all.requests_total() - before.all.requests_total()),
        "per owner",
    );
    report.number(
        "object and status writes",
        per.of(after.all.writes() - before.all.writes()),
        "per owner",
    );
    let bound = common.chain.objects() + 3 * common.chain.statuses();
    report.add("bound on those writes", bound, "per owner");
    for verb in Verb::ALL {
        let count = after.all.requests_for(verb) - before.all.requests_for(verb);
        if count > 0 {
            report.number(
                &format!("requests: {}", verb.name()),
                per.of(count),
                "per owner",
            );
        }
    }
    report.add(
        "failed requests",
        after.all.failed_requests - before.all.failed_requests,
        "",
    );
    report.add(
        "events dropped",
        after.all.events_dropped - before.all.events_dropped,
        "",
    );
    report.number(
        "passes",
        per.of(after.all.reconciles - before.all.reconciles),
        "per owner",
    );
    // With the wait for a turn, which is most of it when all come at once.
    hops(report, &after.all.hops.since(&before.all.hops));
    if stage.is_apart() {
        let cpu = after.usage.cpu.saturating_sub(before.usage.cpu);
        report.number("CPU of the controllers", cpu.as_secs_f64(), "s");
        report.number(
            "resident memory of the controllers",
            mebi(after.usage.resident_bytes),
            "MiB",
        );
        peak(report, &after, "resident memory of the controllers, peak");
    }
    Ok(())
}

async fn idle(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let before = stage.counters().await?;
    tokio::time::sleep(IDLE).await;
    let after = stage.counters().await?;
    let requests = after.all.requests_total() - before.all.requests_total();
    report.add("requests when idle", requests, "in 10 s");
    let cpu = after.usage.cpu.saturating_sub(before.usage.cpu);
    report.number(
        "CPU when idle",
        cpu.as_secs_f64() / IDLE.as_secs_f64() * 1e3,
        "mCPU",
    );
    Ok(())
}

async fn restart(
    stage: &mut Stage,
    members: &[Member],
    common: &Common,
    patience: Duration,
    empty: &Counters,
    report: &mut Report,
) -> anyhow::Result<()> {
    stage.start_apart().await?;
    let (_, now) = stage.settled(patience).await?;
    report.add("writes after a restart", now.all.writes(), "");
    report.add(
        "events after a restart",
        now.all.requests_for(Verb::Event),
        "",
    );
    report.add(
        "reads of single objects after a restart",
        now.all.requests_for(Verb::Get),
        "",
    );
    report.add("requests after a restart", now.all.requests_total(), "");
    let owners = (members.len() * common.chain.statuses()) as u64;
    ensure!(
        now.all.owners > owners,
        "{} owners are known, not {owners}",
        now.all.owners
    );
    report.number(
        "resident memory without owners",
        mebi(empty.usage.resident_bytes),
        "MiB",
    );
    report.number(
        "resident memory after a restart",
        mebi(now.usage.resident_bytes),
        "MiB",
    );
    peak(report, &now, "resident memory after a restart, peak");
    let grown = now
        .usage
        .resident_bytes
        .saturating_sub(empty.usage.resident_bytes);
    report.add("stamped objects known", now.all.rows, "");
    let per = Per(usize::try_from(now.all.rows.max(1))?);
    report.number(
        "grown per stamped object, owners included",
        per.of(grown) / 1024.0,
        "KiB",
    );
    Ok(())
}

fn peak(report: &mut Report, counters: &Counters, name: &str) {
    report.number(name, mebi(counters.usage.peak_bytes), "MiB");
}

/// Wakes every owner by a change that has no effect.
async fn touch(
    stage: &Stage,
    common: &Common,
    members: &[Member],
    rounds: u32,
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let before = stage.counters().await?;
    for round in 0..rounds {
        fleet::touch(
            stage.client(),
            common.chain,
            members,
            &format!("round-{round}"),
        )
        .await?;
        stage.settled(patience).await?;
    }
    let after = stage.counters().await?;
    let passes = after.all.reconciles - before.all.reconciles;
    let cpu = after.usage.cpu.saturating_sub(before.usage.cpu);
    report.add("passes that change nothing", passes, "");
    report.add(
        "requests of those",
        after.all.requests_total() - before.all.requests_total(),
        "",
    );
    let micros = cpu.as_secs_f64() * 1e6 / to_f64(passes.max(1));
    report.number(
        "CPU of a pass that changes nothing, its watch event included",
        micros,
        "us",
    );
    Ok(())
}

/// Adds what a histogram of hops says.
pub(super) fn hops(report: &mut Report, hops: &carto_server::Distribution) {
    report.add("hops", hops.count(), "");
    for (name, share) in [("hop, our share, p50", 0.5), ("hop, our share, p99", 0.99)] {
        if let Some(hop) = hops.quantile(share) {
            report.number(name, hop.as_secs_f64() * 1e3, "ms");
        }
    }
}

/// Divides by a number of things.
struct Per(usize);

impl Per {
    fn of(&self, count: u64) -> f64 {
        to_f64(count) / to_f64(self.0.max(1) as u64)
    }
}

pub(super) fn mebi(bytes: u64) -> f64 {
    to_f64(bytes) / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

//! `bench hop`: one source change crosses all objects of a chain, many times, among other owners.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use carto_server::Verb;
use futures::StreamExt;
use kube::{
    Client,
    api::{DynamicObject, Patch, PatchParams, WatchEvent, WatchParams},
};
use serde_json::json;

use super::{
    Common,
    chain::Chain,
    fleet::{self, Member},
    report::Report,
    scale,
    stage::Stage,
};

/// How long one change may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the fleet may take to converge.
const FLEET: Duration = Duration::from_mins(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// Source changes to make, one after the other.
    #[arg(long, default_value_t = 500)]
    changes: usize,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { common, changes } = args;
    let changes = changes.max(1);
    let members = fleet::members(common.workloads.max(1), common.namespaces);
    let mut stage = Stage::prepare(&common).await?;
    stage.start().await?;
    fleet::create(stage.client(), common.chain, &members).await?;
    stage.settled(FLEET).await?;

    let mut report = Report::default();
    report.add("owners", members.len(), "");
    report.add("changes", changes, "");
    // What a change makes of objects that are there is to be compared, so the bare client's are there, too.
    for member in members.iter().take(changes) {
        applies_in_a_row(stage.client(), common.chain, member, "r0").await?;
    }
    let before = stage.counters().await?.all;
    let mut crossings = Vec::with_capacity(changes);
    let mut bare = Vec::with_capacity(changes);
    for number in 0..changes {
        let member = &members[number % members.len()];
        let revision = format!("c{number}");
        crossings.push(change(stage.client(), common.chain, member, &revision).await?);
        // The status and the events of the change belong to it, not to what follows.
        stage.quiet().await?;
        bare.push(applies_in_a_row(stage.client(), common.chain, member, &revision).await?);
    }
    let (_, after) = stage.settled(PATIENCE).await?;
    let after = after.all;
    let per = |count: u64| scale::to_f64(count) / scale::to_f64(changes as u64);
    scale::hops(&mut report, &after.hops.since(&before.hops));
    if let Some(apply) = after.applies.since(&before.applies).quantile(0.5) {
        report.number("an apply, p50", apply.as_secs_f64() * 1e3, "ms");
    }
    if let Some(pass) = after.passes.since(&before.passes).quantile(0.5) {
        report.number("pass with its writes, p50", pass.as_secs_f64() * 1e3, "ms");
    }
    let mut whole: Vec<Duration> = crossings.iter().map(|one| one.whole).collect();
    let after_write = |one: &Crossing| one.whole.saturating_sub(one.write);
    let mut ours: Vec<Duration> = crossings.iter().map(after_write).collect();
    let (crossing, ours) = (quantile(&mut whole, 0.5), quantile(&mut ours, 0.5));
    let alone = quantile(&mut bare, 0.5);
    report.number("change across all objects, p50", crossing, "ms");
    report.number(
        "change across all objects, p99",
        quantile(&mut whole, 0.99),
        "ms",
    );
    report.number("of which after the user's write, p50", ours, "ms");
    report.number("as many applies by a bare client, p50", alone, "ms");
    report.number("ratio to the bare client", crossing / alone, "x");
    report.number("ratio after the user's write", ours / alone, "x");
    report.number(
        "requests",
        per(after.requests_total() - before.requests_total()),
        "per change",
    );
    report.number(
        "object and status writes",
        per(after.writes() - before.writes()),
        "per change",
    );
    let events = after.requests_for(Verb::Event) - before.requests_for(Verb::Event);
    report.number("event writes", per(events), "per change");
    report.add(
        "failed requests",
        after.failed_requests - before.failed_requests,
        "",
    );
    // A cluster takes its time to forget thousands of objects.
    report.print(common.json);
    stage.clean_up(common.namespaces).await
}

/// A source change on its way through a chain.
pub(super) struct Crossing {
    /// The user's own write, from the request to the reply.
    pub(super) write: Duration,
    /// From that request to the event of the last object of the chain.
    pub(super) whole: Duration,
}

/// Changes an owner's source and waits until the last object of the chain has it.
pub(super) async fn change(
    client: &Client,
    chain: Chain,
    member: &Member,
    revision: &str,
) -> anyhow::Result<Crossing> {
    let (kind, name) = chain.last(&member.name);
    let objects = fleet::api(client, Some(&member.namespace), kind);
    let now = objects.get(&name).await?;
    let version = now
        .metadata
        .resource_version
        .context("no resourceVersion")?;
    let only = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = objects.watch(&only, &version).await?.boxed();
    let patch = json!({"spec": {"source": {"git": {"ref": {"commit": revision}}}}});
    let owners = fleet::api(client, Some(&member.namespace), chain.owner());
    // The watch keeps a connection to itself; that the next one has to be opened is not the choreographer's time.
    owners.get(&member.name).await?;
    let begin = Instant::now();
    owners
        .patch(&member.name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    let write = begin.elapsed();
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        match event {
            Ok(Some(Ok(WatchEvent::Modified(object)))) if has(&object, revision) => {
                let whole = begin.elapsed();
                return Ok(Crossing { write, whole });
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) | Err(_) => bail!("{} did not get {revision}", member.name),
        }
    }
}

/// Whether some text in what the object says ends in the revision.
fn has(object: &DynamicObject, revision: &str) -> bool {
    object.data.to_string().contains(&format!("{revision}\""))
}

/// As many writes in a row by a bare client.
async fn applies_in_a_row(
    client: &Client,
    chain: Chain,
    member: &Member,
    revision: &str,
) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    fleet::bare_applies(
        client,
        chain,
        member,
        "00000000-0000-0000-0000-000000000000",
        revision,
    )
    .await?;
    Ok(begin.elapsed())
}

/// A quantile, in milliseconds.
pub(super) fn quantile(durations: &mut [Duration], share: f64) -> f64 {
    durations.sort_unstable();
    let Some(last) = durations.len().checked_sub(1) else {
        return 0.0;
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a short list"
    )]
    let index = (last as f64 * share).round() as usize;
    durations[index].as_secs_f64() * 1e3
}

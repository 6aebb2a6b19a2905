//! `bench hop`: one source change crosses four objects, many times, among other workloads.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use carto_server::Verb;
use futures::StreamExt;
use kube::{
    Client,
    api::{Patch, PatchParams, WatchEvent, WatchParams},
};
use serde_json::json;

use super::{
    Common,
    fleet::{self, Member},
    report::Report,
    scale,
    stage::Stage,
};

/// How long one change may take.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let members = fleet::members(common.workloads.max(1), common.namespaces);
    let mut stage = Stage::prepare(&common).await?;
    stage.start().await?;
    fleet::create(stage.client(), &members).await?;
    stage.settled(Duration::from_secs(600)).await?;

    let mut report = Report::default();
    report.add("workloads", members.len(), "");
    report.add("changes", changes, "");
    let before = stage.snapshot()?;
    let mut crossings = Vec::with_capacity(changes);
    let mut bare = Vec::with_capacity(changes);
    for number in 0..changes {
        let member = &members[number % members.len()];
        crossings.push(change(stage.client(), member, &format!("c{number}")).await?);
        bare.push(four_applies(stage.client(), member, number).await?);
    }
    stage.settled(PATIENCE).await?;
    let after = stage.snapshot()?;
    let per = |count: u64| count as f64 / changes.max(1) as f64;
    scale::hops(&mut report, &after.hops.since(&before.hops));
    for (name, share) in [
        ("change across four objects, p50", 0.5),
        ("change across four objects, p99", 0.99),
    ] {
        report.ratio(name, quantile(&mut crossings, share), "ms");
    }
    report.ratio(
        "four applies by a bare client, p50",
        quantile(&mut bare, 0.5),
        "ms",
    );
    report.ratio(
        "requests",
        per(after.requests_total() - before.requests_total()),
        "per change",
    );
    report.ratio(
        "object and status writes",
        per(after.writes() - before.writes()),
        "per change",
    );
    let events = after.requests_for(Verb::Event) - before.requests_for(Verb::Event);
    report.ratio("event writes", per(events), "per change");
    report.add(
        "failed requests",
        after.failed_requests - before.failed_requests,
        "",
    );
    stage.clean_up(common.namespaces).await?;
    report.print(common.json);
    Ok(())
}

/// Changes a workload's source and waits until the last object of the chain has it.
async fn change(client: &Client, member: &Member, revision: &str) -> anyhow::Result<Duration> {
    let objects = fleet::api(client, Some(&member.namespace), "BenchObject");
    let last = format!("{}-app", member.name);
    let now = objects.get(&last).await?;
    let version = now
        .metadata
        .resource_version
        .context("no resourceVersion")?;
    let selector = WatchParams::default().fields(&format!("metadata.name={last}"));
    let mut events = objects.watch(&selector, &version).await?.boxed();
    let patch = json!({"spec": {"source": {"git": {"ref": {"commit": revision}}}}});
    let begin = Instant::now();
    fleet::api(client, Some(&member.namespace), "Workload")
        .patch(&member.name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        match event {
            Ok(Some(Ok(WatchEvent::Modified(object)))) => {
                if object.data["spec"]["config"]
                    .to_string()
                    .contains(&format!(":{revision}\""))
                {
                    return Ok(begin.elapsed());
                }
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) | Err(_) => bail!("{} did not get {revision}", member.name),
        }
    }
}

/// The same four writes in a row by a bare client.
async fn four_applies(client: &Client, member: &Member, number: usize) -> anyhow::Result<Duration> {
    let parameters = PatchParams::apply("carto-bench-bare").force();
    let objects = fleet::api(client, Some(&member.namespace), "BenchObject");
    let begin = Instant::now();
    for position in 0..fleet::OBJECTS {
        let name = format!("{}-row-{position}", member.name);
        let object = json!({
            "apiVersion": "bench.carto.run/v1", "kind": "BenchObject",
            "metadata": {"name": name, "namespace": member.namespace},
            "spec": {"image": format!("registry/app:c{number}")}
        });
        objects
            .patch(&name, &parameters, &Patch::Apply(&object))
            .await?;
    }
    Ok(begin.elapsed())
}

/// A quantile, in milliseconds.
fn quantile(durations: &mut [Duration], share: f64) -> f64 {
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

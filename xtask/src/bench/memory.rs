//! `bench memory`: what a stamped object takes of the controllers' memory, and what its owner does.
//!
//! The same owners, first with only the beginning of the chain, then with all of it, each time after a restart: what is
//! more then is what the added objects take, their part of their owner's status included.

use std::time::Duration;

use anyhow::ensure;

use super::{
    Common,
    fleet::{self, Member},
    process::Usage,
    report::Report,
    scale::{mebi, to_f64},
    stage::Stage,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// Seconds after which a fleet that has not settled counts as failed.
    #[arg(long, default_value_t = 280)]
    patience: u64,
}

/// What was measured after a restart.
struct Measured {
    usage: Usage,
    rows: u64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { common, patience } = args;
    let patience = Duration::from_secs(patience);
    let members = fleet::members(common.workloads.max(1), common.namespaces);
    let mut stage = Stage::prepare(&common).await?;
    let empty = restarted(&mut stage, patience).await?;

    stage.install_blueprint(1).await?;
    let ready = stage.until_ready(members.len()).await?;
    fleet::create(stage.client(), common.chain, &members).await?;
    tokio::time::timeout(patience, ready).await???;
    let beginning = restarted(&mut stage, patience).await?;

    stage.install_blueprint(usize::MAX).await?;
    let converged = stage.settled(patience).await?.1.usage;
    let whole = restarted(&mut stage, patience).await?;
    let expected = (members.len() * common.chain.objects()) as u64;
    ensure!(
        whole.rows == expected,
        "{} stamped objects are known, not {expected}",
        whole.rows
    );

    let report = report(&members, &empty, &beginning, converged, &whole);
    report.print(common.json);
    stage.clean_up(common.namespaces).await
}

fn report(
    members: &[Member],
    empty: &Measured,
    beginning: &Measured,
    converged: Usage,
    whole: &Measured,
) -> Report {
    let mut report = Report::default();
    report.add("owners", members.len(), "");
    for (what, usage) in [
        ("without owners", empty.usage),
        (
            "with the beginning of the chain, after a restart",
            beginning.usage,
        ),
        ("with the chain, before the restart", converged),
        ("with the chain, after the restart", whole.usage),
    ] {
        report.number(
            &format!("resident {what}"),
            mebi(usage.resident_bytes),
            "MiB",
        );
        report.number(
            &format!("anonymous {what}"),
            mebi(usage.anonymous_bytes),
            "MiB",
        );
    }
    let grown = |from: &Measured, to: &Measured| {
        to_f64(to.usage.anonymous_bytes) - to_f64(from.usage.anonymous_bytes)
    };
    let row = grown(beginning, whole) / to_f64(whole.rows - beginning.rows);
    report.number("grown per stamped object", row, "bytes");
    let owners = grown(empty, beginning) - row * to_f64(beginning.rows);
    let owner = owners / to_f64(members.len() as u64);
    report.number("grown per owner, beside its objects", owner, "bytes");
    report
}

/// Starts the controllers anew, waits until they have nothing to do, and measures.
async fn restarted(stage: &mut Stage, patience: Duration) -> anyhow::Result<Measured> {
    stage.settle_and_stop(patience).await?;
    stage.start_apart().await?;
    let (_, counters) = stage.settled(patience).await?;
    Ok(Measured {
        usage: counters.usage,
        rows: counters.all.rows,
    })
}

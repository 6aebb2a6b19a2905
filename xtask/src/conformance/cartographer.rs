//! Our scenarios beside the original: each is played on two real API servers, one driven by the
//! original, one by Carto, and every fact that differs must have a name.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use carto_testkit::scenario::{self, Difference, Facts, Gap, Pace, Scenario, World};
use futures::{StreamExt, stream};

use super::Summary;
use super::home::{Part, Tools};

/// How long to wait for that, at least.
const PATIENCE: Duration = Duration::from_secs(30);
/// And in such rests: the original tries again with waits that double, and writes each time.
const PATIENCE_IN_RESTS: u32 = 15;

/// Options of the comparison.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The original's binary, repaired so that it hears its stamped objects
    #[arg(long)]
    reference: PathBuf,
    /// The folder of scenarios
    #[arg(long, default_value = "tests/scenarios")]
    scenarios: PathBuf,
    /// Only scenarios whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// How many scenarios are played at a time
    #[arg(long, default_value_t = 10)]
    at_a_time: usize,
    /// For how many milliseconds nothing moves when things have settled: more than the original's
    /// first retries, and more still on a machine that has much else to do
    #[arg(long, default_value_t = 2_500)]
    rest: u64,
    /// Print the differences that have a name as well, so that the name can be held against them
    #[arg(long)]
    show_named: bool,
    #[command(flatten)]
    tools: Tools,
}

/// Plays and compares every scenario.
///
/// # Errors
/// A part that does not start, a scenario that cannot be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<Summary> {
    let mut scenarios = scenario::read_all(&args.scenarios)?;
    scenarios.retain(|scenario| scenario.id.contains(&args.only));
    let everywhere = scenario::read_differences(&args.scenarios.join("everywhere.yaml"))?;
    let state = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;

    let carto = args.tools.carto()?;
    let reference =
        fs::canonicalize(&args.reference).with_context(|| args.reference.display().to_string())?;
    let controller = |home: &Home| self::carto(&carto, home);
    let original = |home: &Home| self::original(&reference, home);

    let all: Vec<&Scenario> = scenarios.iter().collect();
    let comparable: Vec<&Scenario> = scenarios
        .iter()
        .filter(|scenario| scenario.without_original.is_none())
        .collect();
    let ours = Home::new(&args.tools, state.path(), "ours")?;
    let theirs = Home::new(&args.tools, state.path(), "theirs")?;
    let (ours, theirs) = runtime.block_on(async {
        tokio::try_join!(
            ours.play(&all, args, &controller),
            theirs.play(&comparable, args, &original)
        )
    })?;
    Ok(report(args, &scenarios, &everywhere, ours, theirs))
}

/// Starts Carto's controllers.
pub(super) fn carto(binary: &Path, home: &Home) -> anyhow::Result<Part> {
    let mut command = Command::new(binary);
    command
        .args(["controller", "--kubeconfig"])
        .arg(&home.kubeconfig);
    Part::start_ready(command, &home.log("carto"))
}

/// Starts the original. It does not say when it is ready.
pub(super) fn original(binary: &Path, home: &Home) -> anyhow::Result<Part> {
    let mut command = Command::new(binary);
    command
        .env("KUBECONFIG", &home.kubeconfig)
        .env("PATH", path_with_ytt()?)
        .current_dir(&home.folder);
    Part::start(command, &home.log("original"))
}

/// Where the original looks for `ytt`, which it runs: where we do, and first where `CARTO_TEST_YTT` is.
pub(crate) fn path_with_ytt() -> anyhow::Result<OsString> {
    let named = env::var_os("CARTO_TEST_YTT").map(PathBuf::from);
    let beside = named.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = beside.into_iter().chain(env::split_paths(&path)).collect();
    ensure!(
        folders.iter().any(|folder| folder.join("ytt").is_file()),
        "the original runs `ytt`, and there is none: put it on the PATH, or name it in CARTO_TEST_YTT"
    );
    Ok(env::join_paths(folders)?)
}

/// A real control plane.
pub(super) struct Home {
    name: &'static str,
    folder: PathBuf,
    pub(super) kubeconfig: PathBuf,
    _control_plane: Part,
}

pub(super) type Played = BTreeMap<String, Result<Vec<Facts>, String>>;

impl Home {
    pub(super) fn new(tools: &Tools, state: &Path, name: &'static str) -> anyhow::Result<Self> {
        let folder = state.join(name);
        let control_plane = tools.control_plane(&folder)?;
        Ok(Self {
            name,
            kubeconfig: folder.join("token.kubeconfig"),
            folder,
            _control_plane: control_plane,
        })
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.with_extension(format!("{name}.log"))
    }

    /// Plays scenarios with a choreographer at work.
    async fn play(
        &self,
        scenarios: &[&Scenario],
        args: &Args,
        start: &dyn Fn(&Self) -> anyhow::Result<Part>,
    ) -> anyhow::Result<Played> {
        let client = carto_server::remote_client(Some(&self.kubeconfig)).await?;
        let kinds = fs::read_to_string(args.scenarios.join("kinds.yaml"))?;
        carto_server::apply_yaml(&client, &carto_server::crds_yaml(false)).await?;
        carto_server::apply_yaml(&client, &kinds).await?;
        let world = World::follow(client).await?;
        let mut choreographer = start(self)?;
        let rest = Duration::from_millis(args.rest);
        let played = play(&world, scenarios.iter().copied(), args.at_a_time, rest).await;
        if choreographer.has_ended() {
            let log = fs::read_to_string(self.log("original")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            println!(
                "the choreographer of {} ended:\n{}",
                self.name,
                tail.join("\n")
            );
        }
        Ok(played)
    }
}

/// Plays scenarios, some at a time.
pub(super) async fn play(
    world: &World,
    scenarios: impl IntoIterator<Item = &Scenario>,
    at_a_time: usize,
    rest: Duration,
) -> Played {
    let pace = Pace {
        rest,
        patience: PATIENCE.max(rest * PATIENCE_IN_RESTS),
        idle: &|| true,
    };
    stream::iter(scenarios)
        .map(|scenario| async move {
            let looks = scenario::play(world, scenario, pace).await;
            (
                scenario.id.clone(),
                looks.map_err(|error| error.to_string()),
            )
        })
        .buffer_unordered(at_a_time)
        .collect()
        .await
}

/// Compares what was seen, and counts.
fn report(
    args: &Args,
    scenarios: &[Scenario],
    everywhere: &[Difference],
    mut ours: Played,
    mut theirs: Played,
) -> Summary {
    let mut summary = Summary::default();
    let (mut compared, mut named, mut used) = (0, 0, BTreeSet::new());
    for scenario in scenarios {
        let carto = ours.remove(&scenario.id).unwrap_or_else(|| Ok(Vec::new()));
        if let Some(why) = &scenario.without_original {
            match carto {
                Ok(_) => summary.leave_out(&scenario.id, why),
                Err(problem) => summary.count(&scenario.id, Err(problem)),
            }
            continue;
        }
        let original = theirs
            .remove(&scenario.id)
            .unwrap_or_else(|| Ok(Vec::new()));
        let result = match (original, carto) {
            (Ok(original), Ok(carto)) => {
                let (objects, gaps) = scenario::compare(&original, &carto);
                compared += objects;
                named += scenario.differs.len();
                if args.show_named {
                    show_named(scenario, &gaps);
                }
                judge(scenario, gaps, everywhere, &mut used)
            }
            (Err(problem), _) => Err(format!("with the original: {problem}")),
            (_, Err(problem)) => Err(format!("with Carto: {problem}")),
        };
        summary.count(&scenario.id, result);
    }
    for (place, difference) in everywhere.iter().enumerate() {
        if !used.contains(&place) {
            println!(
                "not seen in this run: {} ({})",
                difference.at, difference.finding
            );
        }
    }
    println!(
        "{} scenarios, {compared} objects compared, {named} named differences and {} everywhere",
        scenarios.len(),
        everywhere.len()
    );
    summary
}

fn judge(
    scenario: &Scenario,
    gaps: Vec<Gap>,
    everywhere: &[Difference],
    used: &mut BTreeSet<usize>,
) -> Result<(), String> {
    let (gaps, everywhere_used) = scenario::unexplained(gaps, everywhere);
    used.extend(everywhere_used);
    let (gaps, named) = scenario::unexplained(gaps, &scenario.differs);
    let mut problems: Vec<String> = gaps.iter().map(describe).collect();
    for (place, difference) in scenario.differs.iter().enumerate() {
        if !named.contains(&place) && !difference.sometimes {
            problems.push(format!(
                "named, but not seen: {} ({})",
                difference.at, difference.finding
            ));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", scenario.about, problems.join("\n")))
}

/// Prints each named difference with the facts that its pattern covers.
fn show_named(scenario: &Scenario, gaps: &[Gap]) {
    for difference in &scenario.differs {
        println!(
            "NAMED {} {} ({})",
            scenario.id, difference.at, difference.finding
        );
        let covered = gaps.iter().filter(|gap| difference.covers(gap));
        covered.for_each(|gap| println!("{}", describe(gap)));
    }
}

pub(super) fn describe(gap: &Gap) -> String {
    let side = |value: &Option<String>| {
        value
            .clone()
            .unwrap_or_else(|| scenario::NOTHING.to_owned())
    };
    format!(
        "look {} {}\n  original: {}\n  carto:    {}",
        gap.look,
        gap.at,
        side(&gap.original),
        side(&gap.carto)
    )
}

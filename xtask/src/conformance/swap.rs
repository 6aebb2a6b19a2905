//! From the original to Carto, back, and to Carto again, on one real API server.
//!
//! The original plays every scenario that it can; what it leaves is what an installation looks like
//! that people have. Then each takes over from the other. Carto has to find everything in order: no
//! object is made, replaced or stamped again, unless the scenario names what the original left undone.
//! The original, when it comes back, makes at most one more run of each resource that runs: it remembers
//! runs in its memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use carto_testkit::scenario::{self, Difference, Facts, Identity, Pace, Scenario, World};
use futures::{StreamExt, stream};

use super::Summary;
use super::cartographer::{self, Home};
use super::home::{Part, Tools};

const PATIENCE: Duration = Duration::from_mins(3);
/// How long the original may take until all of its controllers work.
const START: Duration = Duration::from_secs(90);
/// What it says of each when it does.
const WORKS: &str = "Starting workers";
const CONTROLLERS: usize = 5;
/// For how long nothing moves between two steps of a scenario.
const PLAYED: Duration = Duration::from_secs(4);

/// Options of the swap.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A copy of the original's repository; its binary `cartographer` lies in it, built with the repair
    dir: PathBuf,
    /// The folder of scenarios
    #[arg(long, default_value = "tests/scenarios")]
    scenarios: PathBuf,
    /// Only scenarios whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// For how many seconds nothing moves when a choreographer has taken over
    #[arg(long, default_value_t = 8)]
    rest: u64,
    #[command(flatten)]
    tools: Tools,
}

/// What a scenario has come to.
struct State {
    facts: Facts,
    objects: BTreeMap<String, Identity>,
}

type States = BTreeMap<String, State>;

/// Swaps, and judges each scenario after each step.
///
/// # Errors
/// A part that does not start, a scenario that cannot be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<Summary> {
    let mut scenarios = scenario::read_all(&args.scenarios)?;
    scenarios.retain(|one| one.id.contains(&args.only) && one.without_original.is_none());
    let everywhere = scenario::read_differences(&args.scenarios.join("everywhere.yaml"))?;
    let state = tempfile::tempdir()?;
    let binary = args.dir.join("cartographer");
    let reference = fs::canonicalize(&binary).with_context(|| binary.display().to_string())?;
    let carto = args.tools.carto()?;
    let home = Home::new(&args.tools, state.path(), "swap")?;
    let original = || cartographer::original(&reference, &home);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let client = carto_server::remote_client(Some(&home.kubeconfig)).await?;
        apply_folder(&client, &args.dir.join("config/crd/bases")).await?;
        let kinds = fs::read_to_string(args.scenarios.join("kinds.yaml"))?;
        carto_server::apply_yaml(&client, &kinds).await?;
        let world = World::follow(client.clone()).await?;

        let theirs = original()?;
        let played = cartographer::play(&world, &scenarios, 10, PLAYED).await;
        let mut summary = Summary::default();
        scenarios.retain(|one| {
            let problem = played.get(&one.id).and_then(|result| result.as_ref().err());
            if let Some(problem) = problem {
                let name = format!("{}, played by the original", one.id);
                summary.count(&name, Err(problem.clone()));
            }
            problem.is_none()
        });
        let rest = Duration::from_secs(args.rest);
        let before = look(&world, &scenarios, rest).await?;
        drop(theirs);

        carto_server::apply_yaml(&client, &carto_server::crds_yaml(false)).await?;
        let ours = cartographer::carto(&carto, &home)?;
        let swapped = look(&world, &scenarios, rest).await?;
        drop(ours);

        let theirs = original()?;
        works(&home).await?;
        let back = look(&world, &scenarios, rest).await?;
        drop(theirs);

        let ours: Part = cartographer::carto(&carto, &home)?;
        let again = look(&world, &scenarios, rest).await?;
        drop(ours);

        let (mut runs, mut stamped) = (0, 0);
        for scenario in &scenarios {
            let id = &scenario.id;
            let name = |step: &str| format!("{id}, {step}");
            let differs = [&everywhere[..], &scenario.differs[..]].concat();
            let change = Change::between(&before[id], &swapped[id]);
            summary.count(&name("to Carto"), change.is_explained(&differs));

            let change = Change::between(&swapped[id], &back[id]);
            if change.touches_objects() {
                println!("{id}, back: {change}");
            }
            runs += change.made.len();
            stamped += change.stamped.len();
            summary.count(&name("back"), change.runs_once_more_at_most(scenario));
            let ran = !change.made.is_empty();

            let mut change = Change::between(&back[id], &again[id]);
            if ran {
                // Carto goes on with the run that it knows, not with the one more of the original.
                change.gaps.clear();
            }
            summary.count(&name("to Carto again"), change.is_explained(&differs));
        }
        println!("the original, when it came back: {runs} runs once more, {stamped} objects stamped again");
        Ok(summary)
    })
}

/// Waits until all controllers of the original work.
async fn works(home: &Home) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let said = fs::read_to_string(home.log("original")).unwrap_or_default();
        if said.matches(WORKS).count() >= CONTROLLERS {
            return Ok(());
        }
        anyhow::ensure!(begin.elapsed() < START, "the original does not start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn apply_folder(client: &kube::Client, folder: &std::path::Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let applied = carto_server::apply_yaml(client, &text).await;
        applied.with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Waits until all scenarios rest, and looks at them.
async fn look(world: &World, scenarios: &[Scenario], rest: Duration) -> anyhow::Result<States> {
    let pace = Pace {
        rest,
        patience: PATIENCE,
        idle: &|| true,
    };
    let looks = stream::iter(scenarios).map(|one| async move {
        let facts = scenario::look(world, &one.id, pace).await?;
        let objects = world.identities(&one.id);
        anyhow::Ok((one.id.clone(), State { facts, objects }))
    });
    let looks: Vec<_> = looks
        .buffer_unordered(scenarios.len().max(1))
        .collect()
        .await;
    looks.into_iter().collect()
}

/// What happened to the objects of a scenario while one choreographer took over from the other.
struct Change {
    made: BTreeSet<String>,
    replaced: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// Its spec was written.
    stamped: BTreeSet<String>,
    gaps: Vec<scenario::Gap>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            made,
            replaced,
            gone,
            stamped,
            gaps,
        } = self;
        write!(
            f,
            "made {made:?}, replaced {replaced:?}, gone {gone:?}, stamped again {stamped:?}, {} facts",
            gaps.len()
        )
    }
}

impl Change {
    fn between(before: &State, after: &State) -> Self {
        let (old, new) = (&before.objects, &after.objects);
        let names = |objects: &BTreeMap<String, Identity>,
                     test: &dyn Fn(&str, &Identity) -> bool| {
            let chosen = objects.iter().filter(|(name, one)| test(name, one));
            chosen.map(|(name, _)| name.clone()).collect()
        };
        let (_, mut gaps) = scenario::compare(
            std::slice::from_ref(&before.facts),
            std::slice::from_ref(&after.facts),
        );
        // Events tell of the past; of objects that came or went is told by name.
        gaps.retain(|gap| gap.at.contains(' ') && !gap.at.contains(" event "));
        Self {
            made: names(new, &|name, _| !old.contains_key(name)),
            gone: names(old, &|name, _| !new.contains_key(name)),
            replaced: names(new, &|name, one| {
                old.get(name).is_some_and(|older| older.uid != one.uid)
            }),
            stamped: names(new, &|name, one| {
                old.get(name)
                    .is_some_and(|older| older.uid == one.uid && older.generation != one.generation)
            }),
            gaps,
        }
    }

    fn touches_objects(&self) -> bool {
        let all = [&self.made, &self.replaced, &self.gone, &self.stamped];
        all.iter().any(|objects| !objects.is_empty())
    }

    /// Everything that Carto did has a name in the scenario.
    fn is_explained(&self, differs: &[Difference]) -> Result<(), String> {
        let named = |object: &str| {
            let at = |difference: &&Difference| difference.is_about(object);
            differs.iter().any(|difference| at(&difference))
        };
        let all = [
            ("made", &self.made),
            ("replaced", &self.replaced),
            ("gone", &self.gone),
            ("stamped again", &self.stamped),
        ];
        let mut problems: Vec<String> = Vec::new();
        for (what, objects) in all {
            let unnamed = objects.iter().filter(|object| !named(object));
            problems.extend(unnamed.map(|object| format!("{what}: {object}")));
        }
        let (gaps, _) = scenario::unexplained(self.gaps.clone(), differs);
        problems.extend(gaps.iter().map(cartographer::describe));
        if problems.is_empty() {
            return Ok(());
        }
        Err(problems.join("\n"))
    }

    /// The original has made nothing but runs, at most one of each generated name.
    fn runs_once_more_at_most(&self, scenario: &Scenario) -> Result<(), String> {
        let prefixes: Vec<&str> = self
            .made
            .iter()
            .map(|name| {
                name.rsplit_once('-')
                    .map_or(name.as_str(), |(prefix, _)| prefix)
            })
            .collect();
        let distinct: BTreeSet<&&str> = prefixes.iter().collect();
        if distinct.len() == prefixes.len() && self.replaced.is_empty() {
            return Ok(());
        }
        Err(format!("{}\n{self}", scenario.about))
    }
}

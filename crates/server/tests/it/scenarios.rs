//! Every scenario, on the embedded home: what it shows is what is written beside it.
//!
//! `CARTO_BLESS=1` writes down what is seen now; read the difference before it is committed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs};

use carto_apiserver::{ApiServer, Config, UserInfo};
use carto_controllers::Controllers;
use carto_testkit::scenario::{self, Pace, Scenario, World};
use futures::{StreamExt, stream};
use kube::Client;

/// How many scenarios are played at a time.
const AT_A_TIME: usize = 16;
/// For how long nothing moves when things have settled: events come a little later than the rest.
const REST: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_scenario_shows_what_is_written_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let only = env::var("CARTO_SCENARIO").unwrap_or_default();
    let mut scenarios = scenario::read_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    scenarios.retain(|scenario| scenario.id.contains(&only));
    assert!(!scenarios.is_empty(), "no scenario is named like {only:?}");

    let mut crds = carto_api::crds_json();
    crds.extend(scenario::read_documents(&folder.join("kinds.yaml")).expect("the kinds are YAML"));
    let config = Config {
        rbac: true,
        crds,
        ..Config::default()
    };
    let server = ApiServer::start(config).await.expect("a server starts");
    let client = Client::new(server.service(UserInfo::admin()), "default");
    let controllers = Controllers::start(client.clone(), carto_controllers::Config::default());
    let controllers = controllers.await.expect("the controllers start");
    controllers.synced().await;
    let world = World::follow(client).await.expect("all kinds are served");

    // What will be tried again is not waited for.
    let idle = || {
        let now = controllers.metrics();
        now.queue + now.running + now.events_pending == 0
    };
    let pace = Pace {
        rest: REST,
        patience: PATIENCE,
        idle: &idle,
    };
    let bless = env::var_os("CARTO_BLESS").is_some();
    let failed = AtomicBool::new(false);
    stream::iter(&scenarios)
        .for_each_concurrent(AT_A_TIME, |scenario| async {
            if let Err(problem) = check(&world, scenario, pace, bless).await {
                failed.store(true, Ordering::Relaxed);
                eprintln!("{}: {problem}\n", scenario.id);
            }
        })
        .await;
    drop(world);
    controllers.stop().await;
    server.shutdown().await;
    assert!(!failed.load(Ordering::Relaxed), "see above");
    println!("{} scenarios", scenarios.len());
}

async fn check(
    world: &World,
    scenario: &Scenario,
    pace: Pace<'_>,
    bless: bool,
) -> Result<(), String> {
    let looks = scenario::play(world, scenario, pace).await;
    let seen = scenario::render(&looks.map_err(|error| error.to_string())?);
    let file: PathBuf = scenario.file.with_extension("expected");
    if bless {
        return fs::write(&file, seen).map_err(|error| error.to_string());
    }
    let expected = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    if seen == expected {
        return Ok(());
    }
    Err(format!(
        "{}\n{}",
        scenario.about,
        line_difference(&expected, &seen)
    ))
}

/// The lines of one text that are not in the other, each with its place.
fn line_difference(expected: &str, seen: &str) -> String {
    let (expected, seen): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), seen.lines().collect());
    let start = expected
        .iter()
        .zip(&seen)
        .take_while(|(a, b)| a == b)
        .count();
    let end = expected[start..]
        .iter()
        .rev()
        .zip(seen[start..].iter().rev());
    let end = end.take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str], sign: char| -> String {
        let lines = &lines[start..lines.len() - end];
        let signed: Vec<String> = lines.iter().map(|line| format!("{sign} {line}")).collect();
        signed.join("\n")
    };
    format!(
        "from line {}:\n{}\n{}",
        start + 1,
        part(&expected, '-'),
        part(&seen, '+')
    )
}

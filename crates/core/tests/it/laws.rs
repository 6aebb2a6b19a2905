//! The laws: idempotence, convergence, determinism, stability, crash safety.
//!
//! Every scenario is a list of changes with everything settled in between. It is played once
//! undisturbed, and then once for every request of it and every fault: the end must be the same,
//! nothing may have run twice, and once it is quiet it must stay so, also after a restart.

use std::collections::BTreeSet;
use std::env;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::build::{one_resource, stamps_run, template, without};
use crate::cluster::{Cluster, Fault, REFUSED, config_map};
use crate::drive::workload_key;
use crate::scenarios::{SCENARIOS, Scenario, build_all, change_url, with_runs};
use crate::written;

/// What differs between two plays of one scenario without meaning anything.
const INCIDENTAL: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "lastTransitionTime",
    "managedFields",
    "generation",
    "observedGeneration",
    "time",
];

const FAULTS: [Fault; 5] = [
    Fault::Crash,
    Fault::LostReply,
    Fault::LostAndUnheard,
    Fault::NotReached,
    Fault::Conflict,
];

/// How a cluster begins, and what happens to it with everything settled in between.
pub(crate) trait Story {
    fn name(&self) -> &str;
    /// The cluster when the first change was made; nothing has settled yet.
    fn begin(&self) -> Cluster;
    /// How many changes there are, the first included.
    fn changes(&self) -> usize;
    /// Makes a change; the first is made by [`Story::begin`].
    fn change(&self, cluster: &Cluster, number: usize);
}

impl Story for Scenario {
    fn name(&self) -> &str {
        self.name
    }

    fn begin(&self) -> Cluster {
        (self.begin)()
    }

    fn changes(&self) -> usize {
        self.changes.len() + 1
    }

    fn change(&self, cluster: &Cluster, number: usize) {
        self.changes[number - 1](cluster);
    }
}

/// Everything there is, as far as it means anything.
fn world(cluster: &Cluster) -> Vec<Value> {
    cluster.with(|state| {
        state
            .objects
            .values()
            .map(|object| without(object.clone(), &INCIDENTAL))
            .collect()
    })
}

/// The lists that a pass reads for what Runnables select: passes are woken by its changes.
fn selections(cluster: &Cluster) -> BTreeSet<String> {
    let runnables = cluster.list("Runnable");
    let kinds = runnables
        .iter()
        .filter_map(|runnable| runnable["spec"]["selector"]["resource"]["kind"].as_str());
    kinds.map(|kind| format!("list {kind}")).collect()
}

/// Checks what must hold whenever nothing moves. What is refused every time may be tried again.
fn check_quiet(cluster: &Cluster, context: &str) {
    let objects = cluster.with(|state| state.objects.values().cloned().collect::<Vec<_>>());
    // Runs carry the digest as a label too. Objects that are changed in place may be alike.
    let digests: Vec<String> = objects
        .iter()
        .filter(|run| !run["metadata"]["labels"]["carto.run/stamp-digest"].is_null())
        .filter_map(|run| run["metadata"]["annotations"]["carto.run/stamp-digest"].as_str())
        .map(str::to_owned)
        .collect();
    let distinct: BTreeSet<&String> = digests.iter().collect();
    assert_eq!(
        digests.len(),
        distinct.len(),
        "{context}: a stamp ran twice"
    );
    let before = world(cluster);
    let version = cluster.version();
    let selections = selections(cluster);
    for restart in [false, true] {
        if restart {
            cluster.restart();
        }
        cluster.wait(1000);
        cluster.take_log();
        cluster.settle();
        let mut log = cluster.take_log();
        let refused = log.iter().any(|line| line.starts_with(REFUSED));
        // Why it is refused may take a look.
        let looks = |line: &str| line.starts_with("list ") || line.starts_with("get ");
        let allowed = |line: &String| {
            selections.contains(line) || line.starts_with(REFUSED) || (refused && looks(line))
        };
        log.retain(|line| !allowed(line));
        assert!(
            log.is_empty(),
            "{context}: not idempotent, restart {restart}: {log:?}"
        );
    }
    assert_eq!(
        cluster.version(),
        version,
        "{context}: something was written"
    );
    assert_eq!(world(cluster), before, "{context}: not stable");
}

fn play(story: &dyn Story, fault: Option<(usize, Fault)>) -> (Cluster, usize) {
    let cluster = story.begin();
    if let Some((number, fault)) = fault {
        cluster.with(|state| state.faults.insert(number, fault));
    }
    cluster.settle();
    for number in 1..story.changes() {
        story.change(&cluster, number);
        cluster.settle();
    }
    let requests = cluster.with(|state| state.requests);
    (cluster, requests)
}

/// Plays a story once for every request and each of the faults that `faults` names for it.
fn go_wrong_everywhere<F: IntoIterator<Item = Fault>>(
    story: &dyn Story,
    faults: impl Fn(usize) -> F,
) {
    let (cluster, requests) = play(story, None);
    let expected = world(&cluster);
    let births = cluster.births();
    check_quiet(&cluster, story.name());
    for number in 0..requests {
        for fault in faults(number) {
            let context = format!("{}, request {number}, {fault:?}", story.name());
            let (cluster, _) = play(story, Some((number, fault)));
            assert_eq!(world(&cluster), expected, "{context}");
            assert_eq!(
                cluster.births(),
                births,
                "{context}: something was made twice"
            );
            check_quiet(&cluster, &context);
        }
    }
}

#[test]
fn every_crash_lost_reply_and_missed_request_ends_the_same() {
    for scenario in SCENARIOS {
        let (_, requests) = play(scenario, None);
        assert!(requests > 1, "{}: too little happens", scenario.name);
        go_wrong_everywhere(scenario, |_| FAULTS);
    }
}

/// How often the written scenarios are played with another lot; `CARTO_SEEDS` asks for more.
fn seeds() -> usize {
    let asked = env::var("CARTO_SEEDS").ok();
    asked.map_or(1, |text| text.parse().expect("CARTO_SEEDS is a number"))
}

/// With one seed every request goes wrong in one way, with five in all of them.
#[test]
fn every_written_scenario_ends_the_same_whatever_request_goes_wrong() {
    let stories = written::all();
    for story in &stories {
        go_wrong_everywhere(story, |number| {
            (0..seeds().min(FAULTS.len())).map(move |seed| FAULTS[(number + seed) % FAULTS.len()])
        });
    }
    println!("{} scenarios", stories.len());
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).expect("small");
        usize::try_from((z ^ (z >> 31)) % bound).expect("below a usize")
    }
}

/// How many storms each scenario goes through.
const STORMS: u64 = 12;

#[test]
fn storms_of_faults_and_restarts_end_the_same() {
    for scenario in SCENARIOS {
        storms(scenario, STORMS);
    }
}

#[test]
fn every_written_scenario_ends_the_same_after_storms() {
    for story in written::all() {
        storms(&story, 3 * u64::try_from(seeds()).expect("small"));
    }
}

/// Plays a story once for each seed: requests go wrong, the index misses things, the process
/// ends, at any time.
fn storms(story: &dyn Story, seeds: u64) {
    let (calm, _) = play(story, None);
    let expected = world(&calm);
    for seed in 0..seeds {
        let context = format!("{}, seed {seed}", story.name());
        let mut dice = Dice(seed);
        let cluster = story.begin();
        storm(&cluster, &mut dice);
        for number in 1..story.changes() {
            story.change(&cluster, number);
            storm(&cluster, &mut dice);
        }
        cluster.with(|state| state.faults.clear());
        cluster.settle();
        assert_eq!(world(&cluster), expected, "{context}");
        assert_eq!(
            cluster.births(),
            calm.births(),
            "{context}: something was made twice"
        );
        check_quiet(&cluster, &context);
    }
}

fn storm(cluster: &Cluster, dice: &mut Dice) {
    for _ in 0..dice.below(5) {
        let (at, fault) = (dice.below(8), FAULTS[dice.below(FAULTS.len())]);
        cluster.with(|state| state.faults.insert(state.requests + at, fault));
    }
    let restarts = dice.below(3) == 0;
    cluster.with(|state| state.stale = dice.below(4) == 0);
    // A pass or two while the index hears nothing.
    for key in cluster.ours().iter().cycle().take(dice.below(4)) {
        if cluster.pass(key).is_none() {
            cluster.restart();
        }
    }
    // What was not heard is heard in the end: a watch goes on where it was.
    cluster.hear_again();
    if restarts {
        cluster.restart();
    }
    cluster.settle();
}

#[test]
fn the_order_of_lists_does_not_matter() {
    for scenario in SCENARIOS {
        in_another_order(scenario);
    }
    for story in written::all() {
        in_another_order(&story);
    }
}

fn in_another_order(story: &dyn Story) {
    let (expected, _) = play(story, None);
    let cluster = story.begin();
    cluster.with(|state| state.reversed = true);
    cluster.settle();
    for number in 1..story.changes() {
        story.change(&cluster, number);
        cluster.settle();
    }
    assert_eq!(world(&cluster), world(&expected), "{}", story.name());
}

#[test]
fn a_stale_index_duplicates_nothing() {
    let spec = json!({"imagePath": ".status.image", "lifecycle": "immutable"});
    let stamps = stamps_run("run-", json!({"in": "$(workload.spec.source.git.url)$"}));
    let cluster = one_resource(
        template("ClusterImageTemplate", "image", stamps, spec),
        json!({"source": {"git": {"url": "one"}}}),
    );
    cluster.settle();
    // The index hears nothing of what follows, and the reply to the create is lost as well.
    change_url(&cluster, "two");
    cluster.take_log();
    cluster.with(|state| {
        state.stale = true;
        state.faults.insert(state.requests, Fault::LostReply);
    });
    for _ in 0..3 {
        cluster.pass(&workload_key());
    }
    let log = cluster.take_log();
    let creates = log
        .iter()
        .filter(|line| line.contains("create Test"))
        .count();
    assert_eq!((cluster.list("Test").len(), creates), (2, 3), "{log:?}");
    assert!(
        cluster
            .condition("ResourcesSubmitted")
            .starts_with("Unknown MissingValueAtPath")
    );
    cluster.restart();
    cluster.settle();
    check_quiet(&cluster, "stale");
}

/// What can happen to a cluster, at random.
#[derive(Clone, Copy, Debug)]
enum Act {
    Url(u8),
    Build,
    Drift,
    Lose,
    Pass,
    Restart,
    Fault(u8, u8),
    Unlabel(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0u8..4).prop_map(Act::Url),
        3 => Just(Act::Build),
        1 => Just(Act::Drift),
        1 => Just(Act::Lose),
        4 => Just(Act::Pass),
        1 => Just(Act::Restart),
        2 => (0u8..6, 0u8..4).prop_map(|(number, fault)| Act::Fault(number, fault)),
        1 => any::<bool>().prop_map(Act::Unlabel),
    ];
    prop::collection::vec(act, 1..25)
}

fn perform(cluster: &Cluster, act: Act) {
    match act {
        Act::Url(number) => change_url(cluster, &format!("url-{number}")),
        Act::Build => build_all(cluster),
        Act::Drift => {
            if cluster.get(&config_map("w-source")).is_some() {
                cluster.edit(&config_map("w-source"), "vandal", |object| {
                    object["data"]["url"] = "drifted".into();
                });
            }
        }
        Act::Lose => cluster.remove(&config_map("w-app")),
        Act::Pass => {
            cluster.pass(&crate::cluster::key(
                "carto.run/v1alpha1",
                "ClusterSupplyChain",
                "chain",
            ));
            if cluster.pass(&workload_key()).is_none() {
                cluster.restart();
            }
        }
        Act::Restart => cluster.restart(),
        Act::Fault(number, fault) => cluster.with(|state| {
            let fault = FAULTS[usize::from(fault)];
            state
                .faults
                .insert(state.requests + usize::from(number), fault);
        }),
        Act::Unlabel(gone) => cluster.edit(&workload_key(), "kubectl", |workload| {
            workload["metadata"]["labels"]["app"] = if gone { "none" } else { "web" }.into();
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_the_end_is_what_was_asked_for(acts in acts()) {
        let cluster = with_runs();
        for act in &acts {
            perform(&cluster, *act);
        }
        cluster.with(|state| state.faults.clear());
        cluster.settle();
        build_all(&cluster);
        cluster.settle();
        // The same wish in a world without a past.
        let fresh = with_runs();
        let wish = cluster.get(&workload_key()).expect("there");
        fresh.edit(&workload_key(), "kubectl", |workload| {
            workload["spec"] = wish["spec"].clone();
            workload["metadata"]["labels"] = wish["metadata"]["labels"].clone();
        });
        fresh.settle();
        build_all(&fresh);
        fresh.settle();
        for name in ["w-source", "w-app"] {
            let data = |cluster: &Cluster| {
                cluster.get(&config_map(name)).map(|object| object["data"].clone())
            };
            prop_assert_eq!(data(&cluster), data(&fresh), "{}", name);
        }
        let conditions = |cluster: &Cluster| {
            without(cluster.status()["conditions"].clone(), &["lastTransitionTime"])
        };
        prop_assert_eq!(conditions(&cluster), conditions(&fresh));
        check_quiet(&cluster, "random");
    }
}

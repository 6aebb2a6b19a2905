//! The laws: idempotence, convergence, determinism, stability, crash safety.
//!
//! Every scenario is a list of changes with everything settled in between. It is played once
//! undisturbed, and then once for every request of it and every fault: the end must be the same,
//! nothing may have run twice, and once it is quiet it must stay so, also after a restart.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::build::{one_resource, stamps_run, template, without};
use crate::cluster::{Cluster, Fault, config_map};
use crate::drive::workload_key;
use crate::scenarios::{SCENARIOS, Scenario, build_all, change_url, with_runs};

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

const FAULTS: [Fault; 4] = [
    Fault::Crash,
    Fault::LostReply,
    Fault::LostAndUnheard,
    Fault::NotReached,
];

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

/// Checks what must hold whenever nothing moves.
fn check_quiet(cluster: &Cluster, context: &str) {
    let runs = cluster.list("Test");
    // Runs carry the digest as a label too. Objects that are changed in place may be alike.
    let digests: Vec<String> = runs
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
    for restart in [false, true] {
        if restart {
            cluster.restart();
        }
        cluster.wait(1000);
        cluster.take_log();
        cluster.settle();
        let mut log = cluster.take_log();
        // What a Runnable selects is read in every pass; passes are woken by its changes.
        log.retain(|line| line != "list ConfigMap");
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

fn play(scenario: &Scenario, fault: Option<(usize, Fault)>) -> (Cluster, usize) {
    let cluster = (scenario.begin)();
    if let Some((number, fault)) = fault {
        cluster.with(|state| state.faults.insert(number, fault));
    }
    cluster.settle();
    for change in scenario.changes {
        change(&cluster);
        cluster.settle();
    }
    let requests = cluster.with(|state| state.requests);
    (cluster, requests)
}

#[test]
fn every_crash_lost_reply_and_missed_request_ends_the_same() {
    for scenario in SCENARIOS {
        let (cluster, requests) = play(scenario, None);
        let expected = world(&cluster);
        let births = cluster.births("Test");
        check_quiet(&cluster, scenario.name);
        assert!(requests > 1, "{}: too little happens", scenario.name);
        for number in 0..requests {
            for fault in FAULTS {
                let context = format!("{}, request {number}, {fault:?}", scenario.name);
                let (cluster, _) = play(scenario, Some((number, fault)));
                assert_eq!(world(&cluster), expected, "{context}");
                assert_eq!(
                    cluster.births("Test"),
                    births,
                    "{context}: something ran twice"
                );
                check_quiet(&cluster, &context);
            }
        }
    }
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
        let (calm, _) = play(scenario, None);
        let expected = world(&calm);
        for seed in 0..STORMS {
            let context = format!("{}, seed {seed}", scenario.name);
            let mut dice = Dice(seed);
            let cluster = (scenario.begin)();
            let mut storm = |cluster: &Cluster| {
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
            };
            storm(&cluster);
            for change in scenario.changes {
                change(&cluster);
                storm(&cluster);
            }
            cluster.with(|state| state.faults.clear());
            cluster.settle();
            assert_eq!(world(&cluster), expected, "{context}");
            assert_eq!(
                cluster.births("Test"),
                calm.births("Test"),
                "{context}: something ran twice"
            );
            check_quiet(&cluster, &context);
        }
    }
}

#[test]
fn the_order_of_lists_does_not_matter() {
    for scenario in SCENARIOS {
        let (expected, _) = play(scenario, None);
        let cluster = (scenario.begin)();
        cluster.with(|state| state.reversed = true);
        cluster.settle();
        for change in scenario.changes {
            change(&cluster);
            cluster.settle();
        }
        assert_eq!(world(&cluster), world(&expected), "{}", scenario.name);
    }
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
    let creates = log.iter().filter(|line| line.starts_with("create")).count();
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

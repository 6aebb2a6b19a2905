//! The laws: idempotence, convergence, determinism, stability, crash safety.
//!
//! Every scenario is a list of changes with everything settled in between. It is played once
//! undisturbed, and then once for every request of it and every fault: the end must be the same,
//! nothing may have run twice, and once it is quiet it must stay so, also after a restart.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, one_resource, resource, source_template,
    stamps_run, template, three_hops, with, without, workload,
};
use crate::cluster::{Cluster, Fault, conditions, config_map, test};
use crate::drive::workload_key;

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

type Change = fn(&Cluster);

struct Scenario {
    name: &'static str,
    begin: fn() -> Cluster,
    changes: &'static [Change],
}

fn change_url(cluster: &Cluster, url: &str) {
    cluster.wait(5);
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = url.into();
    });
}

/// Plays the part of whoever builds: every test object gets an image and a verdict.
fn build_all(cluster: &Cluster) {
    for run in cluster.list("Test") {
        let name = run["metadata"]["name"].as_str().expect("a name").to_owned();
        let mut status = conditions(&[("Succeeded", "True", "")]);
        status["image"] = format!("img-{}", run["spec"]["value"]).into();
        cluster.set_status(&test(&name), status);
    }
}

fn with_runs() -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template(
        "source",
        "w-source",
        "$(workload.spec.source.git.url)$",
        "r",
    ));
    cluster.put(template(
        "ClusterImageTemplate",
        "image",
        stamps_run("build-", json!({"url": "$(source.url)$"})),
        json!({
            "imagePath": ".status.image", "lifecycle": "tekton",
            "retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 2},
        }),
    ));
    cluster.put(app_template("app", "w-app"));
    cluster.put(chain(
        "chain",
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "source")]
            ),
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
        ]),
    ));
    cluster.put(workload(json!({"source": {"git": {"url": "one"}}})));
    cluster
}

fn with_runnable() -> Cluster {
    let cluster = Cluster::new();
    let stamps = stamps_run("run-", json!({"in": "$(runnable.spec.inputs.in)$"}));
    cluster.put(object(
        "ClusterRunTemplate",
        "rt",
        json!({"template": stamps, "outputs": {"image": "status.image"}}),
    ));
    cluster.put(template(
        "ClusterImageTemplate",
        "runnable",
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Runnable",
            "metadata": {"name": "$(workload.metadata.name)$"},
            "spec": {
                "runTemplateRef": {"name": "rt"},
                "inputs": {"in": "$(workload.spec.source.git.url)$"},
            },
        }),
        json!({"imagePath": ".status.outputs.image"}),
    ));
    cluster.put(app_template("app", "w-app"));
    cluster.put(chain(
        "chain",
        json!([
            resource("image", "ClusterImageTemplate", "runnable"),
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
        ]),
    ));
    cluster.with(|state| {
        let mapping = carto_core::key::Mapping {
            plural: "runnables".into(),
            namespaced: true,
        };
        state
            .kinds
            .insert(("carto.run/v1alpha1".into(), "Runnable".into()), mapping);
    });
    cluster.put(workload(json!({"source": {"git": {"url": "one"}}})));
    cluster
}

const FAULTS: [Fault; 4] = [
    Fault::Crash,
    Fault::LostReply,
    Fault::LostAndUnheard,
    Fault::NotReached,
];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mutable chain",
        begin: three_hops,
        changes: &[
            build_all,
            |cluster| change_url(cluster, "https://two"),
            build_all,
            |cluster| {
                cluster.edit(&config_map("w-app"), "vandal", |object| {
                    object["data"]["image"] = "drifted".into();
                });
            },
            |cluster| cluster.remove(&config_map("w-source")),
        ],
    },
    Scenario {
        name: "runs",
        begin: with_runs,
        changes: &[
            build_all,
            |cluster| change_url(cluster, "two"),
            build_all,
            |cluster| change_url(cluster, "one"),
            |cluster| change_url(cluster, "three"),
            build_all,
        ],
    },
    Scenario {
        name: "runnable in a chain",
        begin: with_runnable,
        changes: &[build_all, |cluster| change_url(cluster, "two"), build_all],
    },
    Scenario {
        name: "pruning",
        begin: three_hops,
        changes: &[
            build_all,
            |cluster| {
                cluster.put(source_template("source", "w-renamed", "u", "main"));
            },
            |cluster| {
                cluster.put(image_template("image", "w-other-image"));
            },
            build_all,
            |cluster| {
                cluster.put(chain(
                    "chain",
                    json!([resource("source", "ClusterSourceTemplate", "source")]),
                ));
            },
            |cluster| {
                cluster.edit(&workload_key(), "kubectl", |workload| {
                    workload["metadata"]["labels"] = json!({"app": "none"});
                });
            },
        ],
    },
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
    let digests: Vec<String> = cluster
        .list("Test")
        .iter()
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
        let log = cluster.take_log();
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
        check_quiet(&cluster, scenario.name);
        assert!(requests > 3, "{}: too little happens", scenario.name);
        for number in 0..requests {
            for fault in FAULTS {
                let context = format!("{}, request {number}, {fault:?}", scenario.name);
                let (cluster, _) = play(scenario, Some((number, fault)));
                assert_eq!(world(&cluster), expected, "{context}");
                check_quiet(&cluster, &context);
            }
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

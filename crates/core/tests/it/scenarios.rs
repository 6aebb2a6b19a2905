//! What happens to owners, as data: the laws hold for all of it.
//!
//! Every branch that writes has a scenario: each kind of owner, template and lifecycle, options,
//! health rules, retention, completion of deployments, selection by Runnables, take-overs and all
//! the ways in which something is no longer needed.

use carto_core::key::{Mapping, ObjectKey};
use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, one_resource, resource, source_template,
    stamps_config_map, stamps_run, stamps_test, template, three_hops, with, workload,
};
use crate::cluster::{Cluster, conditions, config_map, key, test};
use crate::drive::workload_key;

type Change = fn(&Cluster);

/// How a cluster begins and what happens to it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) begin: fn() -> Cluster,
    /// Everything settles before each of them, and at the end.
    pub(crate) changes: &'static [Change],
}

pub(crate) fn change_url(cluster: &Cluster, url: &str) {
    cluster.wait(5);
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = url.into();
    });
}

/// Plays the part of whoever builds: every test object gets an image and a verdict.
pub(crate) fn build_all(cluster: &Cluster) {
    for run in cluster.list("Test") {
        let name = run["metadata"]["name"].as_str().expect("a name").to_owned();
        let mut status = conditions(&[("Succeeded", "True", "")]);
        status["image"] = format!("img-{}", run["spec"]["value"]).into();
        cluster.set_status(&test(&name), status);
    }
}

pub(crate) fn with_runs() -> Cluster {
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
    serve(&cluster, "carto.run/v1alpha1", "Runnable", "runnables");
    cluster.put(workload(json!({"source": {"git": {"url": "one"}}})));
    cluster
}

/// Serves one more kind, in namespaces.
pub(crate) fn serve(cluster: &Cluster, api_version: &str, kind: &str, plural: &str) {
    let mapping = Mapping {
        plural: plural.into(),
        namespaced: true,
    };
    cluster.with(|state| {
        state
            .kinds
            .insert((api_version.into(), kind.into()), mapping)
    });
}

/// Labels the workload.
fn label(cluster: &Cluster, labels: Value) {
    cluster.wait(5);
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"] = labels;
    });
}

/// Gives every test object the same status.
fn say_all(cluster: &Cluster, status: &Value) {
    for object in cluster.list("Test") {
        let name = object["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        cluster.set_status(&test(&name), status.clone());
    }
}

fn option(field: &str, name: &str, operator: &str) -> Value {
    json!({field: name, "selector": {"matchExpressions": [
        {"key": "has-tests", "operator": operator}]}})
}

/// source -> tester, which is a template or lets the source through -> image.
fn with_options() -> Cluster {
    let cluster = three_hops();
    cluster.put(source_template(
        "tested",
        "w-tested",
        "$(source.url)$/tested",
        "yes",
    ));
    let tester = json!({
        "name": "tester",
        "sources": [{"name": "s", "resource": "source"}],
        "templateRef": {"kind": "ClusterSourceTemplate", "options": [
            option("name", "tested", "Exists"), option("passThrough", "s", "DoesNotExist"),
        ]},
    });
    let image = resource("image", "ClusterImageTemplate", "image");
    cluster.put(chain(
        "chain",
        json!([
            // Written before what it needs.
            with(image, "sources", &[("s", "tester")]),
            tester,
            resource("source", "ClusterSourceTemplate", "source"),
        ]),
    ));
    cluster
}

fn deliverable_key() -> ObjectKey {
    key("carto.run/v1alpha1", "Deliverable", "d")
}

/// source -> deploy -> verify, which passes the deployment on.
fn with_delivery() -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template(
        "source",
        "d-source",
        "$(deliverable.spec.source.git.url)$",
        "r",
    ));
    cluster.put(template(
        "ClusterDeploymentTemplate",
        "deploy",
        stamps_test("deployed", json!({"url": "$(deployment.url)$"})),
        json!({"observedMatches": [{"input": "spec.value.url", "output": "status.url"}]}),
    ));
    cluster.put(template(
        "ClusterDeploymentTemplate",
        "verify",
        stamps_test("verified", json!({"url": "$(deployment.url)$"})),
        json!({"observedCompletion": {
            "succeeded": {"key": "status.done", "value": "true"},
            "failed": {"key": "status.failed", "value": "true"},
        }}),
    ));
    let deployer = |name: &str, from: &str| {
        let mut deployer = resource(name, "ClusterDeploymentTemplate", name);
        deployer["deployment"] = json!({"resource": from});
        deployer
    };
    cluster.put(object(
        "ClusterDelivery",
        "delivery",
        json!({"selector": {"app": "web"}, "resources": [
            deployer("verify", "deploy"), deployer("deploy", "source"),
            resource("source", "ClusterSourceTemplate", "source"),
        ]}),
    ));
    let mut deliverable = object(
        "Deliverable",
        "d",
        json!({"source": {"git": {"url": "one"}}}),
    );
    deliverable["metadata"]["labels"] = json!({"app": "web"});
    cluster.put(deliverable);
    cluster
}

/// Deploys what is wanted, and says how it went.
fn deploy(cluster: &Cluster, verdict: &str) {
    for object in cluster.list("Test") {
        let name = object["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let status = json!({
            "url": object["spec"]["value"]["url"],
            "observedGeneration": object["metadata"]["generation"],
            verdict: true,
        });
        cluster.set_status(&test(&name), status);
    }
}

fn lifecycle(stamps: Value, lifecycle: &str) -> Value {
    template(
        "ClusterImageTemplate",
        "image",
        stamps,
        json!({"imagePath": ".status.image", "lifecycle": lifecycle}),
    )
}

fn stamps_input(named: bool) -> Value {
    let value = json!({"in": "$(workload.spec.source.git.url)$"});
    if named {
        stamps_test("t", value)
    } else {
        stamps_run("t-", value)
    }
}

fn with_lifecycles() -> Cluster {
    one_resource(
        lifecycle(stamps_input(true), "mutable"),
        json!({"source": {"git": {"url": "one"}}}),
    )
}

/// Five runs, of which some fail and some never end.
fn with_retention() -> Cluster {
    let stamps = stamps_run("run-", json!({"in": "$(workload.spec.source.git.url)$"}));
    one_resource(
        template(
            "ClusterImageTemplate",
            "image",
            stamps,
            json!({
                "imagePath": ".status.image", "lifecycle": "tekton",
                "retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 1},
            }),
        ),
        json!({"source": {"git": {"url": "0"}}}),
    )
}

/// Ends the runs that have not ended yet.
fn end_runs(cluster: &Cluster, succeeded: &str) {
    for run in cluster
        .list("Test")
        .iter()
        .filter(|run| run["status"].is_null())
    {
        let name = run["metadata"]["name"].as_str().expect("a name").to_owned();
        let mut status = conditions(&[("Succeeded", succeeded, "")]);
        status["image"] = format!("img-{}", run["spec"]["value"]["in"]).into();
        cluster.set_status(&test(&name), status);
    }
}

fn with_health(rule: &Value) -> Cluster {
    let cluster = Cluster::new();
    cluster.put(template(
        "ClusterImageTemplate",
        "image",
        stamps_test("t", json!({})),
        json!({"imagePath": ".status.image", "healthRule": rule}),
    ));
    cluster.put(app_template("app", "w-app"));
    let app = resource("app", "ClusterTemplate", "app");
    cluster.put(chain(
        "chain",
        json!([
            resource("image", "ClusterImageTemplate", "image"),
            with(app, "images", &[("i", "image")]),
        ]),
    ));
    cluster.put(workload(json!({})));
    cluster
}

fn with_selection() -> Cluster {
    let cluster = Cluster::new();
    serve(&cluster, "carto.run/v1alpha1", "Runnable", "runnables");
    cluster.put(object(
        "ClusterRunTemplate",
        "rt",
        json!({"template": stamps_run("run-", json!({"from": "$(selected.data.pipeline)$"}))}),
    ));
    cluster.put(object(
        "Runnable",
        "r",
        json!({
            "runTemplateRef": {"name": "rt"},
            "selector": {
                "resource": {"apiVersion": "v1", "kind": "ConfigMap"},
                "matchingLabels": {"pipeline": "test"},
            },
        }),
    ));
    cluster
}

fn candidate(cluster: &Cluster, name: &str, pipeline: &str) {
    cluster.wait(5);
    let mut candidate = stamps_config_map(name, json!({"pipeline": pipeline}));
    candidate["metadata"]["namespace"] = "ns".into();
    candidate["metadata"]["labels"] = json!({"pipeline": "test"});
    cluster.put(candidate);
}

/// A chain that stamps a deliverable, which a delivery carries on.
fn with_deliverable() -> Cluster {
    let cluster = with_delivery();
    cluster.remove(&deliverable_key());
    serve(
        &cluster,
        "carto.run/v1alpha1",
        "Deliverable",
        "deliverables",
    );
    let stamps = json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Deliverable",
        "metadata": {"name": "d", "labels": {"app": "web"}},
        "spec": {"source": {"git": {"url": "$(workload.spec.source.git.url)$"}}},
    });
    cluster.put(template("ClusterTemplate", "hand-over", stamps, json!({})));
    cluster.put(chain(
        "chain",
        json!([resource("hand-over", "ClusterTemplate", "hand-over")]),
    ));
    cluster.put(workload(json!({"source": {"git": {"url": "one"}}})));
    cluster
}

fn with_ytt() -> Cluster {
    let ytt = "#@ load(\"@ytt:data\", \"data\")\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  \
               name: #@ data.values.workload.metadata.name + \"-\" + data.values.params.suffix\ndata:\n  \
               url: #@ data.values.workload.spec.source.git.url\n";
    let params = json!([{"name": "suffix", "default": "a"}]);
    one_resource(
        object(
            "ClusterTemplate",
            "t",
            json!({"ytt": ytt, "params": params}),
        ),
        json!({"source": {"git": {"url": "one"}}}),
    )
}

/// Gives the chain of `one_resource` a parameter.
fn set_param(cluster: &Cluster, setting: &str, value: &str) {
    let mut chain = chain("chain", json!([resource("only", "ClusterTemplate", "t")]));
    chain["spec"]["params"] = json!([{"name": "suffix", setting: value}]);
    cluster.put(chain);
}

fn with_globals() -> Cluster {
    let stamps = json!({
        "apiVersion": "test.run/v1alpha1", "kind": "ClusterTest",
        "metadata": {"name": "$(workload.spec.source.git.url)$"}, "spec": {},
    });
    one_resource(
        template("ClusterTemplate", "t", stamps, json!({})),
        json!({"source": {"git": {"url": "one"}}}),
    )
}

/// What the original left: an object and a run, of the workload that is there.
pub(crate) fn with_legacy() -> Cluster {
    let cluster = with_runs();
    let owner = cluster.get(&workload_key()).expect("there");
    let legacy = |mut object: Value, resource: &str, kind: &str, lifecycle: &str| {
        object["metadata"]["namespace"] = "ns".into();
        object["metadata"]["labels"] = json!({
            "carto.run/workload-name": "w", "carto.run/workload-namespace": "ns",
            "carto.run/supply-chain-name": "chain", "carto.run/resource-name": resource,
            "carto.run/template-kind": kind, "carto.run/cluster-template-name": resource,
            "carto.run/template-lifecycle": lifecycle,
        });
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "w",
            "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }]);
        cluster.put_as(object, "cartographer");
    };
    let source = stamps_config_map("w-source", json!({"url": "one", "revision": "r"}));
    legacy(source, "source", "ClusterSourceTemplate", "mutable");
    let run = stamps_test("build-old", json!({"url": "one"}));
    legacy(run, "image", "ClusterImageTemplate", "tekton");
    cluster
}

/// All scenarios.
pub(crate) const SCENARIOS: &[Scenario] = &[
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
    Scenario {
        name: "options and pass-through",
        begin: with_options,
        changes: &[
            build_all,
            |cluster| label(cluster, json!({"app": "web", "has-tests": "true"})),
            build_all,
            |cluster| change_url(cluster, "https://two"),
            |cluster| label(cluster, json!({"app": "web"})),
        ],
    },
    Scenario {
        name: "delivery",
        begin: with_delivery,
        changes: &[
            |cluster| deploy(cluster, "busy"),
            |cluster| deploy(cluster, "failed"),
            |cluster| deploy(cluster, "done"),
            |cluster| {
                cluster.edit(&deliverable_key(), "kubectl", |deliverable| {
                    deliverable["spec"]["source"]["git"]["url"] = "two".into();
                });
            },
            |cluster| deploy(cluster, "done"),
            |cluster| cluster.remove(&key("carto.run/v1alpha1", "ClusterDelivery", "delivery")),
        ],
    },
    Scenario {
        name: "a chain that hands over to a delivery",
        begin: with_deliverable,
        changes: &[
            |cluster| deploy(cluster, "done"),
            |cluster| change_url(cluster, "two"),
            |cluster| deploy(cluster, "done"),
            |cluster| label(cluster, json!({"app": "none"})),
        ],
    },
    Scenario {
        name: "lifecycles",
        begin: with_lifecycles,
        changes: &[
            build_all,
            |cluster| {
                cluster.put(lifecycle(stamps_input(false), "immutable"));
            },
            build_all,
            |cluster| change_url(cluster, "two"),
            |cluster| {
                cluster.put(lifecycle(stamps_input(false), "tekton"));
            },
            build_all,
            |cluster| {
                cluster.put(lifecycle(stamps_input(true), "mutable"));
            },
            build_all,
        ],
    },
    Scenario {
        name: "retention",
        begin: with_retention,
        changes: &[
            |cluster| end_runs(cluster, "True"),
            |cluster| change_url(cluster, "1"),
            |cluster| end_runs(cluster, "False"),
            |cluster| change_url(cluster, "2"),
            |cluster| change_url(cluster, "3"),
            |cluster| end_runs(cluster, "False"),
            |cluster| change_url(cluster, "4"),
            |cluster| end_runs(cluster, "True"),
        ],
    },
    Scenario {
        name: "health by matching",
        begin: || {
            with_health(&json!({"multiMatch": {
                "healthy": {"matchConditions": [{"type": "Ready", "status": "True"}]},
                "unhealthy": {"matchFields": [
                    {"key": "status.phase", "operator": "In", "values": ["Broken"],
                     "messagePath": "status.why"}]},
            }}))
        },
        changes: &[
            |cluster| say_all(cluster, &json!({"phase": "Broken", "why": "no disk"})),
            |cluster| {
                let mut status = conditions(&[("Ready", "True", "fine")]);
                status["image"] = "img".into();
                say_all(cluster, &status);
            },
            |cluster| say_all(cluster, &json!({"image": "img"})),
        ],
    },
    Scenario {
        name: "health by one condition",
        begin: || with_health(&json!({"singleConditionType": "Ready"})),
        changes: &[
            |cluster| say_all(cluster, &conditions(&[("Ready", "False", "no")])),
            build_all,
            |cluster| say_all(cluster, &conditions(&[("Ready", "Unknown", "perhaps")])),
        ],
    },
    Scenario {
        name: "always healthy",
        begin: || with_health(&json!({"alwaysHealthy": {}})),
        changes: &[build_all, |cluster| say_all(cluster, &json!({}))],
    },
    Scenario {
        name: "a runnable that selects",
        begin: with_selection,
        changes: &[
            |cluster| candidate(cluster, "first", "one"),
            build_all,
            |cluster| candidate(cluster, "first", "two"),
            build_all,
            |cluster| candidate(cluster, "second", "three"),
            |cluster| cluster.remove(&config_map("first")),
            build_all,
        ],
    },
    Scenario {
        name: "two workloads want one name",
        begin: three_hops,
        changes: &[
            |cluster| {
                let mut other = workload(json!({"source": {"git": {"url": "https://other"}}}));
                other["metadata"]["name"] = "v".into();
                cluster.put(other);
            },
            build_all,
            |cluster| cluster.remove(&workload_key()),
            build_all,
        ],
    },
    Scenario {
        name: "from chain to chain",
        begin: three_hops,
        changes: &[
            build_all,
            |cluster| {
                let mut other = chain(
                    "other",
                    json!([
                        resource("source", "ClusterSourceTemplate", "source"),
                        resource("more", "ClusterTemplate", "more"),
                    ]),
                );
                other["spec"]["selector"] = json!({"app": "web", "tier": "two"});
                cluster.put(other);
                let stamps = stamps_config_map("w-more", json!({}));
                cluster.put(template("ClusterTemplate", "more", stamps, json!({})));
            },
            |cluster| label(cluster, json!({"app": "web", "tier": "two"})),
            |cluster| label(cluster, json!({"app": "web"})),
            build_all,
            |cluster| cluster.remove(&key("carto.run/v1alpha1", "ClusterSupplyChain", "chain")),
        ],
    },
    Scenario {
        name: "rights that come and go",
        begin: three_hops,
        changes: &[
            build_all,
            |cluster| {
                cluster.with(|state| state.forbidden.insert(("delete".into(), "Test".into())));
                cluster.put(chain("chain", json!([])));
            },
            |cluster| cluster.with(|state| state.forbidden.clear()),
            |cluster| {
                cluster.with(|state| state.forbidden.insert(("patch".into(), "Test".into())));
                let source = resource("source", "ClusterSourceTemplate", "source");
                let image = resource("image", "ClusterImageTemplate", "image");
                cluster.put(chain(
                    "chain",
                    json!([source, with(image, "sources", &[("s", "source")])]),
                ));
            },
            |cluster| cluster.with(|state| state.forbidden.clear()),
        ],
    },
    Scenario {
        name: "ytt and parameters",
        begin: with_ytt,
        changes: &[
            |cluster| change_url(cluster, "two"),
            |cluster| set_param(cluster, "default", "b"),
            |cluster| {
                cluster.edit(&workload_key(), "kubectl", |workload| {
                    workload["spec"]["params"] = json!([{"name": "suffix", "value": "c"}]);
                });
            },
            |cluster| set_param(cluster, "value", "d"),
        ],
    },
    Scenario {
        name: "objects without a namespace",
        begin: with_globals,
        changes: &[
            |cluster| change_url(cluster, "two"),
            |cluster| {
                cluster.put(chain("chain", json!([])));
            },
        ],
    },
    Scenario {
        name: "taking over from the original",
        begin: with_legacy,
        changes: &[
            build_all,
            |cluster| change_url(cluster, "two"),
            build_all,
            |cluster| change_url(cluster, "one"),
        ],
    },
];

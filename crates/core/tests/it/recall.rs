//! What a pass leaves for the next one: it spares work and hides nothing.
//!
//! Every pass of all these tests that asks for nothing is made once more without what the last one left, and has to end
//! the same; see [`Cluster::plan`](crate::cluster::Cluster).

use carto_core::recall::Recall;
use serde_json::{Value, json};

use crate::build::{chain, image_template, object, resource, stamps_config_map, template, with};
use crate::cluster::{Cluster, config_map, key, test};
use crate::drive::workload_key;

/// Makes a workload, settled, of a source, an image whose value is known later, and a ytt template that reads
/// parameters of all levels and an image.
fn settled() -> Cluster {
    let cluster = Cluster::new();
    cluster.put(template(
        "ClusterSourceTemplate",
        "source",
        stamps_config_map(
            "w-source",
            json!({"url": "$(workload.spec.source.git.url)$", "revision": "$(params.revision)$"}),
        ),
        json!({
            "urlPath": ".data.url", "revisionPath": ".data.revision",
            "params": [{"name": "revision", "default": "of the template"}],
        }),
    ));
    cluster.put(image_template("image", "w-image"));
    cluster.put(app("data.values.image + data.values.params.suffix"));
    cluster.put(chain("chain", resources("app")));
    let mut workload = object("Workload", "w", spec("https://git"));
    workload["metadata"]["labels"] = json!({"app": "web", "team": "a"});
    workload["metadata"]["annotations"] = json!({"note": "1"});
    cluster.put(workload);
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "image:1"}));
    cluster.settle();
    assert_eq!(cluster.condition("Ready"), "True Ready");
    cluster
}

fn spec(url: &str) -> Value {
    json!({"source": {"git": {"url": url}}})
}

fn resources(app: &str) -> Value {
    json!([
        resource("source", "ClusterSourceTemplate", "source"),
        with(
            resource("image", "ClusterImageTemplate", "image"),
            "sources",
            &[("s", "source")]
        ),
        with(
            resource("app", "ClusterTemplate", app),
            "images",
            &[("i", "image")]
        ),
    ])
}

/// A template of the last object, in ytt, with that value.
fn app(value: &str) -> Value {
    let ytt = format!(
        "#@ load(\"@ytt:data\", \"data\")\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: w-app\n\
         data:\n  value: #@ {value}\n  team: #@ data.values.workload.metadata.labels.team\n"
    );
    let params = json!([{"name": "suffix", "default": "!"}]);
    object(
        "ClusterTemplate",
        "app",
        json!({"ytt": ytt, "params": params}),
    )
}

fn left(cluster: &Cluster) -> Recall {
    cluster.pass(&workload_key()).expect("there").recall
}

fn data(cluster: &Cluster, name: &str) -> Value {
    cluster.get(&config_map(name)).expect("there")["data"].clone()
}

#[test]
fn what_no_template_reads_of_an_owner_leaves_everything_recalled() {
    let cluster = settled();
    let before = left(&cluster);
    assert_ne!(before, Recall::default());
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["metadata"]["annotations"]["note"] = "2".into();
        workload["metadata"]["labels"]["unread"] = "x".into();
    });
    assert_eq!(left(&cluster), before);
}

#[test]
fn a_restart_forgets_and_comes_to_the_same_end() {
    let cluster = settled();
    let before = left(&cluster);
    cluster.restart();
    cluster.take_log();
    assert_eq!(left(&cluster), before);
    assert_eq!(cluster.take_log(), Vec::<String>::new());
}

#[test]
fn whatever_a_template_sees_is_stamped_anew() {
    type Change = fn(&Cluster);
    let cases: [(&str, Change, &str, &str, &str); 11] = [
        (
            "a field of the owner",
            |cluster| {
                cluster.edit(&workload_key(), "kubectl", |w| {
                    w["spec"] = spec("https://other");
                });
            },
            "w-source",
            "url",
            "https://other",
        ),
        (
            "a label of the owner",
            |cluster| {
                cluster.edit(&workload_key(), "kubectl", |w| {
                    w["metadata"]["labels"]["team"] = "b".into();
                });
            },
            "w-app",
            "team",
            "b",
        ),
        (
            "a parameter of the owner",
            |cluster| {
                cluster.edit(&workload_key(), "kubectl", |w| {
                    w["spec"]["params"] = json!([{"name": "suffix", "value": "?"}]);
                });
            },
            "w-app",
            "value",
            "image:1?",
        ),
        (
            "a parameter of the blueprint",
            |cluster| {
                drop(cluster.put(with_params(
                    json!([{"name": "suffix", "value": "+"}]),
                    json!([]),
                )));
            },
            "w-app",
            "value",
            "image:1+",
        ),
        (
            "a parameter of the resource",
            |cluster| {
                drop(cluster.put(with_params(
                    json!([]),
                    json!([{"name": "suffix", "default": "-"}]),
                )));
            },
            "w-app",
            "value",
            "image:1-",
        ),
        (
            "a parameter of the template",
            |cluster| {
                cluster.edit(
                    &key("carto.run/v1alpha1", "ClusterSourceTemplate", "source"),
                    "kubectl",
                    |t| {
                        t["spec"]["params"][0]["default"] = "another".into();
                    },
                );
            },
            "w-source",
            "revision",
            "another",
        ),
        (
            "the text of a ytt template",
            |cluster| drop(cluster.put(app("\"new\""))),
            "w-app",
            "value",
            "new",
        ),
        (
            "what a template stamps",
            |cluster| {
                cluster.edit(
                    &key("carto.run/v1alpha1", "ClusterSourceTemplate", "source"),
                    "kubectl",
                    |t| {
                        t["spec"]["template"]["data"]["revision"] = "fixed".into();
                    },
                );
            },
            "w-source",
            "revision",
            "fixed",
        ),
        (
            "an input",
            |cluster| cluster.set_status(&test("w-image"), json!({"image": "image:2"})),
            "w-app",
            "value",
            "image:2!",
        ),
        (
            "the name of the template",
            |cluster| {
                let mut other = app("\"other\"");
                other["metadata"]["name"] = "other".into();
                cluster.put(other);
                cluster.put(chain("chain", resources("other")));
            },
            "w-app",
            "value",
            "other",
        ),
        (
            "the object itself",
            |cluster| {
                cluster.edit(&config_map("w-app"), "somebody", |o| {
                    o["data"]["value"] = "stolen".into();
                });
            },
            "w-app",
            "value",
            "image:1!",
        ),
    ];
    for (what, change, name, field, expected) in cases {
        let cluster = settled();
        let before = left(&cluster);
        change(&cluster);
        cluster.settle();
        assert_eq!(data(&cluster, name)[field], expected, "{what}");
        if what != "the object itself" {
            assert_ne!(left(&cluster), before, "{what}");
        }
    }
}

fn with_params(blueprint: Value, of_app: Value) -> Value {
    let mut resources = resources("app");
    resources[2]["params"] = of_app;
    let mut chain = chain("chain", resources);
    chain["spec"]["params"] = blueprint;
    chain
}

#[test]
fn another_option_is_stamped_anew() {
    let cluster = settled();
    let option =
        |name: &str, team: &str| json!({"name": name, "selector": {"matchLabels": {"team": team}}});
    let mut other = app("\"other\"");
    other["metadata"]["name"] = "other".into();
    cluster.put(other);
    let mut resources = resources("app");
    resources[2]["templateRef"] =
        json!({"kind": "ClusterTemplate", "options": [option("app", "a"), option("other", "b")]});
    cluster.put(chain("chain", resources));
    cluster.settle();
    assert_eq!(data(&cluster, "w-app")["value"], "image:1!");
    cluster.edit(&workload_key(), "kubectl", |w| {
        w["metadata"]["labels"]["team"] = "b".into();
    });
    cluster.settle();
    assert_eq!(
        data(&cluster, "w-app"),
        json!({"value": "other", "team": "b"})
    );
}

#[test]
fn an_owner_at_rest_hears_that_its_account_is_gone() {
    let cluster = settled();
    cluster.with(|state| state.accounts.clear());
    cluster.settle();
    let submitted = cluster.condition("ResourcesSubmitted");
    assert!(
        submitted.starts_with("False ServiceAccountError"),
        "{submitted}"
    );
}

#[test]
fn an_object_that_is_gone_or_replaced_is_not_taken_for_the_one_that_was() {
    let cluster = settled();
    cluster.remove(&config_map("w-app"));
    cluster.settle();
    assert_eq!(data(&cluster, "w-app")["value"], "image:1!");

    let mut theirs = cluster.get(&config_map("w-app")).expect("there");
    theirs["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    cluster.put(theirs);
    cluster.settle();
    let submitted = cluster.resource_condition("app", "ResourceSubmitted");
    assert!(submitted.contains("is not taken over"), "{submitted}");
}

#[test]
fn what_ytt_cannot_read_fails_although_the_template_does_not_look_at_it() {
    let cluster = settled();
    cluster.edit(&workload_key(), "kubectl", |w| {
        w["metadata"]["annotations"]["note"] = "\u{7f}".into();
    });
    cluster.settle();
    let submitted = cluster.resource_condition("app", "ResourceSubmitted");
    assert!(
        submitted.contains("control characters are not allowed"),
        "{submitted}"
    );
}

#[test]
fn an_owner_at_rest_hears_of_what_changes_no_stamp() {
    // A health rule is no part of what is stamped.
    let cluster = settled();
    let source = key("carto.run/v1alpha1", "ClusterSourceTemplate", "source");
    cluster.edit(&source, "kubectl", |template| {
        template["spec"]["healthRule"] = json!({"alwaysHealthy": {}});
    });
    cluster.settle();
    let healthy = cluster.resource_condition("source", "Healthy");
    assert_eq!(healthy, "True AlwaysHealthy");

    // Nor is an input that no template refers to.
    let mut more = resources("app");
    more[2]["sources"] = json!([{"name": "unused", "resource": "source"}]);
    cluster.put(chain("chain", more));
    cluster.settle();
    let inputs = &cluster.resource("app")["inputs"];
    assert_eq!(*inputs, json!([{"name": "source"}, {"name": "image"}]));

    // Somebody writes into the status.
    let key = workload_key();
    let status = cluster.status();
    let mut forged = status.clone();
    forged["resources"][0]["outputs"][0]["preview"] = "forged".into();
    cluster.set_status(&key, forged);
    cluster.settle();
    assert_eq!(
        cluster.status()["resources"][0]["outputs"][0]["preview"],
        "https://git\n"
    );
}

#[test]
fn an_owner_at_rest_deletes_what_turns_up_and_nobody_needs() {
    let cluster = settled();
    let mut stray = cluster.get(&config_map("w-app")).expect("there");
    stray["metadata"]["name"] = "stray".into();
    cluster.put_as(stray, "carto");
    assert!(cluster.get(&config_map("stray")).is_some());
    cluster.settle();
    assert_eq!(cluster.get(&config_map("stray")), None);
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

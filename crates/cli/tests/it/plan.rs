//! `carto plan` on a live home: what it says is what then happens, and it writes nothing.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    live::{CHAIN, Home, TEST_KIND, is_ready, kind, workload},
    process::{carto, finish},
};

fn plan(home: &Home, args: &[&str]) -> Output {
    finish(
        carto()
            .arg("plan")
            .arg("--kubeconfig")
            .arg(home.kubeconfig())
            .args(args),
    )
}

fn stdout(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    String::from_utf8_lossy(&output.stdout).into_owned() + &errors
}

fn ready(home: &Home, name: &str) -> Value {
    home.wait(
        &kind("carto.run/v1alpha1", "Workload"),
        name,
        is_ready("True"),
    )
}

/// Two workloads, carried to the end.
fn settled() -> Home {
    let home = Home::start();
    home.apply(TEST_KIND);
    home.apply(CHAIN);
    for name in ["one", "two"] {
        home.apply(&workload(name));
        let test = kind("test.run/v1alpha1", "Test");
        home.wait(&test, name, |_| true);
        home.say(
            &test,
            name,
            json!({"image": format!("registry/{name}@sha256:1")}),
        );
        ready(&home, name);
    }
    home
}

#[test]
fn a_plan_is_what_happens_and_planning_writes_nothing() {
    let home = settled();
    let version = |name: &str| {
        let object = home.wait(&kind("v1", "ConfigMap"), name, |_| true);
        object["metadata"]["resourceVersion"].clone()
    };
    let before = version("one-app");

    let same = home.file("same.yaml", CHAIN);
    let output = plan(&home, &[same.to_str().unwrap(), "--exit-code"]);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (
            Some(0),
            "0 of 2 owners change: 0 objects to create, 0 runs to start, 0 to change, 0 to delete\n"
        )
    );

    let changed = CHAIN.replace(
        "data: {image: $(image)$}",
        "data: {image: $(image)$, tier: web}",
    );
    let file = home.file("changed.yaml", &changed);
    let output = plan(&home, &[file.to_str().unwrap(), "--exit-code"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("Workload default/one\n  change ConfigMap one-app (resource app)\n"),
        "{text}"
    );
    assert!(
        text.contains("     data:\n       image: registry/one@sha256:1\n    +  tier: web\n"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "2 of 2 owners change: 0 objects to create, 0 runs to start, 2 to change, 0 to delete\n"
        ),
        "{text}"
    );
    assert_eq!(version("one-app"), before, "planning wrote something");

    let output = plan(&home, &["--pending"]);
    assert!(
        stdout(&output).starts_with("0 of 2 owners change"),
        "{}",
        stdout(&output)
    );

    home.apply(&changed);
    home.wait(&kind("v1", "ConfigMap"), "two-app", |object| {
        object["data"]["tier"] == "web"
    });
    let output = plan(&home, &[file.to_str().unwrap()]);
    assert!(
        stdout(&output).starts_with("0 of 2 owners change"),
        "{}",
        stdout(&output)
    );
    home.end();
}

#[test]
fn deletions_failures_and_new_owners_are_foreseen() {
    let home = settled();
    let chain = home.file("chain.yaml", CHAIN.split("---\n").next().unwrap());
    let output = plan(
        &home,
        &[
            "--delete",
            chain.to_str().unwrap(),
            "--only",
            "workload/one",
            "-o",
            "json",
        ],
    );
    let data: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(data["examined"], 2);
    assert_eq!(data["owners"].as_array().unwrap().len(), 1);
    let owner = &data["owners"][0];
    assert_eq!(
        owner["blueprint"],
        json!({"before": "chain", "after": null})
    );
    let effects: Vec<String> = owner["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["effect"].as_str().unwrap(),
                one["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        effects,
        ["delete one-app", "delete one-source", "delete one"]
    );

    let broken = CHAIN.replace("$(workload.spec.source.git.url)$", "$(params.none)$");
    let broken = home.file("broken.yaml", &broken);
    let text = stdout(&plan(&home, &[broken.to_str().unwrap(), "--summary"]));
    assert!(
        text.contains("ready then: False TemplateStampFailure: "),
        "{text}"
    );
    assert!(
        text.ends_with("2 of them are ready now and would fail\n"),
        "{text}"
    );

    let third = home.file("third.yaml", &workload("three"));
    let text = stdout(&plan(&home, &[third.to_str().unwrap()]));
    assert!(
        text.contains("Workload default/three\n  blueprint none -> chain\n"),
        "{text}"
    );
    assert!(
        text.contains("  create Test three (resource image)\n"),
        "{text}"
    );
    assert!(
        text.contains("1 of 3 owners change: 2 objects to create"),
        "{text}"
    );
    home.end();
}

#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.yaml");
    std::fs::write(&file, CHAIN).unwrap();
    let output = finish(
        carto()
            .args(["plan", "--kubeconfig", "/nowhere/kubeconfig"])
            .arg(&file),
    );
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("cannot use the kubeconfig /nowhere/kubeconfig"),
        "{text}"
    );
    assert!(text.contains("hint: name a kubeconfig"), "{text}");
}

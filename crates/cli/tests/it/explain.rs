//! `carto explain` on a live home: selection, causes, inputs, writers, what comes next.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    live::{CHAIN, Home, TEST_KIND, is_ready, kind, workload},
    process::{carto, finish},
};

fn explain(home: &Home, args: &[&str]) -> Output {
    finish(
        carto()
            .arg("explain")
            .arg("--kubeconfig")
            .arg(home.kubeconfig())
            .args(args),
    )
}

fn text(home: &Home, args: &[&str]) -> String {
    let output = explain(home, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn workload_kind() -> Value {
    kind("carto.run/v1alpha1", "Workload")
}

#[test]
fn the_cause_its_object_its_writers_and_those_who_wait_are_named() {
    let home = Home::start();
    home.apply(TEST_KIND);
    home.apply(CHAIN);
    home.apply(&workload("web"));
    home.wait(&workload_kind(), "web", is_ready("Unknown"));
    let test = kind("test.run/v1alpha1", "Test");
    home.say(
        &test,
        "web",
        json!({"conditions": [
            {"type": "Building", "status": "True", "message": "step 2 of 5"},
        ]}),
    );
    let said = text(&home, &["web"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "Workload default/web: waiting",
            "ClusterSupplyChain chain, by 1 requirement",
            "",
            "Resources",
            "  source  ready    configmaps/web-source",
            "  image   waiting  tests.test.run/web",
        ]
    );
    assert!(
        said.contains("\nimage is on its way: waiting to read value [.status.image]"),
        "{said}"
    );
    assert!(said.contains("\nwaiting for it: app\n"), "{said}");
    assert!(
        said.contains("\n  takes source code from source: revision main, url https://git/web\n")
            || said.contains(
                "\n  takes source code from source: url https://git/web, revision main\n"
            ),
        "{said}"
    );
    assert!(said.contains("\n  then comes app\n"), "{said}");
    assert!(
        said.contains("\n  by ClusterImageTemplate image\n"),
        "{said}"
    );
    assert!(
        said.contains("\n    Building True: step 2 of 5\n"),
        "{said}"
    );
    assert!(said.contains(" actor wrote status.conditions\n"), "{said}");
    assert!(said.contains(" carto wrote "), "{said}");
    assert!(said.contains("\nNext\n  [tests.test.run/web] is still being worked on; see kubectl -n default describe"), "{said}");

    let app = text(&home, &["web", "app"]);
    assert!(
        app.contains("\n  takes image built from image: missing\n"),
        "{app}"
    );
    assert!(
        app.contains("waiting for image [built] from resource [image]"),
        "{app}"
    );

    let data: Value =
        serde_json::from_str(&text(&home, &["workload/web", "app", "-o", "json"])).unwrap();
    assert_eq!(data["look"]["inputs"][0]["isMissing"], true);
    assert_eq!(data["cause"]["resource"], "image");
    assert_eq!(data["cause"]["waiting"], json!(["app"]));

    home.say(&test, "web", json!({"image": "registry/web@sha256:1"}));
    home.wait(&workload_kind(), "web", is_ready("True"));
    let said = text(&home, &["web"]);
    assert!(said.starts_with("Workload default/web: ready\n"), "{said}");
    assert!(!said.contains("Next"), "{said}");
    home.end();
}

#[test]
fn what_does_not_match_is_said_requirement_by_requirement() {
    let home = Home::start();
    home.apply(&CHAIN.replace("selector: {app: web}", "selector: {app: web, tests: 'yes'}"));
    home.apply(&workload("web"));
    home.wait(&workload_kind(), "web", is_ready("False"));
    let said = text(&home, &["web"]);
    assert!(
        said.contains("no ClusterSupplyChain matches\n  chain: label [tests: yes] is missing\n"),
        "{said}"
    );
    assert!(said.contains("nearest is [chain]"), "{said}");
    home.end();
}

#[test]
fn a_deliverable_is_explained_in_the_words_of_its_delivery() {
    let home = Home::start();
    home.apply(TEST_KIND);
    home.apply(
        "
apiVersion: carto.run/v1alpha1
kind: ClusterSourceTemplate
metadata: {name: config}
spec:
  urlPath: .data.url
  revisionPath: .data.url
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: $(deliverable.metadata.name)$-config}
    data: {url: $(deliverable.spec.source.git.url)$}
---
apiVersion: carto.run/v1alpha1
kind: ClusterDeploymentTemplate
metadata: {name: deploy}
spec:
  observedMatches: [{input: spec.url, output: status.url}]
  template:
    apiVersion: test.run/v1alpha1
    kind: Test
    metadata: {name: $(deliverable.metadata.name)$}
    spec: {url: $(deployment.url)$}
---
apiVersion: carto.run/v1alpha1
kind: ClusterDelivery
metadata: {name: delivery}
spec:
  selector: {app: web}
  resources:
    - {name: config, templateRef: {kind: ClusterSourceTemplate, name: config}}
    - name: deploy
      templateRef: {kind: ClusterDeploymentTemplate, name: deploy}
      deployment: {resource: config}
---
apiVersion: carto.run/v1alpha1
kind: Deliverable
metadata: {name: web, namespace: default, labels: {app: web}}
spec: {source: {git: {url: 'https://git/web'}}}
",
    );
    let deliverable = kind("carto.run/v1alpha1", "Deliverable");
    home.wait(&deliverable, "web", is_ready("Unknown"));
    let said = text(&home, &["deliverable/web"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "Deliverable default/web: waiting",
            "ClusterDelivery delivery, by 1 requirement",
            "",
            "Resources",
            "  config  ready    configmaps/web-config",
            "  deploy  waiting  tests.test.run/web",
        ]
    );
    assert!(
        said.contains("\ndeploy is on its way: resource [deploy] condition not met: could not find value on output"),
        "{said}"
    );
    let deploy = text(&home, &["dlv/web", "deploy"]);
    assert!(
        deploy.contains("\n  takes deployment from config: "),
        "{deploy}"
    );
    assert!(
        deploy.contains("\n  by ClusterDeploymentTemplate deploy\n"),
        "{deploy}"
    );

    let test = kind("test.run/v1alpha1", "Test");
    home.say(&test, "web", json!({"url": "https://git/web"}));
    home.wait(&deliverable, "web", is_ready("True"));
    let said = text(&home, &["deliverables/web"]);
    assert!(
        said.starts_with("Deliverable default/web: ready\n"),
        "{said}"
    );
    home.end();
}

#[test]
fn a_runnable_is_followed_to_its_run() {
    let home = Home::start();
    home.apply(TEST_KIND);
    home.apply(
        "
apiVersion: carto.run/v1alpha1
kind: ClusterRunTemplate
metadata: {name: tests}
spec:
  outputs: {url: status.url, revision: status.url}
  template:
    apiVersion: test.run/v1alpha1
    kind: Test
    metadata: {generateName: run-}
    spec: {a: b}
---
apiVersion: carto.run/v1alpha1
kind: ClusterSourceTemplate
metadata: {name: tested}
spec:
  urlPath: .status.outputs.url
  revisionPath: .status.outputs.revision
  template:
    apiVersion: carto.run/v1alpha1
    kind: Runnable
    metadata: {name: $(workload.metadata.name)$}
    spec: {runTemplateRef: {name: tests}}
---
apiVersion: carto.run/v1alpha1
kind: ClusterSupplyChain
metadata: {name: chain}
spec:
  selector: {app: web}
  resources:
    - {name: tests, templateRef: {kind: ClusterSourceTemplate, name: tested}}
",
    );
    home.apply(&workload("web"));
    let runnable = kind("carto.run/v1alpha1", "Runnable");
    let events = home.wait(&runnable, "web", |object| !object["status"].is_null());
    assert_eq!(events["kind"], "Runnable");
    home.wait(&workload_kind(), "web", is_ready("Unknown"));
    let said = text(&home, &["web"]);
    assert!(
        said.contains("\n  object runnables.carto.run/web\n"),
        "{said}"
    );
    assert!(said.contains("\n  run Test run-"), "{said}");

    let said = text(&home, &["runnable/web"]);
    assert!(
        said.starts_with(
            "Runnable default/web: waiting\nits newest run has not said how it ended\n\n  by ClusterRunTemplate tests\n"
        ),
        "{said}"
    );
    let test = kind("test.run/v1alpha1", "Test");
    let run = said
        .split("\n  run Test ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let ended = json!({"url": "u", "conditions": [{"type": "Succeeded", "status": "True", "reason": "R", "message": ""}]});
    home.say(&test, run.expect("a run"), ended);
    home.wait(&runnable, "web", |object| {
        !object["status"]["outputs"].is_null()
    });
    let said = text(&home, &["run/web"]);
    assert!(said.starts_with("Runnable default/web: ready\n"), "{said}");
    assert!(said.contains("\n    Succeeded True\n"), "{said}");
    for name in ["revision", "url"] {
        let line = format!("\n  gives {name} \"u\"\n");
        assert!(said.contains(&line), "{said}");
    }
    let output = explain(&home, &["runnable/web", "image"]);
    assert_eq!(output.status.code(), Some(1));
    home.end();
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let home = Home::start();
    let output = explain(&home, &["nobody"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("there is no workload \"nobody\" in namespace \"default\""),
        "{errors}"
    );
    assert!(
        errors.contains("hint: name another namespace with -n"),
        "{errors}"
    );

    home.apply(CHAIN);
    home.apply(&workload("web"));
    home.wait(&workload_kind(), "web", |owner| {
        !owner["status"]["resources"].is_null()
    });
    let output = explain(&home, &["web", "imago"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("it has no resource \"imago\""), "{errors}");
    assert!(errors.contains("it has source, image, app"), "{errors}");
    home.end();
}

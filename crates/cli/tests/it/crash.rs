//! A crash in the middle of a flow.

use std::{path::Path, process::Command};

use crate::process::{Serving, eventually, succeed};

const CHAIN: &str = include_str!("../../../../examples/hello/chain.yaml");

fn git(folder: &Path, args: &[&str]) {
    succeed(
        Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(args),
    );
}

#[test]
fn a_killed_home_goes_on_where_it_was_and_builds_nothing_twice() {
    let Some(kubectl) = carto_testkit::real::kubectls("a_killed_home_goes_on")
        .into_iter()
        .next()
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let sources = folder.path().join("app");
    std::fs::create_dir(&sources).unwrap();
    git(&sources, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(sources.join("index.html"), "<h1>one</h1>").unwrap();
    git(&sources, &["add", "."]);
    git(&sources, &["commit", "--quiet", "-m", "one"]);

    let run = |args: &[&str]| {
        succeed(
            Command::new(&kubectl)
                .arg("--kubeconfig")
                .arg(state.join("kubeconfig"))
                .args(args),
        )
    };
    let home = Serving::up(&state, &[]);
    let registry: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(state.join("ports.json")).unwrap()).unwrap();
    let workload = format!(
        "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata:\n  name: hello\n  namespace: default\n  \
         labels: {{workload-type: web}}\nspec:\n  params: [{{name: registry, value: \"127.0.0.1:{}/apps\"}}]\n  \
         source: {{git: {{url: \"file://{}\", ref: {{branch: main}}}}}}\n",
        registry["registry"],
        sources.display()
    );
    std::fs::write(folder.path().join("chain.yaml"), CHAIN).unwrap();
    std::fs::write(folder.path().join("workload.yaml"), workload).unwrap();
    run(&[
        "apply",
        "-f",
        folder.path().join("chain.yaml").to_str().unwrap(),
    ]);
    run(&[
        "apply",
        "-f",
        folder.path().join("workload.yaml").to_str().unwrap(),
    ]);
    let has_source = || {
        let seen = run(&[
            "get",
            "gitrepositories",
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ]);
        (seen == "hello").then_some(())
    };
    eventually("the first object is stamped", has_source);
    home.kill();

    let home = Serving::up(&state, &[]);
    let ready = || {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        let seen = run(&["get", "workload", "hello", "-o", path]);
        (seen == "True").then_some(())
    };
    eventually("the workload is ready after the crash", ready);
    let builds = || {
        run(&[
            "get",
            "builds.kpack.io",
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ])
    };
    let before = builds();
    assert_eq!(
        before.split_whitespace().count(),
        1,
        "one commit, one build: {before}"
    );
    home.kill();

    let home = Serving::up(&state, &[]);
    eventually("the workload is still ready", ready);
    assert_eq!(builds(), before, "a restart builds nothing");
    run(&["delete", "workload", "hello"]);
    let gone = || {
        let kinds =
            "gitrepositories,images.kpack.io,builds.kpack.io,deployments,services,configmaps,pods";
        let left = run(&[
            "get",
            kinds,
            "-l",
            "carto.run/workload-name=hello",
            "-o",
            "name",
        ]);
        let pods = run(&["get", "pods", "-o", "name"]);
        (left.is_empty() && pods.is_empty()).then_some(())
    };
    eventually("nothing of the workload is left", gone);
    assert_eq!(home.terminate(), Some(0));
}

//! Stock kubectl against the embedded home, with every kubectl that the machine names.

use std::{path::Path, process::Command};

use crate::process::{Serving, eventually, finish, succeed};

struct Kubectl<'a> {
    program: &'a Path,
    state: &'a Path,
}

impl Kubectl<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .arg("--kubeconfig")
            .arg(self.state.join("kubeconfig"))
            .args(args);
        command.env("HOME", self.state);
        command
    }

    fn run(&self, args: &[&str]) -> String {
        succeed(&mut self.command(args))
    }

    fn fails(&self, args: &[&str]) -> String {
        let output = finish(&mut self.command(args));
        assert!(!output.status.success(), "{args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// Runs `check` once per kubectl, each with a home of its own.
fn with_each_kubectl(test: &str, check: impl Fn(&Kubectl<'_>, &Path)) {
    for program in carto_testkit::real::kubectls(test) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let home = Serving::up(&state, &["--actors", "none"]);
        check(
            &Kubectl {
                program: &program,
                state: &state,
            },
            folder.path(),
        );
        assert_eq!(home.terminate(), Some(0));
    }
}

#[test]
fn everyday_commands_work() {
    with_each_kubectl("everyday_commands_work", |kubectl, folder| {
        kubectl.run(&["create", "namespace", "team-a"]);
        assert_eq!(
            kubectl.run(&["get", "serviceaccounts", "-n", "team-a", "-o", "name"]),
            "serviceaccount/default\n"
        );
        let config = [
            "-n",
            "team-a",
            "get",
            "configmap",
            "settings",
            "-o",
            "jsonpath={.data.color}",
        ];
        kubectl.run(&[
            "-n",
            "team-a",
            "create",
            "configmap",
            "settings",
            "--from-literal=color=red",
        ]);
        assert_eq!(kubectl.run(&config), "red");
        for (kind, patch, color) in [
            (
                "json",
                r#"[{"op":"replace","path":"/data/color","value":"green"}]"#,
                "green",
            ),
            ("merge", r#"{"data":{"color":"blue"}}"#, "blue"),
            ("strategic", r#"{"data":{"color":"white"}}"#, "white"),
        ] {
            kubectl.run(&[
                "-n",
                "team-a",
                "patch",
                "configmap",
                "settings",
                "--type",
                kind,
                "-p",
                patch,
            ]);
            assert_eq!(kubectl.run(&config), color);
        }
        kubectl.run(&[
            "-n",
            "team-a",
            "label",
            "configmap",
            "settings",
            "tier=front",
        ]);
        assert_eq!(
            kubectl.run(&[
                "-n",
                "team-a",
                "get",
                "configmaps",
                "-l",
                "tier in (front)",
                "-o",
                "name"
            ]),
            "configmap/settings\n"
        );
        let manifest = folder.join("settings.yaml");
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: team-a}\ndata: {color: black}\n";
        std::fs::write(&manifest, text).unwrap();
        let manifest = manifest.to_str().unwrap();
        let refused = kubectl.fails(&["apply", "--server-side", "-f", manifest]);
        assert!(refused.contains("conflict"), "{refused}");
        kubectl.run(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            manifest,
        ]);
        assert_eq!(kubectl.run(&config), "black");
        kubectl.run(&["delete", "-f", manifest]);
        assert!(kubectl.fails(&config).contains("NotFound"));
        kubectl.run(&["delete", "namespace", "team-a"]);
        assert!(
            kubectl
                .fails(&["get", "namespace", "team-a"])
                .contains("NotFound")
        );
    });
}

#[test]
fn a_workload_reads_well() {
    with_each_kubectl("a_workload_reads_well", |kubectl, folder| {
        let file = folder.join("workload.yaml");
        std::fs::write(
            &file,
            "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata: {name: lonely, labels: {a: b}}\nspec: {}\n",
        )
        .unwrap();
        kubectl.run(&["apply", "-f", file.to_str().unwrap()]);
        kubectl.run(&[
            "wait",
            "--for=condition=SupplyChainReady=false",
            "workload/lonely",
            "--timeout=30s",
        ]);
        let table = kubectl.run(&["get", "wld"]);
        let words: Vec<&str> = table.split_whitespace().collect();
        assert_eq!(
            &words[..6],
            ["NAME", "SOURCE", "SUPPLYCHAIN", "READY", "REASON", "AGE"]
        );
        assert!(table.contains("SupplyChainNotFound"), "{table}");
        let described = kubectl.run(&["describe", "workload", "lonely"]);
        assert!(
            described.contains("no supply chain found where full selector"),
            "{described}"
        );
        let explained = kubectl.run(&["explain", "workload.spec.source"]);
        assert!(explained.contains("git"), "{explained}");
    });
}

#[test]
fn mistakes_are_answered_as_a_cluster_answers_them() {
    with_each_kubectl("mistakes_are_answered", |kubectl, folder| {
        let file = folder.join("bad.yaml");
        let refused = |text: &str| {
            std::fs::write(&file, text).unwrap();
            kubectl.fails(&["apply", "-f", file.to_str().unwrap()])
        };
        let kind = refused(
            "apiVersion: carto.run/v1alpha1\nkind: ClusterSupplyChain\nmetadata: {name: bad}\nspec:\n  \
             selector: {a: b}\n  resources: [{name: x, templateRef: {kind: Nonsense, name: y}}]\n",
        );
        assert!(kind.contains("Unsupported value: \"Nonsense\""), "{kind}");
        let unknown =
            refused("apiVersion: carto.run/v1alpha1\nkind: Nonsense\nmetadata: {name: bad}\n");
        assert!(
            unknown.contains("no matches for kind \"Nonsense\""),
            "{unknown}"
        );
        let syntax = refused("apiVersion: v1\nkind: [ConfigMap\n");
        assert!(syntax.contains("yaml"), "{syntax}");
        eventually("the server still answers", || {
            kubectl
                .run(&["get", "namespaces", "-o", "name"])
                .contains("default")
                .then_some(())
        });
    });
}

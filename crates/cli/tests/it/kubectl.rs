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

    /// Runs a command whose arguments have no spaces.
    fn line(&self, line: &str) -> String {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs such a command, which must fail, and returns what it says.
    fn line_fails(&self, line: &str) -> String {
        self.fails(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The 36 of 1.36: some commands are younger than others.
    fn minor(&self) -> u32 {
        let version = self.line("version --client -o json");
        let (_, rest) = version
            .split_once("\"minor\": \"")
            .expect("a minor version");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
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

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, labels: {app: x}}\nspec:\n  \
     selector: {matchLabels: {app: x}}\n  template:\n    metadata: {labels: {app: x}}\n    spec: {containers: \
     [{name: main, image: 'x:1', ports: [{containerPort: 80}]}]}\n";

#[test]
fn built_in_kinds_are_explained_and_validated() {
    with_each_kubectl(
        "built_in_kinds_are_explained_and_validated",
        |kubectl, folder| {
            let explained = kubectl.line("explain deployment.spec.replicas");
            assert!(explained.contains("Number of desired pods"), "{explained}");
            let file = folder.join("deployment.yaml");
            let refused = |text: &str| {
                std::fs::write(&file, text).unwrap();
                kubectl.fails(&["apply", "-f", file.to_str().unwrap()])
            };
            let unselected = refused(
                &DEPLOYMENT.replace("labels: {app: x}}\n    spec", "labels: {app: z}}\n    spec"),
            );
            assert!(
            unselected.contains(
                "spec.template.metadata.labels: Invalid value: {\"app\":\"z\"}: `selector` does not match \
                 template `labels`"
            ),
            "{unselected}"
        );
            let unknown = refused(&DEPLOYMENT.replace("image: 'x:1'", "image: 'x:1', imag: y"));
            assert!(
                unknown.contains("unknown field") && unknown.contains("imag"),
                "{unknown}"
            );
            let port = refused(&DEPLOYMENT.replace("containerPort: 80", "containerPort: 80000"));
            assert!(
                port.contains("must be between 1 and 65535, inclusive"),
                "{port}"
            );
        },
    );
}

#[test]
fn a_deployment_is_worked_with() {
    with_each_kubectl("a_deployment_is_worked_with", |kubectl, folder| {
        let file = folder.join("deployment.yaml");
        std::fs::write(&file, DEPLOYMENT).unwrap();
        let file = file.to_str().unwrap();
        kubectl.run(&["apply", "-f", file]);
        assert!(kubectl.run(&["apply", "-f", file]).contains("unchanged"));
        assert_eq!(kubectl.run(&["diff", "-f", file]), "");
        let replicas = || kubectl.line("get deployment app -o jsonpath={.spec.replicas}");
        kubectl.line("scale deployment app --replicas=3");
        assert_eq!(replicas(), "3");
        let stale = kubectl.line_fails("scale deployment app --current-replicas=1 --replicas=2");
        assert!(
            stale.contains("Expected replicas to be 1, was 3"),
            "{stale}"
        );
        kubectl.line("set image deployment/app main=x:2");
        kubectl.line("annotate deployment app note=hello");
        kubectl.line("rollout restart deployment/app");
        let columns = "custom-columns=N:.metadata.name,I:.spec.template.spec.containers[0].image";
        let table = kubectl.run(&["get", "deployments", "-o", columns]);
        assert_eq!(
            table.split_whitespace().collect::<Vec<_>>(),
            ["N", "I", "app", "x:2"]
        );
        let changed = kubectl.fails(&["diff", "-f", file]);
        assert_eq!(changed, "", "a difference is no error");
        let rehearsed = kubectl.run(&["apply", "--dry-run=server", "-f", file]);
        assert!(rehearsed.contains("(server dry run)"), "{rehearsed}");
        let image = "jsonpath={.spec.template.spec.containers[0].image}";
        assert_eq!(
            kubectl.run(&["get", "deployment", "app", "-o", image]),
            "x:2"
        );
        let described = kubectl.line("describe deployment app");
        assert!(described.contains("3 desired"), "{described}");
        kubectl.line("delete deployment app --wait=true");
        assert!(
            kubectl
                .line_fails("get deployment app")
                .contains("NotFound")
        );
    });
}

#[test]
fn what_goes_waits_for_its_finalizers() {
    with_each_kubectl("what_goes_waits_for_its_finalizers", |kubectl, _| {
        kubectl.line("create configmap held --from-literal=a=b");
        let patch = r#"{"metadata":{"finalizers":["example.com/hold"]}}"#;
        kubectl.run(&["patch", "configmap", "held", "-p", patch]);
        kubectl.line("delete configmap held --wait=false");
        let time = kubectl.line("get configmap held -o jsonpath={.metadata.deletionTimestamp}");
        assert!(time.ends_with('Z'), "{time}");
        let late = kubectl.line_fails("wait --for=delete configmap/held --timeout=1s");
        assert!(late.contains("timed out"), "{late}");
        kubectl.run(&[
            "patch",
            "configmap",
            "held",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ]);
        let gone = kubectl.line_fails("get configmap held");
        assert!(gone.contains("NotFound"), "{gone}");
    });
}

#[test]
fn objects_are_found_in_every_way() {
    with_each_kubectl("objects_are_found_in_every_way", |kubectl, _| {
        for name in ["b", "a", "c"] {
            kubectl.run(&["create", "configmap", name, "--from-literal=k=v"]);
        }
        kubectl.line("label configmaps a c tier=web");
        let names = |line: &str| {
            let found = kubectl.line(&format!("get configmaps -o name {line}"));
            found
                .replace("configmap/", "")
                .replace('\n', " ")
                .trim()
                .to_owned()
        };
        assert_eq!(names("-l tier=web"), "a c");
        assert_eq!(names("-l tier!=web --field-selector metadata.name=b"), "b");
        assert_eq!(names("--field-selector metadata.name!=a -l tier"), "c");
        let chunks = kubectl.line("get configmaps --chunk-size=1 -o name");
        assert_eq!(chunks, kubectl.line("get configmaps -o name"));
        let sorted = kubectl.line("get configmaps -l tier --sort-by={.metadata.name} --no-headers");
        assert!(sorted.starts_with('a'), "{sorted}");
        let wrong = kubectl.line_fails("get configmaps --field-selector data.k=v");
        assert!(wrong.contains("is not a known field selector"), "{wrong}");
        assert!(kubectl.line("api-resources").contains("configmaps"));
        assert!(kubectl.line("api-versions").contains("carto.run/v1alpha1"));
        assert_eq!(kubectl.line("auth can-i create deployments"), "yes\n");
    });
}

#[test]
fn what_left_the_files_is_pruned() {
    with_each_kubectl("what_left_the_files_is_pruned", |kubectl, folder| {
        // Older ones ask for kinds that no server has any more.
        if kubectl.minor() < 26 {
            return;
        }
        let file = folder.join("all.yaml");
        let text = |name: &str| {
            format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{set: p}}}}\n"
            )
        };
        let apply = |text: &str| {
            std::fs::write(&file, text).unwrap();
            kubectl.run(&[
                "apply",
                "--prune",
                "-l",
                "set=p",
                "-f",
                file.to_str().unwrap(),
            ])
        };
        apply(&format!("{}{}", text("stays"), text("goes")));
        let pruned = apply(&text("stays"));
        assert!(pruned.contains("configmap/goes pruned"), "{pruned}");
        assert_eq!(
            kubectl.line("get configmaps -l set=p -o name"),
            "configmap/stays\n"
        );
    });
}

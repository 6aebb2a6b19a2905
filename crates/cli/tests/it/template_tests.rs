//! `carto test`: the file layout of template tests, ours and that of the original's tester.

use std::{path::Path, process::Output};

use crate::process::{carto, finish, succeed};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello/tests");

struct Suite(tempfile::TempDir);

impl Suite {
    fn new(files: &[(&str, &str)]) -> Self {
        let suite = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            suite.write(path, text);
        }
        suite
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.0.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What the command says, with the folder's path taken out; standard output, then error.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = finish(carto().arg("test").arg(self.path()).args(args));
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let folder = format!("{}/", self.path().display());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder, "");
        (status.code(), text(&stdout), text(&stderr))
    }
}

const TEMPLATE: &str = "
apiVersion: carto.run/v1alpha1
kind: ClusterTemplate
metadata: {name: t}
spec:
  params: [{name: color, default: red}]
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: $(workload.metadata.name)$}
    data: {color: $(params.color)$}
";

const WORKLOAD: &str = "
apiVersion: carto.run/v1alpha1
kind: Workload
metadata: {name: w, namespace: ns, labels: {app: web}}
";

fn expected(color: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: w, namespace: ns}}\ndata: {{color: {color}}}\n"
    )
}

const IGNORE: &str = "compareOptions: {ignoreLabels: true, ignoreOwnerRefs: true}\n";

#[test]
fn the_examples_tests_pass() {
    let text = succeed(carto().args(["test", "-v", EXAMPLES]));
    let passed: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("PASS: "))
        .collect();
    assert_eq!(passed.len(), 3, "{text}");
    assert!(
        passed[0].ends_with("/everything-is-there whole chain"),
        "{text}"
    );
    assert!(
        text.contains("  before there is a source nothing is built"),
        "{text}"
    );
}

#[test]
fn folders_take_over_what_is_above_them() {
    let suite = Suite::new(&[
        ("template.yaml", TEMPLATE),
        ("workload.yaml", WORKLOAD),
        ("info.yaml", IGNORE),
        ("expected.yaml", &expected("red")),
        ("default/empty.txt", ""),
        ("blue/expected.yaml", &expected("blue")),
        (
            "blue/info.yaml",
            "given: {mockSupplyChain: {blueprintParams: [{name: color, value: blue}]}}\n",
        ),
    ]);
    let (code, stdout, stderr) = suite.run(&[]);
    assert_eq!(stdout, "PASS: blue\nPASS: default\n");
    assert_eq!((code, stderr.as_str()), (Some(0), "2 passed, 0 failed\n"));
}

#[test]
fn a_failure_shows_what_differs() {
    let suite = Suite::new(&[
        ("one/template.yaml", TEMPLATE),
        ("one/workload.yaml", WORKLOAD),
        ("one/info.yaml", IGNORE),
        ("one/expected.yaml", &expected("green")),
    ]);
    let (code, stdout, stderr) = suite.run(&[]);
    assert_eq!(code, Some(1));
    assert!(stdout.starts_with("FAIL: one\n"), "{stdout}");
    assert!(
        stdout.contains("  -  color: green\n  +  color: red\n"),
        "{stdout}"
    );
    assert_eq!(stderr, "carto: 0 passed, 1 failed\n");
}

#[test]
fn templates_may_be_filled_in_with_ytt_first() {
    let template = "
#@ load(\"@ytt:data\", \"data\")
---
apiVersion: carto.run/v1alpha1
kind: ClusterTemplate
metadata:
  name: t
spec:
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: $(workload.metadata.name)$
    data:
      color: #@ data.values.color
";
    let suite = Suite::new(&[
        ("one/template.yaml", template),
        (
            "one/template-ytt-values.yaml",
            "#@data/values\n---\ncolor: violet\n",
        ),
        ("one/workload.yaml", WORKLOAD),
        ("one/info.yaml", IGNORE),
        ("one/expected.yaml", &expected("violet")),
    ]);
    let (code, stdout, _) = suite.run(&[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "PASS: one\n"));
}

#[test]
fn a_focused_test_runs_alone_and_the_suite_fails() {
    let suite = Suite::new(&[
        ("template.yaml", TEMPLATE),
        ("workload.yaml", WORKLOAD),
        ("info.yaml", IGNORE),
        ("expected.yaml", &expected("red")),
        ("a/info.yaml", "focus: true\n"),
        ("b/info.yaml", "{}\n"),
    ]);
    let (code, stdout, stderr) = suite.run(&[]);
    assert_eq!((code, stdout.as_str()), (Some(1), "PASS: a\n"));
    assert!(
        stderr.contains("1 passed, 0 failed; the suite fails while tests are focused"),
        "{stderr}"
    );
}

#[test]
fn a_template_that_admission_refuses_fails_its_test() {
    let suite = Suite::new(&[
        (
            "one/template.yaml",
            &TEMPLATE.replace("metadata: {name: $(", "metadata: {namespace: x, name: $("),
        ),
        ("one/workload.yaml", WORKLOAD),
        ("one/expected.yaml", &expected("red")),
    ]);
    let (code, stdout, _) = suite.run(&[]);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("template validation failed: invalid template: template should not set metadata.namespace on the child object"),
        "{stdout}"
    );
}

const DELIVERY: &str = "
apiVersion: carto.run/v1alpha1
kind: ClusterDelivery
metadata: {name: d}
spec:
  selector: {app: web}
  resources:
    - {name: source, templateRef: {kind: ClusterSourceTemplate, name: s}}
    - name: deploy
      templateRef: {kind: ClusterDeploymentTemplate, name: d}
      deployment: {resource: source}
---
apiVersion: carto.run/v1alpha1
kind: ClusterSourceTemplate
metadata: {name: s}
spec:
  urlPath: .data.url
  revisionPath: .data.revision
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: source}
    data: {url: u, revision: r}
---
apiVersion: carto.run/v1alpha1
kind: ClusterDeploymentTemplate
metadata: {name: d}
spec:
  observedCompletion: {succeeded: {key: status.phase, value: Done}}
  template:
    apiVersion: test.run/v1alpha1
    kind: TestObj
    metadata: {name: deployed}
    spec: {value: {url: $(deployment.url)$}}
";

#[test]
fn deliveries_and_statuses_are_tested_too() {
    let observed = |phase: &str| {
        format!(
            "apiVersion: test.run/v1alpha1\nkind: TestObj\nmetadata: {{name: deployed, namespace: ns, generation: 1}}\n\
             status: {{phase: {phase}, observedGeneration: 1}}\n"
        )
    };
    let suite = Suite::new(&[
        ("template.yaml", DELIVERY),
        (
            "workload.yaml",
            &WORKLOAD.replace("Workload", "Deliverable"),
        ),
        ("done/observed.yaml", &observed("Done")),
        (
            "done/expected-status.yaml",
            "conditions: [{type: Ready, status: 'True'}]\n",
        ),
        ("busy/observed.yaml", &observed("Busy")),
        (
            "busy/expected-status.yaml",
            "conditions: [{type: Ready, status: Unknown, reason: ConditionNotMet}]\nresources: [{name: deploy, outputs: null}]\n",
        ),
        ("wrong/observed.yaml", &observed("Busy")),
        (
            "wrong/expected-status.yaml",
            "conditions: [{type: Ready, status: 'True'}]\n",
        ),
    ]);
    let (code, stdout, stderr) = suite.run(&[]);
    assert_eq!(
        stdout,
        "PASS: busy\nPASS: done\nFAIL: wrong\n  status.conditions[Ready].status is \"Unknown\", not \"True\"\n"
    );
    assert_eq!(
        (code, stderr.as_str()),
        (Some(1), "carto: 2 passed, 1 failed\n")
    );
}

#[test]
fn an_object_that_is_not_stamped_is_missed() {
    let suite = Suite::new(&[
        ("one/template.yaml", DELIVERY),
        (
            "one/workload.yaml",
            &WORKLOAD.replace("Workload", "Deliverable"),
        ),
        ("one/observed.yaml", ""),
        (
            "one/expected.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
        ),
    ]);
    let (code, stdout, _) = suite.run(&[]);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("Secret s is not stamped; what is: ConfigMap source, TestObj deployed"),
        "{stdout}"
    );
}

#[test]
fn the_folder_has_to_be_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (argument, text) in [
        ("/nowhere/at/all", "cannot read"),
        (file, "is not a folder"),
    ] {
        let output = finish(carto().args(["test", argument]));
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(text));
    }
}

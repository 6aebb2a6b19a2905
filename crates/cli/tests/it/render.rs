//! `carto render`: chains, templates and workloads in, stamped objects out.

use std::{path::Path, process::Output};

use crate::process::{carto, finish, succeed};

const CHAIN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/hello/chain.yaml"
);
const WORKLOAD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/hello/workload.yaml"
);
const OBSERVED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/hello/tests/everything-is-there/observed.yaml"
);

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The kinds of all documents, in order.
fn kinds(yaml: &str) -> Vec<String> {
    let objects = carto_yaml::decode_all(yaml).unwrap();
    let kind = |object: &serde_json::Value| object["kind"].as_str().unwrap().to_owned();
    objects.iter().map(kind).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_chain_is_rendered_as_far_as_outputs_are_known() {
    let output = finish(carto().args(["render", CHAIN, WORKLOAD]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(kinds(&stdout(&output)), ["GitRepository", "Service"]);
    let notes = stderr(&output);
    let lines: Vec<&str> = notes.lines().collect();
    assert_eq!(lines[0], "Workload hello: by ClusterSupplyChain hello");
    assert!(
        lines[1].starts_with(
            "  source waits: waiting to read value [.status.artifact.url] from object"
        ),
        "{notes}"
    );
    assert!(
        lines[2].starts_with("  image waits: waiting for source [source] from resource [source]"),
        "{notes}"
    );
}

#[test]
fn observed_objects_carry_it_to_the_end() {
    let output = finish(carto().args(["render", CHAIN, WORKLOAD, OBSERVED]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        kinds(&stdout(&output)),
        [
            "GitRepository",
            "Image",
            "ConfigMap",
            "Deployment",
            "Service"
        ]
    );
    assert_eq!(
        stderr(&output),
        "Workload hello: by ClusterSupplyChain hello\n"
    );
}

#[test]
fn one_resource_and_json_can_be_asked_for() {
    let text = succeed(carto().args([
        "render",
        CHAIN,
        WORKLOAD,
        OBSERVED,
        "--resource",
        "config",
        "-o",
        "json",
    ]));
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        object["data"]["image"],
        "registry.example.com/hello@sha256:1"
    );
    assert_eq!(object["metadata"]["annotations"], serde_json::Value::Null);
    assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "");
}

#[test]
fn what_somebody_must_correct_is_an_error_with_its_resource() {
    let folder = tempfile::tempdir().unwrap();
    let chain = std::fs::read_to_string(CHAIN).unwrap();
    let broken = chain.replace("$(workload.spec.source.git.url)$", "$(params.repository)$");
    assert_ne!(chain, broken);
    let broken = write(folder.path(), "chain.yaml", &broken);
    let output = finish(carto().args(["render", &broken, WORKLOAD]));
    assert_eq!(output.status.code(), Some(1));
    let notes = stderr(&output);
    assert!(
        notes.contains("  source fails: unable to stamp object for resource [source]"),
        "{notes}"
    );
    assert!(
        notes.ends_with("carto: 1 cannot be stamped as it is\n"),
        "{notes}"
    );
}

#[test]
fn a_chain_without_its_templates_says_which_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let chain = std::fs::read_to_string(CHAIN).unwrap();
    let alone = chain.split("---\n").next().unwrap();
    let alone = write(folder.path(), "chain.yaml", alone);
    let output = finish(carto().args(["render", &alone, WORKLOAD]));
    assert_eq!(output.status.code(), Some(1));
    let notes = stderr(&output);
    let text =
        "did not find the template of the resource(s) [source, image, config, deployment, service]";
    assert!(notes.contains(text), "{notes}");
}

#[test]
fn a_runnable_in_a_chain_is_rendered_with_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(
        folder.path(),
        "files.yaml",
        r#"
apiVersion: carto.run/v1alpha1
kind: ClusterSupplyChain
metadata: {name: chain}
spec:
  selector: {app: web}
  resources:
    - {name: test, templateRef: {kind: ClusterSourceTemplate, name: test}}
---
apiVersion: carto.run/v1alpha1
kind: ClusterSourceTemplate
metadata: {name: test}
spec:
  urlPath: .status.outputs.url
  revisionPath: .status.outputs.revision
  template:
    apiVersion: carto.run/v1alpha1
    kind: Runnable
    metadata: {name: $(workload.metadata.name)$}
    spec: {runTemplateRef: {name: tests}, inputs: {from: $(workload.spec.source.git.url)$}}
---
apiVersion: carto.run/v1alpha1
kind: ClusterRunTemplate
metadata: {name: tests}
spec:
  outputs: {url: spec.value.from, revision: metadata.name}
  template:
    apiVersion: test.run/v1alpha1
    kind: TestObj
    metadata: {generateName: "$(runnable.metadata.name)$-"}
    spec: {value: {from: $(runnable.spec.inputs.from)$}}
---
apiVersion: carto.run/v1alpha1
kind: Workload
metadata: {name: w, namespace: ns, labels: {app: web}}
spec: {source: {git: {url: https://git}}}
---
# The run, as it ended once.
apiVersion: test.run/v1alpha1
kind: TestObj
metadata: {name: w-abcde, namespace: ns}
status: {conditions: [{type: Succeeded, status: "True"}]}
"#,
    );
    let output = finish(carto().args(["render", &files]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert_eq!(kinds(&text), ["TestObj", "Runnable"]);
    assert!(text.contains("generateName: w-\n"), "{text}");
    assert_eq!(
        stderr(&output),
        "Runnable w\nWorkload w: by ClusterSupplyChain chain\n",
        "the outputs of the run reach the workload"
    );
}

#[test]
fn bad_input_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let broken = write(folder.path(), "broken.yaml", "a: b\n c: d\n");
    let output = finish(carto().args(["render", &broken]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("{broken}:2:")),
        "{}",
        stderr(&output)
    );
    let output = finish(carto().args(["render", CHAIN]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no workload, deliverable or runnable in these files"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_definition_among_the_files_says_how_its_kind_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(
        folder.path(),
        "files.yaml",
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: builders.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Builder, plural: builders}
  versions: [{name: v1}]
---
apiVersion: carto.run/v1alpha1
kind: ClusterSupplyChain
metadata: {name: chain}
spec:
  selector: {app: web}
  resources: [{name: builder, templateRef: {kind: ClusterTemplate, name: builder}}]
---
apiVersion: carto.run/v1alpha1
kind: ClusterTemplate
metadata: {name: builder}
spec:
  template: {apiVersion: example.com/v1, kind: Builder, metadata: {name: $(workload.metadata.name)$}}
---
apiVersion: carto.run/v1alpha1
kind: Workload
metadata: {name: w, namespace: ns, labels: {app: web}}
",
    );
    let text = succeed(carto().args(["render", &files, "-o", "json"]));
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["kind"], "Builder");
    assert_eq!(object["metadata"]["namespace"], serde_json::Value::Null);
}

//! `carto controller` on a real cluster: the sample chain, with the test in the roles of the
//! missing actors.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{Serving, carto, eventually, succeed};

const CHAIN: &str = include_str!("../../../../examples/hello/chain.yaml");
const NAMESPACE: &str = "carto-test-hello";

struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

impl Cluster {
    fn run(&self, args: &[&str]) -> String {
        succeed(
            Command::new(&self.kubectl)
                .arg("--kubeconfig")
                .arg(&self.kubeconfig)
                .args(args),
        )
    }

    fn apply(&self, folder: &Path, text: &str) {
        let file = folder.join("apply.yaml");
        std::fs::write(&file, text).unwrap();
        self.run(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            file.to_str().unwrap(),
        ]);
    }

    fn field(&self, object: &str, path: &str) -> String {
        let output = format!("jsonpath={{{path}}}");
        self.run(&[
            "-n",
            NAMESPACE,
            "get",
            object,
            "--ignore-not-found",
            "-o",
            &output,
        ])
    }

    fn wait_for(&self, object: &str, path: &str, value: &str) {
        eventually(&format!("{object} {path} is {value}"), || {
            (self.field(object, path) == value).then_some(())
        });
    }

    fn say(&self, object: &str, status: &str) {
        let patch = format!("{{\"status\":{status}}}");
        self.run(&[
            "-n",
            NAMESPACE,
            "patch",
            object,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ]);
    }
}

#[test]
fn the_sample_chain_moves_hop_by_hop_on_a_real_cluster() {
    let name = "the_sample_chain_moves_hop_by_hop";
    let Some(kubeconfig) = carto_testkit::real::kubeconfig(name) else {
        return;
    };
    let Some(kubectl) = carto_testkit::real::kubectls(name).into_iter().next() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster {
        kubectl,
        kubeconfig,
    };
    cluster.apply(folder.path(), &succeed(carto().args(["crds", "--actors"])));
    cluster.run(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ]);
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n");
    cluster.apply(folder.path(), &namespace);
    cluster.apply(
        folder.path(),
        &format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: admin, namespace: {NAMESPACE}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n\
             subjects: [{{kind: ServiceAccount, name: default, namespace: {NAMESPACE}}}]\n"
        ),
    );
    cluster.apply(folder.path(), CHAIN);
    let controller = Serving::start(
        carto()
            .arg("controller")
            .arg("--kubeconfig")
            .arg(&cluster.kubeconfig),
    );
    cluster.apply(
        folder.path(),
        &format!(
            "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata: {{name: hello, namespace: {NAMESPACE}, labels: {{workload-type: web}}}}\n\
             spec: {{source: {{git: {{url: 'https://git.example.com/hello', ref: {{branch: main}}}}}}}}\n"
        ),
    );

    let url = "https://git.example.com/hello";
    cluster.wait_for("gitrepositories/hello", ".spec.url", url);
    assert_eq!(
        cluster.field("images.kpack.io/hello", ".metadata.name"),
        "",
        "nothing before its input"
    );
    cluster.say(
        "gitrepositories/hello",
        r#"{"artifact":{"url":"http://artifacts/1.tar.gz","revision":"main@sha1:1111111111111111111111111111111111111111","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","path":"1.tar.gz","lastUpdateTime":"2026-01-01T00:00:00Z"},"conditions":[{"type":"Ready","status":"True","reason":"Succeeded","message":"stored","lastTransitionTime":"2026-01-01T00:00:00Z"}]}"#,
    );
    cluster.wait_for(
        "images.kpack.io/hello",
        ".spec.source.blob.url",
        "http://artifacts/1.tar.gz",
    );
    cluster.say(
        "images.kpack.io/hello",
        r#"{"latestImage":"registry/hello@sha256:one","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}"#,
    );
    cluster.wait_for(
        "configmaps/hello-config",
        ".data.image",
        "registry/hello@sha256:one",
    );
    let image = ".spec.template.spec.containers[0].image";
    cluster.wait_for("deployments/hello", image, "registry/hello@sha256:one");
    cluster.say(
        "deployments/hello",
        r#"{"conditions":[{"type":"Available","status":"True","reason":"MinimumReplicasAvailable","lastTransitionTime":"2026-01-01T00:00:00Z","lastUpdateTime":"2026-01-01T00:00:00Z"}]}"#,
    );
    let ready = ".status.conditions[?(@.type==\"Ready\")].status";
    cluster.wait_for("workloads/hello", ready, "True");

    // A rebuild that nobody asked for: only what depends on the image moves.
    let untouched = cluster.field("gitrepositories/hello", ".metadata.generation");
    cluster.say(
        "images.kpack.io/hello",
        r#"{"latestImage":"registry/hello@sha256:two"}"#,
    );
    cluster.wait_for("deployments/hello", image, "registry/hello@sha256:two");
    assert_eq!(
        cluster.field("gitrepositories/hello", ".metadata.generation"),
        untouched
    );

    assert_eq!(controller.terminate(), Some(0));
    cluster.run(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    cluster.run(&["delete", "clustersupplychain", "hello"]);
}

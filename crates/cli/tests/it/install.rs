//! `carto install` on a real cluster: what it prints is accepted, and is all that the controllers need.

use std::process::Command;

use serde_json::json;

use crate::api::{TestApi, controller};
use crate::process::{Serving, carto, succeed};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_printed_is_all_that_the_controllers_need() {
    let name = "installed";
    let Some(api) = TestApi::real(name).await else {
        return;
    };
    let Some(kubectl) = carto_testkit::real::kubectls(name).into_iter().next() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let kubectl = |args: &[&str]| {
        succeed(
            Command::new(&kubectl)
                .arg("--kubeconfig")
                .arg(&api.kubeconfig)
                .args(args),
        )
    };
    let system = format!("{}-system", api.name);
    let file = folder.path().join("install.yaml");
    let apply = |args: &[&str]| {
        let mut all = vec![
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            file.to_str().unwrap(),
        ];
        all.extend(args);
        kubectl(&all)
    };
    let print = |args: &[&str]| {
        let yaml = succeed(
            carto()
                .args(["install", "--namespace", &system, "--replicas", "1"])
                .args(args),
        );
        std::fs::write(&file, yaml).unwrap();
    };
    print(&["--image", "registry.invalid/carto:test"]);
    apply(&[]);
    // The rest of it is accepted too; nobody would answer it here.
    print(&["--webhook"]);
    apply(&["--dry-run=server"]);

    // As the Deployment's pod does: with the account's token and nothing else.
    let token = kubectl(&["create", "token", "-n", &system, "carto-controller"]);
    let kubeconfig = folder.path().join("kubeconfig");
    let text = kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]);
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let log = folder.path().join("log");
    let mut command = controller(&kubeconfig);
    command.arg(format!("--lease={system}/carto-controller"));
    command.stderr(std::fs::File::create(&log).unwrap());
    let serving = Serving::start(&mut command);

    // A tenant whose account may do what the original asked for, no more.
    api.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "stamper"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]}]
    }))
    .await;
    api.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "stamper"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "stamper"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": api.name}]
    }))
    .await;
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}});
    api.one_step("mutable", map("one")).await;
    api.workload("app").await;
    api.until("the workload is carried out", async || {
        api.submitted().await == 1
    })
    .await;
    let events = api.objects("v1", "Event");
    api.until("events tell of it", async || {
        let list = events
            .list(&kube::api::ListParams::default())
            .await
            .unwrap();
        list.items
            .iter()
            .any(|event| event.data["message"] == "Created object [configmaps/one]")
    })
    .await;

    // Deleting was no right of the original's tenants: what is left over stays, and a condition prints the rule.
    api.one_step("mutable", map("two")).await;
    let workloads = api.objects("carto.run/v1alpha1", "Workload");
    api.until("the missing rule is named", async || {
        let status = workloads.get("app").await.unwrap().data["status"].to_string();
        status.contains("may not delete [configmaps/one]")
            && status.contains(r#"verbs: [\"delete\"]"#)
    })
    .await;
    assert!(api.objects("v1", "ConfigMap").get("one").await.is_ok());
    api.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "stamper"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch", "delete"]}]
    }))
    .await;
    api.until("it is deleted as soon as that is allowed", async || {
        api.objects("v1", "ConfigMap")
            .get_opt("one")
            .await
            .unwrap()
            .is_none()
    })
    .await;
    assert_eq!(serving.terminate(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        !log.contains("system:serviceaccount:") || !log.contains("carto-controller\\\" cannot"),
        "{log}"
    );
    kubectl(&["delete", "namespace", &system, "--wait=false"]);
    api.clear().await;
}

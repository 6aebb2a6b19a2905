//! A Kubernetes API that the binary under test reaches by a kubeconfig, and words for what tests do to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::process::PATIENCE;

/// An API with a namespace of its own for the test, of the same name.
pub(crate) struct TestApi {
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) name: String,
    _embedded: Option<(carto_testkit::Cluster, tempfile::TempDir)>,
}

impl TestApi {
    /// The embedded API, in memory, on a port.
    pub(crate) async fn embedded(name: &str) -> Self {
        let cluster = carto_testkit::Cluster::on_a_port().await;
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, cluster.api().kubeconfig()).unwrap();
        let client = cluster.client();
        Self::prepare(client, kubeconfig, name, Some((cluster, folder))).await
    }

    /// The real API to test against, if there is one.
    pub(crate) async fn real(name: &str) -> Option<Self> {
        let kubeconfig = carto_testkit::real::kubeconfig(name)?;
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(read, &options).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        let name = format!("{name}-{}", std::process::id() % 10_000);
        Some(Self::prepare(client, kubeconfig, &name, None).await)
    }

    async fn prepare(
        client: Client,
        kubeconfig: PathBuf,
        name: &str,
        embedded: Option<(carto_testkit::Cluster, tempfile::TempDir)>,
    ) -> Self {
        // The binary under test brings its own.
        drop(rustls::crypto::ring::default_provider().install_default());
        let api = Self {
            client,
            kubeconfig,
            name: name.to_owned(),
            _embedded: embedded,
        };
        for crd in carto_api::crds_json() {
            api.apply(crd).await;
        }
        api.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
            .await;
        api.until("the kinds are served", async || {
            let all = ListParams::default();
            let workloads = api
                .objects("carto.run/v1alpha1", "Workload")
                .list(&all)
                .await;
            let accounts = api.objects("v1", "ServiceAccount").get_opt("default").await;
            workloads.is_ok() && accounts.is_ok_and(|account| account.is_some())
        })
        .await;
        api
    }

    /// Objects of a kind in the test's namespace, or at cluster scope.
    pub(crate) fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let global = kind.starts_with("Cluster")
            || matches!(
                kind,
                "Namespace" | "CustomResourceDefinition" | "ValidatingWebhookConfiguration"
            );
        if global {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.name, &resource)
        }
    }

    /// Applies an object as a user does.
    pub(crate) async fn try_apply(&self, object: Value) -> kube::Result<DynamicObject> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap();
        let parameters = PatchParams::apply("kubectl").force();
        self.objects(text("/apiVersion"), text("/kind"))
            .patch(text("/metadata/name"), &parameters, &Patch::Apply(&object))
            .await
    }

    pub(crate) async fn apply(&self, object: Value) {
        self.try_apply(object).await.unwrap();
    }

    /// Lets the default account of the test's namespace do everything there.
    pub(crate) async fn trust_default_account(&self) {
        self.apply(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "trusted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.name}],
        }))
        .await;
    }

    /// A chain of one step that stamps `object`, for workloads with the test's label.
    pub(crate) async fn one_step(&self, lifecycle: &str, object: Value) {
        self.apply(json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterTemplate",
            "metadata": {"name": self.name}, "spec": {"lifecycle": lifecycle, "template": object}
        }))
        .await;
        self.apply(self.chain(&json!({"test": self.name}))).await;
    }

    /// That chain, selecting by these labels.
    pub(crate) fn chain(&self, selector: &Value) -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
            "metadata": {"name": self.name, "labels": {"test": self.name}},
            "spec": {"selector": selector, "resources": [
                {"name": "only", "templateRef": {"kind": "ClusterTemplate", "name": self.name}}]}
        })
    }

    pub(crate) async fn workload(&self, name: &str) {
        self.apply(json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": name, "labels": {"test": self.name}}, "spec": {}
        }))
        .await;
    }

    /// How many workloads say that everything was submitted.
    pub(crate) async fn submitted(&self) -> usize {
        let workloads = self.objects("carto.run/v1alpha1", "Workload");
        let list = workloads.list(&ListParams::default()).await.unwrap();
        let is_submitted = |workload: &&DynamicObject| {
            let conditions = workload.data["status"]["conditions"].as_array();
            conditions
                .into_iter()
                .flatten()
                .any(|one| one["type"] == "ResourcesSubmitted" && one["status"] == "True")
        };
        list.items.iter().filter(is_submitted).count()
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition().await {
            assert!(tokio::time::Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Removes what the test made on an API that is not its own.
    pub(crate) async fn clear(&self) {
        let now = DeleteParams::default();
        for kind in ["ClusterSupplyChain", "ClusterTemplate"] {
            drop(
                self.objects("carto.run/v1alpha1", kind)
                    .delete(&self.name, &now)
                    .await,
            );
        }
        drop(
            self.objects("v1", "Namespace")
                .delete(&self.name, &now)
                .await,
        );
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The body of a plain HTTP answer of this machine.
pub(crate) fn fetch(port: u16, path: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

/// The controllers of this binary on an API.
pub(crate) fn controller(kubeconfig: &Path) -> std::process::Command {
    let mut command = crate::process::carto();
    command
        .arg("controller")
        .arg("--kubeconfig")
        .arg(kubeconfig);
    command
}

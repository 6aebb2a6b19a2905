//! An API to run against, and words for what tests do to it.

use std::time::Duration;

use carto_apiserver::{ApiServer, ApiService, UserInfo};
use carto_controllers::metrics::Snapshot;
use carto_controllers::{Config, Controllers};
use http::Request;
use kube::Client;
use kube::config::KubeConfigOptions;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// One scenario at a time: two sets of controllers on one API would do each other's work.
static TURN: Mutex<()> = Mutex::const_new(());

const PATIENCE: Duration = Duration::from_secs(30);

/// An API with a namespace of its own for the test.
pub(crate) struct Home {
    pub(crate) client: Client,
    /// Namespace, and prefix of the names of cluster-wide objects.
    pub(crate) name: String,
    embedded: Option<ApiServer>,
    _turn: MutexGuard<'static, ()>,
}

/// Runs a scenario on the embedded API, and on the real cluster if there is one.
pub(crate) async fn everywhere(test: &str, scenario: impl AsyncFn(Home)) {
    scenario(embedded(test).await).await;
    if let Some(home) = real(test).await {
        scenario(home).await;
    }
}

/// An embedded API, prepared.
pub(crate) async fn embedded(test: &str) -> Home {
    let turn = TURN.lock().await;
    let server = ApiServer::start(carto_apiserver::Config {
        rbac: true,
        ..Default::default()
    });
    let server = server.await.unwrap();
    let client = Client::new(server.service(UserInfo::admin()), "default");
    let home = Home {
        client,
        name: test.to_owned(),
        embedded: Some(server),
        _turn: turn,
    };
    home.prepare().await;
    home
}

/// The real API to test against, prepared; `None`, said loudly, when there is none.
pub(crate) async fn real(test: &str) -> Option<Home> {
    let Ok(path) = std::env::var("CARTO_TEST_KUBECONFIG") else {
        println!("SKIPPED {test} on a real cluster: CARTO_TEST_KUBECONFIG names none");
        return None;
    };
    let turn = TURN.lock().await;
    let kubeconfig = kube::config::Kubeconfig::read_from(path).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let client = Client::try_from(config.expect("a kubeconfig")).expect("a client");
    let id = std::process::id() % 10_000;
    let home = Home {
        client,
        name: format!("{test}-{id}"),
        embedded: None,
        _turn: turn,
    };
    home.prepare().await;
    Some(home)
}

impl Home {
    async fn prepare(&self) {
        for crd in carto_api::crds() {
            let crd = serde_json::to_value(crd).expect("a definition is JSON");
            self.put(&crd).await;
        }
        self.put(&thing_definition()).await;
        self.put(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}),
        )
        .await;
        self.until("the kinds are served", async || {
            let served = self
                .get("/apis/carto.run/v1alpha1/clustersupplychains")
                .await
                .is_some();
            served
                && self.get("/apis/test.carto.run/v1/things").await.is_some()
                && self
                    .get(&self.path("/api/v1", "serviceaccounts/default"))
                    .await
                    .is_some()
        })
        .await;
    }

    /// The embedded API itself, for a client of the test's own.
    pub(crate) fn service(&self, user: UserInfo) -> ApiService {
        let server = self.embedded.as_ref().expect("this home is embedded");
        server.service(user)
    }

    /// A path in the test's namespace.
    pub(crate) fn path(&self, version: &str, rest: &str) -> String {
        format!("{version}/namespaces/{}/{rest}", self.name)
    }

    pub(crate) fn thing(&self, name: &str) -> String {
        self.path("/apis/test.carto.run/v1", &format!("things/{name}"))
    }

    pub(crate) fn workload_path(&self, name: &str) -> String {
        self.path("/apis/carto.run/v1alpha1", &format!("workloads/{name}"))
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        uri: &str,
        content: &str,
        body: &Value,
    ) -> kube::Result<Value> {
        let mut request = Request::builder().method(method).uri(uri);
        if !content.is_empty() {
            request = request.header("content-type", content);
        }
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.client
            .request(request.body(body).expect("a request"))
            .await
    }

    pub(crate) async fn get(&self, uri: &str) -> Option<Value> {
        self.request("GET", uri, "", &Value::Null).await.ok()
    }

    /// Applies an object as a user does.
    pub(crate) async fn put(&self, object: &Value) -> Value {
        let uri = format!("{}?fieldManager=kubectl&force=true", self.uri_of(object));
        let reply = self
            .request("PATCH", &uri, "application/apply-patch+yaml", object)
            .await;
        reply.unwrap_or_else(|error| panic!("{uri}: {error}"))
    }

    /// Merges something into an object, or into its status.
    pub(crate) async fn merge(&self, uri: &str, patch: &Value) -> Value {
        let reply = self
            .request("PATCH", uri, "application/merge-patch+json", patch)
            .await;
        reply.unwrap_or_else(|error| panic!("{uri}: {error}"))
    }

    pub(crate) async fn delete(&self, uri: &str) {
        let reply = self.request("DELETE", uri, "", &Value::Null).await;
        reply.unwrap_or_else(|error| panic!("{uri}: {error}"));
    }

    /// Where an object of a kind that tests use lives.
    fn uri_of(&self, object: &Value) -> String {
        let (version, kind) = (
            object["apiVersion"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        );
        let name = object["metadata"]["name"].as_str().unwrap();
        let root = if version == "v1" {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{version}")
        };
        let plural = match kind {
            "ClusterDelivery" => "clusterdeliveries".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let cluster =
            kind.starts_with("Cluster") || matches!(kind, "Namespace" | "CustomResourceDefinition");
        if cluster {
            format!("{root}/{plural}/{name}")
        } else {
            let namespace = object["metadata"]["namespace"]
                .as_str()
                .unwrap_or(&self.name);
            format!("{root}/namespaces/{namespace}/{plural}/{name}")
        }
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition().await {
            assert!(tokio::time::Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets the default account do everything in the test's namespace.
    pub(crate) async fn trust_default_account(&self) {
        self.put(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "trusted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.name}],
        }))
        .await;
    }

    /// A template of the test's own.
    pub(crate) async fn template(&self, kind: &str, name: &str, spec: Value) {
        self.put(&json!({"apiVersion": "carto.run/v1alpha1", "kind": kind,
            "metadata": {"name": self.cluster_name(name)}, "spec": spec}))
            .await;
    }

    pub(crate) fn cluster_name(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// A chain that selects the test's workloads: (name, template kind, inputs) in a row.
    pub(crate) async fn chain(&self, resources: &[(&str, &str, Value)]) {
        let resources: Vec<Value> = resources
            .iter()
            .map(|(name, kind, inputs)| {
                let mut resource = json!({"name": name,
                    "templateRef": {"kind": kind, "name": self.cluster_name(name)}});
                let inputs = inputs.as_object().cloned().unwrap_or_default();
                resource.as_object_mut().unwrap().extend(inputs);
                resource
            })
            .collect();
        self.put(
            &json!({"apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
            "metadata": {"name": self.name},
            "spec": {"selector": {"test": self.name}, "resources": resources}}),
        )
        .await;
    }

    pub(crate) async fn workload(&self, name: &str, commit: &str) {
        self.put(
            &json!({"apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": name, "labels": {"test": self.name}},
            "spec": {"source": {"git": {"url": "https://git", "ref": {"commit": commit}}}}}),
        )
        .await;
    }

    /// The condition of a Workload, as `status reason: message`.
    pub(crate) async fn condition(&self, workload: &str, kind: &str) -> String {
        let object = self
            .get(&self.workload_path(workload))
            .await
            .unwrap_or_default();
        let conditions = object
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        let found = conditions.into_iter().flatten().find(|c| c["type"] == kind);
        found.map_or_else(String::new, |c| {
            let part = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}: {}", part("status"), part("reason"), part("message"))
        })
    }

    pub(crate) async fn until_condition(&self, workload: &str, kind: &str, begin: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let now = self.condition(workload, kind).await;
            if now.starts_with(begin) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{kind} is {now:?}, not {begin:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts controllers and waits until they are in sync.
    pub(crate) async fn controllers(&self) -> Controllers {
        self.controllers_with(Config::default()).await
    }

    pub(crate) async fn controllers_with(&self, config: Config) -> Controllers {
        let started = Controllers::start(self.client.clone(), config).await;
        let controllers = started.unwrap_or_else(|error| panic!("{error}"));
        controllers.synced().await;
        controllers
    }

    /// Waits until the controllers have had nothing to do for a moment, and returns their counters.
    pub(crate) async fn quiet(&self, controllers: &Controllers) -> Snapshot {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut quiet = 0;
        while quiet < 20 {
            quiet = if controllers.is_idle() { quiet + 1 } else { 0 };
            assert!(
                tokio::time::Instant::now() < deadline,
                "never quiet: {:?}",
                controllers.metrics()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        controllers.metrics()
    }

    /// Removes what the test made cluster-wide, and its namespace.
    pub(crate) async fn clear(self) {
        if let Some(server) = self.embedded {
            server.shutdown().await;
            return;
        }
        let mut uris = vec![format!("/api/v1/namespaces/{}", self.name)];
        for plural in [
            "clustersupplychains",
            "clusterdeliveries",
            "clustersourcetemplates",
            "clusterimagetemplates",
            "clusterconfigtemplates",
            "clustertemplates",
            "clusterruntemplates",
        ] {
            let collection = format!("/apis/carto.run/v1alpha1/{plural}");
            let list = self.get(&collection).await.unwrap_or_default();
            for item in list["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                if name.starts_with(&self.name) {
                    uris.push(format!("{collection}/{name}"));
                }
            }
        }
        for uri in &uris {
            self.delete(uri).await;
        }
        // The next test's controllers would see the owners of this one go, and clean up after them.
        let gone = async {
            while self.get(&uris[0]).await.is_some() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone)
            .await
            .expect("the namespace ends");
    }
}

/// A kind that keeps whatever it is given, with a status of its own.
fn thing_definition() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.carto.run"},
        "spec": {
            "group": "test.carto.run", "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object",
                    "properties": {"spec": anything, "status": anything}}}}],
        },
    })
}

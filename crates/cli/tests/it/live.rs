//! A home to read from, with the test in the roles of kubectl and of the actors.

use std::path::PathBuf;

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use crate::process::{PATIENCE, Serving};

/// `carto up --actors none`, and a client.
pub(crate) struct Home {
    serving: Serving,
    runtime: tokio::runtime::Runtime,
    client: Client,
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let serving = Serving::up(&state, &["--actors", "none"]);
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let kubeconfig = Kubeconfig::read_from(state.join("kubeconfig")).unwrap();
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
            Client::try_from(config.unwrap()).unwrap()
        });
        Self {
            serving,
            runtime,
            client,
            folder,
        }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("state/kubeconfig")
    }

    /// A file of the test.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let (group, version) = match text("/apiVersion").unwrap().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", text("/apiVersion").unwrap()),
        };
        let gvk = GroupVersionKind::gvk(group, version, text("/kind").unwrap());
        let resource = match (group, text("/kind").unwrap()) {
            ("carto.run", "ClusterDelivery") => {
                ApiResource::from_gvk_with_plural(&gvk, "clusterdeliveries")
            }
            _ => ApiResource::from_gvk(&gvk),
        };
        let cluster_scoped = text("/kind").unwrap().starts_with("Cluster")
            || text("/kind") == Some("CustomResourceDefinition");
        if cluster_scoped {
            Api::all_with(self.client.clone(), &resource)
        } else {
            let namespace = text("/metadata/namespace").unwrap_or("default");
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }

    /// Applies every document of a stream as kubectl would.
    pub(crate) fn apply(&self, yaml: &str) {
        for object in carto_yaml::decode_all(yaml).unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            let params = PatchParams::apply("kubectl").force();
            let api = self.api(&object);
            let patched = self
                .runtime
                .block_on(api.patch(&name, &params, &Patch::Apply(&object)));
            patched.unwrap_or_else(|error| panic!("cannot apply {name}: {error}"));
        }
    }

    /// Says something in the status of an object, as the actor that owns its kind.
    pub(crate) fn say(&self, kind: &Value, name: &str, status: Value) {
        let params = PatchParams {
            field_manager: Some("actor".into()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(json!({"status": status}));
        let said = self
            .runtime
            .block_on(self.api(kind).patch_status(name, &params, &patch));
        said.unwrap_or_else(|error| panic!("cannot say it of {name}: {error}"));
    }

    /// Waits until an object is as wanted.
    pub(crate) fn wait(&self, kind: &Value, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let api = self.api(kind);
        self.runtime.block_on(async {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let found = api.get_opt(name).await.unwrap();
                let found = found.map(|object| serde_json::to_value(object).unwrap());
                if let Some(object) = found.as_ref().filter(|object| is(object)) {
                    return object.clone();
                }
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "{name} stays {found:#?}"
                );
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
    }

    /// Ends the home.
    pub(crate) fn end(self) {
        assert_eq!(self.serving.terminate(), Some(0));
    }
}

/// The reference to a kind.
pub(crate) fn kind(api_version: &str, kind: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind})
}

/// Whether an owner's `Ready` condition has that status, for its current version.
pub(crate) fn is_ready(status: &'static str) -> impl Fn(&Value) -> bool {
    move |owner| {
        let conditions = owner["status"]["conditions"].as_array();
        let current = owner["status"]["observedGeneration"] == owner["metadata"]["generation"];
        let says = |one: &Value| one["type"] == "Ready" && one["status"] == *status;
        current && conditions.into_iter().flatten().any(says)
    }
}

/// A kind whose objects do what tests say.
pub(crate) const TEST_KIND: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tests.test.run}
spec:
  group: test.run
  scope: Namespaced
  names: {kind: Test, plural: tests, singular: test, listKind: TestList}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// source (a config map) -> image (an actor's) -> app (a config map).
pub(crate) const CHAIN: &str = "
apiVersion: carto.run/v1alpha1
kind: ClusterSupplyChain
metadata: {name: chain}
spec:
  selector: {app: web}
  resources:
    - {name: source, templateRef: {kind: ClusterSourceTemplate, name: source}}
    - name: image
      templateRef: {kind: ClusterImageTemplate, name: image}
      sources: [{name: code, resource: source}]
    - name: app
      templateRef: {kind: ClusterTemplate, name: app}
      images: [{name: built, resource: image}]
---
apiVersion: carto.run/v1alpha1
kind: ClusterSourceTemplate
metadata: {name: source}
spec:
  urlPath: .data.url
  revisionPath: .data.revision
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: $(workload.metadata.name)$-source}
    data: {url: $(workload.spec.source.git.url)$, revision: main}
---
apiVersion: carto.run/v1alpha1
kind: ClusterImageTemplate
metadata: {name: image}
spec:
  imagePath: .status.image
  template:
    apiVersion: test.run/v1alpha1
    kind: Test
    metadata: {name: $(workload.metadata.name)$}
    spec: {url: $(source.url)$}
---
apiVersion: carto.run/v1alpha1
kind: ClusterTemplate
metadata: {name: app}
spec:
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: $(workload.metadata.name)$-app}
    data: {image: $(image)$}
";

/// A workload of that chain.
pub(crate) fn workload(name: &str) -> String {
    format!(
        "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata: {{name: {name}, namespace: default, labels: {{app: web}}}}\n\
         spec: {{source: {{git: {{url: 'https://git/{name}'}}}}}}\n"
    )
}

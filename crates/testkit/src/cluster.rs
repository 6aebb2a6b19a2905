//! An embedded API server in memory.

use carto_apiserver::{ApiServer, Config, UserInfo};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::Value;

/// A cluster without nodes, for one test.
pub struct Cluster {
    api: ApiServer,
    client: Client,
}

impl Cluster {
    /// Starts with Carto's definitions.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start() -> Self {
        Self::with_definitions(Vec::new()).await
    }

    /// Starts with Carto's definitions and more.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn with_definitions(more: Vec<Value>) -> Self {
        Self::start_with(Config {
            crds: more,
            ..Config::default()
        })
        .await
    }

    /// Starts with Carto's definitions on a free port, for other processes; RBAC is enforced for all but its admin.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn on_a_port() -> Self {
        Self::start_with(Config {
            port: Some(0),
            rbac: true,
            ..Config::default()
        })
        .await
    }

    async fn start_with(mut config: Config) -> Self {
        let mut crds: Vec<Value> = carto_api::crds()
            .into_iter()
            .map(|crd| serde_json::to_value(crd).expect("a definition is plain data"))
            .collect();
        crds.append(&mut config.crds);
        config.crds = crds;
        let api = ApiServer::start(config)
            .await
            .expect("an API server in memory starts");
        let client = Client::new(api.service(UserInfo::admin()), "default");
        Self { api, client }
    }

    /// A client with all rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The server, for what a client cannot say.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// Objects of a kind; without a namespace at cluster scope or in all namespaces.
    pub fn objects(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        }
    }

    /// Applies an object with server-side apply, as a user would.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn apply(&self, object: &Value) -> DynamicObject {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").expect("the object has a kind");
        let name = text("/metadata/name").expect("the object has a name");
        let version = text("/apiVersion").expect("the object has an apiVersion");
        let api = self.objects(version, kind, text("/metadata/namespace"));
        let parameters = PatchParams::apply("test").force();
        match api.patch(name, &parameters, &Patch::Apply(object)).await {
            Ok(applied) => applied,
            Err(error) => panic!("cannot apply {kind} {name}: {error}"),
        }
    }
}

//! Checks objects against Carto's definitions without a cluster: an API server in memory is asked
//! what it would say, so that offline and online never disagree.

use carto_apiserver::{ApiServer, Config, StartError, UserInfo};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
};
use serde_json::Value;

/// The definitions, ready to judge.
pub struct SchemaCheck {
    _api: ApiServer,
    client: Client,
}

/// A namespace that every server has.
const NAMESPACE: &str = "default";

impl SchemaCheck {
    /// Loads the definitions.
    ///
    /// # Errors
    /// Never in a sound build: the definitions are part of it.
    pub async fn start() -> Result<Self, StartError> {
        let config = Config {
            crds: crate::definitions(false),
            ..Config::default()
        };
        let api = ApiServer::start(config).await?;
        let client = Client::new(api.service(UserInfo::admin()), NAMESPACE);
        Ok(Self { _api: api, client })
    }

    /// What the API would refuse an object for: field paths and messages.
    pub async fn problems(&self, object: &Value) -> Vec<(String, String)> {
        let here = |message: String| vec![(String::new(), message)];
        let mut object: DynamicObject = match serde_json::from_value(object.clone()) {
            Ok(object) => object,
            Err(error) => return here(error.to_string()),
        };
        let Some(types) = &object.types else {
            return here("no apiVersion and kind".to_owned());
        };
        let kind = GroupVersionKind::try_from(types);
        let Some(kind) = kind.ok().filter(is_served) else {
            return here(format!(
                "no matches for kind \"{}\" in version \"{}\"",
                types.kind, types.api_version
            ));
        };
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = if is_namespaced(&kind.kind) {
            object.metadata.namespace = Some(NAMESPACE.to_owned());
            Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        };
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        match api.create(&parameters, &object).await {
            Ok(_) => Vec::new(),
            Err(kube::Error::Api(status)) => causes(&status),
            Err(error) => here(error.to_string()),
        }
    }
}

/// The single problems of a refusal; the whole message when it names none.
fn causes(status: &kube::core::Status) -> Vec<(String, String)> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let problems: Vec<_> = causes
        .filter(|cause| cause.field != "<nil>")
        .map(|cause| (cause.field.clone(), cause.message.clone()))
        .collect();
    if problems.is_empty() {
        return vec![(String::new(), status.message.clone())];
    }
    problems
}

fn is_served(kind: &GroupVersionKind) -> bool {
    carto_api::crds().iter().any(|crd| {
        crd.spec.group == kind.group
            && crd.spec.names.kind == kind.kind
            && crd
                .spec
                .versions
                .iter()
                .any(|version| version.name == kind.version)
    })
}

fn is_namespaced(kind: &str) -> bool {
    carto_api::crds()
        .iter()
        .any(|crd| crd.spec.names.kind == kind && crd.spec.scope == "Namespaced")
}

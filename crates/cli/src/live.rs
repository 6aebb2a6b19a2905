//! Reading a cluster. Nothing here writes.

use std::{collections::BTreeMap, path::Path};

use carto_core::key::{Gvk, Mapping, ObjectKey};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::Value;

use crate::error::CommandError;

/// Objects in one answer of the API.
const PAGE: u32 = 500;

/// A cluster, for reading.
pub(crate) struct Live {
    client: Client,
    /// The kinds of a group and version, read once.
    documents: BTreeMap<String, BTreeMap<String, Mapping>>,
}

/// What cannot be read, and why.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// Nobody serves the kind.
    NoMatch(Gvk),
    /// The API refuses or does not answer.
    Api {
        /// What was asked for.
        what: String,
        /// Its answer.
        error: kube::Error,
    },
}

impl ReadError {
    fn api(what: impl Into<String>, error: kube::Error) -> Self {
        let what = what.into();
        Self::Api { what, error }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoMatch(gvk) => write!(
                f,
                "the cluster does not serve kind \"{}\" in version \"{}\"",
                gvk.kind,
                gvk.api_version()
            ),
            Self::Api {
                what,
                error: kube::Error::Api(status),
            } => write!(f, "cannot read {what}: {}", status.message),
            Self::Api { what, error } => write!(f, "cannot read {what}: {error}"),
        }
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        let hint = match &error {
            ReadError::NoMatch(gvk) if &*gvk.group == "carto.run" => {
                Some("is Carto installed there? see \"carto crds\"")
            }
            _ => None,
        };
        let command = Self::config(error.to_string());
        match hint {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}

impl Live {
    /// Finds the cluster that the user means.
    pub(crate) async fn connect(kubeconfig: Option<&Path>) -> Result<Self, CommandError> {
        let client = carto_server::remote_client(kubeconfig)
            .await
            .map_err(|error| {
                CommandError::config(error.to_string())
                    .hint("name a kubeconfig with --kubeconfig FILE or KUBECONFIG")
            })?;
        Ok(Self {
            client,
            documents: BTreeMap::new(),
        })
    }

    /// The namespace that the kubeconfig names.
    pub(crate) fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// How a kind is served; `None` when it is not.
    pub(crate) async fn mapping(&mut self, gvk: &Gvk) -> Result<Option<Mapping>, ReadError> {
        let version = gvk.api_version();
        if !self.documents.contains_key(&version) {
            let kinds = self.discover(gvk).await?;
            self.documents.insert(version.clone(), kinds);
        }
        let kinds = self.documents.get(&version);
        Ok(kinds.and_then(|kinds| kinds.get(&*gvk.kind)).cloned())
    }

    async fn discover(&self, gvk: &Gvk) -> Result<BTreeMap<String, Mapping>, ReadError> {
        let version = gvk.api_version();
        let answer = if gvk.group.is_empty() {
            self.client.list_core_api_resources(&version).await
        } else {
            self.client.list_api_group_resources(&version).await
        };
        let list = match answer {
            Ok(list) => list,
            Err(error) if is_not_found(&error) => return Ok(BTreeMap::new()),
            Err(error) => return Err(ReadError::api(format!("the kinds of {version}"), error)),
        };
        let mut kinds = BTreeMap::new();
        // Subresources repeat the kind they belong to.
        let resources = list.resources.into_iter();
        for resource in resources.filter(|resource| !resource.name.contains('/')) {
            let mapping = Mapping {
                plural: resource.name.into(),
                namespaced: resource.namespaced,
            };
            kinds.entry(resource.kind).or_insert(mapping);
        }
        Ok(kinds)
    }

    /// Everything known of how kinds are served.
    pub(crate) fn mappings(&self) -> BTreeMap<Gvk, Mapping> {
        let mut all = BTreeMap::new();
        for (version, kinds) in &self.documents {
            for (kind, mapping) in kinds {
                all.insert(Gvk::new(version, kind), mapping.clone());
            }
        }
        all
    }

    async fn api(
        &mut self,
        gvk: &Gvk,
        namespace: Option<&str>,
    ) -> Result<Api<DynamicObject>, ReadError> {
        let mapping = self.mapping(gvk).await?;
        let mapping = mapping.ok_or_else(|| ReadError::NoMatch(gvk.clone()))?;
        let resource = ApiResource {
            group: gvk.group.to_string(),
            version: gvk.version.to_string(),
            api_version: gvk.api_version(),
            kind: gvk.kind.to_string(),
            plural: mapping.plural.to_string(),
        };
        Ok(match namespace.filter(|_| mapping.namespaced) {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        })
    }

    /// One object, if it is there.
    pub(crate) async fn get(&mut self, key: &ObjectKey) -> Result<Option<Value>, ReadError> {
        let api = self.api(&key.gvk, key.namespace.as_deref()).await?;
        let found = api.get_opt(&key.name).await;
        let found = found.map_err(|error| ReadError::api(key.to_string(), error))?;
        Ok(found.map(|object| json(&key.gvk, &object)))
    }

    /// All objects of a kind, in a namespace or everywhere, that satisfy a label selector.
    pub(crate) async fn list(
        &mut self,
        gvk: &Gvk,
        namespace: Option<&str>,
        labels: &str,
    ) -> Result<Vec<Value>, ReadError> {
        let api = self.api(gvk, namespace).await?;
        let mut params = ListParams::default().limit(PAGE);
        if !labels.is_empty() {
            params = params.labels(labels);
        }
        let mut objects = Vec::new();
        loop {
            let page = api.list(&params).await;
            let page = page.map_err(|error| ReadError::api(format!("objects of {gvk}"), error))?;
            objects.extend(page.items.iter().map(|object| json(gvk, object)));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// An object as the API has it: items of lists do not repeat their kind.
fn json(gvk: &Gvk, object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = gvk.api_version().into();
    value["kind"] = gvk.kind.to_string().into();
    value
}

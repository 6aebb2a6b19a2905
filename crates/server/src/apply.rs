//! Applies YAML as `kubectl apply --server-side` does, for what a home brings along.

use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    discovery::{self, Scope},
};

/// Who owns the fields that are applied here.
const FIELD_MANAGER: &str = "carto-home";

/// Why YAML could not be applied. Objects before the one that failed are applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The text is not YAML.
    #[error("{0}")]
    Parse(#[from] carto_yaml::Error),
    /// A document is not a Kubernetes object.
    #[error("document {number} is not a Kubernetes object: {reason}")]
    NotAnObject {
        /// Its place in the text, from 1.
        number: usize,
        /// What is missing.
        reason: String,
    },
    /// The API refused an object.
    #[error("{object}: {source}")]
    Refused {
        /// Kind and name.
        object: String,
        /// The API's words.
        source: Box<kube::Error>,
    },
}

/// Applies every document of `text` through `client`, in order.
///
/// # Errors
/// The first document that is refused; those before it are applied.
pub async fn apply_yaml(client: &Client, text: &str) -> Result<(), ApplyError> {
    for (index, document) in carto_yaml::decode_all(text)?.into_iter().enumerate() {
        if document.is_null() {
            continue;
        }
        let object: DynamicObject =
            serde_json::from_value(document).map_err(|error| ApplyError::NotAnObject {
                number: index + 1,
                reason: error.to_string(),
            })?;
        apply(client, index + 1, object).await?;
    }
    Ok(())
}

async fn apply(client: &Client, number: usize, object: DynamicObject) -> Result<(), ApplyError> {
    let missing = |what: &str| ApplyError::NotAnObject {
        number,
        reason: format!("no {what}"),
    };
    let types = object
        .types
        .clone()
        .ok_or_else(|| missing("apiVersion and kind"))?;
    let name = object
        .metadata
        .name
        .clone()
        .ok_or_else(|| missing("metadata.name"))?;
    let refused = |source| ApplyError::Refused {
        object: format!("{} \"{name}\"", types.kind),
        source: Box::new(source),
    };
    let kind =
        GroupVersionKind::try_from(&types).map_err(|_invalid| missing("valid apiVersion"))?;
    let (resource, capabilities) = discovery::pinned_kind(client, &kind)
        .await
        .map_err(refused)?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            let namespace = object.namespace().unwrap_or_else(|| "default".to_owned());
            Api::namespaced_with(client.clone(), &namespace, &resource)
        }
    };
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &parameters, &Patch::Apply(&object))
        .await
        .map_err(refused)?;
    Ok(())
}

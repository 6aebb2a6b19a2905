//! The controllers against a Kubernetes API that somebody else runs.

use std::path::Path;

use carto_controllers::{Config, Controllers, RunError};
use kube::{
    Client,
    config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The named kubeconfig cannot be used.
    #[error("cannot use the kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file that was named.
        path: String,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// None was named and none was found.
    #[error("found no way to a Kubernetes API: {0}")]
    Infer(#[from] InferConfigError),
    /// The configuration was read but no client can be made of it.
    #[error("cannot make a client: {0}")]
    Client(#[from] kube::Error),
}

/// A client for the API that `kubeconfig` names; without one as kubectl finds it: `KUBECONFIG`,
/// `~/.kube/config`, the in-cluster configuration.
pub async fn remote_client(kubeconfig: Option<&Path>) -> Result<Client, RemoteError> {
    let config = match kubeconfig {
        Some(path) => {
            let failed = |source| RemoteError::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(failed)?
        }
        None => kube::Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
}

/// Starts the controllers on `client`.
///
/// # Errors
/// When the API does not know who asks.
pub async fn start_controllers(client: Client) -> Result<Controllers, RunError> {
    Controllers::start(client, Config::default()).await
}

//! The controllers against a Kubernetes API that somebody else runs.

use std::path::Path;

use carto_controllers::{Config, Controllers, RunError, Transport};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::{
    Client,
    client::{ConfigExt as _, retry::RetryPolicy},
    config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

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

/// The way to an API that somebody else runs.
pub struct Remote {
    /// For single requests.
    pub client: Client,
    /// For the controllers, over the same connections.
    pub transport: Transport,
}

impl From<Client> for Remote {
    fn from(client: Client) -> Self {
        let transport = client.clone().into();
        Self { client, transport }
    }
}

/// The way to the API that `kubeconfig` names; without one as kubectl finds it: `KUBECONFIG`,
/// `~/.kube/config`, the in-cluster configuration.
///
/// # Errors
/// When there is no such kubeconfig, or it cannot be used.
pub async fn remote(kubeconfig: Option<&Path>) -> Result<Remote, RemoteError> {
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
    Ok(remote_of(config)?)
}

/// A client like that of [`Client::try_from`], but one whose requests leave at once: kube's holds the first request of a new
/// connection back until the end of the TLS handshake is acknowledged (Nagle's algorithm), which takes a server 40 ms.
/// A proxy is left to kube.
fn remote_of(config: kube::Config) -> Result<Remote, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(Client::try_from(config)?.into());
    }
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(http)?;
    let requests =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let retry = config
        .default_retry
        .then(|| RetryLayer::new(RetryPolicy::server_retry()));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retry)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(requests);
    Ok(Remote {
        transport: Transport::new(service.clone()),
        client: Client::new(service, config.default_namespace),
    })
}

/// A client for the API that `kubeconfig` names, found as [`remote`] does.
///
/// # Errors
/// As [`remote`].
pub async fn remote_client(kubeconfig: Option<&Path>) -> Result<Client, RemoteError> {
    Ok(remote(kubeconfig).await?.client)
}

/// A runtime for controllers whose API somebody else runs: a thread for every other processor.
///
/// They mostly wait for the API. With a thread for each of two processors the threads kept waking each other: the same
/// work took an eighth more of the processors' time and was done no sooner.
///
/// # Errors
/// When threads cannot be started.
pub fn remote_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.div_ceil(2))
        .enable_all()
        .build()
}

/// Starts the controllers.
///
/// # Errors
/// When the API does not know who asks.
pub async fn start_controllers(transport: impl Into<Transport>) -> Result<Controllers, RunError> {
    Controllers::start(transport, Config::default()).await
}

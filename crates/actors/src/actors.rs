//! Takes the state folder, binds what is served, and runs the actors that are switched on.

use std::io;
use std::path::PathBuf;

use carto_artifacts::listen::{self, ListenError, Ports};
use carto_artifacts::oci::{registry::Registry, routes};
use carto_artifacts::pull::Images;
use carto_artifacts::serve;
use carto_artifacts::store::Store;
use kube::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Actor, Config};

/// Actors whose addresses are known and which do not work yet.
#[derive(Debug)]
pub struct Actors {
    config: Config,
    ports: Ports,
    store: Store,
    artifacts: TcpListener,
    artifacts_url: String,
    images: Registry,
    registry_listener: TcpListener,
    registry: String,
}

/// Why the actors could not begin, or stopped as a whole.
#[derive(Debug, thiserror::Error)]
pub enum ActorsError {
    /// A folder of the state could not be made or read.
    #[error("cannot use '{}'", .path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An address could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A server ended before it was told to.
    #[error("the {what} server stopped")]
    Server {
        /// Which one.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Actors {
    /// Opens the stores below the state folder and binds their addresses, the same ones as last time.
    pub async fn open(config: Config) -> Result<Actors, ActorsError> {
        let ports = Ports::open(config.state_dir.join("ports.json"))?;
        let artifacts = ports.listen("artifacts").await?;
        let address = artifacts
            .local_addr()
            .map_err(|source| ActorsError::Server {
                what: "artifact",
                source,
            })?;
        let artifacts_url = format!("http://{address}");
        let path = config.state_dir.join("artifacts");
        let store = Store::open(path.clone(), &artifacts_url)
            .map_err(|source| ActorsError::State { path, source })?;
        let registry_listener = ports.listen("registry").await?;
        let registry = registry_listener
            .local_addr()
            .map_err(|source| ActorsError::Server {
                what: "registry",
                source,
            })?
            .to_string();
        let path = config.state_dir.join("registry");
        let images =
            Registry::open(path.clone()).map_err(|source| ActorsError::State { path, source })?;
        Ok(Actors {
            config,
            ports,
            store,
            artifacts,
            artifacts_url,
            images,
            registry_listener,
            registry,
        })
    }

    /// Where source artifacts are served.
    pub fn artifacts_url(&self) -> &str {
        &self.artifacts_url
    }

    /// Host and port of the embedded registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Works until cancelled. What goes wrong with single objects is in their conditions, not here.
    pub async fn run(self, client: Client, cancel: CancellationToken) -> Result<(), ActorsError> {
        let Actors {
            config,
            ports,
            store,
            artifacts,
            images,
            registry_listener,
            ..
        } = self;
        let path = config.state_dir.join("images");
        let pulled =
            Images::open(path.clone()).map_err(|source| ActorsError::State { path, source })?;
        tracing::info!(actors = ?config.actors, "actors are working");
        let deploy = async {
            if config.actors.contains(&Actor::Deploy) {
                crate::deploy::run(client, &config, ports, pulled, cancel.clone()).await;
            }
        };
        let artifacts = listen::serve(artifacts, serve::router(store), cancel.clone());
        let registry = listen::serve(registry_listener, routes::router(images), cancel.clone());
        let (artifacts, registry, ()) = tokio::join!(artifacts, registry, deploy);
        artifacts.map_err(|source| ActorsError::Server {
            what: "artifact",
            source,
        })?;
        registry.map_err(|source| ActorsError::Server {
            what: "registry",
            source,
        })
    }
}

/// [`Actors::open`] and [`Actors::run`] in one.
pub async fn run(
    client: Client,
    config: Config,
    cancel: CancellationToken,
) -> Result<(), ActorsError> {
    Actors::open(config).await?.run(client, cancel).await
}

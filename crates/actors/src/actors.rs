//! Takes the state folder, binds what is served, and runs the actors that are switched on.

use std::io;
use std::path::{Path, PathBuf};

use carto_artifacts::listen::{ListenError, Ports};
use carto_artifacts::oci::registry::Registry;
use carto_artifacts::pull::Images;
use carto_artifacts::store::Store;
use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::build::{BuildActor, Parts};
use crate::config::{Actor, Config, Isolate};
use crate::deploy;
use crate::events::Events;
use crate::git::GitActor;
use crate::leftovers;
use crate::process::{Isolation, Launcher};
use crate::servers::Servers;

/// Actors whose addresses are known and which do not work yet.
#[derive(Debug)]
pub struct Actors {
    config: Config,
    ports: Ports,
    store: Store,
    registry: Registry,
    servers: Servers,
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

impl ActorsError {
    fn state(path: &Path) -> impl FnOnce(io::Error) -> ActorsError + '_ {
        move |source| ActorsError::State {
            path: path.to_owned(),
            source,
        }
    }
}

impl Actors {
    /// Opens the stores below the state folder and binds their addresses, the same ones as last time.
    pub async fn open(config: Config) -> Result<Actors, ActorsError> {
        let ports = Ports::open(config.state_dir.join("ports.json"))?;
        let servers = Servers::bind(&ports).await?;
        let path = config.state_dir.join("artifacts");
        let store =
            Store::open(path.clone(), &servers.artifacts_url).map_err(ActorsError::state(&path))?;
        let path = config.state_dir.join("registry");
        let registry = Registry::open(path.clone()).map_err(ActorsError::state(&path))?;
        Ok(Actors {
            config,
            ports,
            store,
            registry,
            servers,
        })
    }

    /// Where source artifacts are served.
    pub fn artifacts_url(&self) -> &str {
        &self.servers.artifacts_url
    }

    /// Host and port of the registry, as they stand at the front of image names.
    pub fn registry(&self) -> &str {
        &self.servers.registry_host
    }

    /// Works until cancelled. What goes wrong with single objects is in their conditions, not here.
    pub async fn run(self, client: Client, cancel: CancellationToken) -> Result<(), ActorsError> {
        let Actors {
            config,
            ports,
            store,
            registry,
            servers,
        } = self;
        let registry_host = servers.registry_host.clone();
        let ended = leftovers::end(&config.state_dir);
        if ended > 0 {
            tracing::warn!(
                ended,
                "ended processes that a former life of this home left behind"
            );
        }
        let launcher = Launcher {
            internal: config.internal.clone(),
            isolation: match config.isolate {
                Isolate::AsFarAsPossible => Isolation::probe().await,
                Isolate::Never => Isolation::Shared,
            },
            state: config.state_dir.display().to_string(),
        };
        let events = Events::start(client.clone());
        // When one ends with an error, so do the others.
        let stop = cancel.child_token();
        let mut work: JoinSet<Result<(), ActorsError>> = JoinSet::new();
        servers.serve(&mut work, &store, &registry, &stop);
        let actors = config.actors.clone();
        tracing::info!(?actors, "actors are working");
        if actors.contains(&Actor::Git) {
            let path = config.state_dir.join("git");
            let git = GitActor::open(client.clone(), path.clone(), store.clone(), &events)
                .map_err(ActorsError::state(&path))?;
            let stop = stop.clone();
            work.spawn(async move {
                git.run(stop).await;
                Ok(())
            });
        }
        if actors.contains(&Actor::Build) {
            let path = config.state_dir.join("build");
            let parts = Parts {
                state: path.clone(),
                store: store.clone(),
                registry: registry.clone(),
                registry_host,
                launcher: launcher.clone(),
                logs: config.logs.clone(),
            };
            let build = BuildActor::open(client.clone(), parts, &events, stop.clone())
                .map_err(ActorsError::state(&path))?;
            work.spawn(async move {
                build.run().await;
                Ok(())
            });
        }
        if actors.contains(&Actor::Deploy) {
            let path = config.state_dir.join("images");
            let parts = deploy::Parts {
                images: Images::open(path.clone()).map_err(ActorsError::state(&path))?,
                state_dir: config.state_dir.clone(),
                launcher,
                logs: config.logs.clone(),
                ports,
            };
            let (events, stop) = (events.clone(), stop.clone());
            work.spawn(async move {
                deploy::run(client, parts, &events, stop).await;
                Ok(())
            });
        }
        let mut outcome = Ok(());
        while let Some(ended) = work.join_next().await {
            let ended = match ended {
                Ok(ended) => ended,
                Err(panic) => Err(ActorsError::Server {
                    what: "actor",
                    source: io::Error::other(panic),
                }),
            };
            if outcome.is_ok() {
                outcome = ended;
            }
            stop.cancel();
        }
        outcome
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

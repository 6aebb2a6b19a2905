//! The embedded home: API server, controllers and actors in one process, in one state folder.
//!
//! Parts start in the order in which they need each other and stop in the reverse order. Every
//! address is kept in the state folder, because addresses end up in stamped objects.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use carto_actors::{Actor, Actors, ActorsError, Internal};
use carto_apiserver::{ApiServer, UserInfo};
use carto_controllers::{Config, Controllers, Hop, Transport};
use kube::Client;
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    apply::{self, ApplyError},
    pod_logs::ActorLogs,
};

/// What a home is made of.
#[derive(Debug, Clone)]
pub struct HomeConfig {
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// Port of the API on 127.0.0.1; without one the port of the last time, else any free one.
    pub port: Option<u16>,
    /// Which stand-ins work here.
    pub actors: Vec<Actor>,
    /// Whether the controllers run here too.
    pub controllers: bool,
    /// Whether RBAC is enforced for everybody but the administrator.
    pub rbac: bool,
}

impl HomeConfig {
    /// All actors and the controllers, state in `state_dir`.
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            port: None,
            actors: Actor::ALL.to_vec(),
            controllers: true,
            rbac: false,
        }
    }
}

/// Why a home did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API server.
    #[error(transparent)]
    Api(#[from] carto_apiserver::StartError),
    /// The actors.
    #[error("{}", chain(.0))]
    Actors(#[from] ActorsError),
    /// The kubeconfig could not be written.
    #[error("cannot write {}: {source}", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This binary does not know where it is, so that it cannot start itself again.
    #[error("cannot find the running program: {0}")]
    Program(io::Error),
    /// The controllers.
    #[error("the controllers did not start: {0}")]
    Controllers(#[from] carto_controllers::RunError),
}

impl StartError {
    /// What to do about it, where the message does not say so already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Kubeconfig { .. } => Some("choose another place with --state DIR"),
            _ => None,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A running home.
pub struct Home {
    state_dir: PathBuf,
    api: ApiServer,
    client: Client,
    registry: String,
    controllers: Option<Controllers>,
    actors: Option<(JoinHandle<()>, CancellationToken)>,
}

impl Home {
    /// Starts the parts of `config`, one after the other.
    ///
    /// # Errors
    /// Whichever part cannot start says why; those before it are stopped again.
    pub async fn start(config: HomeConfig) -> Result<Self, StartError> {
        let HomeConfig {
            state_dir,
            port,
            actors,
            controllers,
            rbac,
        } = config;
        let program = std::env::current_exe().map_err(StartError::Program)?;
        let internal = Internal {
            program,
            args: vec!["internal".to_owned()],
        };
        let mut actors_config = carto_actors::Config::new(state_dir.clone(), internal);
        actors_config.actors = actors.into_iter().collect();
        let with_actors = !actors_config.actors.is_empty();

        let api = ApiServer::start(carto_apiserver::Config {
            state_dir: Some(state_dir.clone()),
            port: Some(port.unwrap_or(0)),
            rbac,
            crds: crate::definitions(with_actors),
            pod_logs: Some(Arc::new(ActorLogs(actors_config.logs.clone()))),
        })
        .await?;
        let client = Client::new(api.service(UserInfo::admin()), "default");
        let mut home = Self {
            state_dir,
            api,
            client,
            registry: String::new(),
            controllers: None,
            actors: None,
        };
        if let Err(error) = home.begin(actors_config, with_actors, controllers).await {
            home.shutdown().await;
            return Err(error);
        }
        Ok(home)
    }

    async fn begin(
        &mut self,
        actors: carto_actors::Config,
        with_actors: bool,
        controllers: bool,
    ) -> Result<(), StartError> {
        let path = self.kubeconfig_path();
        write_private(&path, &self.api.kubeconfig())
            .map_err(|source| StartError::Kubeconfig { path, source })?;
        if with_actors {
            let actors = Actors::open(actors).await?;
            actors.registry().clone_into(&mut self.registry);
            let stop = CancellationToken::new();
            let (client, cancel) = (self.client.clone(), stop.clone());
            let task = tokio::spawn(async move {
                if let Err(error) = actors.run(client, cancel).await {
                    tracing::error!(%error, "the actors stopped");
                }
            });
            self.actors = Some((task, stop));
        }
        if controllers {
            let running = Controllers::start(self.transport(), Config::default()).await?;
            running.synced().await;
            self.controllers = Some(running);
        }
        Ok(())
    }

    /// A client with all rights, without a socket in between.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same for controllers.
    pub fn transport(&self) -> Transport {
        Transport::new(self.api.service(UserInfo::admin()))
    }

    /// Where clients of other processes find the API.
    pub fn url(&self) -> String {
        self.api.url().unwrap_or_default()
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.state_dir.join("kubeconfig")
    }

    /// The embedded registry, as `HOST:PORT`; empty without actors.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Every hop from now on: which resource moved, and the controllers' share of the time.
    pub fn hops(&self) -> broadcast::Receiver<Hop> {
        match &self.controllers {
            Some(controllers) => controllers.hops(),
            None => broadcast::channel(1).1,
        }
    }

    /// Applies every document of `yaml` with all rights, in order.
    ///
    /// # Errors
    /// The first document that is refused; those before it are applied.
    pub async fn apply_yaml(&self, yaml: &str) -> Result<(), ApplyError> {
        apply::apply_yaml(&self.client, yaml).await
    }

    /// Stops everything, the processes that the actors run too.
    pub async fn shutdown(self) {
        if let Some(controllers) = self.controllers {
            controllers.stop().await;
        }
        if let Some((task, stop)) = self.actors {
            stop.cancel();
            if let Err(error) = task.await {
                tracing::error!(%error, "the actors ended in a defect");
            }
        }
        self.api.shutdown().await;
    }
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let fresh = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

//! The running server: start, services, end.

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::catalogue;
use crate::config::{Config, StartError};
use crate::service::ApiService;
use crate::store::{Limits, OpenError, Store};
use crate::user::UserInfo;
use crate::{bootstrap, workers};

/// The folder of the store within the state folder.
const FOLDER: &str = "api";

/// A running API server; stops when [`shutdown`](Self::shutdown) is called or it is dropped.
#[derive(Debug)]
pub struct ApiServer {
    api: Arc<Api>,
    stop: CancellationToken,
    workers: JoinSet<()>,
}

impl ApiServer {
    /// Opens the store, installs the definitions and starts to serve.
    ///
    /// # Errors
    /// See [`StartError`]; every text says what to do.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let store = open(config.state_dir.as_deref()).await?;
        let builtin = catalogue::builtin_resources();
        let api = Arc::new(Api::new(store, builtin, config.rbac, config.pod_logs));
        workers::load_definitions(&api);
        bootstrap::namespaces(&api).await.map_err(other)?;
        let stop = CancellationToken::new();
        let workers = workers::start(&api, &stop);
        let server = Self { api, stop, workers };
        server.api.until_ready().await;
        for definition in config.crds {
            bootstrap::definition(&server.api, definition).await?;
        }
        Ok(server)
    }

    /// The API on behalf of `user`, without network or serialisation of connections between.
    pub fn service(&self, user: UserInfo) -> ApiService {
        ApiService::new(self.api.clone(), user)
    }

    /// Ends all watches and connections, and returns when the last write is on disk.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.workers.join_next().await.is_some() {}
        let store = self.api.store.clone();
        // Waits for a thread.
        drop(tokio::task::spawn_blocking(move || store.close()).await);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.api.store.end_all_watches();
    }
}

fn other(error: impl std::fmt::Display) -> StartError {
    StartError::Other(error.to_string())
}

async fn open(state_dir: Option<&Path>) -> Result<Store, StartError> {
    let Some(path) = state_dir.map(Path::to_owned) else {
        return Ok(Store::in_memory(Limits::default()));
    };
    let folder = path.join(FOLDER);
    let opened = tokio::task::spawn_blocking(move || Store::open(&folder, Limits::default())).await;
    opened.map_err(other)?.map_err(|error| match error {
        OpenError::InUse => StartError::StateInUse(path),
        OpenError::Format(found) => StartError::StateFormat {
            path,
            found,
            expected: crate::store::FORMAT,
        },
        OpenError::Other(reason) => StartError::State { path, reason },
    })
}

//! The running server: start, services, end.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::auth::Credentials;
use crate::catalogue;
use crate::config::{Config, StartError};
use crate::listen::Authority;
use crate::service::ApiService;
use crate::store::{Limits, OpenError, Store};
use crate::user::UserInfo;
use crate::{bootstrap, kubeconfig, listen, workers};

/// The folder of the store within the state folder.
const FOLDER: &str = "api";
const KUBECONFIG: &str = "kubeconfig";
/// The row that keeps the port.
const PORT: &str = "port";

/// A running API server; stops when [`shutdown`](Self::shutdown) is called or it is dropped.
#[derive(Debug)]
pub struct ApiServer {
    api: Arc<Api>,
    authority: Arc<Authority>,
    /// `None` without a port.
    port: Option<u16>,
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
        match Self::start_on(store.clone(), config).await {
            Ok(server) => Ok(server),
            Err(error) => {
                // The folder must be free for the next attempt.
                drop(tokio::task::spawn_blocking(move || store.close()).await);
                Err(error)
            }
        }
    }

    async fn start_on(store: Store, config: Config) -> Result<Self, StartError> {
        let authority = Arc::new(Authority::load(&store).await?);
        let credentials = Credentials::load(&store).await?;
        let listener = match config.port {
            Some(port) => Some(open_port(&store, port).await?),
            None => None,
        };
        let builtin = catalogue::builtin_resources();
        let trust = authority.certificate_pem().to_owned();
        let api = Api::new(
            store,
            builtin,
            credentials,
            trust,
            config.rbac,
            config.pod_logs,
        );
        let api = Arc::new(api);
        let definitions = workers::Definitions::load(&api);
        bootstrap::objects(&api).await.map_err(other)?;
        let stop = CancellationToken::new();
        let workers = workers::start(&api, definitions, &stop);
        let mut server = Self {
            api,
            authority,
            port: None,
            stop,
            workers,
        };
        server.api.until_ready().await;
        for definition in config.crds {
            bootstrap::definition(&server.api, definition).await?;
        }
        if let Some((listener, port)) = listener {
            server.listen(listener, port, config.state_dir.as_deref())?;
        }
        Ok(server)
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        port: u16,
        state_dir: Option<&Path>,
    ) -> Result<(), StartError> {
        let acceptor = listen::acceptor(&self.authority)?;
        self.port = Some(port);
        self.api.set_address(format!("127.0.0.1:{port}"));
        if let Some(dir) = state_dir {
            let path = dir.join(KUBECONFIG);
            kubeconfig::write(&path, &self.kubeconfig()).map_err(|error| StartError::State {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        }
        let (api, authority, stop) = (self.api.clone(), self.authority.clone(), self.stop.clone());
        self.workers
            .spawn(listen::run(listener, api, authority, acceptor, stop));
        Ok(())
    }

    /// The API on behalf of `user`, without network or serialisation of connections between.
    pub fn service(&self, user: UserInfo) -> ApiService {
        ApiService::new(self.api.clone(), user)
    }

    /// Where clients outside find the server; `None` without a port.
    pub fn url(&self) -> Option<String> {
        self.port.map(|port| format!("https://127.0.0.1:{port}"))
    }

    /// A kubeconfig for a user who may do everything. Without a port its address leads nowhere.
    pub fn kubeconfig(&self) -> String {
        let url = self
            .url()
            .unwrap_or_else(|| "https://127.0.0.1:0".to_owned());
        let token = &self.api.credentials.admin_token;
        kubeconfig::render(&url, self.authority.certificate_pem(), token)
    }

    /// The certificate of the authority that clients trust, as PEM.
    pub fn certificate_authority(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// A certificate and its key, as PEM, by which a client is `user` in `group`.
    ///
    /// # Errors
    /// When the names do not fit into a certificate.
    pub fn client_certificate(
        &self,
        user: &str,
        group: Option<&str>,
    ) -> Result<(String, String), StartError> {
        let made = self.authority.client(user, group);
        made.map_err(|error| StartError::Certificates(error.to_string()))
    }

    /// Ends all watches and connections, and returns when the last write is on disk.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // Watches end first: connections are closed when their last reply is out.
        self.api.store.end_all_watches();
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

/// Opens the port asked for; for 0 the one of the last time, or at first any, which is kept.
async fn open_port(store: &Store, asked: u16) -> Result<(TcpListener, u16), StartError> {
    let refused = |_| StartError::Other("the store does not answer".into());
    let kept = store.secret(PORT).await.map_err(refused)?;
    let kept = kept.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
    let wanted = if asked == 0 { kept.unwrap_or(0) } else { asked };
    let listener = listen::bind(wanted).await?;
    let port = listener.local_addr().map_err(other)?.port();
    if kept != Some(port) {
        store
            .put_secret(PORT, port.to_string().as_bytes())
            .await
            .map_err(refused)?;
    }
    Ok((listener, port))
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

//! The two HTTP servers that objects point to: source artifacts and images.

use carto_artifacts::listen::{self, ListenError, Ports};
use carto_artifacts::oci::registry::Registry;
use carto_artifacts::oci::routes;
use carto_artifacts::serve;
use carto_artifacts::store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::actors::ActorsError;

/// Where the registry listens the first time, if nobody else does: the port that registries usually have.
const REGISTRY_PORT: u16 = 5000;

/// Bound, not serving yet.
#[derive(Debug)]
pub(crate) struct Servers {
    artifacts: TcpListener,
    registry: TcpListener,
    pub(crate) artifacts_url: String,
    pub(crate) registry_host: String,
}

impl Servers {
    pub(crate) async fn bind(ports: &Ports) -> Result<Servers, ActorsError> {
        let artifacts = ports.listen("artifacts").await?;
        let registry = ports.listen_preferring("registry", REGISTRY_PORT).await?;
        let artifacts_url = format!("http://{}", address(&artifacts, "artifacts")?);
        let registry_host = address(&registry, "registry")?;
        Ok(Servers {
            artifacts,
            registry,
            artifacts_url,
            registry_host,
        })
    }

    pub(crate) fn serve(
        self,
        work: &mut JoinSet<Result<(), ActorsError>>,
        store: &Store,
        registry: &Registry,
        stop: &CancellationToken,
    ) {
        let artifacts = listen::serve(self.artifacts, serve::router(store.clone()), stop.clone());
        let images = listen::serve(
            self.registry,
            routes::router(registry.clone()),
            stop.clone(),
        );
        work.spawn(async {
            artifacts.await.map_err(|source| ActorsError::Server {
                what: "artifact",
                source,
            })
        });
        work.spawn(async {
            images.await.map_err(|source| ActorsError::Server {
                what: "registry",
                source,
            })
        });
    }
}

fn address(listener: &TcpListener, name: &str) -> Result<String, ListenError> {
    let bound = listener.local_addr();
    bound
        .map(|address| address.to_string())
        .map_err(|source| ListenError::Bind {
            name: name.to_owned(),
            port: 0,
            source,
        })
}

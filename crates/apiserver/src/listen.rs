//! The port: TLS on the loopback address, HTTP/2 and HTTP/1.1.

mod certificates;
mod subject;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(crate) use certificates::Authority;

use crate::api::Api;
use crate::auth;
use crate::body::ApiBody;
use crate::config::StartError;
use crate::error::ApiError;
use crate::respond;

/// Connections at a time. Clients of HTTP/2 need one each.
const CONNECTIONS: usize = 1024;
/// Requests at a time on one connection; every watch is one.
const STREAMS: u32 = 1000;
const HANDSHAKE: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(20);
/// A new serving certificate is made so often while the server runs.
const ROTATE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Opens the port; `asked` is 0 for any.
pub(crate) async fn bind(asked: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, asked));
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken(asked),
            _ => StartError::Listen {
                port: asked,
                reason: error.to_string(),
            },
        })
}

/// Serves until the token is cancelled.
pub(crate) async fn run(
    listener: TcpListener,
    api: Arc<Api>,
    authority: Arc<Authority>,
    mut acceptor: TlsAcceptor,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut rotate = tokio::time::interval(ROTATE);
    rotate.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = rotate.tick() => match tls(&authority) {
                Ok(config) => acceptor = TlsAcceptor::from(config),
                Err(error) => tracing::error!(%error, "cannot renew the serving certificate"),
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                let stream = match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of descriptors, mostly: give others time to close theirs.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let Ok(permit) = permits.clone().try_acquire_owned() else {
                    tracing::warn!("too many connections; one is refused");
                    continue;
                };
                let (api, stop, acceptor) = (api.clone(), stop.clone(), acceptor.clone());
                connections.spawn(async move {
                    connection(stream, acceptor, api, stop).await;
                    drop(permit);
                });
            }
        }
    }
    connections.shutdown().await;
}

fn tls(
    authority: &Authority,
) -> Result<Arc<rustls::ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()?), provider.clone())
            .allow_unauthenticated()
            .build()?;
    let (chain, key) = authority.serving()?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What answers the handshakes, with a fresh certificate.
pub(crate) fn acceptor(authority: &Authority) -> Result<TlsAcceptor, StartError> {
    tls(authority)
        .map(TlsAcceptor::from)
        .map_err(|error| StartError::Certificates(error.to_string()))
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    api: Arc<Api>,
    stop: CancellationToken,
) {
    // Small replies must not wait for more; a failure here only costs speed.
    drop(stream.set_nodelay(true));
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let peer = certificate.and_then(|certificate| subject::user(certificate));
    let service = service_fn(move |request: Request<Body>| {
        let (api, peer) = (api.clone(), peer.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(&api, peer.as_ref(), request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER);
    builder.http1().timer(TokioTimer::new());
    let served = builder.serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(
    api: &Api,
    peer: Option<&crate::user::UserInfo>,
    request: Request<Body>,
) -> Response<ApiBody> {
    if let Err(error) = check_host(&request) {
        return respond::error(&error);
    }
    match auth::authenticate(api, peer, &request) {
        Ok(user) => api.serve(user, request).await,
        Err(error) => respond::error(&error),
    }
}

/// A page in a browser that resolves its own name to this address must not get through.
fn check_host<B>(request: &Request<B>) -> Result<(), ApiError> {
    let host = request.uri().host().map(str::to_owned).or_else(|| {
        let header = request.headers().get(http::header::HOST)?.to_str().ok()?;
        let authority: http::uri::Authority = header.parse().ok()?;
        Some(authority.host().to_owned())
    });
    let host = host.unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if certificates::NAMES.contains(&name) {
        return Ok(());
    }
    Err(ApiError::MisdirectedHost(format!(
        "this server is not \"{host}\"; it answers to {}",
        certificates::NAMES.join(", ")
    )))
}

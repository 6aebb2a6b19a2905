//! A small HTTP server for what `carto controller` offers beside its work: probes, counters, the webhook.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Connections at a time; the API server and a scraper need a handful.
const CONNECTIONS: usize = 128;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The API server sends no review that is larger than two objects of etcd's maximum.
const BODY_MAX_BYTES: usize = 4 << 20;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content: &'static str,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        let content = "text/plain; charset=utf-8";
        Self {
            status,
            content,
            body: body.into(),
        }
    }

    pub(crate) fn json(body: String) -> Self {
        Self {
            status: StatusCode::OK,
            content: "application/json",
            body,
        }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() = self.status;
        let content = header::HeaderValue::from_static(self.content);
        response.headers_mut().insert(header::CONTENT_TYPE, content);
        response
    }
}

/// Answers requests: path and body in, answer out. Does not wait for anything.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, path: &str, body: &[u8]) -> Answer;
}

/// Gives each new connection what it speaks TLS with.
pub(crate) type Acceptors = tokio::sync::watch::Receiver<Option<TlsAcceptor>>;

/// Serves until the token is cancelled; with TLS where `tls` is given.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptors>,
    answers: Arc<dyn Answers>,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, mostly: give others time to close theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            continue;
        };
        let acceptor = tls.as_ref().map(|tls| tls.borrow().clone());
        let answers = Arc::clone(&answers);
        connections.spawn(async move {
            match acceptor {
                None => exchange(stream, answers).await,
                Some(acceptor) => encrypted(stream, acceptor, answers).await,
            }
            drop(permit);
        });
    }
    connections.shutdown().await;
}

async fn encrypted(stream: TcpStream, acceptor: Option<TlsAcceptor>, answers: Arc<dyn Answers>) {
    let Some(acceptor) = acceptor else {
        // No certificate yet.
        return;
    };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => exchange(stream, answers).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => {}
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answers: Arc<dyn Answers>,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let answers = Arc::clone(&answers);
        async move {
            let path = request.uri().path().to_owned();
            let body = Limited::new(request.into_body(), BODY_MAX_BYTES);
            let answer = match body.collect().await {
                Ok(body) => answers.answer(&path, &body.to_bytes()),
                Err(_) => Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n"),
            };
            Ok::<_, Infallible>(answer.response())
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    if let Err(error) = builder
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection ended");
    }
}

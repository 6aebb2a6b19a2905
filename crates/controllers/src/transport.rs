//! How requests reach a Kubernetes API.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tower::{BoxError, Service, ServiceExt as _};

/// What a reply brings, as it comes in.
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, Broken>;
type Reply = BoxFuture<'static, Result<Response<ReplyBody>, BoxError>>;

/// Why a reply does not come in whole.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Broken(BoxError);

/// The way to an API: a service of which every request has a clone of its own.
///
/// A [`kube::Client`] can be one, and hands each request to a task that serves them all first. A service that is cheap to
/// clone is better off without: requests are half of what the controllers do.
#[derive(Clone)]
pub struct Transport(Arc<dyn Fn(Request<Body>) -> Reply + Send + Sync>);

impl Transport {
    /// Requests through a service.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(move |request| {
            let reply = service.clone().oneshot(request);
            let boxed =
                |result: Result<Response<B>, S::Error>| match result {
                    Ok(response) => Ok(response
                        .map(|body| body.map_err(|error| Broken(error.into())).boxed_unsync())),
                    Err(error) => Err(error.into()),
                };
            reply.map(boxed).boxed()
        }))
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: Request<Body>) -> Reply {
        (self.0)(request)
    }
}

impl From<kube::Client> for Transport {
    fn from(client: kube::Client) -> Self {
        Self::new(tower::service_fn(move |request| {
            let client = client.clone();
            async move { client.send(request).await }
        }))
    }
}

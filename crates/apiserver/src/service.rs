//! The server as a `tower` service, for clients in the same process.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use crate::api::Api;
use crate::body::ApiBody;
use crate::user::UserInfo;

/// The API on behalf of one user; `kube::Client::new` takes it.
#[derive(Clone)]
pub struct ApiService {
    server: Arc<Api>,
    user: UserInfo,
}

impl ApiService {
    pub(crate) fn new(server: Arc<Api>, user: UserInfo) -> Self {
        Self { server, user }
    }
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiService")
            .field("user", &self.user.name)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for ApiService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Display + Send,
{
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.server.clone();
        let user = self.user.clone();
        async move { Ok(server.serve(user, request).await) }.boxed()
    }
}

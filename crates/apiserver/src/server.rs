//! The running server.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body::Body;

use crate::body::ApiBody;
use crate::config::{Config, StartError};
use crate::error::ApiError;
use crate::service::ApiService;
use crate::user::UserInfo;

/// A running API server; stops when [`shutdown`](Self::shutdown) is called or it is dropped.
#[derive(Debug)]
pub struct ApiServer {
    handle: Handle,
}

/// What connections and in-process clients share.
#[derive(Debug, Clone)]
pub(crate) struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {}

impl ApiServer {
    /// Opens the store, installs the definitions and starts to serve.
    ///
    /// # Errors
    /// See [`StartError`]; every text says what to do.
    #[expect(
        clippy::unused_async,
        reason = "opening the store and the listener will wait"
    )]
    pub async fn start(_config: Config) -> Result<Self, StartError> {
        Ok(Self {
            handle: Handle(Arc::new(Shared {})),
        })
    }

    /// The API on behalf of `user`, without network or serialisation of connections between.
    pub fn service(&self, user: UserInfo) -> ApiService {
        ApiService::new(self.handle.clone(), user)
    }
}

impl Handle {
    #[expect(clippy::unused_async, reason = "requests will wait for the store")]
    pub(crate) async fn serve<B: Body>(
        &self,
        _user: UserInfo,
        _request: Request<B>,
    ) -> Response<ApiBody> {
        let status = ApiError::PageNotFound.status();
        let mut response = Response::new(ApiBody::full(format!("{}\n", status.message)));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}

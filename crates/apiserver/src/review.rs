//! Reviews: questions that are asked by creating something that is not kept.

use http::Response;

use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::error::ApiError;
use crate::negotiate::Form;
use crate::router::Payload;

impl Api {
    pub(crate) async fn review_request(
        &self,
        call: &Call,
        body: &Payload,
        form: Form,
    ) -> Result<Response<ApiBody>, ApiError> {
        let _ = (call, body, form);
        Err(ApiError::NotImplemented("reviews are not there yet".into()))
    }

    pub(crate) async fn token_request(
        &self,
        call: &Call,
        body: &Payload,
        form: Form,
    ) -> Result<Response<ApiBody>, ApiError> {
        let _ = (call, body, form);
        Err(ApiError::NotImplemented("tokens are not there yet".into()))
    }
}

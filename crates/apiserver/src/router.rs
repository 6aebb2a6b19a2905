//! One request from its head to its reply.

mod paths;
mod resources;

pub(crate) use paths::GIT_VERSION;
pub(crate) use resources::Payload;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::api::Api;
use crate::body::ApiBody;
use crate::error::ApiError;
use crate::request::{self, Query, Route};
use crate::respond;
use crate::user::UserInfo;

/// Bytes of a request body.
const BODY_MAX: usize = 3 << 20;
/// How long a request takes that is not a watch, unless it says how long it may.
const TIMEOUT: Duration = Duration::from_secs(60);
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// What a handler sees of a request.
pub(crate) struct Incoming {
    pub(crate) parts: Parts,
    pub(crate) query: Query,
    pub(crate) user: UserInfo,
}

impl Incoming {
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn accept(&self) -> Option<&str> {
        self.header(ACCEPT)
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE)
    }

    /// The user agent up to its first slash.
    pub(crate) fn agent(&self) -> String {
        let agent = self.header(USER_AGENT).unwrap_or_default();
        let name = agent.split('/').next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(128).collect();
        if name.is_empty() {
            "unknown".to_owned()
        } else {
            name
        }
    }
}

impl Api {
    /// Answers a request of an authenticated user. Never fails; failures are replies.
    pub(crate) async fn serve<B>(&self, user: UserInfo, request: Request<B>) -> Response<ApiBody>
    where
        B: Body,
        B::Error: std::fmt::Display,
    {
        let guarded = AssertUnwindSafe(self.answer(user, request)).catch_unwind();
        let mut response = match guarded.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => respond::error(&error),
            Err(_) => {
                tracing::error!("a request handler panicked");
                respond::error(&ApiError::Internal(
                    "the request could not be handled".into(),
                ))
            }
        };
        finish(response.headers_mut());
        response
    }

    async fn answer<B>(
        &self,
        user: UserInfo,
        request: Request<B>,
    ) -> Result<Response<ApiBody>, ApiError>
    where
        B: Body,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default())?;
        let route = request::route(parts.uri.path())?;
        let user = crate::auth::impersonate(self, user, &parts.headers)?;
        let timeout = timeout(&query);
        let incoming = Incoming { parts, query, user };
        tracing::trace!(
            method = %incoming.parts.method,
            path = incoming.parts.uri.path(),
            user = incoming.user.name,
            "request"
        );
        match route {
            Route::Resource(target) => {
                let watch = incoming.query.flag("watch");
                let answer = async {
                    let body = read_body(body).await?;
                    self.resource_request(incoming, target, body).await
                };
                if watch {
                    // A watch ends by its own time limit; its beginning is quick.
                    return answer.await;
                }
                tokio::time::timeout(timeout, answer).await.map_err(|_| {
                    ApiError::Timeout("request did not complete within requested timeout".into())
                })?
            }
            route => self.path_request(&incoming, &route),
        }
    }
}

fn timeout(query: &Query) -> Duration {
    let asked = query.text("timeout").and_then(go_duration);
    asked
        .filter(|t| !t.is_zero())
        .map_or(TIMEOUT, |t| t.min(TIMEOUT))
}

/// A duration as Go writes it, as far as clients send them: `32s`, `1m0s`, `500ms`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = &rest[unit..];
    }
    Some(total)
}

async fn read_body<B>(body: B) -> Result<Bytes, ApiError>
where
    B: Body,
    B::Error: std::fmt::Display,
{
    let mut data = Vec::new();
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::BadRequest(format!(
                "the body of the request could not be read: {error}"
            ))
        })?;
        if let Ok(mut chunk) = frame.into_data() {
            use bytes::Buf as _;
            if data.len() + chunk.remaining() > BODY_MAX {
                return Err(ApiError::TooLarge(format!(
                    "Request entity too large: limit is {BODY_MAX}"
                )));
            }
            while chunk.has_remaining() {
                let piece = chunk.chunk();
                data.extend_from_slice(piece);
                let length = piece.len();
                chunk.advance(length);
            }
        }
    }
    Ok(data.into())
}

/// Headers of every reply.
fn finish(headers: &mut HeaderMap) {
    let id = uuid::Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(AUDIT_ID, id);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache, private"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        assert_eq!(go_duration("32s"), Some(Duration::from_secs(32)));
        assert_eq!(go_duration("1m0.5s"), Some(Duration::from_millis(60_500)));
        assert_eq!(go_duration("5"), None);
        assert_eq!(go_duration("5x"), None);
    }
}

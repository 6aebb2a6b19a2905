//! Requests to the Kubernetes API, as bytes.
//!
//! Every request of this crate goes through [`Wire`]: it adds the identity to act as, bounds time and size, counts,
//! and turns an error reply into a [`Failure`]. It knows paths, verbs and `metav1.Status`, and nothing of what the
//! objects mean.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde::{Deserialize, Serialize};

use crate::metrics::{Metrics, Verb};
use crate::transport::{ReplyBody, Transport};

/// No reply we ask for is larger: a page of 500 objects of etcd's maximum of 1.5 MiB would be, but none in practice.
const REPLY_MAX_BYTES: usize = 256 << 20;
/// Error replies are a `Status`; more than this is not worth reading.
const ERROR_MAX_BYTES: usize = 1 << 20;

/// On whose behalf a request is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// The controller itself.
    Controller,
    /// A tenant's service account, by impersonation.
    Account { namespace: Arc<str>, name: Arc<str> },
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("the controller"),
            Self::Account { namespace, name } => {
                write!(f, "system:serviceaccount:{namespace}:{name}")
            }
        }
    }
}

/// The media type of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    MergePatch,
    JsonPatch,
    Apply,
}

impl Content {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            // JSON is YAML, and the server reads it faster.
            Self::Apply => "application/apply-patch+yaml",
        })
    }
}

/// How much of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Detail {
    /// The object.
    Full,
    /// Its metadata only; the only way in which Secrets are ever seen here.
    Metadata,
}

impl Detail {
    fn accept(self, list: bool) -> HeaderValue {
        HeaderValue::from_static(match (self, list) {
            (Self::Full, _) => "application/json",
            (Self::Metadata, false) => {
                "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
            }
            (Self::Metadata, true) => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
            }
        })
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) body: Option<(Content, Bytes)>,
    pub(crate) identity: Identity,
    pub(crate) detail: Detail,
}

impl Call {
    pub(crate) fn get(verb: Verb, uri: String) -> Self {
        Self {
            verb,
            method: Method::GET,
            uri,
            body: None,
            identity: Identity::Controller,
            detail: Detail::Full,
        }
    }

    pub(crate) fn with_body(
        verb: Verb,
        method: Method,
        uri: String,
        content: Content,
        body: &impl Serialize,
    ) -> Self {
        let bytes = serde_json::to_vec(body).expect("what we send can always be written");
        Self {
            method,
            body: Some((content, bytes.into())),
            ..Self::get(verb, uri)
        }
    }

    pub(crate) fn acting_as(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    pub(crate) fn detail(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    fn request(self) -> Result<Request<Body>, Failure> {
        let list = matches!(self.verb, Verb::List);
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.uri)
            .header(ACCEPT, self.detail.accept(list));
        if let Identity::Account { .. } = self.identity {
            // The server derives the account's groups from this name, so no right to impersonate groups is needed.
            // Source: k8s.io/apiserver pkg/endpoints/filters/impersonation.
            request = request.header("Impersonate-User", self.identity.to_string());
        }
        let body = match self.body {
            Some((content, bytes)) => {
                request = request.header(CONTENT_TYPE, content.header());
                Body::from(bytes)
            }
            None => Body::empty(),
        };
        request
            .body(body)
            .map_err(|error| Failure::local(format!("cannot make the request: {error}")))
    }
}

/// Why a request did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// HTTP status; 0 when there was no reply.
    pub(crate) code: u16,
    /// `metav1.Status.reason`, such as `NotFound`; empty when unknown.
    pub(crate) reason: String,
    /// As the API says it.
    pub(crate) message: String,
    /// How long the API asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the request may have been carried out nevertheless.
    pub(crate) ambiguous: bool,
    /// Whether the reply was a real `Status`, or a path that nobody serves.
    pub(crate) status: bool,
}

impl Failure {
    pub(crate) fn local(message: String) -> Self {
        Self {
            code: 0,
            reason: String::new(),
            message,
            retry_after: None,
            ambiguous: false,
            status: false,
        }
    }

    pub(crate) fn timeout(after: Duration) -> Self {
        Self {
            reason: "Timeout".to_owned(),
            ambiguous: true,
            ..Self::local(format!("no reply within {after:?}"))
        }
    }

    pub(crate) fn lost(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        // Bounded by the length of the chain, which is built by libraries and short.
        while let Some(inner) = source {
            let text = inner.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = inner.source();
        }
        Self {
            ambiguous: true,
            ..Self::local(message)
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code == 404
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.code == 403
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.code == 409
    }

    /// Whether a list position or a watch position is too old.
    pub(crate) fn is_expired(&self) -> bool {
        self.code == 410
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireStatus {
    kind: String,
    message: String,
    reason: String,
    code: u16,
    details: WireDetails,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct WireDetails {
    retry_after_seconds: u64,
}

/// Reads an error reply; anything that is no `Status` becomes one, as client-go does.
pub(crate) fn failure_of(code: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Failure {
    let status = serde_json::from_slice::<WireStatus>(body).unwrap_or_default();
    let is_status = status.kind == "Status";
    let told = status.details.retry_after_seconds;
    let message = if is_status && !status.message.is_empty() {
        status.message
    } else {
        match code.as_u16() {
            // The texts of apimachinery's NewGenericServerResponse.
            404 => "the server could not find the requested resource".to_owned(),
            401 => "the server has asked for the client to provide credentials".to_owned(),
            _ => format!(
                "the server answered {code}: {}",
                String::from_utf8_lossy(&body[..body.len().min(512)]).trim()
            ),
        }
    };
    Failure {
        code: if status.code > 0 {
            status.code
        } else {
            code.as_u16()
        },
        reason: status.reason,
        message,
        retry_after: retry_after.or((told > 0).then(|| Duration::from_secs(told))),
        // A gateway may give up on a request that still runs.
        ambiguous: matches!(code.as_u16(), 500 | 502 | 504),
        status: is_status,
    }
}

/// The way to the API.
#[derive(Clone)]
pub(crate) struct Wire {
    transport: Transport,
    metrics: Arc<Metrics>,
    timeout: Duration,
}

impl Wire {
    pub(crate) fn new(
        transport: impl Into<Transport>,
        metrics: Arc<Metrics>,
        timeout: Duration,
    ) -> Self {
        Self {
            transport: transport.into(),
            metrics,
            timeout,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes the request and returns the body of the reply.
    pub(crate) async fn call(&self, call: Call) -> Result<Bytes, Failure> {
        self.call_with_code(call).await.map(|(_, body)| body)
    }

    /// Makes the request and returns status and body of the reply.
    pub(crate) async fn call_with_code(&self, call: Call) -> Result<(StatusCode, Bytes), Failure> {
        let what = tracing::enabled!(tracing::Level::DEBUG).then(|| {
            (
                call.verb.name(),
                call.method.clone(),
                call.uri.clone(),
                call.identity.clone(),
            )
        });
        self.metrics.request(call.verb);
        let request = call.request()?;
        let result = match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::timeout(self.timeout)),
        };
        if result.is_err() {
            self.metrics.request_failed();
        }
        if let Some((verb, method, uri, identity)) = what {
            match &result {
                Ok((code, body)) => {
                    tracing::debug!(verb, %method, uri, %identity, %code, bytes = body.len());
                }
                Err(failure) => {
                    tracing::debug!(verb, %method, uri, %identity, code = failure.code, %failure);
                }
            }
        }
        result
    }

    /// Makes the request and returns the reply's body as it comes in; only the wait for its head is bounded.
    pub(crate) async fn open(&self, call: Call) -> Result<ReplyBody, Failure> {
        self.metrics.request(call.verb);
        let request = call.request()?;
        let head = tokio::time::timeout(self.timeout, async {
            let response = self.transport.send(request).await;
            let response = response.map_err(|error| Failure::lost(&*error))?;
            if response.status().is_success() {
                return Ok(response.into_body());
            }
            Err(read_failure(response).await)
        });
        let result = head
            .await
            .unwrap_or_else(|_| Err(Failure::timeout(self.timeout)));
        if result.is_err() {
            self.metrics.request_failed();
        }
        result
    }

    async fn exchange(&self, request: Request<Body>) -> Result<(StatusCode, Bytes), Failure> {
        let response = self.transport.send(request).await;
        let response = response.map_err(|error| Failure::lost(&*error))?;
        if !response.status().is_success() {
            return Err(read_failure(response).await);
        }
        let code = response.status();
        let body = Limited::new(response.into_body(), REPLY_MAX_BYTES);
        match body.collect().await {
            Ok(body) => Ok((code, body.to_bytes())),
            Err(error) => Err(Failure::lost(error.as_ref())),
        }
    }
}

async fn read_failure(response: Response<ReplyBody>) -> Failure {
    let code = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = Limited::new(response.into_body(), ERROR_MAX_BYTES)
        .collect()
        .await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    failure_of(code, retry_after, &body)
}

/// A path below the API's root, with what names may not contain escaped.
pub(crate) struct Path(String);

impl Path {
    /// The collection of a resource, in one namespace or in all.
    pub(crate) fn collection(
        group: &str,
        version: &str,
        plural: &str,
        namespace: Option<&str>,
    ) -> Self {
        let mut path = Self(String::with_capacity(96));
        if group.is_empty() {
            path.0.push_str("/api");
        } else {
            path.0.push_str("/apis");
            path.push(group);
        }
        path.push(version);
        if let Some(namespace) = namespace {
            path.push("namespaces");
            path.push(namespace);
        }
        path.push(plural);
        path
    }

    /// One object of this collection.
    pub(crate) fn object(mut self, name: &str) -> Self {
        self.push(name);
        self
    }

    /// A subresource of this object.
    pub(crate) fn sub(mut self, name: &str) -> Self {
        self.push(name);
        self
    }

    fn push(&mut self, segment: &str) {
        self.0.push('/');
        match segment {
            // Would otherwise climb out of the collection on the way.
            "." => self.0.push_str("%2E"),
            ".." => self.0.push_str("%2E%2E"),
            _ => escape(&mut self.0, segment),
        }
    }

    /// The path with a query.
    pub(crate) fn query(mut self, pairs: &[(&str, &str)]) -> String {
        for (n, (name, value)) in pairs.iter().enumerate() {
            self.0.push(if n == 0 { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            escape(&mut self.0, value);
        }
        self.0
    }

    /// The path alone.
    pub(crate) fn done(self) -> String {
        self.0
    }
}

fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_api() {
        let pods = Path::collection("", "v1", "pods", Some("a"))
            .object("b")
            .sub("status");
        assert_eq!(pods.done(), "/api/v1/namespaces/a/pods/b/status");
        let images = Path::collection("kpack.io", "v1alpha2", "images", None);
        assert_eq!(
            images.query(&[("labelSelector", "carto.run/resource-name"), ("limit", "5")]),
            "/apis/kpack.io/v1alpha2/images?labelSelector=carto.run%2Fresource-name&limit=5"
        );
    }

    #[test]
    fn names_cannot_leave_their_segment() {
        let path = Path::collection("", "v1", "configmaps", Some("a")).object("../b?x=1#y z");
        assert_eq!(
            path.done(),
            "/api/v1/namespaces/a/configmaps/..%2Fb%3Fx%3D1%23y%20z"
        );
        let path = Path::collection("", "v1", "configmaps", Some("a")).object("..");
        assert_eq!(path.done(), "/api/v1/namespaces/a/configmaps/%2E%2E");
    }

    #[test]
    fn a_status_keeps_its_words() {
        let body = br#"{"kind":"Status","message":"no","reason":"Forbidden","code":403,
            "details":{"retryAfterSeconds":2}}"#;
        let failure = failure_of(StatusCode::FORBIDDEN, None, body);
        assert!(failure.is_forbidden());
        assert_eq!(failure.message, "no");
        assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_path_nobody_serves_reads_as_kubectl_says_it() {
        let failure = failure_of(StatusCode::NOT_FOUND, None, b"404 page not found\n");
        assert_eq!(
            failure.message,
            "the server could not find the requested resource"
        );
        assert!(!failure.status);
    }

    #[test]
    fn accounts_are_impersonated_by_name_alone() {
        let account = Identity::Account {
            namespace: "team".into(),
            name: "default".into(),
        };
        let request = Call::get(Verb::Get, "/api/v1/pods".to_owned())
            .acting_as(account)
            .request()
            .unwrap();
        assert_eq!(
            request.headers()["Impersonate-User"],
            "system:serviceaccount:team:default"
        );
        assert!(!request.headers().contains_key("Impersonate-Group"));
    }
}

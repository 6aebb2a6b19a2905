//! The registry as clients know it: opencontainers/distribution-spec 1.1, pull, push, discovery of tags, deletion.
//!
//! Without credentials: it listens on the loopback interface only, and answers no page of a foreign site (see
//! [`crate::listen::only_this_machine`]).

use std::collections::HashMap;
use std::io;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures::StreamExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use crate::digest::Digest;
use crate::oci::manifest::MANIFEST;
use crate::oci::registry::{MAX_MANIFEST_BYTES, Registry, RegistryError};

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");
const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The registry below `/v2/`.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/v2/", any(root))
        .route("/v2", any(root))
        .route("/v2/{*rest}", any(dispatch))
        .layer(DefaultBodyLimit::disable())
        .with_state(registry)
}

async fn root() -> Response {
    let headers = [(VERSION, HeaderValue::from_static("registry/2.0"))];
    (headers, axum::Json(json!({}))).into_response()
}

/// What a path asks for.
enum Target<'a> {
    Manifest(&'a str, &'a str),
    /// Blobs are shared by all repositories.
    Blob(&'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Tags(&'a str),
    Catalog,
}

impl Target<'_> {
    /// Repository names hold slashes, so paths are read from their ends.
    fn parse(rest: &str) -> Option<Target<'_>> {
        if rest == "_catalog" {
            return Some(Target::Catalog);
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Target::Tags(name));
        }
        if let Some(name) = rest
            .strip_suffix("/blobs/uploads/")
            .or_else(|| rest.strip_suffix("/blobs/uploads"))
        {
            return Some(Target::Uploads(name));
        }
        let (front, last) = rest.rsplit_once('/')?;
        if let Some(name) = front.strip_suffix("/blobs/uploads") {
            return Some(Target::Upload(name, last));
        }
        if front.ends_with("/blobs") {
            return Some(Target::Blob(last));
        }
        front
            .strip_suffix("/manifests")
            .map(|name| Target::Manifest(name, last))
    }
}

type Parameters = Query<HashMap<String, String>>;

async fn dispatch(
    State(registry): State<Registry>,
    Query(query): Parameters,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let rest = parts.uri.path().trim_start_matches("/v2/").to_owned();
    let Some(target) = Target::parse(&rest) else {
        return Failure::new(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "there is nothing at this path",
        )
        .into_response();
    };
    let ask = Ask {
        registry,
        query,
        headers: parts.headers,
        body,
    };
    let method = parts.method;
    let answer = match (target, &method) {
        (Target::Catalog, &Method::GET) => Ok(ask.catalog()),
        (Target::Tags(name), &Method::GET) => ask.tags(name),
        (Target::Manifest(name, reference), &Method::GET | &Method::HEAD) => {
            ask.manifest(name, reference, method == Method::HEAD)
        }
        (Target::Manifest(name, reference), &Method::PUT) => {
            ask.put_manifest(name, reference).await
        }
        (Target::Manifest(name, reference), &Method::DELETE) => {
            ask.delete_manifest(name, reference)
        }
        (Target::Blob(digest), &Method::GET | &Method::HEAD) => {
            ask.blob(digest, method == Method::HEAD).await
        }
        (Target::Uploads(name), &Method::POST) => ask.begin(name).await,
        (Target::Upload(name, id), &Method::PATCH) => ask.append(name, id).await,
        (Target::Upload(name, id), &Method::PUT) => ask.finish(name, id).await,
        (Target::Upload(name, id), &Method::GET) => ask.progress(name, id),
        (Target::Upload(_, id), &Method::DELETE) => ask.cancel(id),
        _ => Err(Failure::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "the method is not supported here",
        )),
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// One request, taken apart.
struct Ask {
    registry: Registry,
    query: HashMap<String, String>,
    headers: HeaderMap,
    body: Body,
}

impl Ask {
    fn catalog(&self) -> Response {
        axum::Json(json!({"repositories": self.registry.repositories()})).into_response()
    }

    fn tags(&self, name: &str) -> Result<Response, Failure> {
        let tags = self.registry.tags(name)?;
        if tags.is_empty() && !self.registry.has_repository(name) {
            return Err(Failure::new(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                &format!("repository '{name}' is not known"),
            ));
        }
        let after = self.query.get("last").map_or("", String::as_str);
        let limit = self
            .query
            .get("n")
            .and_then(|n| n.parse().ok())
            .unwrap_or(usize::MAX);
        let page: Vec<&String> = tags
            .iter()
            .filter(|tag| tag.as_str() > after)
            .take(limit)
            .collect();
        let mut response = axum::Json(json!({"name": name, "tags": page})).into_response();
        let more = page.last().is_some_and(|last| tags.last() != Some(last));
        if let (true, Some(last)) = (more, page.last()) {
            let next = format!("</v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\"");
            response.headers_mut().extend(
                HeaderValue::from_str(&next)
                    .ok()
                    .map(|value| (header::LINK, value)),
            );
        }
        Ok(response)
    }

    fn manifest(&self, name: &str, reference: &str, head: bool) -> Result<Response, Failure> {
        let found = self.registry.manifest(name, reference)?;
        let mut response = Response::new(if head {
            Body::empty()
        } else {
            Body::from(found.bytes.clone())
        });
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_str(&found.media_type);
        headers.insert(
            header::CONTENT_TYPE,
            media_type.unwrap_or(HeaderValue::from_static(MANIFEST)),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(found.bytes.len()));
        insert(headers, DIGEST, found.digest.as_str());
        insert(headers, header::ETAG, &format!("\"{}\"", found.digest));
        Ok(response)
    }

    async fn put_manifest(self, name: &str, reference: &str) -> Result<Response, Failure> {
        let bytes: Bytes = axum::body::to_bytes(self.body, MAX_MANIFEST_BYTES)
            .await
            .map_err(|error| {
                Failure::new(
                    StatusCode::BAD_REQUEST,
                    "MANIFEST_INVALID",
                    &error.to_string(),
                )
            })?;
        let media_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or(MANIFEST).to_owned();
        let (registry, owned) = (
            self.registry.clone(),
            (name.to_owned(), reference.to_owned()),
        );
        let digest =
            blocking(move || registry.put_manifest(&owned.0, &owned.1, &media_type, &bytes))
                .await?;
        Ok(created(&format!("/v2/{name}/manifests/{digest}"), &digest))
    }

    fn delete_manifest(&self, name: &str, reference: &str) -> Result<Response, Failure> {
        self.registry.delete_manifest(name, reference)?;
        Ok(StatusCode::ACCEPTED.into_response())
    }

    async fn blob(self, digest: &str, head: bool) -> Result<Response, Failure> {
        let digest = parse_digest(digest)?;
        let size = self
            .registry
            .blob_size(&digest)
            .ok_or_else(|| RegistryError::NoBlob(digest.clone()))?;
        let body = if head {
            Body::empty()
        } else {
            let opened = tokio::fs::File::open(self.registry.blob_path(&digest))
                .await
                .map_err(|e| Failure::io(&e))?;
            Body::from_stream(ReaderStream::with_capacity(opened, 1 << 16))
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        insert(headers, DIGEST, digest.as_str());
        insert(headers, header::ETAG, &format!("\"{digest}\""));
        Ok(response)
    }

    /// A new upload; the whole blob at once with `digest`; an existing blob with `mount`.
    async fn begin(self, name: &str) -> Result<Response, Failure> {
        // The name is checked now, not when the last byte has arrived.
        self.registry.tags(name)?;
        if let Some(mount) = self
            .query
            .get("mount")
            .and_then(|digest| digest.parse::<Digest>().ok())
            && self.registry.blob_size(&mount).is_some()
        {
            return Ok(created(&format!("/v2/{name}/blobs/{mount}"), &mount));
        }
        let id = self.registry.begin_upload()?;
        if self.query.contains_key("digest") {
            return self.finish(name, &id).await;
        }
        Ok(accepted(name, &id, 0))
    }

    async fn append(self, name: &str, id: &str) -> Result<Response, Failure> {
        let size = self.receive(id).await?.0;
        Ok(accepted(name, id, size))
    }

    async fn finish(self, name: &str, id: &str) -> Result<Response, Failure> {
        let digest = self.query.get("digest").map_or("", String::as_str);
        let digest = parse_digest(digest)?;
        let (_, ask) = self.receive(id).await?;
        let (registry, id, wanted) = (ask.registry, id.to_owned(), digest.clone());
        blocking(move || registry.finish_upload(&id, &wanted)).await?;
        Ok(created(&format!("/v2/{name}/blobs/{digest}"), &digest))
    }

    /// Appends the body to the upload, and returns how much there is now.
    async fn receive(mut self, id: &str) -> Result<(u64, Ask), Failure> {
        let path = self.registry.upload_path(id)?;
        let mut file = tokio::fs::File::options()
            .append(true)
            .open(&path)
            .await
            .map_err(|e| Failure::io(&e))?;
        let mut size = file.metadata().await.map_err(|e| Failure::io(&e))?.len();
        if self.range_start().is_some_and(|start| start != size) {
            return Err(Failure::range(id, size));
        }
        let mut chunks = std::mem::take(&mut self.body).into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| {
                Failure::new(
                    StatusCode::BAD_REQUEST,
                    "BLOB_UPLOAD_INVALID",
                    &error.to_string(),
                )
            })?;
            file.write_all(&chunk).await.map_err(|e| Failure::io(&e))?;
            size += chunk.len() as u64;
        }
        file.flush().await.map_err(|e| Failure::io(&e))?;
        Ok((size, self))
    }

    /// Where a chunk says that it begins: `Content-Range: 0-99`.
    fn range_start(&self) -> Option<u64> {
        let range = self.headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
        range
            .trim_start_matches("bytes ")
            .split('-')
            .next()?
            .trim()
            .parse()
            .ok()
    }

    fn progress(&self, name: &str, id: &str) -> Result<Response, Failure> {
        let path = self.registry.upload_path(id)?;
        let size = std::fs::metadata(path).map_err(|e| Failure::io(&e))?.len();
        let mut response = accepted(name, id, size);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    fn cancel(&self, id: &str) -> Result<Response, Failure> {
        self.registry.cancel_upload(id)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::io(&io::Error::other(error))),
    }
}

fn parse_digest(text: &str) -> Result<Digest, Failure> {
    text.parse()
        .map_err(|error: crate::digest::ParseDigestError| {
            Failure::new(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                &error.to_string(),
            )
        })
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn created(location: &str, digest: &Digest) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    insert(response.headers_mut(), header::LOCATION, location);
    insert(response.headers_mut(), DIGEST, digest.as_str());
    response
}

fn accepted(name: &str, id: &str, size: u64) -> Response {
    let mut response = StatusCode::ACCEPTED.into_response();
    let headers = response.headers_mut();
    insert(
        headers,
        header::LOCATION,
        &format!("/v2/{name}/blobs/uploads/{id}"),
    );
    insert(
        headers,
        header::RANGE,
        &format!("0-{}", size.saturating_sub(1)),
    );
    insert(headers, UPLOAD, id);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// An error in the form of the specification.
struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    upload: Option<(String, u64)>,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Failure {
        Failure {
            status,
            code,
            message: message.to_owned(),
            upload: None,
        }
    }

    fn io(error: &io::Error) -> Failure {
        tracing::warn!(%error, "the registry cannot use its disk");
        let full = error.kind() == io::ErrorKind::StorageFull;
        let status = if full {
            StatusCode::INSUFFICIENT_STORAGE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Failure::new(status, "UNKNOWN", &error.to_string())
    }

    fn range(id: &str, size: u64) -> Failure {
        let failure = Failure::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "BLOB_UPLOAD_INVALID",
            &format!("the upload is at byte {size}"),
        );
        Failure {
            upload: Some((id.to_owned(), size)),
            ..failure
        }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Failure {
        let (status, code) = match &error {
            RegistryError::Name(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            RegistryError::Reference(_)
            | RegistryError::BadManifest(_)
            | RegistryError::NoPlatform(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            RegistryError::NoManifest { .. } => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            RegistryError::NoBlob(_) => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            RegistryError::NoUpload(_) => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            RegistryError::TooManyUploads => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            RegistryError::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            RegistryError::Io { source, .. } => return Failure::io(source),
        };
        Failure::new(status, code, &error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body =
            json!({"errors": [{"code": self.code, "message": self.message, "detail": null}]});
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some((id, size)) = &self.upload {
            insert(response.headers_mut(), UPLOAD, id);
            insert(
                response.headers_mut(),
                header::RANGE,
                &format!("0-{}", size.saturating_sub(1)),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request as HttpRequest;
    use tower::ServiceExt;

    use super::*;

    struct Client {
        _dir: tempfile::TempDir,
        router: Router,
    }

    impl Client {
        fn new() -> Client {
            let dir = tempfile::tempdir().unwrap();
            let router = router(Registry::open(dir.path().to_owned()).unwrap());
            Client { _dir: dir, router }
        }

        async fn send(
            &self,
            method: &str,
            path: &str,
            range: Option<&str>,
            body: &[u8],
        ) -> (u16, HeaderMap, String) {
            let mut request = HttpRequest::builder().method(method).uri(path);
            if let Some(range) = range {
                request = request.header(header::CONTENT_RANGE, range);
            }
            let request = request.body(Body::from(body.to_vec())).unwrap();
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = axum::body::to_bytes(response.into_body(), usize::MAX)
                .await
                .unwrap();
            (status, headers, String::from_utf8(body.to_vec()).unwrap())
        }
    }

    #[tokio::test]
    async fn a_blob_arrives_in_chunks_and_is_given_back() {
        let client = Client::new();
        let digest = Digest::of(b"hello world");
        let (status, headers, _) = client
            .send("POST", "/v2/dev/app/blobs/uploads/", None, b"")
            .await;
        assert_eq!(status, 202);
        let location = headers[header::LOCATION].to_str().unwrap().to_owned();
        let (status, headers, _) = client
            .send("PATCH", &location, Some("0-5"), b"hello ")
            .await;
        assert_eq!(
            (status, headers[header::RANGE].to_str().unwrap()),
            (202, "0-5")
        );
        assert_eq!(
            client.send("PATCH", &location, Some("3-5"), b"x").await.0,
            416
        );
        assert_eq!(
            client.send("GET", &location, None, b"").await.1[header::RANGE],
            "0-5"
        );
        let (status, ..) = client
            .send(
                "PUT",
                &format!("{location}?digest={digest}"),
                None,
                b"world",
            )
            .await;
        assert_eq!(status, 201);
        let (status, _, body) = client
            .send("GET", &format!("/v2/dev/app/blobs/{digest}"), None, b"")
            .await;
        assert_eq!((status, body.as_str()), (200, "hello world"));
        let mount = format!("/v2/other/blobs/uploads/?mount={digest}&from=dev/app");
        assert_eq!(client.send("POST", &mount, None, b"").await.0, 201);
    }

    #[tokio::test]
    async fn a_blob_arrives_at_once_and_wrong_ones_are_refused() {
        let client = Client::new();
        let digest = Digest::of(b"x");
        let path = format!("/v2/app/blobs/uploads/?digest={digest}");
        assert_eq!(client.send("POST", &path, None, b"x").await.0, 201);
        let (status, _, body) = client.send("POST", &path, None, b"y").await;
        assert_eq!(status, 400);
        assert!(body.contains("DIGEST_INVALID"), "{body}");
    }

    #[tokio::test]
    async fn manifests_tags_and_errors_have_the_form_of_the_specification() {
        let client = Client::new();
        client
            .send(
                "POST",
                &format!("/v2/dev/app/blobs/uploads/?digest={}", Digest::of(b"{}")),
                None,
                b"{}",
            )
            .await;
        let manifest = json!({"schemaVersion": 2, "layers": [],
            "config": {"mediaType": "x", "digest": Digest::of(b"{}"), "size": 2}})
        .to_string();
        for tag in ["v1", "v2", "v3"] {
            let path = format!("/v2/dev/app/manifests/{tag}");
            let (status, headers, _) = client.send("PUT", &path, None, manifest.as_bytes()).await;
            assert_eq!(
                (status, headers[DIGEST].to_str().unwrap()),
                (201, Digest::of(manifest.as_bytes()).as_str())
            );
        }
        let (status, headers, body) = client
            .send("GET", "/v2/dev/app/manifests/v1", None, b"")
            .await;
        assert_eq!(
            (
                status,
                body.as_str(),
                headers[header::CONTENT_TYPE].to_str().unwrap()
            ),
            (200, manifest.as_str(), MANIFEST)
        );
        let (_, headers, body) = client
            .send("GET", "/v2/dev/app/tags/list?n=2", None, b"")
            .await;
        assert_eq!(body, r#"{"name":"dev/app","tags":["v1","v2"]}"#);
        assert_eq!(
            headers[header::LINK],
            "</v2/dev/app/tags/list?n=2&last=v2>; rel=\"next\""
        );
        assert_eq!(
            client
                .send("DELETE", "/v2/dev/app/manifests/v1", None, b"")
                .await
                .0,
            202
        );
        let (status, _, body) = client
            .send("GET", "/v2/dev/app/manifests/v1", None, b"")
            .await;
        assert_eq!(status, 404);
        assert!(body.contains("MANIFEST_UNKNOWN"), "{body}");
        assert_eq!(
            client.send("GET", "/v2/nope/tags/list", None, b"").await.0,
            404
        );
        assert_eq!(client.send("GET", "/v2/", None, b"").await.0, 200);
        assert_eq!(
            client
                .send("POST", "/v2/../x/blobs/uploads/", None, b"")
                .await
                .0,
            400
        );
    }
}

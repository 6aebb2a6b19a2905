//! The HTTP side of the [`Store`]: `GET` and `HEAD` of artifacts, nothing else.
//!
//! Artifacts never change under their address in a way a reader could mix up: the digest is the entity tag.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::io::ReaderStream;

use crate::store::Store;

/// Serves every artifact of `store` below `/`.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/{*path}", get(artifact))
        .with_state(store)
}

async fn artifact(
    State(store): State<Store>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = store.file(&path) else {
        return (
            StatusCode::NOT_FOUND,
            format!("no artifact '{path}': it was replaced or never stored\n"),
        )
            .into_response();
    };
    let tag = tokio::fs::read_to_string(format!("{}.sha256", file.display()))
        .await
        .ok()
        .and_then(|note| HeaderValue::from_str(&format!("\"{}\"", note.trim())).ok());
    if tag.is_some() && headers.get(header::IF_NONE_MATCH) == tag.as_ref() {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let opened = match tokio::fs::File::open(&file).await {
        Ok(opened) => opened,
        Err(error) => return unreadable(&path, &error),
    };
    let size = match opened.metadata().await {
        Ok(meta) => meta.len(),
        Err(error) => return unreadable(&path, &error),
    };
    let mut response = Response::new(Body::from_stream(ReaderStream::new(opened)));
    let kind = if path.ends_with(".sha256") {
        "text/plain"
    } else {
        "application/gzip"
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    if let Some(tag) = tag {
        out.insert(header::ETAG, tag);
    }
    response
}

fn unreadable(path: &str, error: &std::io::Error) -> Response {
    tracing::warn!(path, %error, "cannot read an artifact");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("cannot read artifact '{path}': {error}\n"),
    )
        .into_response()
}

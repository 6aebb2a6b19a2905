//! The file server inside static images: `static-server --root DIR`, port from `PORT` (8080 without).
//!
//! Serves files below the root and nothing else: no listing, no dot files, no way out through links. A folder is its
//! `index.html`, a missing page is `404.html` when the site has one. One line per request on standard output.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{complain, usage};

/// Connections served at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;

/// A client that has not sent its request by then is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

type Body = BoxBody<Bytes, io::Error>;

/// Names the folder that a container without a file system of its own has as its root.
pub const ROOT_VARIABLE: &str = "CARTO_CONTAINER_ROOT";

pub(super) fn main(args: &[String]) -> ExitCode {
    let root = match args {
        [flag, root] if flag == "--root" => root,
        _ => return usage("expected: static-server --root DIR"),
    };
    let port = match std::env::var("PORT").as_deref().map(str::parse::<u16>) {
        Err(_) => 8080,
        Ok(Ok(port)) => port,
        Ok(Err(_)) => return usage("PORT must be a number between 1 and 65535"),
    };
    let root = inside_container(Path::new(root));
    match run(&root, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!(
                "cannot serve '{}' on port {port}: {error}",
                root.display()
            ));
            ExitCode::FAILURE
        }
    }
}

fn inside_container(root: &Path) -> PathBuf {
    match std::env::var_os(ROOT_VARIABLE) {
        Some(base) => Path::new(&base).join(root.strip_prefix("/").unwrap_or(root)),
        None => root.to_owned(),
    }
}

fn run(root: &Path, port: u16) -> io::Result<()> {
    let root = root.canonicalize()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // All interfaces inside a real container; on a shared network only this machine may come in.
        let host = if std::env::var_os("CARTO_LOOPBACK").is_some() {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        let listener = TcpListener::bind(SocketAddr::from((host, port))).await?;
        say(&format!(
            "serving {} on port {}",
            root.display(),
            listener.local_addr()?.port()
        ));
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            () = accept(listener, Arc::new(root)) => {}
            _ = terminate.recv() => say("stopping"),
            _ = tokio::signal::ctrl_c() => say("stopping"),
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener, root: Arc<PathBuf>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                complain(&format!("cannot accept a connection: {error}"));
                // Out of descriptors, mostly: give the connections under way a chance to end.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let root = Arc::clone(&root);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let root = Arc::clone(&root);
                async move { Ok::<_, std::convert::Infallible>(logged(&root, request).await) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            // A client that went away is not our affair.
            drop(served);
            drop(place);
        });
    }
}

async fn logged(root: &Path, request: Request<Incoming>) -> Response<Body> {
    let line = format!("{} {}", request.method(), request.uri().path());
    let response = respond(
        root,
        request.method(),
        request.uri().path(),
        request.headers(),
    )
    .await;
    say(&format!("{line} {}", response.status().as_u16()));
    response
}

async fn respond(
    root: &Path,
    method: &Method,
    path: &str,
    headers: &http::HeaderMap,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are served here\n",
        );
    }
    match find(root, path).await {
        Found::File(file) => serve(&file, StatusCode::OK, method, headers).await,
        Found::Folder(location) => {
            let mut response = text(StatusCode::MOVED_PERMANENTLY, "");
            if let Ok(location) = location.parse() {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Found::Nothing => {
            let page = root.join("404.html");
            if page.is_file() {
                serve(
                    &page,
                    StatusCode::NOT_FOUND,
                    method,
                    &http::HeaderMap::new(),
                )
                .await
            } else {
                text(StatusCode::NOT_FOUND, "404 not found\n")
            }
        }
    }
}

enum Found {
    File(PathBuf),
    /// A folder asked for without its slash: relative links would break.
    Folder(String),
    Nothing,
}

async fn find(root: &Path, path: &str) -> Found {
    let Some(relative) = plain_path(path) else {
        return Found::Nothing;
    };
    let joined = root.join(&relative);
    let Ok(real) = tokio::fs::canonicalize(&joined).await else {
        return Found::Nothing;
    };
    if !real.starts_with(root) {
        return Found::Nothing;
    }
    if real.is_file() {
        return Found::File(real);
    }
    if !path.ends_with('/') {
        return Found::Folder(format!("{path}/"));
    }
    match tokio::fs::canonicalize(real.join("index.html")).await {
        Ok(index) if index.starts_with(root) && index.is_file() => Found::File(index),
        _ => Found::Nothing,
    }
}

/// The decoded path below the root; `None` for whatever tries to be clever.
fn plain_path(path: &str) -> Option<String> {
    let decoded = percent_decode(path)?;
    let parts: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
    let well_known = |n: usize, part: &str| n == 0 && part == ".well-known";
    let hidden = parts
        .iter()
        .enumerate()
        .any(|(n, part)| part.starts_with('.') && !well_known(n, part));
    (!hidden && !decoded.contains('\0')).then(|| parts.join("/"))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

async fn serve(
    file: &Path,
    status: StatusCode,
    method: &Method,
    headers: &http::HeaderMap,
) -> Response<Body> {
    let opened = async {
        let opened = tokio::fs::File::open(file).await?;
        let meta = opened.metadata().await?;
        io::Result::Ok((opened, meta))
    };
    let (opened, meta) = match opened.await {
        Ok(found) => found,
        Err(error) => {
            complain(&format!("cannot read '{}': {error}", file.display()));
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "500 cannot read the file\n",
            );
        }
    };
    let tag = entity_tag(&meta);
    let mut builder = Response::builder()
        .header(header::CONTENT_TYPE, content_type(file))
        .header(header::ETAG, &tag)
        .header(header::CACHE_CONTROL, "no-cache");
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        builder = builder.status(StatusCode::NOT_MODIFIED);
        return builder
            .body(empty())
            .unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, ""));
    }
    builder = builder
        .status(status)
        .header(header::CONTENT_LENGTH, meta.len());
    let body = if method == Method::HEAD {
        empty()
    } else {
        let frames = tokio_util::io::ReaderStream::new(opened).map_ok(Frame::data);
        BodyExt::boxed(StreamBody::new(frames))
    };
    builder
        .body(body)
        .unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, ""))
}

/// Files of an image have no times of their own, and a new image may reuse an inode: a tag is good for one server only.
fn entity_tag(meta: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    static STARTED: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos()
    });
    let modified = meta
        .modified()
        .ok()
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let modified = modified.unwrap_or_default().as_millis();
    format!(
        "\"{:x}-{:x}-{:x}-{modified:x}\"",
        *STARTED,
        meta.ino(),
        meta.len()
    )
}

fn empty() -> Body {
    Full::new(Bytes::new())
        .map_err(|never| match never {})
        .boxed()
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(
        Full::new(Bytes::from_static(text.as_bytes()))
            .map_err(|never| match never {})
            .boxed(),
    );
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn content_type(file: &Path) -> &'static str {
    match file
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("site/docs")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(dir.path().join("site/index.html"), "home").unwrap();
        std::fs::write(dir.path().join("site/docs/index.html"), "docs").unwrap();
        std::fs::write(dir.path().join("site/.env"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", dir.path().join("site/link")).unwrap();
        dir
    }

    async fn get(path: &str) -> (u16, String) {
        let dir = site();
        let root = dir.path().join("site").canonicalize().unwrap();
        let response = respond(&root, &Method::GET, path, &http::HeaderMap::new()).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn pages_are_served_and_nothing_else() {
        assert_eq!(get("/").await, (200, "home".into()));
        assert_eq!(get("/docs/").await, (200, "docs".into()));
        assert_eq!(get("/docs").await.0, 301);
        assert_eq!(get("/index%2ehtml").await, (200, "home".into()));
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/link",
            "/.env",
            "/missing",
            "/%zz",
            "/docs/%00",
        ] {
            assert_eq!(get(path).await.0, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn a_known_page_is_not_sent_again() {
        let dir = site();
        let root = dir.path().join("site").canonicalize().unwrap();
        let first = respond(&root, &Method::GET, "/", &http::HeaderMap::new()).await;
        let mut known = http::HeaderMap::new();
        known.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(
            respond(&root, &Method::GET, "/", &known).await.status(),
            304
        );
        assert_eq!(
            respond(&root, &Method::POST, "/", &known).await.status(),
            405
        );
    }
}

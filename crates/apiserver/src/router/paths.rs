//! Paths that are not objects: discovery, documents, health, version.

use http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{Method, Response, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha512};

use super::Incoming;
use crate::api::Api;
use crate::body::ApiBody;
use crate::error::ApiError;
use crate::negotiate;
use crate::pipeline::to_json;
use crate::request::Route;
use crate::{discovery, respond};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The release of Kubernetes whose behaviour this server has.
const MINOR: &str = "36";
pub(crate) const GIT_VERSION: &str = "v1.36.0+carto.embedded";

impl Api {
    pub(super) fn path_request(
        &self,
        incoming: &Incoming,
        route: &Route,
    ) -> Result<Response<ApiBody>, ApiError> {
        if !matches!(incoming.parts.method, Method::GET | Method::HEAD) {
            return Err(ApiError::MethodNotAllowed);
        }
        crate::auth::authorize_path(self, &incoming.user, "get", incoming.parts.uri.path())?;
        let catalogue = self.catalogue();
        let body = match route {
            Route::Versions { legacy } => {
                if wants_aggregated(incoming) {
                    let body = discovery::aggregated(&catalogue, *legacy);
                    return Ok(aggregated(incoming, &body));
                }
                if *legacy {
                    discovery::api_versions(self.address())
                } else {
                    discovery::group_list(&catalogue)
                }
            }
            Route::Group(name) => {
                let group = catalogue.group(name).filter(|group| !group.name.is_empty());
                discovery::group(group.ok_or(ApiError::PageNotFound)?)
            }
            Route::GroupVersion { group, version } => {
                let found = catalogue.group_version(group, version);
                discovery::resource_list(group, found.ok_or(ApiError::PageNotFound)?)
            }
            Route::Path(path) => return self.plain_path(incoming, path),
            Route::Resource(_) => return Err(ApiError::PageNotFound),
        };
        Ok(respond::json(StatusCode::OK, to_json(&body)))
    }

    fn plain_path(&self, incoming: &Incoming, path: &str) -> Result<Response<ApiBody>, ApiError> {
        match path {
            "/" => Ok(respond::json(
                StatusCode::OK,
                to_json(&json!({"paths": PATHS})),
            )),
            "/version" => Ok(respond::json(StatusCode::OK, to_json(&version()))),
            "/healthz" | "/livez" | "/readyz" => {
                Ok(self.health(path, incoming.query.get("verbose").is_some()))
            }
            crate::openapi::ROOT => self.openapi(path, None, incoming.accept()),
            crate::openapi::v2::PATH => self.openapi_v2(incoming.accept()),
            _ if path.starts_with("/openapi/v3/") => {
                self.openapi(path, incoming.query.text("hash"), incoming.accept())
            }
            _ => Err(ApiError::PageNotFound),
        }
    }

    fn health(&self, path: &str, verbose: bool) -> Response<ApiBody> {
        // A store that cannot write is alive: reads and watches go on.
        let mut checks = vec![("ping", true)];
        if path != "/livez" {
            checks.push(("store", self.store.is_healthy()));
        }
        if path == "/readyz" {
            checks.push(("workers", self.is_ready()));
        }
        let healthy = checks.iter().all(|(_, ok)| *ok);
        let name = path.trim_start_matches('/');
        let mut text = String::new();
        if verbose || !healthy {
            for (check, ok) in &checks {
                let (sign, word) = if *ok { ('+', "ok") } else { ('-', "failed") };
                text.push_str(&format!("[{sign}]{check} {word}\n"));
            }
            let result = if healthy { "passed" } else { "failed" };
            text.push_str(&format!("{name} check {result}\n"));
        } else {
            text.push_str("ok");
        }
        let code = if healthy {
            StatusCode::OK
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        respond::text(code, text)
    }
}

const PATHS: &[&str] = &[
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
];

fn version() -> serde_json::Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, platform()),
    })
}

/// The name that Go has for the processor.
fn platform() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn wants_aggregated(incoming: &Incoming) -> bool {
    let accept = incoming.accept().unwrap_or_default();
    for range in negotiate::ranges(accept) {
        if range.name == "application/json" && range.kind.is_empty() {
            return false;
        }
        if range.kind == "APIGroupDiscoveryList"
            && range.group == "apidiscovery.k8s.io"
            && range.version == "v2"
        {
            return true;
        }
    }
    false
}

fn aggregated(incoming: &Incoming, body: &serde_json::Value) -> Response<ApiBody> {
    let body = to_json(body);
    let etag = format!("\"{}\"", hex::encode_upper(Sha512::digest(&body)));
    let unchanged = incoming.header(IF_NONE_MATCH) == Some(&etag);
    let mut response = if unchanged {
        let mut response = Response::new(ApiBody::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        respond::json(StatusCode::OK, body)
    };
    respond::set_type(&mut response, AGGREGATED);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

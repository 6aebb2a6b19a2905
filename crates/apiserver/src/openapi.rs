//! `OpenAPI` documents, built when they are asked for: in version 3 one per group and version, in version 2 one for all.
//!
//! `kubectl` reads the document of a kind on every `apply`, `create -f`, `replace`, `edit`, `diff` and
//! `explain`: from the paths it learns that the server validates fields and rehearses writes, from the
//! schemas how lists merge and what to explain.
//!
//! Source of the shape: kube-openapi `pkg/handler3`, apiextensions-apiserver
//! `pkg/controller/openapi/builder`, v1.36.

mod paths;
mod schemas;
pub(crate) mod v2;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, EXPIRES, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use crate::api::Api;
use crate::body::ApiBody;
use crate::catalogue::{Catalogue, GroupVersion};
use crate::error::ApiError;
use crate::pipeline::to_json;
use crate::respond;

/// Where the documents are.
pub(crate) const ROOT: &str = "/openapi/v3";

/// Documents in use: a client asks for those of the kinds it handles.
const KEPT: usize = 64;

/// Documents that were built, by path and hash.
#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<HashMap<String, (String, Bytes)>>);

impl Documents {
    /// The document called `of` with this hash; an older one is forgotten.
    fn get_or_build(&self, of: &str, hash: &str, build: impl FnOnce() -> Bytes) -> Bytes {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = kept.get(of).filter(|(kept, _)| kept == hash) {
            return document.clone();
        }
        let document = build();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(of.to_owned(), (hash.to_owned(), document.clone()));
        document
    }
}

impl Api {
    /// Answers a path below [`ROOT`].
    pub(crate) fn openapi(
        &self,
        path: &str,
        hash: Option<&str>,
        accept: Option<&str>,
    ) -> Result<Response<ApiBody>, ApiError> {
        if !accepts_json(accept) {
            return Err(ApiError::NotAcceptable(&["application/json"]));
        }
        let catalogue = self.catalogue();
        let Some(of) = path.strip_prefix("/openapi/v3/") else {
            return Ok(respond::json(
                StatusCode::OK,
                to_json(&self.index(&catalogue)),
            ));
        };
        let (group, version) = find(&catalogue, of).ok_or(ApiError::PageNotFound)?;
        let current = self.hash(group, version);
        if hash.is_some_and(|hash| hash != current) {
            return Ok(moved(&url(of, &current)));
        }
        let document = self
            .documents
            .get_or_build(of, &current, || to_json(&self.build(group, version)));
        let mut response = respond::json(StatusCode::OK, document);
        let headers = response.headers_mut();
        let mut set = |name, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        set(ETAG, &format!("\"{current}\""));
        if hash.is_some() {
            set(CACHE_CONTROL, "public, immutable");
            set(EXPIRES, &a_year_from_now());
        }
        Ok(response)
    }

    fn index(&self, catalogue: &Catalogue) -> Value {
        let mut paths = Map::new();
        for group in catalogue.groups() {
            for version in &group.versions {
                let of = name(&group.name, &version.name);
                let hash = self.hash(&group.name, version);
                paths.insert(of.clone(), json!({"serverRelativeURL": url(&of, &hash)}));
            }
        }
        json!({"paths": paths})
    }

    /// Changes whenever the document does, without building it: from the revisions of definitions.
    fn hash(&self, group: &str, version: &GroupVersion) -> String {
        let mut digest = Sha512::new();
        digest.update(env!("CARGO_PKG_VERSION"));
        digest.update(name(group, &version.name));
        for resource in &version.resources {
            digest.update(&*resource.plural);
            if let Some(object) = resource
                .definition
                .as_ref()
                .and_then(|key| self.store.get(key))
            {
                digest.update(object.uid.as_bytes());
                digest.update(object.revision.to_le_bytes());
            }
        }
        hex::encode_upper(digest.finalize())
    }

    fn build(&self, group: &str, version: &GroupVersion) -> Value {
        let mut all_paths = Map::new();
        let mut schemas = schemas::Collection::default();
        for resource in &version.resources {
            let name = match &resource.definition {
                None => schemas.add_builtin(resource),
                Some(key) => {
                    let definition = self.store.get(key).map(|object| object.value());
                    schemas.add_custom(resource, &definition.unwrap_or_default())
                }
            };
            paths::add(&mut all_paths, resource, &name);
        }
        let title = if group.is_empty() { "core" } else { group };
        json!({
            "openapi": "3.0.0",
            "info": {"title": title, "version": *version.name},
            "paths": all_paths,
            "components": {"schemas": schemas.finish()},
        })
    }
}

fn accepts_json(accept: Option<&str>) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.is_empty()) else {
        return true;
    };
    crate::negotiate::ranges(accept)
        .any(|range| matches!(range.name, "application/json" | "application/*" | "*/*"))
}

/// `api/v1` or `apis/group/version`.
fn name(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn url(of: &str, hash: &str) -> String {
    format!("{ROOT}/{of}?hash={hash}")
}

fn find<'a>(catalogue: &'a Catalogue, of: &'a str) -> Option<(&'a str, &'a GroupVersion)> {
    let (group, version) = match of.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => ("", *version),
        ["apis", group, version] => (*group, *version),
        _ => return None,
    };
    Some((group, catalogue.group_version(group, version)?))
}

fn moved(to: &str) -> Response<ApiBody> {
    let mut response = respond::text(StatusCode::MOVED_PERMANENTLY, "");
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn a_year_from_now() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let then = now.saturating_add(jiff::Span::new().days(365));
    then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

//! The merged version 2 document, which `kubectl` before 1.27 reads for `apply`, `explain` and `--validate`, and
//! later ones for kinds that version 3 does not have.
//!
//! Clients of Kubernetes ask for it in protobuf and do not go on without it.
//!
//! Source: kube-openapi `pkg/handler/handler.go`, apiextensions-apiserver `pkg/controller/openapi/v2/conversion.go`,
//! v1.36.

mod convert;
mod protobuf;
#[cfg(test)]
mod tests;

use http::header::{CONTENT_TYPE, ETAG, HeaderValue, VARY};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use crate::api::Api;
use crate::body::ApiBody;
use crate::catalogue::Catalogue;
use crate::codec::JSON;
use crate::error::ApiError;
use crate::negotiate;
use crate::pipeline::to_json;
use crate::respond;

/// Where the document is.
pub(crate) const PATH: &str = "/openapi/v2";

const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// What `kubectl` before 1.27 calls the same.
const PROTOBUF_FORMERLY: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Media type of the reply to a client that accepts these.
fn media_type(accept: Option<&str>) -> Option<&'static str> {
    let Some(accept) = accept.filter(|accept| !accept.is_empty()) else {
        return Some(JSON);
    };
    negotiate::ranges(accept).find_map(|range| match range.name {
        JSON | "application/*" | "*/*" => Some(JSON),
        PROTOBUF | PROTOBUF_FORMERLY => Some(PROTOBUF),
        _ => None,
    })
}

impl Api {
    /// Answers [`PATH`].
    pub(crate) fn openapi_v2(&self, accept: Option<&str>) -> Result<Response<ApiBody>, ApiError> {
        let media_type = media_type(accept).ok_or(ApiError::NotAcceptable(&[JSON, PROTOBUF]))?;
        let catalogue = self.catalogue();
        let hash = self.hash_of_all(&catalogue);
        let name = format!("{PATH};{media_type}");
        let body = self.documents.get_or_build(&name, &hash, || {
            let document = self.build_v2(&catalogue);
            if media_type == JSON {
                to_json(&document)
            } else {
                protobuf::encode(&document).into()
            }
        });
        let mut response = respond::json(StatusCode::OK, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{hash}\"")) {
            headers.insert(ETAG, tag);
        }
        Ok(response)
    }

    /// Changes whenever any document does.
    fn hash_of_all(&self, catalogue: &Catalogue) -> String {
        let mut digest = Sha512::new();
        for group in catalogue.groups() {
            for version in &group.versions {
                digest.update(self.hash(&group.name, version));
            }
        }
        hex::encode_upper(digest.finalize())
    }

    fn build_v2(&self, catalogue: &Catalogue) -> Value {
        let (mut paths, mut definitions) = (Map::new(), Map::new());
        for group in catalogue.groups() {
            for version in &group.versions {
                let mut document = self.build(&group.name, version);
                take_into(&mut paths, &mut document["paths"]);
                take_into(&mut definitions, &mut document["components"]["schemas"]);
            }
        }
        convert::paths(&mut paths);
        definitions.values_mut().for_each(convert::definition);
        json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": crate::router::GIT_VERSION},
            "paths": paths,
            "definitions": definitions,
        })
    }
}

fn take_into(all: &mut Map<String, Value>, part: &mut Value) {
    if let Value::Object(part) = part.take() {
        all.extend(part);
    }
}

//! From results to HTTP replies.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::api::Call;
use crate::body::ApiBody;
use crate::catalogue::Resource;
use crate::error::{ApiError, Status};
use crate::negotiate::{Encoding, Form, Shape};
use crate::pipeline::{self, ListPage, Outcome, to_json};
use crate::table;

const WARNING: HeaderName = HeaderName::from_static("warning");
/// Characters of one warning, and of all of a reply.
const WARNING_MAX: usize = 256;
const WARNINGS_MAX: usize = 4096;

/// A failure.
pub(crate) fn error(error: &ApiError) -> Response<ApiBody> {
    if *error == ApiError::PageNotFound {
        let mut response = Response::new(ApiBody::full("404 page not found\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        set_type(&mut response, "text/plain; charset=utf-8");
        return response;
    }
    status(&error.status())
}

/// A `Status`, with the code that it names.
pub(crate) fn status(status: &Status) -> Response<ApiBody> {
    let code = if status.code == 0 { 200 } else { status.code };
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(code, to_json(status));
    if let Some(seconds) = status.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// JSON as it is.
pub(crate) fn json(code: StatusCode, body: Bytes) -> Response<ApiBody> {
    let mut response = Response::new(ApiBody::full(body));
    *response.status_mut() = code;
    set_type(&mut response, "application/json");
    response
}

/// Plain text.
pub(crate) fn text(code: StatusCode, body: impl Into<Bytes>) -> Response<ApiBody> {
    let mut response = Response::new(ApiBody::full(body));
    *response.status_mut() = code;
    set_type(&mut response, "text/plain; charset=utf-8");
    response
}

pub(crate) fn set_type(response: &mut Response<ApiBody>, value: &'static str) {
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(value));
}

/// Any JSON in the encoding that the client wants.
fn encoded(code: StatusCode, body: Bytes, encoding: Encoding) -> Response<ApiBody> {
    match encoding {
        Encoding::Json => json(code, body),
        Encoding::Yaml => {
            let value: Value = serde_json::from_slice(&body).expect("it was serialised here");
            let mut response = Response::new(ApiBody::full(carto_yaml::emit::k8s(&value)));
            *response.status_mut() = code;
            set_type(&mut response, "application/yaml");
            response
        }
    }
}

/// One object in the form that the client wants.
pub(crate) fn object(
    call: &Call,
    code: StatusCode,
    object: &Outcome,
    form: Form,
) -> Response<ApiBody> {
    let resource = &call.resource;
    let body = match form.shape {
        Shape::Object => object.json(resource),
        Shape::Partial => to_json(&partial(&object.value(resource), form.meta_version)),
        Shape::Table => {
            let value = object.value(resource);
            let mut table = table::new(resource, form.meta_version);
            // A rehearsed create has no revision.
            table["metadata"] = match value["metadata"].get("resourceVersion") {
                Some(revision) => json!({"resourceVersion": revision}),
                None => json!({}),
            };
            table["rows"] = json!([table::row(call, &value, form.meta_version)]);
            to_json(&table)
        }
        Shape::PartialList => return error(&ApiError::NotAcceptable(crate::codec::ACCEPTED)),
    };
    encoded(code, body, form.encoding)
}

/// The metadata of an object.
pub(crate) fn partial(value: &Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": value["metadata"],
    })
}

/// A page in the form that the client wants.
pub(crate) fn list(call: &Call, page: &ListPage, form: Form) -> Response<ApiBody> {
    let resource = &call.resource;
    let metadata = list_metadata(page);
    let body = match form.shape {
        Shape::Object => plain_list(resource, page, &metadata),
        Shape::Table => {
            let mut table = table::new(resource, form.meta_version);
            table["metadata"] = metadata;
            table["rows"] = page
                .objects
                .iter()
                .map(|object| table::row(call, &resource.load(object), form.meta_version))
                .collect();
            to_json(&table)
        }
        Shape::Partial | Shape::PartialList => {
            let items: Vec<Value> = page
                .objects
                .iter()
                .map(|object| partial(&resource.load(object), form.meta_version))
                .collect();
            to_json(&json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": format!("meta.k8s.io/{}", form.meta_version),
                "metadata": metadata,
                "items": items,
            }))
        }
    };
    encoded(StatusCode::OK, body, form.encoding)
}

fn list_metadata(page: &ListPage) -> Value {
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), page.revision.to_string().into());
    if let Some(token) = &page.continue_token {
        metadata.insert("continue".into(), token.as_str().into());
    }
    if let Some(remaining) = page.remaining {
        metadata.insert("remainingItemCount".into(), remaining.into());
    }
    Value::Object(metadata)
}

/// The stored bytes, put together.
fn plain_list(resource: &Resource, page: &ListPage, metadata: &Value) -> Bytes {
    let size: usize = page
        .objects
        .iter()
        .map(|object| object.size_bytes() + 1)
        .sum();
    let mut out = BytesMut::with_capacity(size + 256);
    out.extend_from_slice(b"{\"kind\":");
    out.extend_from_slice(&to_json(&*resource.list_kind));
    out.extend_from_slice(b",\"apiVersion\":");
    out.extend_from_slice(&to_json(&*resource.api_version));
    out.extend_from_slice(b",\"metadata\":");
    out.extend_from_slice(&to_json(metadata));
    out.extend_from_slice(b",\"items\":[");
    for (n, object) in page.objects.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(&pipeline::json_of(object, resource));
    }
    out.extend_from_slice(b"]}");
    out.freeze()
}

/// Adds warnings, quoted and shortened.
pub(crate) fn warn(response: &mut Response<ApiBody>, warnings: &[String]) {
    let mut total = 0;
    let mut seen: Vec<&str> = vec![];
    for warning in warnings {
        if seen.contains(&warning.as_str()) {
            continue;
        }
        seen.push(warning);
        let text: String = warning
            .chars()
            .filter(|c| !c.is_control())
            .take(WARNING_MAX)
            .collect();
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        total += text.len();
        if total > WARNINGS_MAX {
            return;
        }
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

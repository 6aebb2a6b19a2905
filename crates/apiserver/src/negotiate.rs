//! Which form of a reply the client accepts.
//!
//! Source: apiserver `pkg/endpoints/handlers/negotiation/negotiate.go`, v1.36.

use crate::codec::{self, JSON, PROTOBUF, YAML};
use crate::error::ApiError;

/// What is made of an object or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As it is.
    Object,
    /// Rows and columns.
    Table,
    /// Metadata of an object.
    Partial,
    /// Metadata of the objects of a list.
    PartialList,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
}

/// The form of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) shape: Shape,
    pub(crate) encoding: Encoding,
    /// Version of the `meta.k8s.io` group for tables and metadata.
    pub(crate) meta_version: &'static str,
}

impl Form {
    pub(crate) const PLAIN: Self = Self {
        shape: Shape::Object,
        encoding: Encoding::Json,
        meta_version: "v1",
    };
}

/// A media range with the parameters that matter here.
#[derive(Debug, Default)]
pub(crate) struct Range<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
}

/// The ranges of an `Accept` header, in order of appearance.
pub(crate) fn ranges(accept: &str) -> impl Iterator<Item = Range<'_>> {
    accept.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let mut found = Range {
            name: parts.next().unwrap_or_default(),
            ..Range::default()
        };
        for part in parts {
            match part.split_once('=') {
                Some(("as", kind)) => found.kind = kind,
                Some(("g", group)) => found.group = group,
                Some(("v", version)) => found.version = version,
                _ => {}
            }
        }
        found
    })
}

/// The first form that both sides know.
pub(crate) fn form(accept: Option<&str>) -> Result<Form, ApiError> {
    let accept = accept.unwrap_or_default().trim();
    if accept.is_empty() {
        return Ok(Form::PLAIN);
    }
    ranges(accept)
        .find_map(|range| accept_range(&range))
        .ok_or(ApiError::NotAcceptable(&[JSON, YAML, PROTOBUF]))
}

fn accept_range(range: &Range<'_>) -> Option<Form> {
    let encoding = match range.name {
        codec::JSON | "*/*" | "application/*" => Encoding::Json,
        codec::YAML => Encoding::Yaml,
        _ => return None,
    };
    if range.kind.is_empty() {
        return Some(Form {
            encoding,
            ..Form::PLAIN
        });
    }
    if range.group != "meta.k8s.io" {
        return None;
    }
    let meta_version = match range.version {
        "v1" => "v1",
        "v1beta1" => "v1beta1",
        _ => return None,
    };
    let shape = match range.kind {
        "Table" => Shape::Table,
        "PartialObjectMetadata" => Shape::Partial,
        "PartialObjectMetadataList" => Shape::PartialList,
        _ => return None,
    };
    Some(Form {
        shape,
        encoding,
        meta_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expect: Option<(Shape, Encoding)>) {
        let found = form(Some(accept))
            .ok()
            .map(|form| (form.shape, form.encoding));
        assert_eq!(found, expect, "{accept}");
    }

    #[test]
    fn the_first_acceptable_range_wins() {
        use Encoding::{Json, Yaml};
        use Shape::{Object, Partial, PartialList, Table};
        check("", Some((Object, Json)));
        check("application/json, */*", Some((Object, Json)));
        check("application/yaml", Some((Object, Yaml)));
        check(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
            Some((Table, Json)),
        );
        check(
            "application/vnd.kubernetes.protobuf,application/json",
            Some((Object, Json)),
        );
        check("application/vnd.kubernetes.protobuf", None);
        check(
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Some((Partial, Json)),
        );
        check(
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Some((PartialList, Json)),
        );
        check("application/json;as=Foo;g=meta.k8s.io;v=v1", None);
        check("application/xml", None);
    }
}

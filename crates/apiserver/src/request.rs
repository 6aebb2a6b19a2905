//! What a request asks for, read from its method, path and query.
//!
//! Source: apiserver `pkg/endpoints/request/requestinfo.go`, v1.36.

use http::Method;
use percent::decode;

use crate::error::ApiError;

mod query;

pub(crate) use query::{FieldValidation, Match, Query, WriteOptions, dry_run};

/// What is to be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// The word that rules and reviews use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// The address of one or many objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for cluster scope and for all namespaces.
    pub(crate) namespace: String,
    pub(crate) plural: String,
    /// Empty for collections.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/api` and `/apis`.
    Versions { legacy: bool },
    /// `/apis/{group}`.
    Group(String),
    /// `/api/v1`, `/apis/{group}/{version}`.
    GroupVersion { group: String, version: String },
    /// Something with a resource.
    Resource(Target),
    /// Anything else: health, version, documents.
    Path(String),
}

/// Reads a path.
///
/// # Errors
/// When a part is not properly encoded or is not a possible name.
pub(crate) fn route(path: &str) -> Result<Route, ApiError> {
    let trimmed = path.trim_end_matches('/');
    let Some(rest) = trimmed.strip_prefix('/') else {
        return Ok(Route::Path("/".into()));
    };
    let segments: Vec<&str> = rest.split('/').collect();
    let (group, version, rest) = match segments.as_slice() {
        ["api"] => return Ok(Route::Versions { legacy: true }),
        ["apis"] => return Ok(Route::Versions { legacy: false }),
        ["apis", group] => return Ok(Route::Group((*group).to_owned())),
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Ok(Route::Path(trimmed.to_owned())),
    };
    if rest.is_empty() {
        return Ok(Route::GroupVersion {
            group: group.to_owned(),
            version: version.to_owned(),
        });
    }
    let rest = rest
        .iter()
        .map(|part| segment(part))
        .collect::<Result<Vec<_>, _>>()?;
    let mut target = Target {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace: String::new(),
        plural: String::new(),
        name: String::new(),
        subresource: String::new(),
    };
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let words: &[&str] = match words.as_slice() {
        // A namespace is an object itself, and these are its own subresources.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => &words,
        ["namespaces", namespace, rest @ ..] => {
            (*namespace).clone_into(&mut target.namespace);
            rest
        }
        _ => &words,
    };
    match words {
        [plural] => (*plural).clone_into(&mut target.plural),
        [plural, name] => {
            (*plural).clone_into(&mut target.plural);
            (*name).clone_into(&mut target.name);
        }
        [plural, name, subresource @ ..] => {
            (*plural).clone_into(&mut target.plural);
            (*name).clone_into(&mut target.name);
            target.subresource = subresource.join("/");
        }
        [] => return Err(ApiError::PageNotFound),
    }
    if target.plural == "namespaces" && target.group.is_empty() && !target.name.is_empty() {
        // Rules about a namespace are looked up in that namespace too.
        target.namespace.clone_from(&target.name);
    }
    Ok(Route::Resource(target))
}

/// One part of a path. An empty one, or one that would be another path, is none.
fn segment(part: &str) -> Result<String, ApiError> {
    let text = decode(part).ok_or(ApiError::PageNotFound)?;
    if text.is_empty() {
        return Err(ApiError::PageNotFound);
    }
    if let Some(problem) = crate::names::path_segment(&text).into_iter().next() {
        return Err(ApiError::BadRequest(format!(
            "invalid path segment \"{text}\": {problem}"
        )));
    }
    Ok(text)
}

/// Percent-encoding, as far as paths and queries need it.
mod percent {
    /// Replaces `%XX`; `None` when an escape or the text is malformed.
    pub(crate) fn decode(text: &str) -> Option<String> {
        if !text.contains('%') {
            return Some(text.to_owned());
        }
        let mut out = Vec::with_capacity(text.len());
        let mut bytes = text.bytes();
        while let Some(b) = bytes.next() {
            if b == b'%' {
                let mut digit = || (bytes.next()? as char).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits"));
            } else {
                out.push(b);
            }
        }
        String::from_utf8(out).ok()
    }
}

/// The verb for a method on `target`.
///
/// # Errors
/// When the method has no meaning there.
pub(crate) fn verb(method: &Method, target: &Target, watch: bool) -> Result<Verb, ApiError> {
    let item = !target.name.is_empty();
    Ok(match *method {
        Method::GET | Method::HEAD if watch && target.subresource.is_empty() => Verb::Watch,
        Method::GET | Method::HEAD if item => Verb::Get,
        Method::GET | Method::HEAD => Verb::List,
        Method::POST if !item || !target.subresource.is_empty() => Verb::Create,
        Method::PUT if item => Verb::Update,
        Method::PATCH if item => Verb::Patch,
        Method::DELETE if item => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => return Err(ApiError::MethodNotAllowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: &str) {
        let text = match route(path).unwrap() {
            Route::Resource(t) => format!(
                "{}/{} ns={} {} {} {}",
                t.group, t.version, t.namespace, t.plural, t.name, t.subresource
            ),
            other => format!("{other:?}"),
        };
        assert_eq!(text.trim_end(), expect, "{path}");
    }

    #[test]
    fn paths_lead_where_kubernetes_leads_them() {
        check("/api/v1/pods", "/v1 ns= pods");
        check("/api/v1/namespaces", "/v1 ns= namespaces");
        check("/api/v1/namespaces/a", "/v1 ns=a namespaces a");
        check(
            "/api/v1/namespaces/a/finalize",
            "/v1 ns=a namespaces a finalize",
        );
        check("/api/v1/namespaces/a/pods", "/v1 ns=a pods");
        check("/api/v1/namespaces/a/pods/p/log", "/v1 ns=a pods p log");
        check(
            "/apis/demo.io/v1/namespaces/a/widgets/w/scale",
            "demo.io/v1 ns=a widgets w scale",
        );
        check(
            "/apis/r.k8s.io/v1/clusterroles/system%3Aadmin",
            "r.k8s.io/v1 ns= clusterroles system:admin",
        );
        check("/api", "Versions { legacy: true }");
        check("/apis/", "Versions { legacy: false }");
        check("/apis/demo.io", "Group(\"demo.io\")");
        check("/api/v1/", "GroupVersion { group: \"\", version: \"v1\" }");
        check("/healthz/etcd", "Path(\"/healthz/etcd\")");
        check("/", "Path(\"/\")");
    }

    #[test]
    fn names_that_would_be_paths_are_refused() {
        for path in [
            "/api/v1/pods/..",
            "/api/v1/pods/a%2Fb",
            "/api/v1/pods/a%25b",
            "/api/v1/pods/%zz",
        ] {
            assert!(route(path).is_err(), "{path}");
        }
    }

    #[test]
    fn methods_become_verbs() {
        let target = |path: &str| match route(path).unwrap() {
            Route::Resource(target) => target,
            other => panic!("{other:?}"),
        };
        let (all, one) = (
            target("/api/v1/pods"),
            target("/api/v1/namespaces/a/pods/p"),
        );
        assert_eq!(verb(&Method::GET, &all, true).unwrap(), Verb::Watch);
        assert_eq!(verb(&Method::GET, &one, false).unwrap(), Verb::Get);
        assert_eq!(
            verb(&Method::POST, &one, false),
            Err(ApiError::MethodNotAllowed)
        );
        assert_eq!(
            verb(&Method::DELETE, &all, false).unwrap(),
            Verb::DeleteCollection
        );
        let token = target("/api/v1/namespaces/a/serviceaccounts/s/token");
        assert_eq!(verb(&Method::POST, &token, false).unwrap(), Verb::Create);
    }
}

//! Everything a request can end with besides success, and its translation to `metav1::Status`.
//!
//! The layers below HTTP speak in [`ApiError`] and [`FieldError`] and never mention status codes;
//! [`ApiError::status`] is the one place that knows them. Texts and reasons are those of
//! Kubernetes: apimachinery `pkg/api/errors/errors.go`, `pkg/util/validation/field/errors.go`,
//! apiserver `pkg/registry/rest`, `pkg/endpoints/handlers/negotiation`, v1.36.

mod field;
mod status;

use std::fmt;

pub(crate) use field::quote;
pub use field::{FieldError, FieldErrorKind};
pub use status::{Cause, Details, Status};

/// A group and the plural of one of its kinds; prints as `widgets.demo.io` or `configmaps`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
}

/// A group and a kind; prints as `Widget.demo.io` or `ConfigMap`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind in upper camel case.
    pub kind: String,
}

impl GroupResource {
    /// Names a resource.
    pub fn new(group: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            resource: resource.into(),
        }
    }
}

impl GroupKind {
    /// Names a kind.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_group(f, &self.resource, &self.group)
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_group(f, &self.kind, &self.group)
    }
}

fn with_group(f: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    f.write_str(name)?;
    if group.is_empty() {
        Ok(())
    } else {
        write!(f, ".{group}")
    }
}

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiError {
    /// No route: answered in plain text, as the Go multiplexer does.
    PageNotFound,
    /// A path of the API that is not one, as a namespaced path of a kind without namespaces.
    NoSuchResource,
    /// The object does not exist.
    NotFound {
        /// What was looked for.
        resource: GroupResource,
        /// Its name.
        name: String,
    },
    /// An object of that name exists.
    AlreadyExists {
        /// What was to be created.
        resource: GroupResource,
        /// Its name.
        name: String,
        /// The existing one is on its way out.
        terminating: bool,
    },
    /// The object changed since it was read.
    Conflict {
        /// What was to be written.
        resource: GroupResource,
        /// Its name.
        name: String,
        /// Why, after "Operation cannot be fulfilled on …: ".
        message: String,
    },
    /// A precondition of a delete or update does not hold.
    Precondition {
        /// What was to be written.
        resource: GroupResource,
        /// Its kind, which upstream puts where the plural would be expected.
        kind: String,
        /// Its name.
        name: String,
        /// Why, after "Operation cannot be fulfilled on …: ".
        message: String,
    },
    /// A server-side apply would change fields of other managers.
    ApplyConflict {
        /// All conflicts, for people.
        message: String,
        /// One per field.
        causes: Vec<Cause>,
    },
    /// The object, or the options of the request, are not valid.
    Invalid {
        /// Kind of what is not valid.
        kind: GroupKind,
        /// Its name.
        name: String,
        /// All problems found.
        errors: Vec<FieldError>,
    },
    /// A JSON patch that does not fit the object.
    PatchFailed,
    /// The request cannot be understood.
    BadRequest(String),
    /// Neither certificate nor token, or a wrong one.
    Unauthorized,
    /// Not allowed, by rights or by an admission rule.
    Forbidden {
        /// What was asked for; its resource is empty for paths.
        resource: GroupResource,
        /// Name of the object, if one was named.
        name: String,
        /// Why, after "… is forbidden: ".
        message: String,
        /// Machine-readable causes.
        causes: Vec<Cause>,
    },
    /// The verb does not apply to the resource.
    MethodNotAllowed,
    /// No media type that the client accepts.
    NotAcceptable(&'static [&'static str]),
    /// The body is of an unknown media type.
    UnsupportedMediaType(&'static [&'static str]),
    /// The body or the object is too large.
    TooLarge(String),
    /// The revision asked for is no longer known.
    Expired {
        /// What expired.
        message: String,
        /// Token for going on without consistency.
        continue_token: Option<String>,
    },
    /// The revision asked for lies in the future.
    RevisionTooLarge {
        /// The revision asked for.
        requested: u64,
        /// The newest revision.
        current: u64,
    },
    /// The time that the client or the server allows has passed.
    Timeout(String),
    /// The server cannot take the request now.
    TooManyRequests {
        /// Why.
        message: String,
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// This server does not do that, by decision.
    NotImplemented(String),
    /// The host name of the request is not one of ours.
    MisdirectedHost(String),
    /// Something broke; the text is for the client, details are in the log.
    Internal(String),
    /// A failure that upstream answers with code 500 and no reason.
    Unreasoned(String),
}

impl ApiError {
    /// The object named `name` does not exist.
    pub fn not_found(resource: GroupResource, name: impl Into<String>) -> Self {
        Self::NotFound {
            resource,
            name: name.into(),
        }
    }

    /// The object changed since it was read; the usual text.
    pub fn modified(resource: GroupResource, name: impl Into<String>) -> Self {
        Self::Conflict {
            resource,
            name: name.into(),
            message: status::MODIFIED.to_owned(),
        }
    }

    /// The object is not valid.
    pub fn invalid(kind: GroupKind, name: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self::Invalid {
            kind,
            name: name.into(),
            errors,
        }
    }

    /// The options of a request are not valid; `kind` is `ListOptions`, `PatchOptions`, ….
    pub fn invalid_options(kind: &str, errors: Vec<FieldError>) -> Self {
        Self::invalid(GroupKind::new("meta.k8s.io", kind), "", errors)
    }

    /// Refused by rights or by an admission rule.
    pub fn forbidden(
        resource: GroupResource,
        name: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Forbidden {
            resource,
            name: name.into(),
            message: message.into(),
            causes: vec![],
        }
    }

    /// The `metav1::Status` that the client receives.
    pub fn status(&self) -> Status {
        status::of(self)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status().message)
    }
}

impl std::error::Error for ApiError {}

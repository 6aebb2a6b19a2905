//! Why a resource is not submitted: status, reason and text, as resource and owner show them.
//!
//! Source: cartographer pkg/errors/errors.go, pkg/conditions/{owner,workload,deliverable}_conditions.go.
//! The texts say `supply chain` for deliveries too; so do the original's.

use crate::apply::ApplyError;
use crate::condition::{Condition, Status};
use crate::inputs::InputKind;
use crate::key::{ObjectKey, OwnerKind};
use crate::outputs::OutputError;
use crate::words::reason;

/// Why a resource is not submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: Status,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Whether it may pass by itself.
    pub(crate) retry: bool,
}

/// Where a problem is: the names that its text mentions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) blueprint: &'a str,
    pub(crate) resource: &'a str,
}

impl Problem {
    fn new(status: Status, reason: &'static str, message: String) -> Self {
        Self {
            status,
            reason,
            message,
            retry: false,
        }
    }

    /// Shows it as a condition of that type.
    pub(crate) fn condition(&self, kind: &'static str) -> Condition {
        Condition::new(kind, self.status, self.reason, self.message.clone())
    }

    /// An option's selector cannot be evaluated.
    pub(crate) fn option(place: Place<'_>, option: &str, cause: &str) -> Self {
        let message = format!(
            "error matching against template option [{option}] for resource [{}] in supply chain \
             [{}]: {cause}",
            place.resource, place.blueprint
        );
        Self::new(
            Status::False,
            reason::RESOLVE_TEMPLATE_OPTIONS_ERROR,
            message,
        )
    }

    /// None or several options match.
    pub(crate) fn options(place: Place<'_>, matching: &[&str]) -> Self {
        let names = if matching.is_empty() {
            String::new()
        } else {
            format!("[{}] ", matching.join(", "))
        };
        let message = format!(
            "expected exactly 1 option to match, found [{}] matching options {names}for resource \
             [{}] in supply chain [{}]",
            matching.len(),
            place.resource,
            place.blueprint
        );
        Self::new(Status::False, reason::TEMPLATE_OPTIONS_MATCH_ERROR, message)
    }

    /// The template is not there.
    pub(crate) fn template_missing(place: Place<'_>, kind: &str, name: &str) -> Self {
        let message = format!(
            "unable to get template [{name}] for resource [{}] in supply chain [{}]: failed to get \
             template object from api server [{kind}/{name}]: failed to get object [{name}] from \
             api server: {kind}.carto.run \"{name}\" not found",
            place.resource, place.blueprint
        );
        Self::new(
            Status::False,
            reason::TEMPLATE_OBJECT_RETRIEVAL_FAILURE,
            message,
        )
    }

    /// The resource names a kind of template that does not exist.
    pub(crate) fn template_kind(kind: &str) -> Self {
        let message = format!("resource does not have valid kind: {kind}");
        Self::new(Status::False, reason::UNKNOWN_ERROR, message)
    }

    /// The template cannot be stamped.
    pub(crate) fn stamp(place: Place<'_>, kind: &str, name: &str, cause: &str) -> Self {
        let message = format!(
            "unable to stamp object for resource [{}] for template [{kind}/{name}] in supply chain \
             [{}]: {cause}",
            place.resource, place.blueprint
        );
        Self::new(Status::False, reason::TEMPLATE_STAMP_FAILURE, message)
    }

    /// Inputs that the template refers to are not there yet.
    pub(crate) fn waiting(missing: &[String]) -> Self {
        Self::new(
            Status::Unknown,
            reason::INPUT_NOT_AVAILABLE,
            missing.join(", "),
        )
    }

    /// The object cannot be applied. `name` as rendered, empty with `generateName`.
    pub(crate) fn apply(place: Place<'_>, namespace: &str, name: &str, error: &ApplyError) -> Self {
        let message = format!(
            "unable to apply object [{namespace}/{name}] for resource [{}] in supply chain [{}]: {}",
            place.resource, place.blueprint, error.text
        );
        let rejected = reason::TEMPLATE_REJECTED_BY_API_SERVER;
        Self {
            retry: error.retry,
            ..Self::new(Status::False, rejected, message)
        }
    }

    /// Somebody keeps changing the object.
    pub(crate) fn rival(resource: &str, name: &str, text: &str) -> Self {
        let message = format!(
            "object [{resource}/{name}] is not repaired any more: {text}; let only one of the two \
             set them"
        );
        Self::new(Status::False, reason::FIELD_CONFLICT, message)
    }

    /// The input to pass through does not exist.
    pub(crate) fn pass_through(input: &str, resource: &str, kind: InputKind) -> Self {
        let message = format!(
            "unable to find passthrough [{input}] in [{resource}]: input [{input}] not found in {}",
            kind.plural()
        );
        Self::new(Status::False, reason::PASS_THROUGH, message)
    }

    /// The output cannot be read from the stamped object.
    pub(crate) fn output(
        owner: OwnerKind,
        place: Place<'_>,
        object: (&ObjectKey, &str),
        health: Status,
        error: &OutputError,
    ) -> Self {
        let (key, qualified) = object;
        let resource = place.resource;
        match (owner, error) {
            (_, OutputError::Path { path, .. }) => {
                Self::missing_value(path, key, qualified, health)
            }
            (OwnerKind::Workload, _) => {
                Self::missing_value("<no jsonpath context>", key, qualified, health)
            }
            (OwnerKind::Deliverable, OutputError::ObservedGeneration(_)) => {
                let message = format!(
                    "resource [{resource}] cannot satisfy observedCompletion without \
                     observedGeneration in object status"
                );
                Self::new(Status::False, reason::TEMPLATE_STAMP_FAILURE, message)
            }
            (OwnerKind::Deliverable, OutputError::NotMet(text)) => {
                let message = format!("resource [{resource}] condition not met: {text}");
                Self::new(Status::Unknown, reason::CONDITION_NOT_MET, message)
            }
            (OwnerKind::Deliverable, OutputError::FailedMet(text)) => {
                let message = format!("resource [{resource}] failed condition met: {text}");
                Self::new(Status::False, reason::FAILED_CONDITION_MET, message)
            }
            (OwnerKind::Deliverable, OutputError::Other(text)) => {
                let namespace = key.namespace.as_deref().unwrap_or_default();
                let message = format!(
                    "unable to retrieve outputs from stamped object [{namespace}/{}] of type \
                     [{qualified}] for resource [{resource}] in supply chain [{}]: {text}",
                    key.name, place.blueprint
                );
                Self::new(Status::False, reason::UNKNOWN_ERROR, message)
            }
        }
    }

    fn missing_value(path: &str, key: &ObjectKey, qualified: &str, health: Status) -> Self {
        let place = match &key.namespace {
            Some(namespace) => format!(" in namespace [{namespace}]"),
            None => String::new(),
        };
        let object = format!("[{qualified}/{}]{place}", key.name);
        let message = match health {
            Status::True => format!(
                "cannot read value [{path}] from healthy object {object}, contact Platform Eng"
            ),
            Status::False => format!(
                "cannot read value [{path}] from unhealthy object {object}, examine object, \
                 particularly whether it is receiving proper inputs"
            ),
            Status::Unknown => format!("waiting to read value [{path}] from object {object}"),
        };
        Self::new(Status::Unknown, reason::MISSING_VALUE_AT_PATH, message)
    }
}

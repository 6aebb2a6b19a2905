//! `metav1::Status`: the one translation from [`ApiError`] to codes, reasons and texts.

use serde::{Deserialize, Serialize};

use super::{ApiError, FieldError, GroupResource};

pub(super) const MODIFIED: &str = "the object has been modified; please apply your changes to the \
                                   latest version and try again";

/// The reply to a failed request, and to a successful delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    kind: String,
    api_version: String,
    /// List metadata; holds a continue token when a list expired.
    pub metadata: StatusMeta,
    /// `Success` or `Failure`.
    pub status: String,
    /// What happened, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What happened, for programs; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The HTTP code.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub code: u16,
}

/// Metadata of a status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMeta {
    /// Token for going on without consistency after a list expired.
    #[serde(rename = "continue", default, skip_serializing_if = "Option::is_none")]
    pub continue_token: Option<String>,
}

/// Which object a status is about, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its plural, or its kind for validation errors.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its uid, in the reply to a delete.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One per problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When to try again.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub retry_after_seconds: u32,
}

/// One reason among several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// For programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(code: &u16) -> bool {
    *code == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero_u32(seconds: &u32) -> bool {
    *seconds == 0
}

impl Status {
    /// The reply to a delete that left nothing behind.
    pub fn deleted(resource: &GroupResource, name: &str, uid: &str) -> Self {
        Self {
            status: "Success".into(),
            details: Some(Details {
                uid: uid.to_owned(),
                ..details(resource, name)
            }),
            ..failure(0, "", String::new())
        }
    }

    /// Seconds for the `retry-after` header.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.details
            .as_ref()
            .map(|d| d.retry_after_seconds)
            .filter(|seconds| *seconds > 0)
    }
}

fn failure(code: u16, reason: &str, message: String) -> Status {
    Status {
        kind: "Status".into(),
        api_version: "v1".into(),
        metadata: StatusMeta::default(),
        status: "Failure".into(),
        message,
        reason: reason.into(),
        details: None,
        code,
    }
}

fn details(resource: &GroupResource, name: &str) -> Details {
    Details {
        name: name.to_owned(),
        group: resource.group.clone(),
        kind: resource.resource.clone(),
        ..Details::default()
    }
}

fn about(code: u16, reason: &str, message: String, details: Details) -> Status {
    Status {
        details: Some(details),
        ..failure(code, reason, message)
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "an exhaustive match, one short arm per failure"
)]
pub(super) fn of(error: &ApiError) -> Status {
    match error {
        ApiError::PageNotFound => failure(404, "NotFound", "404 page not found".into()),
        ApiError::NoSuchResource => about(
            404,
            "NotFound",
            "the server could not find the requested resource".into(),
            Details::default(),
        ),
        ApiError::NotFound { resource, name } => about(
            404,
            "NotFound",
            format!("{resource} \"{name}\" not found"),
            details(resource, name),
        ),
        ApiError::AlreadyExists {
            resource,
            name,
            terminating,
        } => {
            let prefix = if *terminating {
                "object is being deleted: "
            } else {
                ""
            };
            about(
                409,
                "AlreadyExists",
                format!("{prefix}{resource} \"{name}\" already exists"),
                details(resource, name),
            )
        }
        ApiError::Conflict {
            resource,
            name,
            message,
        } => about(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {resource} \"{name}\": {message}"),
            details(resource, name),
        ),
        ApiError::Precondition {
            resource,
            kind,
            name,
            message,
        } => about(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {} \"{name}\": {message}",
                GroupResource::new(&*resource.group, &**kind)
            ),
            details(&GroupResource::new(&*resource.group, &**kind), name),
        ),
        ApiError::ApplyConflict { message, causes } => about(
            409,
            "Conflict",
            message.clone(),
            Details {
                causes: causes.clone(),
                ..Details::default()
            },
        ),
        ApiError::Invalid { kind, name, errors } => about(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {}", aggregate(errors)),
            Details {
                causes: errors.iter().map(cause).collect(),
                ..details(&GroupResource::new(&*kind.group, &*kind.kind), name)
            },
        ),
        ApiError::PatchFailed => about(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request".into(),
            Details::default(),
        ),
        ApiError::BadRequest(message) => failure(400, "BadRequest", message.clone()),
        ApiError::Unauthorized => failure(401, "Unauthorized", "Unauthorized".into()),
        ApiError::Forbidden {
            resource,
            name,
            message,
            causes,
        } => {
            let what = match (resource.resource.as_str(), name.as_str()) {
                ("", _) => "forbidden".to_owned(),
                (_, "") => format!("{resource} is forbidden"),
                (_, name) => format!("{resource} \"{name}\" is forbidden"),
            };
            about(
                403,
                "Forbidden",
                format!("{what}: {message}"),
                Details {
                    causes: causes.clone(),
                    ..details(resource, name)
                },
            )
        }
        ApiError::MethodNotAllowed => about(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource".into(),
            Details::default(),
        ),
        ApiError::NotAcceptable(types) => failure(
            406,
            "NotAcceptable",
            format!(
                "only the following media types are accepted: {}",
                types.join(", ")
            ),
        ),
        ApiError::UnsupportedMediaType(types) => failure(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {}",
                types.join(", ")
            ),
        ),
        ApiError::TooLarge(message) => failure(413, "RequestEntityTooLarge", message.clone()),
        ApiError::Expired {
            message,
            continue_token,
        } => Status {
            metadata: StatusMeta {
                continue_token: continue_token.clone(),
            },
            ..failure(410, "Expired", message.clone())
        },
        ApiError::RevisionTooLarge { requested, current } => about(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {requested}, current: {current}"),
            Details {
                causes: vec![Cause {
                    reason: "ResourceVersionTooLarge".into(),
                    message: "Too large resource version".into(),
                    field: String::new(),
                }],
                retry_after_seconds: 1,
                ..Details::default()
            },
        ),
        ApiError::Timeout(message) => about(
            504,
            "Timeout",
            format!("Timeout: {message}"),
            Details::default(),
        ),
        ApiError::TooManyRequests {
            message,
            retry_after_seconds,
        } => about(
            429,
            "TooManyRequests",
            message.clone(),
            Details {
                retry_after_seconds: *retry_after_seconds,
                ..Details::default()
            },
        ),
        ApiError::NotImplemented(message) => failure(501, "NotImplemented", message.clone()),
        ApiError::MisdirectedHost(message) => failure(421, "", message.clone()),
        ApiError::Internal(message) => about(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
            Details {
                causes: vec![Cause {
                    message: message.clone(),
                    ..Cause::default()
                }],
                ..Details::default()
            },
        ),
        ApiError::Unreasoned(message) => failure(500, "", message.clone()),
    }
}

/// One error as it is, several in brackets with repetitions left out.
fn aggregate(errors: &[FieldError]) -> String {
    let mut seen: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let text = error.to_string();
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    if seen.len() == 1 {
        seen.remove(0)
    } else {
        format!("[{}]", seen.join(", "))
    }
}

fn cause(error: &FieldError) -> Cause {
    Cause {
        reason: error.reason().into(),
        message: error.body(),
        field: error.field.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::GroupKind;
    use super::*;

    fn check(error: &ApiError, expect: &serde_json::Value) {
        assert_eq!(serde_json::to_value(error.status()).unwrap(), *expect);
    }

    #[test]
    fn missing_object() {
        check(
            &ApiError::not_found(GroupResource::new("demo.io", "widgets"), "nope"),
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "widgets.demo.io \"nope\" not found", "reason": "NotFound",
                "details": {"name": "nope", "group": "demo.io", "kind": "widgets"}, "code": 404}),
        );
    }

    #[test]
    fn several_problems_are_listed_once_in_the_text_and_each_as_cause() {
        let uid = FieldError::invalid("metadata.uid", "x", "field is immutable");
        let status = ApiError::invalid(
            GroupKind::new("demo.io", "Widget"),
            "w1",
            vec![uid.clone(), uid, FieldError::required("spec", "")],
        )
        .status();
        assert_eq!(
            status.message,
            "Widget.demo.io \"w1\" is invalid: [metadata.uid: Invalid value: \"x\": field is \
             immutable, spec: Required value]"
        );
        assert_eq!(status.details.unwrap().causes.len(), 3);
    }

    #[test]
    fn paths_are_forbidden_without_a_resource() {
        let error = ApiError::forbidden(
            GroupResource::new("", ""),
            "",
            "User \"alice\" cannot get path \"/\"",
        );
        assert_eq!(
            error.to_string(),
            "forbidden: User \"alice\" cannot get path \"/\""
        );
    }
}

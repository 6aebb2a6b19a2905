//! Whether a request may go on.
//!
//! Source: apiserver `pkg/endpoints/filters/authorization.go`,
//! `pkg/endpoints/handlers/responsewriters/errors.go`, v1.36.

use super::policy::Ask;
use crate::api::Api;
use crate::error::{ApiError, GroupResource};
use crate::request::{Query, Target, Verb};
use crate::user::UserInfo;

/// Whether the user may do `verb` on `target`.
pub(crate) fn authorize(
    api: &Api,
    user: &UserInfo,
    verb: Verb,
    target: &Target,
    query: &Query,
) -> Result<(), ApiError> {
    let selected = selected_name(verb, query);
    let ask = Ask {
        verb: verb.as_str(),
        group: &target.group,
        resource: &target.plural,
        subresource: &target.subresource,
        namespace: &target.namespace,
        name: if target.name.is_empty() {
            selected.as_deref().unwrap_or("")
        } else {
            &target.name
        },
    };
    if api.may(user, &ask) {
        Ok(())
    } else {
        Err(refusal(user, &ask))
    }
}

/// A collection restricted to one name counts as that object for rules with names.
fn selected_name(verb: Verb, query: &Query) -> Option<String> {
    if !matches!(verb, Verb::List | Verb::Watch | Verb::DeleteCollection) {
        return None;
    }
    let fields = carto_query::fields::Selector::parse(query.text("fieldSelector")?).ok()?;
    fields.required_value("metadata.name").map(str::to_owned)
}

/// The refusal, in the words of Kubernetes.
pub(crate) fn refusal(user: &UserInfo, ask: &Ask<'_>) -> ApiError {
    let resource = if ask.subresource.is_empty() {
        ask.resource.to_owned()
    } else {
        format!("{}/{}", ask.resource, ask.subresource)
    };
    let at = if ask.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", ask.namespace)
    };
    ApiError::forbidden(
        GroupResource::new(ask.group, ask.resource),
        ask.name,
        format!(
            "User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" {at}",
            user.name, ask.verb, ask.group
        ),
    )
}

/// Whether the user may read a path.
pub(crate) fn authorize_path(
    api: &Api,
    user: &UserInfo,
    verb: &str,
    path: &str,
) -> Result<(), ApiError> {
    if api.may_path(user, verb, path) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        GroupResource::new("", ""),
        "",
        format!("User \"{}\" cannot {verb} path \"{path}\"", user.name),
    ))
}

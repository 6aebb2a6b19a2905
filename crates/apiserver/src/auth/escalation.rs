//! Nobody gives away rights that they do not have.
//!
//! Source: kubernetes `pkg/registry/rbac/{role,rolebinding}/policybased/storage.go`, v1.36.

use serde_json::Value;

use super::GROUP;
use super::policy::Ask;
use super::rules::{Rule, missing};
use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::store::Key;

/// Refuses a role or a binding that gives more than its author has.
pub(crate) fn check_escalation(
    api: &Api,
    call: &Call,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), ApiError> {
    if !api.rbac || call.user.is_master() || *call.resource.group != *GROUP {
        return Ok(());
    }
    let namespace = call.namespace();
    let wanted = match &*call.resource.plural {
        "roles" | "clusterroles" => {
            if old.is_some_and(|old| old["rules"] == new["rules"])
                || may(api, call, "escalate", new)
            {
                return Ok(());
            }
            Rule::of_role(new)
        }
        "rolebindings" | "clusterrolebindings" => {
            let same = |old: &Value| {
                old["roleRef"] == new["roleRef"] && old["subjects"] == new["subjects"]
            };
            if old.is_some_and(same) || may_bind(api, call, &new["roleRef"]) {
                return Ok(());
            }
            rules_of_reference(api, &new["roleRef"], namespace)
        }
        _ => return Ok(()),
    };
    let lacking = missing(&api.rules_of(&call.user, namespace), &wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    let lines: Vec<String> = lacking.iter().map(ToString::to_string).collect();
    let groups: Vec<String> = call
        .user
        .groups
        .iter()
        .map(|group| crate::error::quote(group))
        .collect();
    Err(ApiError::forbidden(
        call.resource.group_resource(),
        name,
        format!(
            "user {} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
            crate::error::quote(&call.user.name),
            groups.join(" "),
            lines.join("\n")
        ),
    ))
}

fn may(api: &Api, call: &Call, verb: &str, role: &Value) -> bool {
    api.may(
        &call.user,
        &Ask {
            verb,
            group: GROUP,
            resource: &call.resource.plural,
            subresource: "",
            namespace: call.namespace(),
            name: role["metadata"]["name"].as_str().unwrap_or_default(),
        },
    )
}

fn may_bind(api: &Api, call: &Call, reference: &Value) -> bool {
    let resource = if reference["kind"] == "Role" {
        "roles"
    } else {
        "clusterroles"
    };
    api.may(
        &call.user,
        &Ask {
            verb: "bind",
            group: GROUP,
            resource,
            subresource: "",
            namespace: call.namespace(),
            name: reference["name"].as_str().unwrap_or_default(),
        },
    )
}

fn rules_of_reference(api: &Api, reference: &Value, namespace: &str) -> Vec<Rule> {
    let name = reference["name"].as_str().unwrap_or_default();
    let key = if reference["kind"] == "Role" {
        Key::new(format!("{GROUP}/roles"), namespace, name)
    } else {
        Key::new(format!("{GROUP}/clusterroles"), "", name)
    };
    api.store
        .get(&key)
        .map(|role| Rule::of_role(&role.value()))
        .unwrap_or_default()
}

//! Reviews: questions about rights and identity, asked by creating something that is not kept.
//!
//! Source: kubernetes `pkg/registry/authorization`, `pkg/registry/authentication`, v1.36.

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::authenticate::token_user;
use super::policy::Ask;
use super::tokens::ISSUER;
use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::error::{ApiError, FieldError, GroupKind};
use crate::negotiate::Form;
use crate::pipeline::to_json;
use crate::router::Payload;
use crate::user::UserInfo;
use crate::{meta, respond, time};

impl Api {
    /// Answers a review.
    pub(crate) fn review_request(
        &self,
        call: &Call,
        body: &Payload,
        _form: Form,
    ) -> Result<Response<ApiBody>, ApiError> {
        let resource = &call.resource;
        let mut review = body.decode(&resource.kind)?.value;
        crate::pipeline::check_type(resource, &mut review)?;
        let unknown = resource
            .rules
            .decode(&mut review)
            .map_err(ApiError::BadRequest)?;
        for path in unknown {
            call.warn(format!("unknown field \"{path}\""));
        }
        let status = match &*resource.kind {
            "SelfSubjectReview" => {
                meta::of(&mut review).insert("creationTimestamp".into(), time::now().into());
                json!({"userInfo": user_value(&call.user)})
            }
            "TokenReview" => self.token_review(&review)?,
            "SelfSubjectRulesReview" => self.rules_review(call, &review)?,
            "SelfSubjectAccessReview" => self.access_review(call, &review, &call.user)?,
            "SubjectAccessReview" | "LocalSubjectAccessReview" => {
                let user = subject(&review)?;
                self.access_review(call, &review, &user)?
            }
            other => {
                return Err(ApiError::NotImplemented(format!(
                    "{other} is not answered here"
                )));
            }
        };
        review["status"] = status;
        let response = respond::json(StatusCode::CREATED, to_json(&review));
        Ok(response)
    }

    fn token_review(&self, review: &Value) -> Result<Value, ApiError> {
        let token = review["spec"]["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            return Err(ApiError::BadRequest(
                "token is required for TokenReview in authentication".into(),
            ));
        }
        Ok(match token_user(self, token) {
            Some(user) => {
                json!({"authenticated": true, "user": user_value(&user), "audiences": [ISSUER]})
            }
            None => json!({"user": {}, "error": "invalid bearer token"}),
        })
    }

    fn rules_review(&self, call: &Call, review: &Value) -> Result<Value, ApiError> {
        let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
        if namespace.is_empty() {
            return Err(ApiError::BadRequest("no namespace on request".into()));
        }
        let (paths, resources): (Vec<_>, Vec<_>) = self
            .rules_of(&call.user, namespace)
            .into_iter()
            .partition(|rule| !rule.paths.is_empty());
        let values = |rules: Vec<super::rules::Rule>| -> Vec<Value> {
            rules.iter().map(super::rules::Rule::to_value).collect()
        };
        Ok(json!({
            "resourceRules": values(resources),
            "nonResourceRules": values(paths),
            "incomplete": false,
        }))
    }

    fn access_review(
        &self,
        call: &Call,
        review: &Value,
        user: &UserInfo,
    ) -> Result<Value, ApiError> {
        let spec = &review["spec"];
        let text =
            |value: &'_ Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        if !resource.is_null() && !path.is_null() {
            // Upstream tells the value with the names of its Go fields.
            let told = json!({"Path": text(path, "path"), "Verb": text(path, "verb")});
            return Err(invalid(FieldError::invalid(
                "spec.nonResourceAttributes",
                told,
                "cannot be specified in combination with resourceAttributes",
            )));
        }
        if resource.is_null() && path.is_null() {
            return Err(invalid(FieldError::invalid(
                "spec.resourceAttributes",
                Value::Null,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )));
        }
        if resource.is_null() {
            let allowed = self.may_path(user, &text(path, "verb"), &text(path, "path"));
            return Ok(json!({"allowed": allowed}));
        }
        let namespace = text(resource, "namespace");
        if &*call.resource.kind == "LocalSubjectAccessReview" && namespace != call.namespace() {
            let problem = FieldError::invalid(
                "spec.resourceAttributes.namespace",
                namespace,
                "must match metadata.namespace",
            );
            return Err(invalid(problem));
        }
        let ask = Ask {
            verb: &text(resource, "verb"),
            group: &text(resource, "group"),
            resource: &text(resource, "resource"),
            subresource: &text(resource, "subresource"),
            namespace: &namespace,
            name: &text(resource, "name"),
        };
        let mut status = Map::new();
        let decision = self.decide(user, &ask);
        status.insert("allowed".into(), decision.is_some().into());
        if let Some(reason) = decision.filter(|reason| !reason.is_empty()) {
            status.insert("reason".into(), reason.into());
        }
        Ok(Value::Object(status))
    }
}

/// Reviews of access are refused without naming their kind.
fn invalid(problem: FieldError) -> ApiError {
    ApiError::invalid(
        GroupKind::new("authorization.k8s.io", ""),
        "",
        vec![problem],
    )
}

/// The user that a review is about.
fn subject(review: &Value) -> Result<UserInfo, ApiError> {
    let spec = &review["spec"];
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let user = UserInfo {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        uid: spec["uid"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["groups"]),
        extra: spec["extra"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, values)| (key.clone(), texts(values)))
            .collect(),
    };
    if user.name.is_empty() && user.groups.is_empty() {
        let problem = FieldError::invalid(
            "spec.user",
            "",
            "at least one of user or group must be specified",
        );
        return Err(invalid(problem));
    }
    Ok(user)
}

fn user_value(user: &UserInfo) -> Value {
    let mut value = Map::new();
    value.insert("username".into(), user.name.as_str().into());
    if !user.uid.is_empty() {
        value.insert("uid".into(), user.uid.as_str().into());
    }
    if !user.groups.is_empty() {
        value.insert("groups".into(), user.groups.clone().into());
    }
    if !user.extra.is_empty() {
        value.insert("extra".into(), json!(user.extra));
    }
    Value::Object(value)
}

//! `GET …/pods/{name}/log`.
//!
//! Source: kubernetes `pkg/registry/core/pod/{rest/log.go,strategy.go}` (`LogLocation`), v1.36.

use futures::StreamExt as _;
use http::{Response, StatusCode};
use serde_json::Value;

use super::{LogError, LogOptions};
use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::error::{ApiError, FieldError, GroupKind};
use crate::request::Query;
use crate::respond;

impl Api {
    pub(crate) async fn pod_log(&self, call: &Call) -> Result<Response<ApiBody>, ApiError> {
        let pod = self.get(call).await?;
        let pod = call.resource.load(&pod);
        let options = options(&call.query)?;
        let container = container(call, &pod)?;
        let Some(logs) = &self.pod_logs else {
            return Err(ApiError::NotImplemented(
                "logs are not available: nothing runs pods here".into(),
            ));
        };
        let stream = logs
            .open(call.namespace(), &call.target.name, &container, options)
            .await
            .map_err(|error| match error {
                LogError::Io(reason) => ApiError::Internal(reason),
                other => ApiError::BadRequest(other.to_string()),
            })?;
        // A failure in the middle of a log can only end it: the reply has begun.
        let stream = stream
            .take_while(|piece| std::future::ready(piece.is_ok()))
            .filter_map(|piece| std::future::ready(piece.ok()));
        let mut response = Response::new(ApiBody::stream(stream));
        *response.status_mut() = StatusCode::OK;
        respond::set_type(&mut response, "text/plain");
        Ok(response)
    }
}

fn options(query: &Query) -> Result<LogOptions, ApiError> {
    let mut errors = vec![];
    let mut number = |name: &str, least: i64, what: &str| -> Result<Option<u64>, ApiError> {
        let Some(number) = query.number(name)? else {
            return Ok(None);
        };
        if number < least {
            errors.push(FieldError::invalid(name, number, what));
        }
        Ok(u64::try_from(number).ok())
    };
    let options = LogOptions {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        timestamps: query.flag("timestamps"),
        tail_lines: number("tailLines", 0, "must be greater than or equal to 0")?,
        since_seconds: number("sinceSeconds", 1, "must be greater than 0")?,
        since_time: query.text("sinceTime").map(str::to_owned),
        limit_bytes: number("limitBytes", 1, "must be greater than 0")?,
    };
    if options.since_seconds.is_some() && options.since_time.is_some() {
        errors.push(FieldError::forbidden(
            "",
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ));
    }
    if errors.is_empty() {
        return Ok(options);
    }
    Err(ApiError::invalid(
        GroupKind::new("", "PodLogOptions"),
        "",
        errors,
    ))
}

/// The container that is meant: the only one, or the one named.
fn container(call: &Call, pod: &Value) -> Result<String, ApiError> {
    let names = |list: &str| -> Vec<String> {
        let list = pod["spec"][list].as_array().into_iter().flatten();
        list.filter_map(|c| c["name"].as_str())
            .map(str::to_owned)
            .collect()
    };
    let (containers, init) = (names("containers"), names("initContainers"));
    let name = &call.target.name;
    if let Some(asked) = call.query.text("container") {
        if containers
            .iter()
            .chain(&init)
            .any(|container| container == asked)
        {
            return Ok(asked.to_owned());
        }
        return Err(ApiError::BadRequest(format!(
            "container {asked} is not valid for pod {name}"
        )));
    }
    let annotations = &pod["metadata"]["annotations"];
    let annotated = annotations["kubectl.kubernetes.io/default-container"].as_str();
    match (containers.as_slice(), annotated) {
        ([only], _) => Ok(only.clone()),
        (all, Some(default)) if all.iter().any(|container| container == default) => {
            Ok(default.to_owned())
        }
        ([], _) => Err(ApiError::BadRequest(format!(
            "pod {name} has no containers"
        ))),
        (all, _) => {
            let mut text = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                all.join(" ")
            );
            if !init.is_empty() {
                text.push_str(&format!(
                    " or one of the init containers: [{}]",
                    init.join(" ")
                ));
            }
            Err(ApiError::BadRequest(text))
        }
    }
}

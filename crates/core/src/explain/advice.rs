//! What to do next.

use serde_json::Value;

use super::{Cause, Selected};
use crate::json;
use crate::view::OwnerView;
use crate::words::reason;

/// Says what happens or is to be done next.
pub(super) fn next(view: &OwnerView, selection: &Selected, cause: Option<&Cause>) -> Vec<String> {
    let mut next = match selection {
        Selected::None(mismatches) => match mismatches.first() {
            Some(nearest) => vec![format!(
                "nearest is [{}]: {}",
                nearest.name,
                nearest.unmet.join("; ")
            )],
            None => vec!["there is no blueprint at all: apply one".to_owned()],
        },
        Selected::Several(names) => {
            vec![format!(
                "make one of [{}] more specific, or change a label",
                names.join(", ")
            )]
        }
        Selected::Invalid(_) => {
            vec!["correct that selector: until then nothing is selected for anybody".to_owned()]
        }
        Selected::One { .. } => cause
            .map(|cause| vec![advice(view, cause)])
            .unwrap_or_default(),
    };
    if view.is_outdated {
        next.push("the status is about an older version of the object: a pass is due".to_owned());
    }
    for leftover in &view.leftovers {
        next.push(format!(
            "left behind by [{}]: {}",
            leftover.resource, leftover.message
        ));
    }
    next
}

fn advice(view: &OwnerView, cause: &Cause) -> String {
    let resource = cause.resource.as_deref().unwrap_or_default();
    let shown = view.resources.iter().find(|one| one.name == resource);
    let object = shown
        .and_then(|one| one.qualified.clone())
        .unwrap_or_default();
    let look = format!("kubectl -n {} describe {object}", view.namespace);
    match cause.reason.as_str() {
        reason::MISSING_VALUE_AT_PATH if cause.message.starts_with("waiting") => {
            format!("[{object}] is still being worked on; see {look}")
        }
        reason::MISSING_VALUE_AT_PATH | reason::CONDITION_NOT_MET => {
            format!("see what [{object}] says: {look}")
        }
        reason::TEMPLATE_STAMP_FAILURE => match shown.and_then(|one| one.template.as_ref()) {
            Some((kind, name)) => format!("correct {kind} [{name}], or the parameters it is given"),
            None => "correct the template, or the parameters it is given".to_owned(),
        },
        reason::TEMPLATE_REJECTED_BY_API_SERVER if cause.message.contains("forbidden") => {
            "grant the service account that right; it is tried again at once".to_owned()
        }
        reason::TEMPLATE_REJECTED_BY_API_SERVER => {
            "correct the template, or what stands in its way".to_owned()
        }
        reason::TEMPLATES_NOT_FOUND | reason::TEMPLATE_OBJECT_RETRIEVAL_FAILURE => {
            "apply the missing template".to_owned()
        }
        reason::SERVICE_ACCOUNT_ERROR => "create the service account".to_owned(),
        reason::TEMPLATE_OPTIONS_MATCH_ERROR => {
            "change the options so that exactly one applies".to_owned()
        }
        _ if object.is_empty() => "see the message".to_owned(),
        _ => format!("see {look}"),
    }
}

/// Prints an entry of `matchExpressions`.
pub(super) fn requirement(expression: &Value) -> String {
    let part = |key: &str| json::string(expression, &[key]);
    let values = json::strings(expression, &["values"]);
    let values = if values.is_empty() {
        String::new()
    } else {
        format!(" [{}]", values.join(", "))
    };
    format!("[{}] {}{values}", part("key"), part("operator"))
}

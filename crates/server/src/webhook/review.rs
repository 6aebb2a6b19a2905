//! Answers of the webhook: an `AdmissionReview` in, the same with a verdict out.

use carto_core::validate::{self, Finding, Severity};
use http::StatusCode;
use serde_json::{Value, json};

use crate::serving::{Answer, Answers};

/// Kubernetes cuts warnings that are longer. Source: admissionregistration API, `AdmissionResponse.warnings`.
const WARNING_MAX_CHARS: usize = 256;
const WARNINGS_MAX: usize = 16;

/// Answers reviews on every path.
pub(crate) struct Reviews;

impl Answers for Reviews {
    fn answer(&self, path: &str, body: &[u8]) -> Answer {
        if path == "/healthz" {
            return Answer::text(StatusCode::OK, "ok\n");
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(review) if review["kind"] == "AdmissionReview" => {
                Answer::json(reviewed(&review).to_string())
            }
            Ok(_) => Answer::text(StatusCode::BAD_REQUEST, "this is no AdmissionReview\n"),
            Err(error) => Answer::text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }
}

fn reviewed(review: &Value) -> Value {
    let request = &review["request"];
    // A deletion brings no object; the original registers for none and neither does `carto install`.
    let object = &request["object"];
    let findings = validate::findings(object);
    let mut response = json!({"uid": request["uid"]});
    match denial(object, &findings) {
        None => response["allowed"] = true.into(),
        Some(message) => {
            response["allowed"] = false.into();
            // As controller-runtime answers a refusal.
            response["status"] = json!({"code": 403, "reason": "Forbidden", "message": message});
        }
    }
    let warnings = warnings(&findings);
    if !warnings.is_empty() {
        response["warnings"] = warnings.into();
    }
    json!({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
}

/// The text of the original where it refuses; else the first mistake that can never work.
fn denial(object: &Value, findings: &[Finding]) -> Option<String> {
    validate::denial(object).or_else(|| {
        let error = findings
            .iter()
            .find(|one| one.severity == Severity::Error)?;
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        Some(format!(
            "error validating {kind} [{name}]: {}",
            worded(error)
        ))
    })
}

fn worded(finding: &Finding) -> String {
    let place = match finding.within {
        Some(within) => format!(" (line {}, column {})", within.line, within.column),
        None => String::new(),
    };
    format!("{}{place}: {}", finding.path, finding.message)
}

fn warnings(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .take(WARNINGS_MAX)
        .map(|finding| worded(finding).chars().take(WARNING_MAX_CHARS).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(object: &Value) -> Value {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "u", "operation": "CREATE", "object": object}});
        let answer = Reviews.answer("/validate", review.to_string().as_bytes());
        assert_eq!(answer.status, StatusCode::OK);
        let mut review: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(review["response"]["uid"], "u");
        review["response"].take()
    }

    fn chain(resources: Value) -> Value {
        json!({"apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain", "metadata": {"name": "c"},
            "spec": {"selector": {"a": "b"}, "resources": resources}})
    }

    #[test]
    fn what_the_original_refuses_is_refused_in_its_words() {
        let mut object = chain(json!([]));
        object["spec"]["selector"].take();
        let verdict = verdict(&object);
        assert_eq!(verdict["allowed"], false);
        assert_eq!(
            verdict["status"]["message"],
            "error validating clustersupplychain [c]: at least one selector, selectorMatchExpression, \
             selectorMatchField must be specified"
        );
    }

    #[test]
    fn what_can_never_work_is_refused_too() {
        let step = |name: &str, from: &str| {
            json!({"name": name, "templateRef": {"kind": "ClusterSourceTemplate", "name": "t"},
                "sources": [{"name": "s", "resource": from}]})
        };
        let verdict = verdict(&chain(json!([step("a", "b"), step("b", "a")])));
        assert_eq!(verdict["allowed"], false);
        let message = verdict["status"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("error validating clustersupplychain [c]: spec.resources"),
            "{message}"
        );
    }

    #[test]
    fn good_objects_and_others_pass() {
        let step =
            json!({"name": "a", "templateRef": {"kind": "ClusterSourceTemplate", "name": "t"}});
        assert_eq!(verdict(&chain(json!([step])))["allowed"], true);
        assert_eq!(
            verdict(&json!({"kind": "ConfigMap", "apiVersion": "v1"}))["allowed"],
            true
        );
        assert_eq!(verdict(&Value::Null)["allowed"], true);
    }

    #[test]
    fn what_is_no_review_is_told_so() {
        assert_eq!(Reviews.answer("/x", b"{}").status, StatusCode::BAD_REQUEST);
        assert_eq!(
            Reviews.answer("/x", b"nonsense").status,
            StatusCode::BAD_REQUEST
        );
    }
}

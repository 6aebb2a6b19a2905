//! Every rule about bad blueprints and templates, in one place.
//!
//! [`findings`] reads one object as JSON and says what is wrong with it, where, and how bad it is.
//! The rules of the original's validating webhook come first, in its order and with its texts
//! ([`Origin::Webhook`]); the rules it misses follow ([`Origin::Carto`]). The same function serves
//! the offline command, admission and the conditions of blueprints.
//!
//! Source: cartographer pkg/apis/v1alpha1/*_webhook.go and common_validations.go.

mod blueprint;
mod references;
mod selector;
mod template;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::json;
use crate::key::{BlueprintKind, TemplateKind};

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a field path from the root of the object: `spec.resources[1].templateRef`.
    pub path: String,
    /// What, without the prefix that names the object.
    pub message: String,
    /// How bad.
    pub severity: Severity,
    /// Whose rule.
    pub origin: Origin,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant so.
    Warning,
    /// It can never work.
    Error,
}

/// Whose rule a finding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The original refuses the object when its webhook is on.
    Webhook,
    /// The original accepts the object and fails later.
    Carto,
}

/// Says what is wrong with one object of a `carto.run` kind; other objects have no findings.
///
/// Shape: findings of the webhook's rules first, in the order in which the webhook checks.
pub fn findings(object: &Value) -> Vec<Finding> {
    if !json::string(object, &["apiVersion"]).starts_with("carto.run/") {
        return Vec::new();
    }
    let mut report = Report::default();
    match json::string(object, &["kind"]).as_str() {
        "ClusterSupplyChain" => {
            blueprint::check(BlueprintKind::SupplyChain, object, &mut report);
        }
        "ClusterDelivery" => blueprint::check(BlueprintKind::Delivery, object, &mut report),
        kind => {
            if let Some(kind) = TemplateKind::parse(kind) {
                template::check(kind, object, &mut report);
            }
        }
    }
    report.findings
}

/// Returns the text with which the original's webhook denies the object, prefix included; `None`
/// when it admits it.
pub fn denial(object: &Value) -> Option<String> {
    let finding = findings(object)
        .into_iter()
        .find(|finding| finding.origin == Origin::Webhook)?;
    let name = json::string(object, &["metadata", "name"]);
    Some(match json::string(object, &["kind"]).as_str() {
        "ClusterSupplyChain" => {
            format!(
                "error validating clustersupplychain [{name}]: {}",
                finding.message
            )
        }
        "ClusterDelivery" => {
            format!(
                "error validating clusterdelivery [{name}]: {}",
                finding.message
            )
        }
        _ => finding.message,
    })
}

/// Collects findings.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// A rule of the webhook is broken.
    fn webhook(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(
            path.into(),
            message.into(),
            Severity::Error,
            Origin::Webhook,
        );
    }

    /// It can never work, and the original does not say so.
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path.into(), message.into(), Severity::Error, Origin::Carto);
    }

    /// It is probably not what was meant.
    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(
            path.into(),
            message.into(),
            Severity::Warning,
            Origin::Carto,
        );
    }

    fn add(&mut self, path: String, message: String, severity: Severity, origin: Origin) {
        self.findings.push(Finding {
            path,
            message,
            severity,
            origin,
        });
    }
}

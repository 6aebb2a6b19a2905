//! Every rule about mistakes in what users write, in one place.
//!
//! [`findings`] reads one object as JSON and says what is wrong with it, where, and how bad it is.
//! The rules of the original's validating webhook come first, in its order and with its texts
//! ([`Origin::Webhook`]); what it misses follows ([`Origin::Carto`]). [`across`] looks at several
//! objects together: templates that a chain names, inputs and parameters that they expect.
//! [`read`] does both for a YAML stream and adds lines and columns. The same rules serve the
//! offline command, admission and the conditions of blueprints.
//!
//! What the API's own schema says (types, required fields, closed sets of words) is not repeated
//! here; fields that the schema does not know, which the API drops without a word, are.
//!
//! Source: cartographer `pkg/apis/v1alpha1/*_webhook.go` and `common_validations.go`, v0.8.10.

mod across;
mod blueprint;
mod cursor;
mod expressions;
mod graph;
mod health;
mod names;
mod options;
mod owner;
mod params;
mod read;
mod runnable;
mod schema;
mod selector;
mod stamped;
mod suggest;
mod template;
mod ytt;

use std::fmt;

use serde_json::Value;

pub use across::across;
pub use read::{Broken, Object, Place, Reading, read};

use crate::key::{BlueprintKind, OwnerKind, TemplateKind};
use cursor::Cursor;

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a field path from the root of the object: `spec.resources[1].templateRef`.
    pub path: String,
    /// Where inside the text at `path`, when that is known.
    pub within: Option<Within>,
    /// What, without the prefix that names the object.
    pub message: String,
    /// How bad.
    pub severity: Severity,
    /// Whose rule.
    pub origin: Origin,
}

/// A position inside a text. Lines and columns count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Within {
    /// Line of the text.
    pub line: usize,
    /// Column in that line.
    pub column: usize,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant so.
    Warning,
    /// It can never work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Whose rule a finding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The original refuses the object when its webhook is on.
    Webhook,
    /// The original accepts the object and fails later.
    Carto,
}

/// The kinds that have rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blueprint(BlueprintKind),
    Template(TemplateKind),
    Owner(OwnerKind),
    Runnable,
}

impl Kind {
    fn of(object: &Value) -> Option<Self> {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        if !text("apiVersion")?.starts_with("carto.run/") {
            return None;
        }
        match text("kind")? {
            "ClusterSupplyChain" => Some(Self::Blueprint(BlueprintKind::SupplyChain)),
            "ClusterDelivery" => Some(Self::Blueprint(BlueprintKind::Delivery)),
            "Workload" => Some(Self::Owner(OwnerKind::Workload)),
            "Deliverable" => Some(Self::Owner(OwnerKind::Deliverable)),
            "Runnable" => Some(Self::Runnable),
            kind => TemplateKind::parse(kind).map(Self::Template),
        }
    }
}

/// Says what is wrong with one object of a `carto.run` kind; other objects have no findings.
///
/// Shape: findings of the webhook's rules first, in the order in which the webhook checks. Findings
/// about unknown fields come last.
pub fn findings(object: &Value) -> Vec<Finding> {
    let mut report = Report::default();
    if let Some(root) = check(object, &mut report) {
        schema::unknown_fields(&root, &mut report);
    }
    report.findings
}

/// Checks an object by all rules but for fields that the API does not know; `None` when it is of
/// no kind with rules.
fn check<'a>(object: &'a Value, report: &mut Report) -> Option<Cursor<'a>> {
    let kind = Kind::of(object)?;
    let root = Cursor::root(object);
    match kind {
        Kind::Blueprint(kind) => blueprint::check(kind, &root, report),
        Kind::Template(kind) => template::check(kind, &root, report),
        Kind::Owner(kind) => owner::check(kind, &root, report),
        Kind::Runnable => runnable::check(&root, report),
    }
    Some(root)
}

/// Returns what can never work about an object that the API has, each as `path: message`.
///
/// Cost: without the schemas of all kinds, which a controller need not keep: the API has dropped
/// what they do not know.
pub(crate) fn errors(object: &Value) -> Vec<String> {
    let mut report = Report::default();
    check(object, &mut report);
    let findings = report.findings.into_iter();
    findings
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| format!("{}: {}", finding.path, finding.message))
        .collect()
}

/// Returns the text with which the original's webhook denies the object, prefix included; `None`
/// when it admits it.
pub fn denial(object: &Value) -> Option<String> {
    let finding = findings(object)
        .into_iter()
        .find(|finding| finding.origin == Origin::Webhook)?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let message = finding.message;
    Some(match object["kind"].as_str() {
        Some("ClusterSupplyChain") => {
            format!("error validating clustersupplychain [{name}]: {message}")
        }
        Some("ClusterDelivery") => format!("error validating clusterdelivery [{name}]: {message}"),
        _ => message,
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
        self.add(path, None, message, Severity::Error, Origin::Webhook);
    }

    /// It can never work, and the original does not say so.
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, None, message, Severity::Error, Origin::Carto);
    }

    /// As `error`, inside a text.
    fn error_within(
        &mut self,
        path: impl Into<String>,
        within: Within,
        message: impl Into<String>,
    ) {
        self.add(path, Some(within), message, Severity::Error, Origin::Carto);
    }

    /// It is probably not what was meant.
    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, None, message, Severity::Warning, Origin::Carto);
    }

    /// As `warn`, inside a text.
    fn warn_within(&mut self, path: impl Into<String>, within: Within, message: impl Into<String>) {
        self.add(
            path,
            Some(within),
            message,
            Severity::Warning,
            Origin::Carto,
        );
    }

    fn add(
        &mut self,
        path: impl Into<String>,
        within: Option<Within>,
        message: impl Into<String>,
        severity: Severity,
        origin: Origin,
    ) {
        self.findings.push(Finding {
            path: path.into(),
            within,
            message: message.into(),
            severity,
            origin,
        });
    }
}

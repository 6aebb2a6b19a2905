//! The five templates of blueprints, and `ClusterRunTemplate`.

use std::sync::Arc;

use carto_query::requirement::FieldRequirement;
use serde_json::Value;

use crate::context::Subject;
use crate::digest::{Fingerprint, Writer};
use crate::json;
use crate::key::{Gvk, TemplateKind};
use crate::model::blueprint::requirement;
use crate::recall::{self, Reads};
use crate::row::{Expression, Expressions};
use crate::stamp::Ytt;

/// A template of a blueprint.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Kind.
    pub kind: TemplateKind,
    /// Name.
    pub name: Arc<str>,
    /// What is stamped.
    pub body: Body,
    /// Parameters with their defaults.
    pub params: Vec<(String, Value)>,
    /// When its object is healthy.
    pub health: Option<HealthRule>,
    /// What happens to its object when the stamp changes.
    pub lifecycle: Lifecycle,
    /// How many runs are kept, when immutable.
    pub retention: Retention,
    /// What it gives to other steps.
    pub output: OutputRule,
    /// What of it can never work; its blueprints say so in their status.
    pub mistakes: Vec<String>,
    expressions: Expressions,
    /// What `$(...)$` reads of an owner; ytt says so itself.
    reads: Reads,
    /// Everything that makes a difference to what is stamped for the same context.
    stamps: Fingerprint,
}

/// What a template stamps.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// An object with `$(...)$` in its strings.
    Object {
        /// As written.
        written: Value,
        /// Ready to be filled in.
        compiled: carto_query::Template,
    },
    /// ytt text.
    Ytt(Ytt),
    /// Neither was given.
    Nothing,
}

/// When an object is healthy.
#[derive(Clone, Debug, PartialEq)]
pub enum HealthRule {
    /// As soon as it is stamped.
    Always,
    /// As that condition of it says.
    Condition(String),
    /// By matching conditions and fields.
    Match {
        /// All of these make it healthy.
        healthy: HealthMatch,
        /// Any of these makes it unhealthy.
        unhealthy: HealthMatch,
    },
    /// An empty rule, which says nothing.
    Empty,
}

/// One side of a matching rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthMatch {
    /// Requirements on conditions.
    pub conditions: Vec<ConditionRequirement>,
    /// Requirements on fields.
    pub fields: Vec<HealthField>,
}

/// A requirement on a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionRequirement {
    /// Type.
    pub kind: String,
    /// Status it must have.
    pub status: String,
}

/// A requirement on a field, and where a message is found.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthField {
    /// The requirement.
    pub requirement: FieldRequirement,
    /// Path of the message.
    pub message_path: String,
}

/// What happens to an object when its stamp changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It is changed.
    Mutable,
    /// Another one is created.
    Immutable,
    /// As immutable; healthy by its condition `Succeeded`.
    Tekton,
}

impl Lifecycle {
    /// Returns the name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mutable => "mutable",
            Self::Immutable => "immutable",
            Self::Tekton => "tekton",
        }
    }

    /// Reports whether a change makes another object.
    pub const fn is_immutable(self) -> bool {
        !matches!(self, Self::Mutable)
    }
}

/// How many runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Successful ones.
    pub successful: usize,
    /// Failed ones.
    pub failed: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            successful: 10,
            failed: 10,
        }
    }
}

impl Retention {
    pub(crate) fn read(spec: &Value) -> Self {
        let count = |key: &str| {
            let count = json::at(spec, &["retentionPolicy", key])?.as_u64()?;
            usize::try_from(count).ok().filter(|count| *count > 0)
        };
        let or = Self::default();
        Self {
            successful: count("maxSuccessfulRuns").unwrap_or(or.successful),
            failed: count("maxFailedRuns").unwrap_or(or.failed),
        }
    }
}

/// What a template gives to other steps.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputRule {
    /// A source.
    Source {
        /// Path of the URL.
        url: String,
        /// Path of the revision.
        revision: String,
    },
    /// An image, at that path.
    Image(String),
    /// A config, at that path.
    Config(String),
    /// The incoming deployment, once it is complete.
    Deployment(Completion),
    /// Nothing.
    None,
}

/// When a deployment is complete.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// When the values at each pair of paths are equal.
    Matches(Vec<(String, String)>),
    /// When the observed generation is current and a field has a value; failed when another has.
    Observed {
        /// Path and value of failure.
        failed: Option<(String, String)>,
        /// Path and value of success.
        succeeded: (String, String),
    },
}

impl Template {
    /// Reads a template of that kind.
    pub fn read(kind: TemplateKind, object: &Value) -> Self {
        let null = Value::Null;
        let spec = object.get("spec").unwrap_or(&null);
        let lifecycle = match json::text(spec, &["lifecycle"]) {
            Some("immutable") => Lifecycle::Immutable,
            Some("tekton") => Lifecycle::Tekton,
            _ => Lifecycle::Mutable,
        };
        let implicit = || {
            (lifecycle == Lifecycle::Tekton).then(|| HealthRule::Condition("Succeeded".to_owned()))
        };
        let mut template = Self {
            kind,
            name: json::string(object, &["metadata", "name"]).into(),
            body: Body::read(spec),
            params: json::list(spec, &["params"])
                .iter()
                .map(|param| {
                    let default = param.get("default").cloned().unwrap_or(Value::Null);
                    (json::string(param, &["name"]), default)
                })
                .collect(),
            health: HealthRule::read(spec).or_else(implicit),
            lifecycle,
            retention: Retention::read(spec),
            output: OutputRule::read(kind, spec),
            mistakes: crate::validate::errors(object),
            expressions: Expressions::default(),
            reads: Reads::All,
            stamps: Fingerprint::writer().end(),
        };
        template.expressions = template.needed();
        if let Body::Object { compiled, .. } = &template.body {
            template.reads = Reads::of_tags(compiled);
        }
        template.stamps = template.stamps();
        template
    }

    fn stamps(&self) -> Fingerprint {
        let mut into = Fingerprint::writer();
        match &self.body {
            Body::Object { written, .. } => into.value(written),
            Body::Ytt(ytt) => into.text(ytt.text()),
            Body::Nothing => {}
        }
        into.text(self.kind.name());
        into.text(&self.name);
        into.text(self.lifecycle.name());
        recall::named(&self.params, &mut into);
        into.end()
    }

    /// Writes what there is to see of the template, and what it can see of an owner. `None` when it fails on that
    /// owner, whatever it reads.
    pub(crate) fn write_seen(&self, owner: &Subject, into: &mut Writer) -> Option<()> {
        into.fingerprint(self.stamps);
        let reads = match &self.body {
            Body::Object { .. } => &self.reads,
            Body::Ytt(ytt) => ytt.reads().filter(|_| owner.is_readable())?,
            Body::Nothing => return None,
        };
        reads.write(owner, into);
        Some(())
    }

    /// Returns everything that is read out of its objects.
    pub fn expressions(&self) -> &Expressions {
        &self.expressions
    }

    fn needed(&self) -> Expressions {
        let mut paths: Vec<&str> = Vec::new();
        let mut conditions: Vec<&str> = Vec::new();
        match &self.output {
            OutputRule::Source { url, revision } => paths.extend([url.as_str(), revision]),
            OutputRule::Image(path) | OutputRule::Config(path) => paths.push(path),
            OutputRule::Deployment(Completion::Matches(pairs)) => {
                paths.extend(
                    pairs
                        .iter()
                        .flat_map(|(input, output)| [input.as_str(), output]),
                );
            }
            OutputRule::Deployment(Completion::Observed { failed, succeeded }) => {
                paths.extend([
                    "metadata.generation",
                    "status.observedGeneration",
                    &succeeded.0,
                ]);
                paths.extend(failed.iter().map(|(key, _)| key.as_str()));
            }
            OutputRule::None => {}
        }
        match &self.health {
            Some(HealthRule::Condition(kind)) => conditions.push(kind),
            Some(HealthRule::Match { healthy, unhealthy }) => {
                for side in [healthy, unhealthy] {
                    conditions.extend(side.conditions.iter().map(|one| one.kind.as_str()));
                    for field in &side.fields {
                        paths.extend([field.requirement.path().as_str(), &field.message_path]);
                    }
                }
            }
            Some(HealthRule::Always | HealthRule::Empty) | None => {}
        }
        let paths = paths.into_iter().map(|path| Expression::Path(path.into()));
        let conditions = conditions
            .into_iter()
            .map(|kind| Expression::Condition(kind.into()));
        paths.chain(conditions).collect()
    }
}

impl Body {
    /// Returns the kind of what is stamped, when it is written down rather than computed.
    ///
    /// Shape: of ytt text the first `apiVersion` and `kind` at the beginning of a line.
    pub fn kind(&self) -> Option<Gvk> {
        let literal = |text: &&str| !text.is_empty() && !text.contains("$(") && !text.contains('#');
        match self {
            Self::Object { written, .. } => {
                let text = |key: &str| json::text(written, &[key]).filter(literal);
                Some(Gvk::new(text("apiVersion")?, text("kind")?))
            }
            Self::Ytt(ytt) => {
                let text = |key: &str| {
                    let mut lines = ytt.text().lines();
                    let value = lines.find_map(|line| line.strip_prefix(key));
                    value
                        .map(|value| value.trim().trim_matches(['"', '\'']))
                        .filter(literal)
                };
                Some(Gvk::new(text("apiVersion:")?, text("kind:")?))
            }
            Self::Nothing => None,
        }
    }

    /// Takes a template with `$(...)$`.
    pub(crate) fn object(template: &Value) -> Self {
        let compiled = carto_query::Template::compile(template);
        Self::Object {
            written: template.clone(),
            compiled,
        }
    }

    fn read(spec: &Value) -> Self {
        match spec.get("template") {
            Some(template) if !template.is_null() => Self::object(template),
            _ => json::text(spec, &["ytt"]).map_or(Self::Nothing, |text| Self::Ytt(Ytt::new(text))),
        }
    }
}

impl HealthRule {
    fn read(spec: &Value) -> Option<Self> {
        let rule = spec.get("healthRule").filter(|rule| !rule.is_null())?;
        if rule
            .get("alwaysHealthy")
            .is_some_and(|always| !always.is_null())
        {
            return Some(Self::Always);
        }
        if let Some(kind) = json::text(rule, &["singleConditionType"]) {
            return Some(Self::Condition(kind.to_owned()));
        }
        Some(match rule.get("multiMatch") {
            Some(multi) if multi.is_object() => Self::Match {
                healthy: HealthMatch::read(multi, "healthy"),
                unhealthy: HealthMatch::read(multi, "unhealthy"),
            },
            _ => Self::Empty,
        })
    }
}

impl HealthMatch {
    fn read(multi: &Value, side: &str) -> Self {
        let condition = |value: &Value| ConditionRequirement {
            kind: json::string(value, &["type"]),
            status: json::string(value, &["status"]),
        };
        let field = |value: &Value| HealthField {
            requirement: requirement(value),
            message_path: json::string(value, &["messagePath"]),
        };
        Self {
            conditions: json::list(multi, &[side, "matchConditions"])
                .iter()
                .map(condition)
                .collect(),
            fields: json::list(multi, &[side, "matchFields"])
                .iter()
                .map(field)
                .collect(),
        }
    }
}

impl OutputRule {
    fn read(kind: TemplateKind, spec: &Value) -> Self {
        let path = |key: &str| json::string(spec, &[key]);
        match kind {
            TemplateKind::Source => Self::Source {
                url: path("urlPath"),
                revision: path("revisionPath"),
            },
            TemplateKind::Image => Self::Image(path("imagePath")),
            TemplateKind::Config => Self::Config(path("configPath")),
            TemplateKind::Deployment => Self::Deployment(Completion::read(spec)),
            TemplateKind::Plain | TemplateKind::Run => Self::None,
        }
    }
}

impl Completion {
    fn read(spec: &Value) -> Self {
        let Some(completion) = spec.get("observedCompletion").filter(|one| one.is_object()) else {
            let pair = |value: &Value| {
                (
                    json::string(value, &["input"]),
                    json::string(value, &["output"]),
                )
            };
            return Self::Matches(
                json::list(spec, &["observedMatches"])
                    .iter()
                    .map(pair)
                    .collect(),
            );
        };
        let pair = |key: &str| {
            (
                json::string(completion, &[key, "key"]),
                json::string(completion, &[key, "value"]),
            )
        };
        let failed = completion.get("failed").filter(|one| one.is_object());
        Self::Observed {
            failed: failed.map(|_| pair("failed")),
            succeeded: pair("succeeded"),
        }
    }
}

/// A `ClusterRunTemplate`.
#[derive(Clone, Debug, PartialEq)]
pub struct RunTemplate {
    /// Name.
    pub name: Arc<str>,
    /// What is stamped.
    pub body: Body,
    /// Output names and their paths, sorted by name.
    pub outputs: Vec<(String, String)>,
    expressions: Expressions,
}

impl RunTemplate {
    /// Reads a run template.
    pub fn read(object: &Value) -> Self {
        let null = Value::Null;
        let spec = object.get("spec").unwrap_or(&null);
        let outputs: Vec<_> = json::string_map(spec, &["outputs"]).into_iter().collect();
        let paths = outputs
            .iter()
            .map(|(_, path)| Expression::Path(path.as_str().into()));
        Self {
            name: json::string(object, &["metadata", "name"]).into(),
            body: Body::read(spec),
            expressions: paths
                .chain([Expression::Condition("Succeeded".into())])
                .collect(),
            outputs,
        }
    }

    /// Returns everything that is read out of its runs.
    pub fn expressions(&self) -> &Expressions {
        &self.expressions
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_known_where_they_are_written() {
        let object =
            |version: &str, kind: &str| Body::object(&json!({"apiVersion": version, "kind": kind}));
        let ytt = |text: &str| Body::Ytt(Ytt::new(text));
        let cases = [
            (object("v1", "ConfigMap"), Some(Gvk::new("v1", "ConfigMap"))),
            (object("v1", "$(params.kind)$"), None),
            (
                ytt(
                    "#@ load(\"@ytt:data\", \"data\")\n---\napiVersion: a.b/v1\nkind: 'K'\nspec:\n  kind: x\n",
                ),
                Some(Gvk::new("a.b/v1", "K")),
            ),
            (ytt("apiVersion: v1\nkind: #@ data.values.kind\n"), None),
            (Body::Nothing, None),
        ];
        for (body, expected) in cases {
            assert_eq!(body.kind(), expected);
        }
    }
}

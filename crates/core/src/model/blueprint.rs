//! `ClusterSupplyChain` and `ClusterDelivery`.

use std::collections::BTreeMap;
use std::sync::Arc;

use carto_query::labels::Expression;
use carto_query::requirement::FieldRequirement;
use carto_query::select::OwnerSelector;
use serde_json::Value;

use crate::json;
use crate::key::{BlueprintKind, TemplateKind};
use crate::params::{BlueprintParam, Setting};
use crate::words::condition_type;

/// A blueprint. Two versions that are equal have the same effect on owners.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    /// Which of the two kinds.
    pub kind: BlueprintKind,
    /// Name.
    pub name: Arc<str>,
    /// Which owners it selects.
    pub selector: Selector,
    /// Its steps, in the order written.
    pub resources: Vec<Resource>,
    /// Parameters for all steps.
    pub params: Vec<BlueprintParam>,
    /// `spec.serviceAccountRef`: name, and namespace when given.
    pub service_account: Option<(String, Option<String>)>,
    /// Status, reason and message of its `Ready` condition.
    pub ready: Option<(String, String, String)>,
}

/// One step of a blueprint.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Name, unique in the blueprint.
    pub name: String,
    /// `templateRef.kind` as written.
    pub template_kind: String,
    /// How its template is found.
    pub choice: Choice,
    /// Parameters for this step.
    pub params: Vec<BlueprintParam>,
    /// Inputs of type source.
    pub sources: Vec<InputRef>,
    /// Inputs of type image.
    pub images: Vec<InputRef>,
    /// Inputs of type config.
    pub configs: Vec<InputRef>,
    /// `deployment.resource`.
    pub deployment: Option<String>,
}

/// How the template of a step is found.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// By name.
    Named(String),
    /// By the option whose selector matches the owner best.
    Options(Vec<TemplateOption>),
}

/// One option of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateOption {
    /// Name of a template; empty with `pass_through`.
    pub name: String,
    /// Name of the input that becomes the output.
    pub pass_through: Option<String>,
    /// When it applies.
    pub selector: Selector,
}

/// An input of a step: where it comes from and what the template calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRef {
    /// The template's name for it.
    pub name: String,
    /// The step that provides it.
    pub resource: String,
}

/// A selector over owners.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// Labels that must be equal.
    pub match_labels: BTreeMap<String, String>,
    /// Requirements on labels, as written (`key`, `operator`, `values`).
    pub match_expressions: Vec<Value>,
    /// All of it, ready to be judged.
    pub compiled: OwnerSelector,
}

impl Selector {
    /// Makes a selector of one requirement on labels.
    pub(crate) fn of_expression(expression: &Value) -> Self {
        Self::new(BTreeMap::new(), std::slice::from_ref(expression), &[])
    }

    fn new(
        match_labels: BTreeMap<String, String>,
        expressions: &[Value],
        fields: &[Value],
    ) -> Self {
        let parts: Vec<(String, String, Vec<String>)> = expressions
            .iter()
            .map(|one| {
                let part = |key| json::string(one, &[key]);
                (
                    part("key"),
                    part("operator"),
                    json::strings(one, &["values"]),
                )
            })
            .collect();
        let compiled = OwnerSelector::new(
            match_labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
            parts.iter().map(|(key, operator, values)| Expression {
                key,
                operator,
                values,
            }),
            fields.iter().map(requirement),
        );
        Self {
            match_labels,
            match_expressions: expressions.to_vec(),
            compiled,
        }
    }
}

/// Reads a requirement on a field.
pub(super) fn requirement(value: &Value) -> FieldRequirement {
    let values = json::strings(value, &["values"]);
    let part = |key| json::string(value, &[key]);
    FieldRequirement::new(&part("key"), &part("operator"), &values)
}

impl Blueprint {
    /// Reads a blueprint of that kind.
    pub fn read(kind: BlueprintKind, object: &Value) -> Self {
        let null = Value::Null;
        let spec = object.get("spec").unwrap_or(&null);
        Self {
            kind,
            name: json::string(object, &["metadata", "name"]).into(),
            selector: Selector::new(
                json::string_map(spec, &["selector"]),
                json::list(spec, &["selectorMatchExpressions"]),
                json::list(spec, &["selectorMatchFields"]),
            ),
            resources: json::list(spec, &["resources"])
                .iter()
                .map(Resource::read)
                .collect(),
            params: params(spec),
            service_account: json::text(spec, &["serviceAccountRef", "name"]).map(|name| {
                let namespace = json::text(spec, &["serviceAccountRef", "namespace"]);
                (name.to_owned(), namespace.map(str::to_owned))
            }),
            ready: ready(object),
        }
    }

    /// Finds a step by name.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name)
    }

    /// Iterates over the templates it names, as (step, kind, name).
    pub fn templates(&self) -> impl Iterator<Item = (&Resource, &str)> {
        self.resources.iter().flat_map(|resource| {
            let names: Vec<&str> = match &resource.choice {
                Choice::Named(name) => vec![name],
                Choice::Options(options) => options
                    .iter()
                    .filter(|option| option.pass_through.is_none())
                    .map(|option| option.name.as_str())
                    .collect(),
            };
            names.into_iter().map(move |name| (resource, name))
        })
    }
}

fn ready(object: &Value) -> Option<(String, String, String)> {
    let conditions = json::list(object, &["status", "conditions"]);
    let ready = crate::condition::find(conditions, condition_type::READY)?;
    let part = |key| json::string(ready, &[key]);
    Some((part("status"), part("reason"), part("message")))
}

impl Resource {
    fn read(value: &Value) -> Self {
        let options = json::list(value, &["templateRef", "options"]);
        let choice = if options.is_empty() {
            Choice::Named(json::string(value, &["templateRef", "name"]))
        } else {
            Choice::Options(options.iter().map(TemplateOption::read).collect())
        };
        Self {
            name: json::string(value, &["name"]),
            template_kind: json::string(value, &["templateRef", "kind"]),
            choice,
            params: params(value),
            sources: InputRef::read_all(value, "sources"),
            images: InputRef::read_all(value, "images"),
            configs: InputRef::read_all(value, "configs"),
            deployment: json::text(value, &["deployment", "resource"]).map(str::to_owned),
        }
    }

    /// Returns the kind of its templates, when it is a known one.
    pub fn kind(&self) -> Option<TemplateKind> {
        TemplateKind::parse(&self.template_kind).filter(|kind| *kind != TemplateKind::Run)
    }

    /// Iterates over the names of the steps it takes inputs from, in the order in which the
    /// status lists them: sources, images, deployment, configs.
    pub fn producers(&self) -> impl Iterator<Item = &str> {
        self.sources
            .iter()
            .chain(&self.images)
            .map(|input| input.resource.as_str())
            .chain(self.deployment.as_deref())
            .chain(self.configs.iter().map(|input| input.resource.as_str()))
    }
}

impl TemplateOption {
    fn read(value: &Value) -> Self {
        let null = Value::Null;
        let selector = value.get("selector").unwrap_or(&null);
        Self {
            name: json::string(value, &["name"]),
            pass_through: json::text(value, &["passThrough"]).map(str::to_owned),
            selector: Selector::new(
                json::string_map(selector, &["matchLabels"]),
                json::list(selector, &["matchExpressions"]),
                json::list(selector, &["matchFields"]),
            ),
        }
    }
}

impl InputRef {
    fn read_all(parent: &Value, key: &str) -> Vec<Self> {
        let read = |value: &Value| Self {
            name: json::string(value, &["name"]),
            resource: json::string(value, &["resource"]),
        };
        json::list(parent, &[key]).iter().map(read).collect()
    }
}

fn params(parent: &Value) -> Vec<BlueprintParam> {
    let read = |value: &Value| {
        let given = |key: &str| value.get(key).filter(|value| !value.is_null()).cloned();
        let setting = match (given("value"), given("default")) {
            (Some(value), _) => Setting::Value(value),
            (None, Some(value)) => Setting::Default(value),
            (None, None) => Setting::Nothing,
        };
        BlueprintParam {
            name: json::string(value, &["name"]),
            setting,
        }
    };
    json::list(parent, &["params"]).iter().map(read).collect()
}

impl Selector {
    /// Reports whether it requires nothing; such a selector never matches.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty()
            && self.match_expressions.is_empty()
            && self.compiled.fields().is_empty()
    }
}

//! What a resource gets from others, and what it is still missing.
//!
//! Source: cartographer pkg/realizer/inputs.go, pkg/realizer/context.go.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::digest::Writer;
use crate::key::TemplateKind;
use crate::model::{Blueprint, InputRef, Resource};
use crate::outputs::Output;

/// The kinds of input, by the name of their map in the templating context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum InputKind {
    Source,
    Image,
    Config,
    Deployment,
}

impl InputKind {
    /// Returns what it is called in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Image => "image",
            Self::Config => "config",
            Self::Deployment => "deployment",
        }
    }

    /// Returns the key of its map in the context.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Image => "images",
            Self::Config => "configs",
            Self::Deployment => "deployment",
        }
    }

    /// Reports whether templates of that kind give such an input.
    const fn is_given_by(self, template: TemplateKind) -> bool {
        matches!(
            (self, template),
            (
                Self::Source | Self::Deployment,
                TemplateKind::Source | TemplateKind::Deployment
            ) | (Self::Image, TemplateKind::Image)
                | (Self::Config, TemplateKind::Config)
        )
    }

    fn matches(self, output: &Output) -> bool {
        matches!(
            (self, output),
            (Self::Source | Self::Deployment, Output::Source { .. })
                | (Self::Image, Output::Image(_))
                | (Self::Config, Output::Config(_))
        )
    }
}

/// An input that is declared and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) kind: InputKind,
    /// The template's name for it; empty for a deployment.
    pub(crate) name: String,
    /// Who should give it.
    pub(crate) producer: String,
    pub(crate) why: Why,
}

/// Why an input is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It may come.
    Pending,
    /// The blueprint has no such resource.
    UnknownProducer,
    /// The resource gives something else.
    WrongKind,
}

impl Missing {
    /// Describes it for a message.
    pub(crate) fn text(&self) -> String {
        let what = match self.kind {
            InputKind::Deployment => "deployment".to_owned(),
            kind => format!("{} [{}]", kind.name(), self.name),
        };
        let producer = &self.producer;
        match self.why {
            Why::Pending => format!("waiting for {what} from resource [{producer}]"),
            Why::UnknownProducer => format!("{what} is provided by unknown resource [{producer}]"),
            Why::WrongKind => {
                format!(
                    "{what}: resource [{producer}] does not provide a {}",
                    self.kind.name()
                )
            }
        }
    }
}

/// The inputs of one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inputs {
    sources: BTreeMap<String, (Value, Value)>,
    images: BTreeMap<String, Value>,
    configs: BTreeMap<String, Value>,
    deployment: Option<Output>,
    /// What is declared and not there.
    pub(crate) missing: Vec<Missing>,
}

impl Inputs {
    /// Collects the inputs of `resource` from the outputs of this pass, by resource name.
    pub(crate) fn collect(
        blueprint: &Blueprint,
        resource: &Resource,
        outputs: &BTreeMap<String, Output>,
    ) -> Self {
        let mut inputs = Self::default();
        let lists = [
            (InputKind::Source, &resource.sources),
            (InputKind::Image, &resource.images),
            (InputKind::Config, &resource.configs),
        ];
        for (kind, list) in lists {
            for InputRef {
                name,
                resource: producer,
            } in list
            {
                inputs.take(blueprint, kind, name, producer, outputs);
            }
        }
        if let Some(producer) = &resource.deployment {
            inputs.take(blueprint, InputKind::Deployment, "", producer, outputs);
        }
        inputs
    }

    fn take(
        &mut self,
        blueprint: &Blueprint,
        kind: InputKind,
        name: &str,
        producer: &str,
        outputs: &BTreeMap<String, Output>,
    ) {
        match outputs.get(producer).filter(|output| kind.matches(output)) {
            Some(output) => self.put(kind, name, output.clone()),
            None => self.missing.push(Missing {
                kind,
                name: name.to_owned(),
                producer: producer.to_owned(),
                why: why_missing(blueprint, kind, producer),
            }),
        }
    }

    fn put(&mut self, kind: InputKind, name: &str, output: Output) {
        match output {
            output @ Output::Source { .. } if kind == InputKind::Deployment => {
                self.deployment = Some(output);
            }
            Output::Source { url, revision } => {
                self.sources.insert(name.to_owned(), (url, revision));
            }
            Output::Image(image) => {
                self.images.insert(name.to_owned(), image);
            }
            Output::Config(config) => {
                self.configs.insert(name.to_owned(), config);
            }
        }
    }

    /// Returns the incoming deployment.
    pub(crate) fn deployment(&self) -> Option<&Output> {
        self.deployment.as_ref()
    }

    /// Returns the input that an option passes through, by its name, or which kind it lacks.
    pub(crate) fn pass_through(
        &self,
        kind: TemplateKind,
        name: &str,
    ) -> Result<Option<Output>, InputKind> {
        match kind {
            TemplateKind::Source => {
                let source = self.sources.get(name).ok_or(InputKind::Source)?;
                let (url, revision) = source.clone();
                Ok(Some(Output::Source { url, revision }))
            }
            TemplateKind::Image => {
                let image = self.images.get(name).ok_or(InputKind::Image)?;
                Ok(Some(Output::Image(image.clone())))
            }
            TemplateKind::Config => {
                let config = self.configs.get(name).ok_or(InputKind::Config)?;
                Ok(Some(Output::Config(config.clone())))
            }
            TemplateKind::Deployment => self
                .deployment
                .clone()
                .ok_or(InputKind::Deployment)
                .map(Some),
            TemplateKind::Plain | TemplateKind::Run => Ok(None),
        }
    }

    /// Writes all that a template can see of the inputs.
    pub(crate) fn write(&self, into: &mut Writer) {
        // A part that is forgotten here does not compile. What is missing is declared by the blueprint and seen as its
        // absence.
        let Self {
            sources,
            images,
            configs,
            deployment,
            missing: _,
        } = self;
        into.count(sources.len());
        for (name, (url, revision)) in sources {
            into.text(name);
            into.value(url);
            into.value(revision);
        }
        for named in [images, configs] {
            into.count(named.len());
            for (name, value) in named {
                into.text(name);
                into.value(value);
            }
        }
        match deployment {
            Some(Output::Source { url, revision }) => {
                into.flag(true);
                into.value(url);
                into.value(revision);
            }
            _ => into.flag(false),
        }
    }

    /// Adds the inputs to a templating context.
    pub(crate) fn add_to(&self, context: &mut Map<String, Value>) {
        let source = |(name, (url, revision)): (&String, &(Value, Value))| {
            let value = json!({"url": url, "revision": revision, "name": name});
            (name.clone(), value)
        };
        let sources: Map<String, Value> = self.sources.iter().map(source).collect();
        let named = |key: &'static str, map: &BTreeMap<String, Value>| -> Map<String, Value> {
            let one = |(name, value): (&String, &Value)| {
                (name.clone(), json!({key: value, "name": name}))
            };
            map.iter().map(one).collect()
        };
        if let Some(only) = single(sources.values()) {
            context.insert("source".into(), only.clone());
        }
        if let Some(only) = single(self.images.values()) {
            context.insert("image".into(), only.clone());
        }
        if let Some(only) = single(self.configs.values()) {
            context.insert("config".into(), only.clone());
        }
        let deployment = match &self.deployment {
            Some(Output::Source { url, revision }) => {
                json!({"url": url, "revision": revision, "name": ""})
            }
            _ => Value::Null,
        };
        context.insert("sources".into(), Value::Object(sources));
        context.insert("images".into(), Value::Object(named("image", &self.images)));
        context.insert(
            "configs".into(),
            Value::Object(named("config", &self.configs)),
        );
        context.insert("deployment".into(), deployment);
    }
}

fn single<'a>(mut values: impl Iterator<Item = &'a Value>) -> Option<&'a Value> {
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn why_missing(blueprint: &Blueprint, kind: InputKind, producer: &str) -> Why {
    match blueprint.resource(producer) {
        None => Why::UnknownProducer,
        Some(resource) => match resource.kind() {
            Some(template) if kind.is_given_by(template) => Why::Pending,
            _ => Why::WrongKind,
        },
    }
}

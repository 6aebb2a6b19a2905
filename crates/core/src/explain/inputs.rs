//! What a resource takes from others, and whether it is there.

use crate::inputs::InputKind;
use crate::model::Blueprint;
use crate::view::OwnerView;

/// One input of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// `source`, `image`, `config` or `deployment`.
    pub kind: &'static str,
    /// The template's name for it; empty for a deployment.
    pub name: String,
    /// The resource it comes from.
    pub producer: String,
    /// The beginnings of its values by output name; empty when it is missing.
    pub values: Vec<(String, String)>,
}

/// Returns the inputs of a resource, in the order in which the status names them.
pub fn inputs(view: &OwnerView, blueprint: &Blueprint, resource: &str) -> Vec<Input> {
    let Some(resource) = blueprint.resource(resource) else {
        return Vec::new();
    };
    let input = |kind: InputKind, name: &str, producer: &str| Input {
        kind: kind.name(),
        name: name.to_owned(),
        producer: producer.to_owned(),
        values: values(view, producer),
    };
    let named = [
        (InputKind::Source, &resource.sources),
        (InputKind::Image, &resource.images),
    ];
    let mut all: Vec<Input> = named
        .into_iter()
        .flat_map(|(kind, list)| list.iter().map(move |one| (kind, one)))
        .map(|(kind, one)| input(kind, &one.name, &one.resource))
        .collect();
    let deployment = resource.deployment.iter();
    all.extend(deployment.map(|producer| input(InputKind::Deployment, "", producer)));
    let configs = resource.configs.iter();
    all.extend(configs.map(|one| input(InputKind::Config, &one.name, &one.resource)));
    all
}

fn values(view: &OwnerView, producer: &str) -> Vec<(String, String)> {
    let found = view.resources.iter().find(|one| one.name == producer);
    let outputs = found.map(|one| one.outputs.as_slice()).unwrap_or_default();
    outputs
        .iter()
        .map(|output| (output.name.clone(), output.preview.trim_end().to_owned()))
        .collect()
}

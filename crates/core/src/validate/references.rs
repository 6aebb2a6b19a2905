//! Where the inputs of resources come from.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::key::TemplateKind;
use crate::model::{Blueprint, InputRef, Resource};

/// One list of inputs, with the words the webhook has for it.
struct Inputs<'a> {
    field: &'static str,
    inputs: &'a [InputRef],
    /// The kind that provides such an input, and its name in messages.
    provider: TemplateKind,
    provider_name: &'static str,
}

fn inputs(resource: &Resource) -> [Inputs<'_>; 3] {
    [
        Inputs {
            field: "sources",
            inputs: &resource.sources,
            provider: TemplateKind::Source,
            provider_name: "ClusterSourceTemplate",
        },
        Inputs {
            field: "images",
            inputs: &resource.images,
            provider: TemplateKind::Image,
            provider_name: "ClusterImageTemplate",
        },
        Inputs {
            field: "configs",
            inputs: &resource.configs,
            provider: TemplateKind::Config,
            provider_name: "ClusterConfigTemplate",
        },
    ]
}

/// Inputs come from resources that exist and give that type.
pub(super) fn supply_chain(blueprint: &Blueprint, report: &mut Report) {
    for (index, resource) in blueprint.resources.iter().enumerate() {
        for list in inputs(resource) {
            for (at, input) in list.inputs.iter().enumerate() {
                let path = format!("spec.resources[{index}].{}[{at}]", list.field);
                let invalid = |text: String| {
                    format!(
                        "invalid {} for resource [{}]: {text}",
                        list.field, resource.name
                    )
                };
                match blueprint.resource(&input.resource) {
                    None => report.webhook(
                        path,
                        invalid(format!(
                            "[{}] is provided by unknown resource [{}]",
                            input.name, input.resource
                        )),
                    ),
                    Some(provider) if provider.kind() != Some(list.provider) => report.webhook(
                        path,
                        invalid(format!(
                            "resource [{}] providing [{}] must reference a {}",
                            input.resource, input.name, list.provider_name
                        )),
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

/// As [`supply_chain`]; the original does not look. A deployment template's output is a source.
pub(super) fn delivery(blueprint: &Blueprint, report: &mut Report) {
    for (index, resource) in blueprint.resources.iter().enumerate() {
        for list in inputs(resource) {
            for (at, input) in list.inputs.iter().enumerate() {
                let path = format!("spec.resources[{index}].{}[{at}]", list.field);
                provided(
                    blueprint,
                    resource,
                    &path,
                    list.field,
                    &input.resource,
                    list.provider,
                    report,
                );
            }
        }
        if let Some(deployment) = &resource.deployment {
            let path = format!("spec.resources[{index}].deployment");
            let wanted = TemplateKind::Source;
            provided(
                blueprint,
                resource,
                &path,
                "deployment",
                deployment,
                wanted,
                report,
            );
        }
    }
}

fn provided(
    blueprint: &Blueprint,
    resource: &Resource,
    path: &str,
    field: &str,
    provider: &str,
    wanted: TemplateKind,
    report: &mut Report,
) {
    let invalid = format!("invalid {field} for resource [{}]", resource.name);
    let Some(found) = blueprint.resource(provider) else {
        report.error(
            path,
            format!("{invalid}: there is no resource [{provider}]"),
        );
        return;
    };
    let passes = found.kind() == Some(TemplateKind::Deployment) && wanted == TemplateKind::Source;
    if found.kind() != Some(wanted) && !passes {
        report.error(
            path,
            format!(
                "{invalid}: resource [{provider}] is a {}, which gives no such output",
                found.template_kind
            ),
        );
    }
}

/// No resource waits for itself, at whatever distance; names of inputs are unique in their list.
pub(super) fn order(blueprint: &Blueprint, report: &mut Report) {
    for (index, resource) in blueprint.resources.iter().enumerate() {
        if let Some(circle) = circle_through(blueprint, resource) {
            report.error(
                format!("spec.resources[{index}]"),
                format!(
                    "resource [{}] waits for itself: {}",
                    resource.name,
                    circle.join(" -> ")
                ),
            );
        }
        for list in inputs(resource) {
            let mut seen = BTreeSet::new();
            for (at, input) in list.inputs.iter().enumerate() {
                if !seen.insert(&input.name) {
                    report.error(
                        format!("spec.resources[{index}].{}[{at}].name", list.field),
                        format!(
                            "resource [{}] has two {} named [{}]: only one would reach its template",
                            resource.name, list.field, input.name
                        ),
                    );
                }
            }
        }
    }
}

/// The shortest way from a resource through its providers back to itself.
fn circle_through<'a>(blueprint: &'a Blueprint, from: &'a Resource) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![from.name.as_str()];
    while !open.is_empty() {
        let mut next = Vec::new();
        for name in open {
            for provider in blueprint.resource(name)?.producers() {
                if provider == from.name {
                    return Some(way_back(&came_from, &from.name, name));
                }
                if blueprint.resource(provider).is_some() && !came_from.contains_key(provider) {
                    came_from.insert(provider, name);
                    next.push(provider);
                }
            }
        }
        open = next;
    }
    None
}

fn way_back<'a>(came_from: &BTreeMap<&str, &'a str>, start: &'a str, end: &'a str) -> Vec<&'a str> {
    let mut way = vec![end];
    let mut at = end;
    while at != start {
        at = came_from.get(at).copied().unwrap_or(start);
        way.push(at);
    }
    way.reverse();
    way.push(start);
    way
}

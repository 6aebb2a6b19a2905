//! Where the inputs of resources come from.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use super::{Report, suggest};
use crate::key::BlueprintKind;

/// A list of inputs, and the kind of template that provides them.
const INPUTS: [(&str, &str); 3] = [
    ("sources", "ClusterSourceTemplate"),
    ("images", "ClusterImageTemplate"),
    ("configs", "ClusterConfigTemplate"),
];

fn find<'a, 'c>(resources: &'a [Cursor<'c>], name: &str) -> Option<&'a Cursor<'c>> {
    resources
        .iter()
        .find(|resource| resource.field("name").text() == name)
}

fn template_kind<'a>(resource: &Cursor<'a>) -> &'a str {
    resource.fields(&["templateRef", "kind"]).text()
}

/// The webhook's rule for supply chains: inputs come from resources that exist and give that
/// type.
pub(super) fn check_references(resources: &[Cursor<'_>], report: &mut Report) {
    for resource in resources {
        for (list, wanted) in INPUTS {
            for input in resource.field(list).items() {
                let name = input.field("name").text();
                let provider = input.field("resource").text();
                let problem = match find(resources, provider) {
                    None => format!("[{name}] is provided by unknown resource [{provider}]"),
                    Some(found) if template_kind(found) != wanted => {
                        format!(
                            "resource [{provider}] providing [{name}] must reference a {wanted}"
                        )
                    }
                    Some(_) => continue,
                };
                let consumer = resource.field("name").text();
                report.webhook(
                    input.field("resource").path(),
                    format!("invalid {list} for resource [{consumer}]: {problem}"),
                );
            }
        }
    }
}

/// What the webhook misses: references in deliveries, circles, inputs that hide each other.
pub(super) fn check(kind: BlueprintKind, resources: &[Cursor<'_>], report: &mut Report) {
    if kind == BlueprintKind::Delivery {
        check_delivery(resources, report);
    }
    check_circles(resources, report);
    for resource in resources {
        for (list, _) in INPUTS {
            check_twins(resource, list, report);
        }
    }
}

fn check_delivery(resources: &[Cursor<'_>], report: &mut Report) {
    for resource in resources {
        for (list, wanted) in [INPUTS[0], INPUTS[2]] {
            for input in resource.field(list).items() {
                check_provider(resources, resource, list, wanted, &input, report);
            }
        }
        let deployment = resource.field("deployment");
        if deployment.is_present() {
            let (_, wanted) = INPUTS[0];
            check_provider(
                resources,
                resource,
                "deployment",
                wanted,
                &deployment,
                report,
            );
        }
    }
}

/// The output of a deployment template is a source.
fn check_provider(
    resources: &[Cursor<'_>],
    resource: &Cursor<'_>,
    list: &str,
    wanted: &str,
    input: &Cursor<'_>,
    report: &mut Report,
) {
    let provider = input.field("resource");
    let consumer = resource.field("name").text();
    let invalid = format!("invalid {list} for resource [{consumer}]: ");
    let Some(found) = find(resources, provider.text()) else {
        let known = resources
            .iter()
            .map(|resource| resource.field("name").text());
        let hint = suggest::hint(provider.text(), known);
        report.error(
            provider.path(),
            format!("{invalid}there is no resource [{}]{hint}", provider.text()),
        );
        return;
    };
    let kind = template_kind(found);
    let gives_source = wanted == INPUTS[0].1 && kind == "ClusterDeploymentTemplate";
    if kind != wanted && !gives_source {
        report.error(
            provider.path(),
            format!(
                "{invalid}resource [{}] has a {kind}, which gives no such output",
                provider.text()
            ),
        );
    }
}

/// Two inputs of one name: only one would reach the template.
fn check_twins(resource: &Cursor<'_>, list: &str, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for input in resource.field(list).items() {
        let name = input.field("name");
        if !seen.insert(name.text()) {
            report.error(
                name.path(),
                format!(
                    "resource [{}] has two {list} named [{}]: only one would reach its template",
                    resource.field("name").text(),
                    name.text()
                ),
            );
        }
    }
}

/// The names of the resources that one takes inputs from.
fn providers<'a>(resource: &Cursor<'a>) -> BTreeSet<&'a str> {
    let listed = INPUTS
        .iter()
        .flat_map(|(list, _)| resource.field(list).items())
        .map(|input| input.field("resource").text());
    let deployment = resource.fields(&["deployment", "resource"]).text();
    listed
        .chain((!deployment.is_empty()).then_some(deployment))
        .collect()
}

/// Forward references are fine: resources are put into order. Circles can never start. Each
/// circle is reported once, at the first of its resources.
fn check_circles(resources: &[Cursor<'_>], report: &mut Report) {
    let graph: BTreeMap<&str, BTreeSet<&str>> = resources
        .iter()
        .map(|resource| (resource.field("name").text(), providers(resource)))
        .collect();
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    for resource in resources {
        let name = resource.field("name").text();
        if reported.contains(name) {
            continue;
        }
        if let Some(circle) = shortest_circle(&graph, name) {
            reported.extend(&circle);
            let inputs = resource.field(first_input(resource, circle[1]));
            report.error(
                inputs.path(),
                format!(
                    "resource [{name}] waits for itself, so it can never be stamped: {}",
                    circle.join(" needs ")
                ),
            );
        }
    }
}

/// The list through which a resource receives from a provider.
fn first_input(resource: &Cursor<'_>, provider: &str) -> &'static str {
    INPUTS
        .iter()
        .map(|(list, _)| *list)
        .find(|list| {
            let inputs = resource.field(list).items();
            inputs
                .iter()
                .any(|input| input.field("resource").text() == provider)
        })
        .unwrap_or("deployment")
}

/// The shortest way from a resource through its providers back to itself, both ends included.
/// Every resource is visited at most once.
fn shortest_circle<'a>(
    graph: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    from: &'a str,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![from];
    while !open.is_empty() {
        let mut next = Vec::new();
        for name in open {
            for &provider in graph.get(name).into_iter().flatten() {
                if provider == from {
                    return Some(way(&came_from, from, name));
                }
                if graph.contains_key(provider) && !came_from.contains_key(provider) {
                    came_from.insert(provider, name);
                    next.push(provider);
                }
            }
        }
        open = next;
    }
    None
}

fn way<'a>(came_from: &BTreeMap<&'a str, &'a str>, from: &'a str, last: &'a str) -> Vec<&'a str> {
    let mut way = vec![from];
    let mut at = last;
    while at != from {
        way.push(at);
        at = came_from.get(at).copied().unwrap_or(from);
    }
    way.push(from);
    way.reverse();
    way
}

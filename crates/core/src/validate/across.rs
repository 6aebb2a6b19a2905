//! Several objects together: what a blueprint names and gives, and what its templates expect.

mod uses;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cursor::Cursor;
use super::{Finding, Kind, Report, suggest};
use crate::key::TemplateKind;
use uses::{Uses, Wanted};

/// Says what does not fit together among objects that are meant to be used together.
///
/// Shape: each finding with the position of its object in the list. Templates of a kind are only
/// missed when the list has some of that kind: others may live elsewhere. Takes at most one look
/// at every pair of a blueprint's resource and a template it names.
pub fn across(objects: &[&Value]) -> Vec<(usize, Finding)> {
    let library = Library::of(objects);
    let mut findings = library.twins();
    for (position, object) in objects.iter().enumerate() {
        if let Some(Kind::Blueprint(_)) = Kind::of(object) {
            let mut report = Report::default();
            blueprint(&Cursor::root(object), &library, &mut report);
            findings.extend(
                report
                    .findings
                    .into_iter()
                    .map(|finding| (position, finding)),
            );
        }
    }
    findings.sort_by_key(|(position, _)| *position);
    findings
}

/// A template among the objects.
struct Known<'a> {
    declared: BTreeSet<&'a str>,
    uses: Uses<'a>,
}

/// Every template among the objects, by kind and name.
struct Library<'a> {
    templates: BTreeMap<(TemplateKind, &'a str), Known<'a>>,
    twins: Vec<(usize, Finding)>,
}

impl<'a> Library<'a> {
    fn of(objects: &[&'a Value]) -> Self {
        let mut templates = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut twins = Vec::new();
        for (position, object) in objects.iter().enumerate() {
            let Some(kind) = Kind::of(object) else {
                continue;
            };
            let root = Cursor::root(object);
            let text = |key: &str| root.field(key).text();
            let namespace = root.fields(&["metadata", "namespace"]).text();
            let name = root.object_name();
            if !name.is_empty() && !seen.insert((text("kind"), namespace, name)) {
                let mut report = Report::default();
                report.error(
                    "metadata.name",
                    format!(
                        "there is another {} [{name}] here: the last one wins",
                        text("kind")
                    ),
                );
                twins.extend(
                    report
                        .findings
                        .into_iter()
                        .map(|finding| (position, finding)),
                );
            }
            if let Kind::Template(kind) = kind {
                let spec = root.field("spec");
                let params = spec.field("params").items();
                let known = Known {
                    declared: params
                        .iter()
                        .map(|param| param.field("name").text())
                        .collect(),
                    uses: Uses::of(&spec),
                };
                templates.insert((kind, name), known);
            }
        }
        Self { templates, twins }
    }

    fn twins(&self) -> Vec<(usize, Finding)> {
        self.twins.clone()
    }

    fn names_of(&self, kind: TemplateKind) -> impl Iterator<Item = &'a str> {
        self.templates
            .keys()
            .filter(move |(known, _)| *known == kind)
            .map(|(_, name)| *name)
    }
}

fn blueprint(root: &Cursor<'_>, library: &Library<'_>, report: &mut Report) {
    let given = names_in(&root.fields(&["spec", "params"]));
    let mut wanted_somewhere = BTreeSet::new();
    let mut all_known = true;
    for resource in root.fields(&["spec", "resources"]).items() {
        let reference = resource.field("templateRef");
        let Some(kind) = TemplateKind::parse(reference.field("kind").text()) else {
            continue;
        };
        let options = reference.field("options").items();
        let names = std::iter::once(&reference).chain(&options);
        for name in names.map(|place| place.field("name")) {
            if name.text().is_empty() {
                continue;
            }
            let Some(template) = library.templates.get(&(kind, name.text())) else {
                missing(kind, &name, library, report);
                all_known = false;
                continue;
            };
            inputs(&resource, &name, template, report);
            params(&resource, &name, template, &given, report);
            wanted_somewhere.extend(template.declared.iter().copied());
            wanted_somewhere.extend(template.uses.params.iter().copied());
            all_known &= !template.uses.all_params;
        }
    }
    if all_known {
        unused(
            &root.fields(&["spec", "params"]),
            &wanted_somewhere,
            "no template here",
            report,
        );
    }
}

fn names_in<'a>(list: &Cursor<'a>) -> BTreeSet<&'a str> {
    list.items()
        .iter()
        .map(|item| item.field("name").text())
        .collect()
}

/// A template that no object here defines.
fn missing(kind: TemplateKind, name: &Cursor<'_>, library: &Library<'_>, report: &mut Report) {
    let wanted = name.text();
    let elsewhere = TemplateKind::ALL
        .into_iter()
        .find(|other| library.templates.contains_key(&(*other, wanted)));
    if let Some(other) = elsewhere {
        report.error(
            name.path(),
            format!("[{wanted}] is a {}, not a {}", other.name(), kind.name()),
        );
    } else if library.names_of(kind).next().is_some() {
        let hint = suggest::hint(wanted, library.names_of(kind));
        report.warn(
            name.path(),
            format!("no {} [{wanted}] is defined here{hint}", kind.name()),
        );
    }
}

/// What the template refers to has to be among the inputs of the resource. A ytt text may refer to
/// something only when it is there, so it is warned about.
fn inputs(resource: &Cursor<'_>, name: &Cursor<'_>, template: &Known<'_>, report: &mut Report) {
    let uses = &template.uses;
    let mut say = |text: String| {
        let text = format!("template [{}] {text}", name.text());
        if uses.exact {
            report.error(name.path(), text);
        } else {
            report.warn(name.path(), text);
        }
    };
    let lists = [
        ("sources", "source", &uses.sources),
        ("images", "image", &uses.images),
        ("configs", "config", &uses.configs),
    ];
    for (list, single, wanted) in lists {
        let given = names_in(&resource.field(list));
        for input in wanted.named.difference(&given) {
            let hint = suggest::hint(input, given.iter().copied());
            say(format!(
                "uses {list}.{input}, which this resource does not give it{hint}"
            ));
        }
        if wanted.single && given.len() != 1 {
            say(format!(
                "uses {single}, which is only there when a resource has exactly one of {list}; \
                 this one has {}",
                given.len()
            ));
        }
    }
    let deployment = resource.field("deployment").is_present();
    if uses.deployment && !deployment {
        say("uses deployment, which this resource does not give it".to_owned());
    }
    let gives = deployment
        || lists
            .iter()
            .any(|(list, ..)| resource.field(list).len() > 0);
    let takes = uses.deployment || uses.everything || lists.iter().any(|(.., one)| one.any());
    if gives && !takes {
        report.warn(
            name.path(),
            format!(
                "template [{}] uses none of the inputs that this resource gives it",
                name.text()
            ),
        );
    }
}

/// Parameters that the template uses come from somewhere; those that a resource gives are used.
fn params(
    resource: &Cursor<'_>,
    name: &Cursor<'_>,
    template: &Known<'_>,
    given: &BTreeSet<&str>,
    report: &mut Report,
) {
    let own = resource.field("params");
    let mut known: BTreeSet<&str> = names_in(&own);
    known.extend(given);
    known.extend(&template.declared);
    for param in template.uses.params.difference(&known) {
        let hint = suggest::hint(param, known.iter().copied());
        report.warn(
            name.path(),
            format!(
                "template [{}] uses param \"{param}\", which neither it nor this blueprint gives: \
                 each owner has to{hint}",
                name.text()
            ),
        );
    }
    if !template.uses.all_params {
        let wanted = template
            .declared
            .union(&template.uses.params)
            .copied()
            .collect();
        unused(
            &own,
            &wanted,
            &format!("template [{}]", name.text()),
            report,
        );
    }
}

/// Parameters that nobody looks at.
fn unused(params: &Cursor<'_>, wanted: &BTreeSet<&str>, whom: &str, report: &mut Report) {
    for param in params.items() {
        let name = param.field("name");
        if !wanted.contains(name.text()) {
            let hint = suggest::hint(name.text(), wanted.iter().copied());
            let verb = if whom.starts_with("no ") {
                "uses"
            } else {
                "does not use"
            };
            report.warn(
                name.path(),
                format!("{whom} {verb} param \"{}\"{hint}", name.text()),
            );
        }
    }
}

impl Wanted<'_> {
    fn any(&self) -> bool {
        self.single || self.all || !self.named.is_empty()
    }
}

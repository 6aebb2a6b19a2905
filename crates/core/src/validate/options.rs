//! How a resource finds its template: by name or by options.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Report;
use super::cursor::Cursor;
use super::selector;
use crate::key::BlueprintKind;

/// What an option is called in messages.
fn title<'a>(option: &Cursor<'a>) -> &'a str {
    match option.field("name").text() {
        "" => "passThrough",
        name => name,
    }
}

fn options<'a>(resource: &Cursor<'a>) -> Vec<Cursor<'a>> {
    resource.fields(&["templateRef", "options"]).items()
}

/// No two options have the same name. Two that pass something through both have none.
pub(super) fn check_unique(resource: &Cursor<'_>, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for option in options(resource) {
        let name = option.field("name").text();
        if !seen.insert(name) {
            report.webhook(
                option.path(),
                format!(
                    "duplicate template name [{name}] found in options for resource [{}]",
                    resource.field("name").text()
                ),
            );
        }
    }
}

/// A name or at least two options; each option with a name or an input, and a selector of its
/// own.
pub(super) fn check_choice(kind: BlueprintKind, resource: &Cursor<'_>, report: &mut Report) {
    const CHOICE: &str =
        "exactly one of templateRef.Name or templateRef.Options must be specified, found";
    let reference = resource.field("templateRef");
    let name = resource.field("name").text();
    let invalid = |text: &str| format!("error validating resource [{name}]: {text}");
    let options = options(resource);
    let named = !reference.field("name").text().is_empty();
    match (named, options.len()) {
        (true, 1..) => report.webhook(reference.path(), invalid(&format!("{CHOICE} both"))),
        (false, 0) => report.webhook(reference.path(), invalid(&format!("{CHOICE} neither"))),
        (false, 1) => report.webhook(
            reference.field("options").path(),
            invalid("templateRef.Options must have more than one option"),
        ),
        _ => {}
    }
    let passing = options
        .iter()
        .filter(|option| !option.field("passThrough").text().is_empty())
        .count();
    if passing > 1 {
        report.webhook(
            reference.field("options").path(),
            invalid(&format!(
                "cannot have more than one pass through option, found {passing}"
            )),
        );
    }
    for option in &options {
        check_option(kind, option, &invalid, report);
    }
    check_twins(&options, &invalid, report);
}

fn check_option(
    kind: BlueprintKind,
    option: &Cursor<'_>,
    invalid: &dyn Fn(&str) -> String,
    report: &mut Report,
) {
    const CHOICE: &str =
        "exactly one of option.Name or option.PassThrough must be specified, found";
    let given = ["name", "passThrough"].map(|field| !option.field(field).text().is_empty());
    match given {
        [true, true] => report.webhook(option.path(), invalid(&format!("{CHOICE} both"))),
        [false, false] => report.webhook(option.path(), invalid(&format!("{CHOICE} neither"))),
        _ => {}
    }
    let prefix = invalid(&format!(
        "error validating option [{}] selector: ",
        title(option)
    ));
    selector::check_option(kind, &option.field("selector"), &prefix, report);
}

/// Two options that match the same owners can never be told apart.
fn check_twins(options: &[Cursor<'_>], invalid: &dyn Fn(&str) -> String, report: &mut Report) {
    for (index, option) in options.iter().enumerate() {
        let twin = options[index + 1..].iter().find(|other| {
            other.field("name").text() != option.field("name").text()
                && known_parts(&other.field("selector")) == known_parts(&option.field("selector"))
        });
        if let Some(twin) = twin {
            report.webhook(
                twin.field("selector").path(),
                invalid(&format!(
                    "duplicate selector found in options [{}, {}]",
                    title(option),
                    title(twin)
                )),
            );
        }
    }
}

/// What the original keeps of a selector.
fn known_parts(selector: &Cursor<'_>) -> Map<String, Value> {
    ["matchLabels", "matchExpressions", "matchFields"]
        .into_iter()
        .map(|part| (part.to_owned(), selector.field(part).value().clone()))
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// What is passed through is an input of the type that the template would give.
pub(super) fn check_pass_through(kind: BlueprintKind, resource: &Cursor<'_>, report: &mut Report) {
    let invalid = |text: String| {
        let name = resource.field("name").text();
        format!("error validating resource [{name}]: {text}")
    };
    let template_kind = resource.fields(&["templateRef", "kind"]).text();
    let inputs = match (template_kind, kind) {
        ("ClusterSourceTemplate", _) => Some("sources"),
        ("ClusterImageTemplate", BlueprintKind::SupplyChain) => Some("images"),
        ("ClusterConfigTemplate", _) => Some("configs"),
        _ => None,
    };
    for option in options(resource) {
        let wanted = option.field("passThrough");
        if wanted.text().is_empty() {
            continue;
        }
        let Some(inputs) = inputs else {
            let text = format!("TemplateRef.Kind [{template_kind}] is not a known type");
            report.webhook(wanted.path(), invalid(text));
            continue;
        };
        let known = resource.field(inputs).items();
        if !known
            .iter()
            .any(|input| input.field("name").text() == wanted.text())
        {
            let text = format!(
                "pass through [{}] does not refer to a known input",
                wanted.text()
            );
            report.webhook(wanted.path(), invalid(text));
        }
    }
}

/// Paths in the selectors of options.
pub(super) fn check_paths(resource: &Cursor<'_>, report: &mut Report) {
    for option in options(resource) {
        selector::check_paths(&option.fields(&["selector", "matchFields"]), report);
    }
}

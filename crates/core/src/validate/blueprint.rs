//! `ClusterSupplyChain` and `ClusterDelivery`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Report, references, selector};
use crate::json;
use crate::key::{BlueprintKind, TemplateKind};
use crate::model::{Blueprint, Choice, Resource, TemplateOption};
use crate::params::{BlueprintParam, Setting};

pub(super) fn check(kind: BlueprintKind, object: &Value, report: &mut Report) {
    let blueprint = Blueprint::read(kind, object);
    if blueprint.selector.is_empty() {
        report.webhook(
            "spec",
            "at least one selector, selectorMatchExpression, selectorMatchField must be specified",
        );
    }
    params(
        "spec",
        "",
        json::list(object, &["spec", "params"]),
        &blueprint.params,
        report,
    );
    for (index, (resource, raw)) in resources(&blueprint, object).enumerate() {
        let path = format!("spec.resources[{index}]");
        let prefix = format!("resource [{}] is invalid: ", resource.name);
        params(
            &path,
            &prefix,
            json::list(raw, &["params"]),
            &resource.params,
            report,
        );
    }
    selector::check_blueprint(kind, &blueprint.selector, report);
    names(kind, &blueprint, report);
    for (index, (resource, raw)) in resources(&blueprint, object).enumerate() {
        options(kind, index, resource, raw, report);
    }
    match kind {
        BlueprintKind::SupplyChain => references::supply_chain(&blueprint, report),
        BlueprintKind::Delivery => {
            for (index, resource) in blueprint.resources.iter().enumerate() {
                deployment_input(index, resource, report);
            }
            references::delivery(&blueprint, report);
        }
    }
    references::order(&blueprint, report);
    lengths(&blueprint, report);
}

fn resources<'a>(
    blueprint: &'a Blueprint,
    object: &'a Value,
) -> impl Iterator<Item = (&'a Resource, &'a Value)> {
    blueprint
        .resources
        .iter()
        .zip(json::list(object, &["spec", "resources"]))
}

/// A parameter has a value or a default, not both and not neither.
fn params(path: &str, prefix: &str, raw: &[Value], params: &[BlueprintParam], report: &mut Report) {
    let given = |value: &Value, key: &str| value.get(key).is_some_and(|value| !value.is_null());
    for (index, (param, raw)) in params.iter().zip(raw).enumerate() {
        let both = given(raw, "value") && given(raw, "default");
        if both || param.setting == Setting::Nothing {
            report.webhook(
                format!("{path}.params[{index}]"),
                format!(
                    "{prefix}param [{}] is invalid: must set exactly one of value and default",
                    param.name
                ),
            );
        }
    }
    let mut seen = BTreeSet::new();
    for (index, param) in params.iter().enumerate() {
        if !seen.insert(&param.name) {
            report.warn(
                format!("{path}.params[{index}]"),
                format!("param [{}] is given twice: the last one wins", param.name),
            );
        }
    }
}

/// Names of resources are unique.
fn names(kind: BlueprintKind, blueprint: &Blueprint, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (index, resource) in blueprint.resources.iter().enumerate() {
        if seen.insert(&resource.name) {
            continue;
        }
        let name = &resource.name;
        let message = match kind {
            BlueprintKind::SupplyChain => format!("duplicate resource name [{name}] found"),
            BlueprintKind::Delivery => {
                format!("spec.resources[{index}].name \"{name}\" cannot appear twice")
            }
        };
        report.webhook(format!("spec.resources[{index}].name"), message);
    }
}

/// How a resource finds its template.
fn options(
    kind: BlueprintKind,
    index: usize,
    resource: &Resource,
    raw: &Value,
    report: &mut Report,
) {
    let path = format!("spec.resources[{index}].templateRef");
    let named = json::text(raw, &["templateRef", "name"]).is_some();
    let options = match &resource.choice {
        Choice::Options(options) => options.as_slice(),
        Choice::Named(_) => &[],
    };
    duplicate_options(&path, resource, options, report);
    let invalid = |text: &str| format!("error validating resource [{}]: {text}", resource.name);
    let one_of = "exactly one of templateRef.Name or templateRef.Options must be specified, found";
    match (named, options.len()) {
        (true, 1..) => report.webhook(path.as_str(), invalid(&format!("{one_of} both"))),
        (false, 0) => report.webhook(path.as_str(), invalid(&format!("{one_of} neither"))),
        (false, 1) => report.webhook(
            path.as_str(),
            invalid("templateRef.Options must have more than one option"),
        ),
        _ => {}
    }
    let one_of = "exactly one of option.Name or option.PassThrough must be specified, found";
    for (at, option) in options.iter().enumerate() {
        let path = format!("{path}.options[{at}]");
        match (!option.name.is_empty(), option.pass_through.is_some()) {
            (true, true) => report.webhook(path, invalid(&format!("{one_of} both"))),
            (false, false) => report.webhook(path, invalid(&format!("{one_of} neither"))),
            _ => {}
        }
    }
    for (at, option) in options.iter().enumerate() {
        let name = if option.name.is_empty() {
            "passThrough"
        } else {
            &option.name
        };
        let prefix = invalid(&format!("error validating option [{name}] selector: "));
        selector::check_option(
            kind,
            &format!("{path}.options[{at}].selector"),
            &prefix,
            &option.selector,
            report,
        );
    }
    for (at, option) in options.iter().enumerate() {
        let twin = options[..at]
            .iter()
            .find(|other| other.selector == option.selector);
        if let Some(twin) = twin.filter(|twin| twin.name != option.name) {
            report.webhook(
                format!("{path}.options[{at}].selector"),
                invalid(&format!(
                    "duplicate selector found in options [{}, {}]",
                    twin.name, option.name
                )),
            );
        }
    }
    for (at, option) in options.iter().enumerate() {
        pass_through(
            kind,
            &format!("{path}.options[{at}]"),
            resource,
            option,
            report,
        );
    }
}

fn duplicate_options(
    path: &str,
    resource: &Resource,
    options: &[TemplateOption],
    report: &mut Report,
) {
    let mut seen = BTreeSet::new();
    for (at, option) in options.iter().enumerate() {
        if !seen.insert(&option.name) {
            report.webhook(
                format!("{path}.options[{at}]"),
                format!(
                    "duplicate template name [{}] found in options for resource [{}]",
                    option.name, resource.name
                ),
            );
        }
    }
}

/// What is passed through is an input of the right type.
fn pass_through(
    kind: BlueprintKind,
    path: &str,
    resource: &Resource,
    option: &TemplateOption,
    report: &mut Report,
) {
    let Some(wanted) = &option.pass_through else {
        return;
    };
    let invalid = |text: String| format!("error validating resource [{}]: {text}", resource.name);
    let inputs = match (resource.kind(), kind) {
        (Some(TemplateKind::Source), _) => &resource.sources,
        (Some(TemplateKind::Image), BlueprintKind::SupplyChain) => &resource.images,
        (Some(TemplateKind::Config), _) => &resource.configs,
        _ => {
            report.webhook(
                path,
                invalid(format!(
                    "TemplateRef.Kind [{}] is not a known type",
                    resource.template_kind
                )),
            );
            return;
        }
    };
    if !inputs.iter().any(|input| input.name == *wanted) {
        report.webhook(
            path,
            invalid(format!(
                "pass through [{wanted}] does not refer to a known input"
            )),
        );
    }
}

/// A deployment goes into deployment templates, and nothing else does.
fn deployment_input(index: usize, resource: &Resource, report: &mut Report) {
    let path = format!("spec.resources[{index}]");
    let name = &resource.name;
    let deploys = resource.kind() == Some(TemplateKind::Deployment);
    if deploys && resource.deployment.is_none() {
        report.webhook(
            path.as_str(),
            format!(
                "spec.resources[{name}] is a ClusterDeploymentTemplate and must receive a deployment"
            ),
        );
    }
    if !deploys && resource.deployment.is_some() {
        report.webhook(
            format!("{path}.deployment"),
            format!(
                "spec.resources[{name}] receives a deployment but is not a ClusterDeploymentTemplate"
            ),
        );
    }
    if deploys && !resource.configs.is_empty() {
        report.webhook(
            format!("{path}.configs"),
            format!(
                "spec.resources[{name}] is a ClusterDeploymentTemplate and must not receive config"
            ),
        );
    }
}

/// Longest value of a label.
const LABEL_BYTES: usize = 63;

/// Names that become label values of stamped objects must fit.
fn lengths(blueprint: &Blueprint, report: &mut Report) {
    let too_long = |name: &str| name.len() > LABEL_BYTES;
    let message = |what: &str, name: &str| {
        format!(
            "{what} [{name}] is {} characters long: it becomes a label of every stamped object, \
             which holds at most {LABEL_BYTES}",
            name.len()
        )
    };
    if too_long(&blueprint.name) {
        report.error("metadata.name", message("name", &blueprint.name));
    }
    for (index, resource) in blueprint.resources.iter().enumerate() {
        if too_long(&resource.name) {
            report.error(
                format!("spec.resources[{index}].name"),
                message("resource name", &resource.name),
            );
        }
        if let Choice::Named(template) = &resource.choice
            && too_long(template)
        {
            report.error(
                format!("spec.resources[{index}].templateRef.name"),
                message("template name", template),
            );
        }
    }
}

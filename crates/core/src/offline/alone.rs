//! One template, stamped for one workload: what its unit tests are about.
//!
//! Two ways, as in the original's tester. Beside a *mock* of a chain, inputs and parameters are
//! what the test says. In a *chain*, the real blueprint selects, passes parameters and names
//! inputs, and only the outputs of earlier steps are what the test says. Source: cartographer
//! pkg/testing/{mock-supplychain,supplychain}.go.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::context::{self, Schema, Subject};
use crate::inputs::Inputs;
use crate::json;
use crate::key::{BlueprintKind, OwnerKind, TemplateKind};
use crate::model::{Blueprint, Choice, Owner, Resource, Template};
use crate::outputs::Output;
use crate::params;
use crate::realization::{Selection, best_options, select};
use crate::stamp;
use crate::stamp::finish::{Labels, Stamper, labels};
use crate::stamp::refers::Refers;
use crate::words::label;

/// What a chain would give a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mock {
    /// `sources`, `images` and `configs` by name, and `deployment`, as templates see them.
    pub inputs: Value,
    /// Parameters of the chain: a list as under `spec.params`.
    pub params: Value,
}

/// Stamps a template beside a mock of a chain.
///
/// # Errors
/// The text of what is wrong.
pub fn stamp_alone(template: &Value, workload: &Value, mock: &Mock) -> Result<Value, String> {
    let template = read_template(template)?;
    let owner = Owner::read(OwnerKind::Workload, Arc::new(workload.clone()));
    let subject = Subject::new(Schema::Workload, &owner.object);
    let params = Blueprint::read(
        BlueprintKind::SupplyChain,
        &json!({"spec": {"params": mock.params}}),
    );
    let params = params::merge(&template.params, &[], &params.params, &owner.params);
    let pairs = [
        (label::WORKLOAD_NAME, owner.name.as_str()),
        (label::WORKLOAD_NAMESPACE, &owner.namespace),
        (label::TEMPLATE_KIND, template.kind.name()),
        (label::CLUSTER_TEMPLATE_NAME, &template.name),
    ];
    let labels = pairs.into_iter().collect();
    finish(&template, &subject, params, mocked(&mock.inputs), labels)
}

/// Stamps the step `target` of the chain that selects the workload.
///
/// Shape: of several templates the one that the step chooses is stamped. `outputs` by step:
/// `{source: {url, revision}}`, `{image}` or `{config}`.
///
/// # Errors
/// The text of what is wrong.
pub fn stamp_in_chain(
    templates: &[Value],
    workload: &Value,
    chains: &[Value],
    target: &str,
    outputs: &Value,
) -> Result<Value, String> {
    let templates: Vec<Template> = templates
        .iter()
        .map(read_template)
        .collect::<Result<_, _>>()?;
    let owner = Owner::read(OwnerKind::Workload, Arc::new(workload.clone()));
    let subject = Subject::new(Schema::Workload, &owner.object);
    let chain = selected(&owner, &subject, chains)?;
    let resource = chain.resource(target).ok_or_else(|| {
        format!("did not find a supply chain resource with target name: {target}")
    })?;
    let name = chosen(resource, &owner, &subject)?;
    let is_chosen =
        |one: &&Template| *one.name == *name && resource.template_kind == one.kind.name();
    let template = templates.iter().find(is_chosen).ok_or_else(|| {
        let names: Vec<&str> = templates.iter().map(|one| &*one.name).collect();
        format!(
            "template '{}' is not selected by resource/stage '{target}' in supply chain '{}'",
            names.join("', '"),
            chain.name
        )
    })?;
    let inputs = Inputs::collect(&chain, resource, &given(outputs));
    let refers = Refers::of(&template.body);
    let missing: Vec<String> = inputs
        .missing
        .iter()
        .filter(|one| refers.to(one))
        .map(crate::inputs::Missing::text)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "{}: name it among the previous outputs",
            missing.join(", ")
        ));
    }
    let params = params::merge(
        &template.params,
        &chain.params,
        &resource.params,
        &owner.params,
    );
    let mut context = Map::new();
    inputs.add_to(&mut context);
    let labels = labels(&owner, &chain, resource, template);
    finish(template, &subject, params, context, labels)
}

fn read_template(object: &Value) -> Result<Template, String> {
    let kind = TemplateKind::parse(&json::string(object, &["kind"]));
    match kind.filter(|kind| *kind != TemplateKind::Run) {
        Some(kind) => Ok(Template::read(kind, object)),
        None => Err("template kind not found".to_owned()),
    }
}

fn finish(
    template: &Template,
    subject: &Subject,
    params: Map<String, Value>,
    inputs: Map<String, Value>,
    labels: Labels,
) -> Result<Value, String> {
    let scope = context::of_resource(subject, params, inputs, &labels);
    let stamped = stamp::render(&template.body, scope, subject)
        .and_then(|rendered| Stamper::of(subject.object()).finish(rendered.object, labels));
    let mut object = stamped.map_err(|text| format!("could not stamp: {text}"))?;
    // A workload from a file may be in no namespace.
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata
        && metadata.get("namespace") == Some(&Value::String(String::new()))
    {
        metadata.remove("namespace");
    }
    Ok(object)
}

fn selected(owner: &Owner, subject: &Subject, chains: &[Value]) -> Result<Arc<Blueprint>, String> {
    let read = |chain: &Value| Arc::new(Blueprint::read(BlueprintKind::SupplyChain, chain));
    let found = select(owner, subject, chains.iter().map(read).collect());
    let place = format!("[{}/{}]", owner.namespace, owner.name);
    match found {
        Selection::One(chain) => Ok(chain),
        Selection::Unlabelled | Selection::Nothing => Err(format!(
            "no supply chain {place} found where full selector is satisfied by labels: {}",
            carto_query::go::display_map(&owner.labels)
        )),
        Selection::Several(several) => {
            let names: Vec<&str> = several.iter().map(|one| &*one.name).collect();
            Err(format!(
                "more than one supply chain selected for workload {place}: [{}]",
                names.join(" ")
            ))
        }
        Selection::Invalid(text) => Err(format!("get selected supply chain, {text}")),
    }
}

/// Returns the name of the template that a step chooses for an owner.
fn chosen<'a>(resource: &'a Resource, owner: &Owner, subject: &Subject) -> Result<&'a str, String> {
    let options = match &resource.choice {
        Choice::Named(name) => return Ok(name),
        Choice::Options(options) => options,
    };
    let best = best_options(options, owner, subject)
        .map_err(|(at, error)| format!("cannot judge option [{}]: {error}", options[at].name))?;
    match best[..] {
        [one] => Ok(&options[one].name),
        _ => Err(format!(
            "expected exactly 1 option to match, found [{}] matching options",
            best.len()
        )),
    }
}

/// Reads the outputs of steps as a test gives them.
fn given(outputs: &Value) -> BTreeMap<String, Output> {
    let read = |(name, value): (&String, &Value)| {
        let part = |key: &str| value.get(key).filter(|part| !part.is_null());
        let output = if let Some(source) = part("source") {
            let of_source = |key: &str| source.get(key).cloned().unwrap_or_default();
            Output::Source {
                url: of_source("url"),
                revision: of_source("revision"),
            }
        } else if let Some(image) = part("image") {
            Output::Image(image.clone())
        } else {
            Output::Config(part("config")?.clone())
        };
        Some((name.clone(), output))
    };
    let all = outputs.as_object().into_iter().flatten();
    all.filter_map(read).collect()
}

/// Makes the inputs of a templating context of those that a test gives.
fn mocked(inputs: &Value) -> Map<String, Value> {
    let mut context = Map::new();
    let kinds: [(&str, &str, &[&str]); 3] = [
        ("sources", "source", &["url", "revision", "name"]),
        ("images", "image", &["image", "name"]),
        ("configs", "config", &["config", "name"]),
    ];
    for (list, single, fields) in kinds {
        let given = inputs.get(list).and_then(Value::as_object);
        let read = |(name, input): (&String, &Value)| (name.clone(), pick(input, fields));
        let all: Map<String, Value> = given.into_iter().flatten().map(read).collect();
        let mut values = all.values();
        if let (Some(only), None) = (values.next(), values.next()) {
            let value = if single == "source" {
                only
            } else {
                &only[single]
            };
            context.insert(single.to_owned(), value.clone());
        }
        context.insert(list.to_owned(), Value::Object(all));
    }
    let deployment = inputs.get("deployment").filter(|one| one.is_object());
    let deployment = deployment.map(|one| pick(one, &["url", "revision", "name"]));
    context.insert("deployment".to_owned(), deployment.unwrap_or_default());
    context
}

/// Takes the fields that inputs have; a name that is not given is empty.
fn pick(input: &Value, fields: &[&str]) -> Value {
    let field = |key: &&str| {
        let value = input.get(*key).cloned();
        let unset = || {
            if *key == "name" {
                Value::String(String::new())
            } else {
                Value::Null
            }
        };
        ((*key).to_owned(), value.unwrap_or_else(unset))
    };
    Value::Object(fields.iter().map(field).collect())
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn template(stamps: Value) -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterTemplate",
            "metadata": {"name": "t"},
            "spec": {"template": {
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": stamps,
            }, "params": [{"name": "p", "default": "of the template"}]},
        })
    }

    fn workload() -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": "w", "labels": {"app": "web"}}, "spec": {},
        })
    }

    fn chain() -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
            "metadata": {"name": "chain"},
            "spec": {"selector": {"app": "web"}, "params": [{"name": "p", "value": "of the chain"}],
                "resources": [
                    {"name": "build", "templateRef": {"kind": "ClusterImageTemplate", "name": "i"}},
                    {"name": "app", "templateRef": {"kind": "ClusterTemplate", "name": "t"},
                     "images": [{"name": "built", "resource": "build"}]},
                ]},
        })
    }

    #[test]
    fn beside_a_mock_a_template_sees_what_the_test_gives() {
        let mock = Mock {
            inputs: json!({"images": {"built": {"image": "img"}}, "sources": {
                "a": {"url": "u", "odd": 1}, "b": {"url": "v", "revision": {"branch": "x"}}}}),
            params: json!([{"name": "p", "value": "of the mock"}]),
        };
        let stamps = json!({
            "image": "$(image)$", "p": "$(params.p)$", "sources": "$(sources)$",
        });
        let object = stamp_alone(&template(stamps), &workload(), &mock).expect("it is sound");
        assert_eq!(
            object,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": "c",
                    "labels": {
                        "carto.run/workload-name": "w", "carto.run/workload-namespace": "",
                        "carto.run/template-kind": "ClusterTemplate",
                        "carto.run/cluster-template-name": "t",
                    },
                    "ownerReferences": [{
                        "apiVersion": "carto.run/v1alpha1", "kind": "Workload", "name": "w",
                        "uid": "", "controller": true, "blockOwnerDeletion": true,
                    }],
                },
                "data": {"image": "img", "p": "of the mock", "sources": {
                    "a": {"url": "u", "revision": null, "name": ""},
                    "b": {"url": "v", "revision": {"branch": "x"}, "name": ""},
                }},
            })
        );
    }

    #[test]
    fn in_a_chain_a_template_sees_what_its_step_gives() {
        let template = template(json!({"image": "$(images.built.image)$", "p": "$(params.p)$"}));
        let outputs = json!({"build": {"image": "img"}});
        let stamp = |target: &str, outputs: &Value| {
            stamp_in_chain(
                slice::from_ref(&template),
                &workload(),
                &[chain()],
                target,
                outputs,
            )
        };
        let object = stamp("app", &outputs).expect("it is sound");
        assert_eq!(object["data"], json!({"image": "img", "p": "of the chain"}));
        assert_eq!(
            object["metadata"]["labels"]["carto.run/supply-chain-name"],
            "chain"
        );
        let failures = [
            (
                "app",
                Value::Null,
                "waiting for image [built] from resource [build]: name it among \
              the previous outputs",
            ),
            (
                "none",
                outputs.clone(),
                "did not find a supply chain resource with target name: none",
            ),
            (
                "build",
                outputs,
                "template 't' is not selected by resource/stage 'build' in supply chain 'chain'",
            ),
        ];
        for (target, outputs, text) in failures {
            assert_eq!(stamp(target, &outputs).expect_err(target), text);
        }
    }

    #[test]
    fn selection_fails_in_the_words_of_the_original() {
        let stamp = |chains: &[Value]| {
            stamp_in_chain(
                &[template(json!({}))],
                &workload(),
                chains,
                "app",
                &Value::Null,
            )
            .expect_err("nothing is selected")
        };
        assert_eq!(
            stamp(&[]),
            "no supply chain [/w] found where full selector is satisfied by labels: map[app:web]"
        );
        let mut twin = chain();
        twin["metadata"]["name"] = "twin".into();
        assert_eq!(
            stamp(&[chain(), twin]),
            "more than one supply chain selected for workload [/w]: [chain twin]"
        );
    }
}

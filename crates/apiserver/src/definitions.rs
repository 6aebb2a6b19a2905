//! Custom kinds: from a `CustomResourceDefinition` to resources that are served.
//!
//! Source: apiextensions-apiserver `pkg/apis/apiextensions/{v1/defaults.go,validation}`,
//! `pkg/controller/{status,establish,finalizer}`, v1.36.

mod names;
mod status;
mod validate;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use names::accept as accept_names;
pub(crate) use status::{condition, is_true, set_condition};
pub(crate) use validate::validate;

use crate::admission::DEFINITIONS;
use crate::catalogue::{Custom, Resource, Rows, Scaling, Stored};
use crate::meta;
use crate::store::Key;

/// Holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

const VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// Fills in what a definition leaves out.
fn default(definition: &mut Value) {
    let spec = &mut definition["spec"];
    if spec["scope"].as_str() == Some("") {
        spec["scope"] = "Namespaced".into();
    }
    let kind = spec["names"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if spec["names"].is_object() {
        for (field, value) in [
            ("singular", kind.to_lowercase()),
            ("listKind", format!("{kind}List")),
        ] {
            if spec["names"][field].as_str().unwrap_or_default().is_empty() {
                spec["names"][field] = value.into();
            }
        }
    }
    if spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
}

/// Completes a definition that is created: defaults and an empty status.
pub(crate) fn complete_new(definition: &mut Value) {
    default(definition);
    definition["status"] = json!({
        "acceptedNames": {"kind": "", "plural": ""},
        "conditions": null,
        "storedVersions": [],
    });
    remember_storage_version(definition);
}

/// Completes a definition that is changed.
pub(crate) fn complete_changed(definition: &mut Value) {
    default(definition);
    remember_storage_version(definition);
}

fn remember_storage_version(definition: &mut Value) {
    let Some(version) = storage_version(definition).map(str::to_owned) else {
        return;
    };
    let stored = &mut definition["status"]["storedVersions"];
    if !stored.is_array() {
        *stored = json!([]);
    }
    if let Some(list) = stored.as_array_mut()
        && !list.iter().any(|v| *v == version)
    {
        list.push(version.into());
    }
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
}

fn storage_version(definition: &Value) -> Option<&str> {
    versions(definition)
        .find(|v| v["storage"] == true)
        .and_then(|v| v["name"].as_str())
}

/// Begins the end of a definition.
pub(crate) fn begin_delete(definition: &mut Value) {
    let metadata = meta::of(definition);
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|finalizer| finalizer == CLEANUP)
    {
        list.push(CLEANUP.into());
    }
    set_condition(
        definition,
        "Terminating",
        true,
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    );
}

/// The resources that a definition makes, one per version that is served or stored.
pub(crate) fn resources(definition: &Value) -> Vec<Arc<Resource>> {
    let Some(stored) = storage_version(definition) else {
        return vec![];
    };
    let compiled: Vec<(&Value, Arc<Custom>)> = versions(definition)
        .filter(|version| version["served"] == true || version["storage"] == true)
        .filter_map(|version| match Custom::compile(version) {
            Ok(rules) => Some((version, Arc::new(rules))),
            Err(error) => {
                // It was accepted, so an older server with other limits wrote it.
                let name = meta::text(definition, "name");
                tracing::error!(%error, definition = name, "a version of a definition is not served");
                None
            }
        })
        .collect();
    let rules_of_stored = compiled
        .iter()
        .find(|(version, _)| version["storage"] == true)
        .map(|(_, rules)| Arc::clone(rules));
    let since = meta::text(definition, "resourceVersion").parse();
    let of_stored = rules_of_stored.map(|rules| Stored {
        rules,
        since: since.unwrap_or(0),
    });
    let made = compiled.into_iter().map(|(version, rules)| {
        let resource = resource(definition, version, stored, rules);
        Arc::new(Resource {
            stored: of_stored.clone(),
            ..resource
        })
    });
    made.collect()
}

fn resource(definition: &Value, version: &Value, stored: &str, rules: Arc<Custom>) -> Resource {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| -> Arc<str> { value.as_str().unwrap_or_default().into() };
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let group = text(&spec["group"]);
    let name = text(&version["name"]);
    let plural = text(&names["plural"]);
    let served = version["served"] == true;
    Resource {
        api_version: format!("{group}/{name}").into(),
        stored_api_version: format!("{group}/{stored}").into(),
        storage: format!("{group}/{plural}").into(),
        rows: if *name == *stored {
            Rows::Stored
        } else {
            Rows::OtherVersion
        },
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        verbs: if served {
            VERBS.iter().map(|verb| (*verb).to_owned()).collect()
        } else {
            vec![]
        },
        namespaced: spec["scope"] == "Namespaced",
        stored: None,
        rules,
        has_status: version["subresources"].get("status").is_some(),
        scaling: scaling(&version["subresources"]["scale"]),
        extras: vec![],
        definition: Some(Key::new(DEFINITIONS, "", meta::text(definition, "name"))),
        create_on_update: false,
        unconditional_update: false,
        returns_deleted: false,
        inert: false,
        deprecation: deprecation(version, &group, &names["kind"]),
        group,
        version: name,
        plural,
    }
}

fn scaling(scale: &Value) -> Option<Scaling> {
    let path = |field: &str| -> Option<Vec<String>> {
        let text = scale[field].as_str()?.trim_start_matches('.');
        (!text.is_empty()).then(|| text.split('.').map(str::to_owned).collect())
    };
    Some(Scaling {
        spec_replicas: path("specReplicasPath")?,
        status_replicas: path("statusReplicasPath")?,
        selector: path("labelSelectorPath"),
    })
}

fn deprecation(version: &Value, group: &str, kind: &Value) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    Some(version["deprecationWarning"].as_str().map_or_else(
        || {
            let (version, kind) = (&version["name"], kind.as_str().unwrap_or_default());
            format!(
                "{group}/{} {kind} is deprecated",
                version.as_str().unwrap_or_default()
            )
        },
        str::to_owned,
    ))
}

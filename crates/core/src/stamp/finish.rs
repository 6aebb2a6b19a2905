//! What is done to every rendered object: namespace, owner, labels.
//!
//! Source: cartographer pkg/templates/stamper.go (`Stamp`), pkg/controllers/*_reconciler.go.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::json;
use crate::model::{Blueprint, Owner, Resource, Template};
use crate::words::label;
use crate::{key::OwnerKind, model::RunTemplate};

/// Labels of a stamped object, by key: templates see them first, then they go on the object.
#[derive(Clone, Debug)]
pub(crate) struct Labels(Arc<Value>);

impl Labels {
    /// The map, as templates see it.
    pub(crate) fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.0)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        let pairs = pairs.into_iter();
        let map = pairs.map(|(key, value)| (key.to_owned(), value.into()));
        Self(Arc::new(Value::Object(map.collect())))
    }
}

/// Who owns what is stamped.
#[derive(Clone, Debug)]
pub(crate) struct Stamper {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
}

impl Stamper {
    /// Reads the identity of an owner from its object.
    pub(crate) fn of(owner: &Value) -> Self {
        Self {
            api_version: json::string(owner, &["apiVersion"]),
            kind: json::string(owner, &["kind"]),
            name: json::string(owner, &["metadata", "name"]),
            namespace: json::string(owner, &["metadata", "namespace"]),
            uid: json::string(owner, &["metadata", "uid"]),
        }
    }

    /// Finishes a rendered object.
    ///
    /// # Errors
    /// When the template chose another namespace.
    pub(crate) fn finish(
        &self,
        mut object: Map<String, Value>,
        labels: Labels,
    ) -> Result<Value, String> {
        let metadata = json::object_at(&mut object, "metadata");
        let namespace = metadata
            .get("namespace")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !namespace.is_empty() && namespace != self.namespace {
            return Err("cannot set namespace in resource template".to_owned());
        }
        metadata.insert("namespace".into(), self.namespace.as_str().into());
        metadata.insert("ownerReferences".into(), json!([self.reference()]));
        if let Value::Object(labels) = Arc::unwrap_or_clone(labels.0) {
            json::object_at(metadata, "labels").extend(labels);
        }
        Ok(Value::Object(object))
    }

    fn reference(&self) -> Value {
        json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}

/// Labels what is stamped for a resource of a blueprint.
///
/// Differs: the template's name is the chosen one also where options are used; the original
/// leaves it empty then.
pub(crate) fn labels(
    owner: &Owner,
    blueprint: &Blueprint,
    resource: &Resource,
    template: &Template,
) -> Labels {
    let keys = match owner.kind {
        OwnerKind::Workload => [
            label::WORKLOAD_NAME,
            label::WORKLOAD_NAMESPACE,
            label::SUPPLY_CHAIN_NAME,
        ],
        OwnerKind::Deliverable => [
            label::DELIVERABLE_NAME,
            label::DELIVERABLE_NAMESPACE,
            label::DELIVERY_NAME,
        ],
    };
    let pairs = [
        (keys[0], owner.name.as_str()),
        (keys[1], &owner.namespace),
        (keys[2], &blueprint.name),
        (label::RESOURCE_NAME, &resource.name),
        (label::TEMPLATE_KIND, &resource.template_kind),
        (label::CLUSTER_TEMPLATE_NAME, &template.name),
        (label::TEMPLATE_LIFECYCLE, template.lifecycle.name()),
    ];
    pairs.into_iter().collect()
}

/// Labels what is stamped for a Runnable.
pub(crate) fn run_labels(runnable: &str, template: &RunTemplate) -> Labels {
    let pairs = [
        (label::RUNNABLE_NAME, runnable),
        (label::RUN_TEMPLATE_NAME, &*template.name),
    ];
    pairs.into_iter().collect()
}

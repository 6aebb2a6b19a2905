//! The built-in resources: those of the data of the server that this one can honestly serve.
//!
//! Names, verbs and subresources come with the data, from discovery of a kube-apiserver; here stands
//! how the pipelines treat each kind. A closed list: what is not in it is not in discovery.

use std::sync::{Arc, OnceLock};

use carto_merge::smd::Schema;
use serde_json::Value;

use super::resource::{Extra, Resource, Rows, Scaling};
use crate::builtin::{self, BuiltinKind};
use crate::error::FieldError;
use crate::kind::{Column, KindRules, Part};

/// Kinds of the data that are not served: storing them without doing what they ask for would be a lie.
const NOT_SERVED: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// A replace of these creates what is not there.
const CREATED_BY_REPLACE: &[&str] = &["Event", "Lease"];

/// A delete of these answers with the object.
const RETURNED_WHEN_DELETED: &[&str] = &[
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "ResourceQuota",
    "Service",
    "ServiceAccount",
];

/// These are run by somebody, or nothing happens.
const RUN: &[&str] = &[
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// These count changes of their specification.
///
/// Source: kubernetes `pkg/registry/*/strategy.go` (`PrepareForCreate`), v1.36.
const GENERATIONS: &[&str] = &[
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Ingress",
    "Job",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// The built-in resources.
pub(crate) fn resources() -> Vec<Arc<Resource>> {
    builtin::kinds()
        .iter()
        .filter(|kind| !NOT_SERVED.contains(&&*kind.kind))
        .map(|kind| Arc::new(resource(kind)))
        .collect()
}

fn resource(kind: &'static BuiltinKind) -> Resource {
    let of_events_group = kind.group == "events.k8s.io";
    let is_virtual = kind.verbs == ["create"];
    let (storage_group, stored_api_version) = if of_events_group {
        ("", "v1".to_owned())
    } else {
        (&*kind.group, kind.api_version())
    };
    let is_one_of = |list: &[&str]| list.contains(&&*kind.kind);
    Resource {
        group: kind.group.as_str().into(),
        version: kind.version.as_str().into(),
        api_version: kind.api_version().into(),
        stored_api_version: stored_api_version.into(),
        kind: kind.kind.as_str().into(),
        list_kind: kind.list_kind().into(),
        plural: kind.plural.as_str().into(),
        singular: kind.singular.as_str().into(),
        short_names: kind.short_names.clone(),
        categories: kind.categories.clone(),
        verbs: kind.verbs.clone(),
        namespaced: kind.namespaced,
        storage: format!("{storage_group}/{}", kind.plural).into(),
        rows: match (of_events_group, is_virtual) {
            (true, _) => Rows::Events,
            (_, true) => Rows::Virtual,
            _ => Rows::Stored,
        },
        stored: None,
        rules: Arc::new(Builtin {
            kind,
            empty: OnceLock::new(),
        }),
        has_status: kind.has_status(),
        scaling: has(kind, "scale").then(scaling),
        extras: extras(kind),
        definition: None,
        create_on_update: is_one_of(CREATED_BY_REPLACE),
        unconditional_update: true,
        returns_deleted: is_one_of(RETURNED_WHEN_DELETED),
        inert: is_one_of(RUN),
        deprecation: is_one_of(&["Endpoints"]).then(|| {
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned()
        }),
    }
}

fn has(kind: &BuiltinKind, subresource: &str) -> bool {
    kind.subresources.iter().any(|name| name == subresource)
}

fn extras(kind: &BuiltinKind) -> Vec<Extra> {
    const KNOWN: &[Extra] = &[
        Extra::Stream("attach"),
        Extra::Stream("ephemeralcontainers"),
        Extra::Stream("exec"),
        Extra::Finalize,
        Extra::Log,
        Extra::Stream("portforward"),
        Extra::Token,
    ];
    KNOWN
        .iter()
        .copied()
        .filter(|extra| has(kind, extra.name()))
        .collect()
}

/// All built-in kinds that scale keep their numbers in the same places.
fn scaling() -> Scaling {
    let path = |text: &str| text.split('.').map(str::to_owned).collect();
    Scaling {
        spec_replicas: path("spec.replicas"),
        status_replicas: path("status.replicas"),
        selector: Some(path("spec.selector")),
    }
}

/// A built-in kind, for the pipelines.
#[derive(Debug)]
struct Builtin {
    kind: &'static BuiltinKind,
    empty: OnceLock<Value>,
}

/// Fields that selectors may name, and where they are.
const SELECTABLE: &[(&str, &str, &str)] = &[
    ("Event", "involvedObject.kind", "/involvedObject/kind"),
    (
        "Event",
        "involvedObject.namespace",
        "/involvedObject/namespace",
    ),
    ("Event", "involvedObject.name", "/involvedObject/name"),
    ("Event", "involvedObject.uid", "/involvedObject/uid"),
    (
        "Event",
        "involvedObject.apiVersion",
        "/involvedObject/apiVersion",
    ),
    (
        "Event",
        "involvedObject.resourceVersion",
        "/involvedObject/resourceVersion",
    ),
    (
        "Event",
        "involvedObject.fieldPath",
        "/involvedObject/fieldPath",
    ),
    ("Event", "reason", "/reason"),
    ("Event", "reportingComponent", "/reportingComponent"),
    ("Event", "source", "/source/component"),
    ("Event", "type", "/type"),
    ("Event", "regarding.kind", "/regarding/kind"),
    ("Event", "regarding.namespace", "/regarding/namespace"),
    ("Event", "regarding.name", "/regarding/name"),
    ("Event", "regarding.uid", "/regarding/uid"),
    ("Job", "status.successful", "/status/succeeded"),
    ("Namespace", "status.phase", "/status/phase"),
    ("Node", "spec.unschedulable", "/spec/unschedulable"),
    ("Pod", "spec.nodeName", "/spec/nodeName"),
    ("Pod", "spec.restartPolicy", "/spec/restartPolicy"),
    ("Pod", "spec.schedulerName", "/spec/schedulerName"),
    ("Pod", "spec.serviceAccountName", "/spec/serviceAccountName"),
    ("Pod", "status.phase", "/status/phase"),
    ("Pod", "status.podIP", "/status/podIP"),
    ("ReplicaSet", "status.replicas", "/status/replicas"),
    ("Secret", "type", "/type"),
];

impl KindRules for Builtin {
    fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        self.kind.decode(object)
    }

    fn default(&self, object: &mut Value) {
        self.kind.default(object);
    }

    fn empty(&self) -> Option<Value> {
        Some(self.empty.get_or_init(|| self.kind.empty()).clone())
    }

    fn validate(&self, new: &Value, old: Option<&Value>, part: Part) -> Vec<FieldError> {
        self.kind.validate(new, old, part)
    }

    fn validate_name(&self, name: &str) -> Vec<String> {
        self.kind.validate_name(name)
    }

    fn prepare(&self, new: &mut Value, old: Option<&Value>, part: Part) {
        self.kind.prepare(new, old, part);
    }

    fn columns(&self) -> Vec<Column> {
        self.kind.columns()
    }

    fn cells(&self, object: &Value, now_seconds: i64) -> Vec<Value> {
        self.kind.cells(object, now_seconds)
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        let (_, _, path) = SELECTABLE
            .iter()
            .find(|(kind, name, _)| *kind == self.kind.kind && *name == field)?;
        Some(match object.pointer(path) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        })
    }

    fn has_selectable_fields(&self) -> bool {
        SELECTABLE
            .iter()
            .any(|(kind, _, _)| *kind == self.kind.kind)
    }

    fn counts_generations(&self) -> bool {
        GENERATIONS.contains(&&*self.kind.kind)
    }

    fn merge_schema(&self) -> &Schema {
        self.kind.merge_schema()
    }
}

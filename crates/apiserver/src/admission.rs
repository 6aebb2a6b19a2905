//! Rules that look beyond one object: namespaces, definitions, what may be deleted.
//!
//! Source: apiserver `pkg/admission/plugin/namespace/lifecycle`; kubernetes
//! `pkg/registry/core/namespace`, apiextensions-apiserver
//! `pkg/registry/customresourcedefinition/{strategy,etcd}.go`, v1.36.

use serde_json::{Value, json};

use crate::api::{Api, Call};
use crate::definitions;
use crate::error::{ApiError, Cause, FieldError, GroupResource};
use crate::kind::Part;
use crate::meta;
use crate::store::{Key, Object};

/// Namespaces that always exist.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

pub(crate) const NAMESPACES: &str = "/namespaces";
pub(crate) const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";
const PODS: &str = "/pods";

/// The reply to a write whose namespace went away in between.
pub(crate) fn namespace_is_gone(call: &Call, namespace: &str, name: &str) -> ApiError {
    namespace_is_terminating(call, namespace, name)
}

fn namespace_is_terminating(call: &Call, namespace: &str, name: &str) -> ApiError {
    ApiError::Forbidden {
        resource: call.resource.group_resource(),
        name: name.to_owned(),
        message: format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        ),
        causes: vec![Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        }],
    }
}

/// Completes a new object, and returns what must still be there when it is written.
pub(crate) fn before_create(
    api: &Api,
    call: &Call,
    object: &mut Value,
    name: &str,
) -> Result<Vec<Key>, ApiError> {
    let mut guards = vec![];
    let resource = &call.resource;
    if resource.namespaced {
        let namespace = call.namespace();
        let key = Key::new(NAMESPACES, "", namespace);
        match api.store.get(&key) {
            None => {
                return Err(ApiError::not_found(
                    GroupResource::new("", "namespaces"),
                    namespace,
                ));
            }
            Some(there) if there.deleting => {
                return Err(namespace_is_terminating(call, namespace, name));
            }
            Some(_) => guards.push(key),
        }
    }
    if let Some(definition) = &resource.definition {
        if api
            .store
            .get(definition)
            .is_none_or(|definition| definition.deleting)
        {
            return Err(ApiError::MethodNotAllowed);
        }
        guards.push(definition.clone());
    }
    match &*resource.storage {
        NAMESPACES => new_namespace(object, name),
        DEFINITIONS => definitions::complete_new(object),
        _ => {}
    }
    Ok(guards)
}

fn new_namespace(object: &mut Value, name: &str) {
    let labels = meta::of(object)
        .entry("labels")
        .or_insert_with(|| json!({}));
    labels["kubernetes.io/metadata.name"] = name.into();
    let finalizers = &mut object["spec"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(list) if list.iter().any(|finalizer| finalizer == "kubernetes") => {}
        Some(list) => list.push("kubernetes".into()),
        None => *finalizers = json!(["kubernetes"]),
    }
    object["status"] = json!({"phase": "Active"});
}

/// Checks of a new object that need more than its kind.
pub(crate) fn validate_create(
    api: &Api,
    call: &Call,
    object: &Value,
    errors: &mut Vec<FieldError>,
) -> Result<(), ApiError> {
    if &*call.resource.storage == DEFINITIONS {
        errors.extend(definitions::validate(object, None));
    }
    crate::auth::check_escalation(api, call, object, None)
}

/// Completes a changed object.
pub(crate) fn before_update(
    _api: &Api,
    call: &Call,
    new: &mut Value,
    old: &Value,
    part: Part,
) -> Result<(), ApiError> {
    match &*call.resource.storage {
        NAMESPACES => {
            // The label and, except through `finalize`, the finalizers stay.
            let name = new["metadata"]["name"].clone();
            let labels = meta::of(new).entry("labels").or_insert_with(|| json!({}));
            labels["kubernetes.io/metadata.name"] = name;
            if part != Part::Finalize {
                new["spec"]["finalizers"] = old["spec"]["finalizers"].clone();
            }
        }
        DEFINITIONS if part == Part::Main => definitions::complete_changed(new),
        _ => {}
    }
    Ok(())
}

/// Checks of a changed object that need more than its kind.
pub(crate) fn validate_update(
    api: &Api,
    call: &Call,
    new: &Value,
    old: &Value,
    part: Part,
    errors: &mut Vec<FieldError>,
) -> Result<(), ApiError> {
    if &*call.resource.storage == DEFINITIONS && part == Part::Main {
        errors.extend(definitions::validate(new, Some(old)));
    }
    crate::auth::check_escalation(api, call, new, Some(old))
}

/// Warnings about what was accepted.
pub(crate) fn warnings(call: &Call, new: &Value, old: Option<&Value>) {
    let resource = &call.resource;
    if resource.is_custom() {
        let before = old.map(meta::finalizers).unwrap_or_default();
        for finalizer in meta::finalizers(new) {
            if !finalizer.contains('/') && !is_standard(finalizer) && !before.contains(&finalizer) {
                let path = if finalizer.contains('.') {
                    " including a path (/)"
                } else {
                    ""
                };
                call.warn(format!(
                    "metadata.finalizers: \"{finalizer}\": prefer a domain-qualified finalizer \
                     name{path} to avoid accidental conflicts with other finalizer writers"
                ));
            }
        }
    }
    if old.is_none() && resource.inert && call.warns_inert {
        call.warn(format!(
            "this server does not run workloads; the {} is stored and nothing will run it",
            resource.kind
        ));
    }
}

fn is_standard(finalizer: &str) -> bool {
    matches!(finalizer, "orphan" | "foregroundDeletion" | "kubernetes")
}

/// Whether an object that is on its way out can go.
pub(crate) fn nothing_holds(call: &Call, object: &Value) -> bool {
    let held_by_content = &*call.resource.storage == NAMESPACES
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
    // A pod that was given time to stop goes when its runner deletes it without more time.
    let stopping = &*call.resource.storage == PODS
        && object["metadata"]["deletionGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(0)
            > 0;
    meta::finalizers(object).is_empty() && !held_by_content && !stopping
}

/// Refuses the delete of what must stay.
pub(crate) fn before_delete(_api: &Api, call: &Call, name: &str) -> Result<(), ApiError> {
    if &*call.resource.storage == NAMESPACES && IMMORTAL.contains(&name) {
        return Err(ApiError::forbidden(
            call.resource.group_resource(),
            name,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}

/// What a delete adds to an object before it is decided whether it can go at once.
pub(crate) fn prepare_delete(call: &Call, object: &mut Value) {
    if &*call.resource.storage == DEFINITIONS && !meta::is_deleting(object) {
        definitions::begin_delete(object);
    }
}

/// Time that the object is given to stop: only pods that somebody runs need it.
pub(crate) fn grace_seconds(call: &Call, object: &Value, asked: Option<i64>) -> i64 {
    const DEFAULT: i64 = 30;
    if &*call.resource.storage != PODS {
        return 0;
    }
    let scheduled = object["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty());
    let ended = matches!(
        object["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    if !scheduled || ended {
        return 0;
    }
    let of_pod = object["spec"]["terminationGracePeriodSeconds"].as_i64();
    asked.or(of_pod).unwrap_or(DEFAULT)
}

/// Namespaces and definitions have an end of their own, with neither grace nor generation.
pub(crate) fn ends_by_itself(call: &Call) -> bool {
    matches!(&*call.resource.storage, NAMESPACES | DEFINITIONS)
}

/// What a delete writes into an object that stays for a while.
pub(crate) fn mark_deleted(call: &Call, object: &mut Value) {
    if &*call.resource.storage == NAMESPACES {
        object["status"]["phase"] = "Terminating".into();
    }
    if ends_by_itself(call) {
        meta::of(object).remove("deletionGracePeriodSeconds");
    }
}

impl Api {
    /// What follows at once from a write, before its reply.
    pub(crate) fn after_write(&self, object: &Object) {
        if object.key.resource.starts_with(crate::auth::GROUP) {
            self.policy.forget();
        }
    }
}

//! [`Runnable`]: runs something again whenever its inputs change.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, RetentionPolicy};
use crate::json::{AnyJson, null_as_default};

/// What a Runnable consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "Runnable",
    namespaced,
    plural = "runnables",
    singular = "runnable",
    shortname = "run",
    status = "RunnableStatus",
    derive = "PartialEq",
    doc = "Creates a new object from its ClusterRunTemplate whenever that would differ from the last, and offers the outputs of the latest that succeeded.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RunnableSpec {
    /// Values for the template, which reads them as runnable.spec.inputs.NAME.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub inputs: BTreeMap<String, AnyJson>,
    /// How many objects are kept.
    #[serde(default, deserialize_with = "null_as_default")]
    pub retention_policy: RetentionPolicy,
    /// What is stamped.
    pub run_template_ref: RunTemplateRef,
    /// An object that the template reads as selected; exactly one must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ResourceSelector>,
    /// The service account as which objects are created, in the namespace of the Runnable;
    /// default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

/// Names the template of a Runnable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunTemplateRef {
    /// ClusterRunTemplate; nothing else is possible, and it may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the ClusterRunTemplate.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// Selects one object by kind and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// Labels that the object must have, with exactly these values.
    pub matching_labels: BTreeMap<String, String>,
    /// Kind of the object.
    pub resource: ResourceType,
}

/// Names a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceType {
    /// API version of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// The state of a Runnable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunnableStatus {
    /// The state of the whole: RunTemplateReady, StampedObjectCondition and their summary Ready.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub conditions: Vec<Condition>,
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Outputs of the latest object that succeeded.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub outputs: BTreeMap<String, AnyJson>,
}

//! What supply chains and deliveries have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Selector};
use crate::json::{AnyJson, null_as_default};

/// A parameter that a blueprint gives to templates: either a value or a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlueprintParam {
    /// Value of the parameter unless the Workload or Deliverable gives one. Not together with
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<AnyJson>,
    /// Name of the parameter, as the template has it.
    pub name: String,
    /// Value of the parameter, which the Workload or Deliverable cannot change. Not together with
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<AnyJson>,
}

/// Gives the output of another resource to a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceReference {
    /// Name by which the template refers to it, such as sources.NAME.url.
    pub name: String,
    /// Name of the resource in this blueprint that provides it.
    pub resource: String,
}

/// One of several templates for a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateOption {
    /// Name of the template. Not together with passThrough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Name of an input of the resource which is handed on unchanged, and nothing is stamped. Not
    /// together with name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_through: Option<String>,
    /// When this option is taken. Of several that match, the one with most requirements.
    pub selector: Selector,
}

/// Names the service account as which objects are created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceAccountRef {
    /// Name of the service account.
    pub name: String,
    /// Namespace of the service account; that of the Workload or Deliverable when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The state of a supply chain or delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueprintStatus {
    /// Whether every template exists: TemplatesReady and its summary Ready.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub conditions: Vec<Condition>,
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

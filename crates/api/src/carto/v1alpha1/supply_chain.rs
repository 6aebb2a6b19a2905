//! [`ClusterSupplyChain`]: the blueprint for Workloads.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BlueprintParam, BlueprintStatus, LegacySelector, ResourceReference, ServiceAccountRef,
    TemplateOption,
};
use crate::json::null_as_default;

/// What a ClusterSupplyChain consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterSupplyChain",
    plural = "clustersupplychains",
    singular = "clustersupplychain",
    shortname = "csc",
    status = "BlueprintStatus",
    derive = "PartialEq",
    doc = "The way of a Workload from source to configuration: which templates are stamped for it, and which outputs each receives.",
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
pub struct ClusterSupplyChainSpec {
    /// Parameters for all templates. They win over those of templates.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<BlueprintParam>,
    /// The steps.
    pub resources: Vec<SupplyChainResource>,
    /// Which Workloads this is for; at least one requirement.
    #[serde(flatten)]
    pub owners: LegacySelector,
    /// The service account as which objects are created, for Workloads that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<ServiceAccountRef>,
}

/// One step of a supply chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupplyChainResource {
    /// Configurations that the template receives, from resources with a ClusterConfigTemplate.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub configs: Vec<ResourceReference>,
    /// Images that the template receives, from resources with a ClusterImageTemplate.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub images: Vec<ResourceReference>,
    /// Name of the resource, unique in the supply chain.
    pub name: String,
    /// Parameters for the template. They win over those of the supply chain.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<BlueprintParam>,
    /// Sources that the template receives, from resources with a ClusterSourceTemplate.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub sources: Vec<ResourceReference>,
    /// What is stamped.
    pub template_ref: SupplyChainTemplateRef,
}

/// Names the template of a step: by name, or by options of which one is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SupplyChainTemplateRef {
    /// Kind of the template.
    #[schemars(extend("enum" = [
        "ClusterSourceTemplate",
        "ClusterImageTemplate",
        "ClusterTemplate",
        "ClusterConfigTemplate"
    ]))]
    pub kind: String,
    /// Name of the template. Not together with options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Templates of which exactly one is taken for each Workload; at least two. Not together with
    /// name.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    #[schemars(length(min = 2))]
    pub options: Vec<TemplateOption>,
}

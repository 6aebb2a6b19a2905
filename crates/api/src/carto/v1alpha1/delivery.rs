//! [`ClusterDelivery`]: the blueprint for Deliverables.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BlueprintParam, BlueprintStatus, LegacySelector, ResourceReference, ServiceAccountRef,
    TemplateOption,
};
use crate::json::null_as_default;

/// What a ClusterDelivery consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterDelivery",
    plural = "clusterdeliveries",
    singular = "clusterdelivery",
    shortname = "cd",
    status = "BlueprintStatus",
    derive = "PartialEq",
    doc = "The way of a Deliverable from configuration to a running deployment: which templates are stamped for it, and which outputs each receives.",
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
pub struct ClusterDeliverySpec {
    /// Parameters for all templates. They win over those of templates.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<BlueprintParam>,
    /// The steps.
    pub resources: Vec<DeliveryResource>,
    /// Which Deliverables this is for; at least one requirement.
    #[serde(flatten)]
    pub owners: LegacySelector,
    /// The service account as which objects are created, for Deliverables that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<ServiceAccountRef>,
}

/// One step of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryResource {
    /// Configurations that the template receives, from resources with a ClusterConfigTemplate.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub configs: Vec<ResourceReference>,
    /// The source that a ClusterDeploymentTemplate deploys, and hands on once it is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentReference>,
    /// Name of the resource, unique in the delivery.
    pub name: String,
    /// Parameters for the template. They win over those of the delivery.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<BlueprintParam>,
    /// Sources that the template receives, from resources with a ClusterSourceTemplate or
    /// ClusterDeploymentTemplate.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub sources: Vec<ResourceReference>,
    /// What is stamped.
    pub template_ref: DeliveryTemplateRef,
}

/// Names the resource that provides what is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentReference {
    /// Name of a resource in this delivery with a ClusterSourceTemplate or
    /// ClusterDeploymentTemplate.
    pub resource: String,
}

/// Names the template of a step: by name, or by options of which one is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryTemplateRef {
    /// Kind of the template.
    #[schemars(extend("enum" = [
        "ClusterSourceTemplate",
        "ClusterDeploymentTemplate",
        "ClusterTemplate",
        "ClusterConfigTemplate"
    ]))]
    pub kind: String,
    /// Name of the template. Not together with options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Templates of which exactly one is taken for each Deliverable; at least two. Not together
    /// with name.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    #[schemars(length(min = 2))]
    pub options: Vec<TemplateOption>,
}

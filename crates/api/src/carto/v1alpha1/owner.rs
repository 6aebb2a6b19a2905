//! The kinds that developers write: [`Workload`] and [`Deliverable`].

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, EnvVar, ObjectReference, ResourceRequirements, ResourceStatus};
use crate::json::{AnyJson, null_as_default};

/// What a Workload consists of.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "Workload",
    namespaced,
    plural = "workloads",
    singular = "workload",
    shortname = "wld",
    category = "all",
    status = "WorkloadStatus",
    derive = "PartialEq",
    doc = "An application under development: where its source is and what it needs. A ClusterSupplyChain that matches its labels and fields carries it on.",
    printcolumn(
        name = "Source",
        type_ = "string",
        json_path = ".spec.source['git.url','image']"
    ),
    printcolumn(
        name = "SupplyChain",
        type_ = "string",
        json_path = ".status.supplyChainRef.name"
    ),
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
pub struct WorkloadSpec {
    /// What the build needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Environment variables of the running application.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub env: Vec<EnvVar>,
    /// An image that is built already, instead of source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Parameters for templates. They win over those of the supply chain, except where the supply
    /// chain sets a value (not a default).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<OwnerParam>,
    /// Resource constraints of the running application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// The service account as which objects are created, in the namespace of the Workload. When
    /// left out: the one the supply chain names, else default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Services that the application is bound to.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub service_claims: Vec<ServiceClaim>,
    /// Where the source code is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The state of a Workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// The state of the whole: SupplyChainReady, ResourcesSubmitted, ResourcesHealthy and their
    /// summary Ready.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub conditions: Vec<Condition>,
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The state of each resource of the supply chain.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub resources: Vec<ResourceStatus>,
    /// The supply chain that was selected last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_chain_ref: Option<ObjectReference>,
}

/// What a Deliverable consists of.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "Deliverable",
    namespaced,
    plural = "deliverables",
    singular = "deliverable",
    shortname = "dlv",
    category = "all",
    status = "DeliverableStatus",
    derive = "PartialEq",
    doc = "An application to deploy: where its configuration is. A ClusterDelivery that matches its labels and fields carries it on.",
    printcolumn(
        name = "Source",
        type_ = "string",
        json_path = ".spec.source['git.url','image']"
    ),
    printcolumn(
        name = "Delivery",
        type_ = "string",
        json_path = ".status.deliveryRef.name"
    ),
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
pub struct DeliverableSpec {
    /// Parameters for templates. They win over those of the delivery, except where the delivery
    /// sets a value (not a default).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<OwnerParam>,
    /// The service account as which objects are created, in the namespace of the Deliverable.
    /// When left out: the one the delivery names, else default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Where the configuration is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The state of a Deliverable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliverableStatus {
    /// The state of the whole: DeliveryReady, ResourcesSubmitted, ResourcesHealthy and their
    /// summary Ready.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub conditions: Vec<Condition>,
    /// The delivery that was selected last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_ref: Option<ObjectReference>,
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The state of each resource of the delivery.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub resources: Vec<ResourceStatus>,
}

/// A parameter that an owner gives to templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnerParam {
    /// Name of the parameter, as the template or blueprint has it.
    pub name: String,
    /// Value of the parameter; anything but null.
    pub value: AnyJson,
}

/// Where source code or configuration is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// In a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// In an OCI image that holds the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The folder inside the repository or image; its root when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
}

/// A git repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Git {
    /// What to take of it.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRef>,
    /// Address of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What to take of a git repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GitRef {
    /// The tip of this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// This commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// This tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// What the build of a Workload needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// Environment variables of the build.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub env: Vec<EnvVar>,
}

/// A service that an application is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceClaim {
    /// Name of the binding within the Workload.
    pub name: String,
    /// The service.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<ServiceClaimRef>,
}

/// Names the object that stands for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceClaimRef {
    /// API version of the object.
    pub api_version: String,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
}

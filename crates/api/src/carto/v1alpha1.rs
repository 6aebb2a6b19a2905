//! `carto.run/v1alpha1`: the kinds of Cartographer.
//!
//! Shape: owners ([`Workload`], [`Deliverable`]) are matched to one blueprint
//! ([`ClusterSupplyChain`], [`ClusterDelivery`]) whose resources name templates; a template says
//! which object to stamp and what to read out of it. A [`Runnable`] stamps a new object from its
//! [`ClusterRunTemplate`] whenever its inputs change.

pub mod annotation;
pub mod condition_type;
pub mod event_reason;
pub mod label;
pub mod reason;

mod blueprint;
mod condition;
mod container;
mod delivery;
mod health;
mod owner;
mod resource_status;
mod run_template;
mod runnable;
mod selector;
mod supply_chain;
mod template;

pub use blueprint::{
    BlueprintParam, BlueprintStatus, ResourceReference, ServiceAccountRef, TemplateOption,
};
pub use condition::{Condition, ConditionStatus};
pub use container::{
    ConfigMapKeySelector, EnvVar, EnvVarSource, FieldRef, ResourceClaim, ResourceFieldRef,
    ResourceRequirements, SecretKeySelector,
};
pub use delivery::{
    ClusterDelivery, ClusterDeliverySpec, DeliveryResource, DeliveryTemplateRef,
    DeploymentReference,
};
pub use health::{
    HealthMatchRule, HealthRule, MatchConditionRequirement, MatchFieldRequirement, MultiMatch,
};
pub use owner::{
    Build, Deliverable, DeliverableSpec, DeliverableStatus, Git, GitRef, OwnerParam, ServiceClaim,
    ServiceClaimRef, Source, Workload, WorkloadSpec, WorkloadStatus,
};
pub use resource_status::{
    Input, ObjectReference, Output, ResourceStatus, StampedReference, TemplateReference,
};
pub use run_template::{ClusterRunTemplate, ClusterRunTemplateSpec};
pub use runnable::{
    ResourceSelector, ResourceType, RunTemplateRef, Runnable, RunnableSpec, RunnableStatus,
};
pub use selector::{FieldSelectorRequirement, LabelSelectorRequirement, LegacySelector, Selector};
pub use supply_chain::{
    ClusterSupplyChain, ClusterSupplyChainSpec, SupplyChainResource, SupplyChainTemplateRef,
};
pub use template::{
    ClusterConfigTemplate, ClusterConfigTemplateSpec, ClusterDeploymentTemplate,
    ClusterDeploymentTemplateSpec, ClusterImageTemplate, ClusterImageTemplateSpec,
    ClusterSourceTemplate, ClusterSourceTemplateSpec, ClusterTemplate, ClusterTemplateSpec,
    CompletionCondition, Lifecycle, ObservedCompletion, ObservedMatch, RetentionPolicy,
    TemplateParam, TemplateSpec,
};

/// The API group of every kind here.
pub const GROUP: &str = "carto.run";
/// The version of every kind here.
pub const VERSION: &str = "v1alpha1";
/// `group/version`, as `apiVersion` has it.
pub const API_VERSION: &str = "carto.run/v1alpha1";

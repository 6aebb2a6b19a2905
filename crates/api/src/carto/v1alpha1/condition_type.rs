//! Types of conditions.
//!
//! Source: cartographer `pkg/apis/v1alpha1/conditions.go`, `workload.go`, `deliverable.go`,
//! `runnable.go`, `cluster_supply_chain.go`, `cluster_delivery.go`.

/// The summary, on every kind that has a status and on each resource of an owner.
pub const READY: &str = "Ready";
/// On a Workload: exactly one supply chain was found, and it is ready.
pub const SUPPLY_CHAIN_READY: &str = "SupplyChainReady";
/// On a Deliverable: exactly one delivery was found, and it is ready.
pub const DELIVERY_READY: &str = "DeliveryReady";
/// On an owner: every resource was stamped and its outputs were read.
pub const RESOURCES_SUBMITTED: &str = "ResourcesSubmitted";
/// On an owner: the health of all resources together.
pub const RESOURCES_HEALTHY: &str = "ResourcesHealthy";
/// On a resource of an owner: it was stamped and its outputs were read.
pub const RESOURCE_SUBMITTED: &str = "ResourceSubmitted";
/// On a resource of an owner: its health by the template's rule.
pub const HEALTHY: &str = "Healthy";
/// On a blueprint: every template it names exists.
pub const TEMPLATES_READY: &str = "TemplatesReady";
/// On a Runnable: the run template was found and stamped.
pub const RUN_TEMPLATE_READY: &str = "RunTemplateReady";
/// On a Runnable: the `Succeeded` condition of its newest object.
pub const STAMPED_OBJECT_CONDITION: &str = "StampedObjectCondition";
/// On a stamped object of a `tekton` template or of a Runnable: whether the run succeeded.
pub const SUCCEEDED: &str = "Succeeded";
/// On an entry of `status.resources` whose object is no longer needed: whether it is gone. Such an
/// entry stays only as long as its object does.
pub const PRUNED: &str = "Pruned";

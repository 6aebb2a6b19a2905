//! Keys of the labels on stamped objects.
//!
//! Source: cartographer `pkg/controllers/workload_reconciler.go`, `deliverable_reconciler.go`,
//! `pkg/realizer/runnable/realizer.go`.

/// Name of the Workload an object was stamped for.
pub const WORKLOAD_NAME: &str = "carto.run/workload-name";
/// Namespace of the Workload an object was stamped for.
pub const WORKLOAD_NAMESPACE: &str = "carto.run/workload-namespace";
/// Name of the Deliverable an object was stamped for.
pub const DELIVERABLE_NAME: &str = "carto.run/deliverable-name";
/// Namespace of the Deliverable an object was stamped for.
pub const DELIVERABLE_NAMESPACE: &str = "carto.run/deliverable-namespace";
/// Name of the ClusterSupplyChain that was followed.
pub const SUPPLY_CHAIN_NAME: &str = "carto.run/supply-chain-name";
/// Name of the ClusterDelivery that was followed.
pub const DELIVERY_NAME: &str = "carto.run/delivery-name";
/// Name of the blueprint's resource.
pub const RESOURCE_NAME: &str = "carto.run/resource-name";
/// Kind of the template.
pub const TEMPLATE_KIND: &str = "carto.run/template-kind";
/// Name of the template.
pub const CLUSTER_TEMPLATE_NAME: &str = "carto.run/cluster-template-name";
/// Lifecycle of the template: `mutable`, `immutable` or `tekton`.
pub const TEMPLATE_LIFECYCLE: &str = "carto.run/template-lifecycle";
/// Name of the Runnable an object was stamped for.
pub const RUNNABLE_NAME: &str = "carto.run/runnable-name";
/// Name of the ClusterRunTemplate an object was stamped from.
pub const RUN_TEMPLATE_NAME: &str = "carto.run/run-template-name";

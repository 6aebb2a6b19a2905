//! The custom resource definitions, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::carto::v1alpha1::{
    ClusterConfigTemplate, ClusterDelivery, ClusterDeploymentTemplate, ClusterImageTemplate,
    ClusterRunTemplate, ClusterSourceTemplate, ClusterSupplyChain, ClusterTemplate, Deliverable,
    Runnable, Workload,
};
use crate::schema;

/// Returns the definitions of all kinds, owners first.
///
/// Use these, not `Workload::crd()` and its siblings: only these are in the house style of
/// Kubernetes and equal in structure to Cartographer's.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [
        Workload::crd(),
        Deliverable::crd(),
        Runnable::crd(),
        ClusterSupplyChain::crd(),
        ClusterDelivery::crd(),
        ClusterSourceTemplate::crd(),
        ClusterImageTemplate::crd(),
        ClusterConfigTemplate::crd(),
        ClusterDeploymentTemplate::crd(),
        ClusterTemplate::crd(),
        ClusterRunTemplate::crd(),
    ]
    .into_iter()
    .map(schema::tidy)
    .collect()
}

/// Returns the same as JSON values, as a server stores them.
pub fn crds_json() -> Vec<Value> {
    crds()
        .iter()
        .map(|crd| {
            let mut value = serde_json::to_value(crd).expect("a definition has only string keys");
            schema::whole_numbers(&mut value);
            value
        })
        .collect()
}

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
#[expect(
    clippy::missing_panics_doc,
    reason = "definitions always have a JSON form"
)]
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

/// Returns the same as one YAML stream, for `kubectl apply -f -`.
pub fn crds_yaml() -> String {
    let documents: Vec<String> = crds_json().iter().map(carto_yaml::emit::k8s).collect();
    documents.join("---\n")
}

/// A file of `config/crd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionFile {
    /// Its name, such as `carto.run_workloads.yaml`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// Returns the files of `config/crd`, which are committed so that reviewers see changes of a
/// schema and users can apply them without a toolchain.
pub fn definition_files() -> Vec<DefinitionFile> {
    crds_json()
        .iter()
        .map(|crd| {
            let name = crd["metadata"]["name"].as_str().unwrap_or_default();
            let (plural, group) = name.split_once('.').unwrap_or((name, ""));
            DefinitionFile {
                name: format!("{group}_{plural}.yaml"),
                text: format!(
                    "# Generated from crates/api by `cargo xtask gen-crds`; do not edit.\n{}",
                    carto_yaml::emit::k8s(crd)
                ),
            }
        })
        .collect()
}

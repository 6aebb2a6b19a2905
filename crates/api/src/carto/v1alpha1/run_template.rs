//! [`ClusterRunTemplate`]: the template of Runnables.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json::{AnyObject, null_as_default};

/// What a ClusterRunTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterRunTemplate",
    plural = "clusterruntemplates",
    singular = "clusterruntemplate",
    shortname = "crt",
    derive = "PartialEq",
    doc = "The object that a Runnable creates anew whenever its inputs change, such as a Tekton PipelineRun."
)]
pub struct ClusterRunTemplateSpec {
    /// Outputs of the Runnable: a name, and the path of its value in the latest object that
    /// succeeded, as a JSONPath without braces.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub outputs: BTreeMap<String, String>,
    /// The object to stamp, with $(...)$ where values of runnable and selected are filled in. It
    /// needs metadata.generateName; its namespace is that of the Runnable.
    pub template: AnyObject,
}

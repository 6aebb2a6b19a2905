//! The template kinds of owners: source, image, config, deployment and plain.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HealthRule;
use crate::json::{AnyJson, AnyObject, null_as_default};

/// What all templates have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateSpec {
    /// How the health of the stamped object is judged. When left out: healthy as soon as its
    /// outputs can be read (a ClusterTemplate: as soon as it is stamped).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_rule: Option<HealthRule>,
    /// What a change means: mutable changes the object, immutable creates a new one, tekton
    /// creates a new one and judges it by its condition Succeeded. Objects that are not mutable
    /// need metadata.generateName.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["mutable", "immutable", "tekton"], "default" = "mutable"))]
    pub lifecycle: Option<String>,
    /// Parameters that the template knows, with their defaults.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub params: Vec<TemplateParam>,
    /// How many objects are kept when lifecycle is immutable or tekton; ten of each sort when
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_policy: Option<RetentionPolicy>,
    /// The object to stamp, with $(...)$ where values are filled in. Not together with ytt. Its
    /// namespace is that of the Workload or Deliverable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<AnyObject>,
    /// The object to stamp as ytt text, with values from data.values. Not together with template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ytt: Option<String>,
}

impl TemplateSpec {
    /// Returns the lifecycle; an absent or unknown word means mutable.
    pub fn lifecycle(&self) -> Lifecycle {
        match self.lifecycle.as_deref() {
            Some("immutable") => Lifecycle::Immutable,
            Some("tekton") => Lifecycle::Tekton,
            _ => Lifecycle::Mutable,
        }
    }
}

/// What a change of a stamped object means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifecycle {
    /// The object is changed.
    #[default]
    Mutable,
    /// A new object is created.
    Immutable,
    /// A new object is created, and judged by its condition `Succeeded`.
    Tekton,
}

impl Lifecycle {
    /// Returns the word as it stands in YAML and in the label of stamped objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutable => "mutable",
            Self::Immutable => "immutable",
            Self::Tekton => "tekton",
        }
    }

    /// Reports whether every change makes a new object.
    pub fn is_immutable(self) -> bool {
        self != Self::Mutable
    }
}

/// A parameter that a template knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateParam {
    /// Value of the parameter when nobody gives one; anything but null.
    pub default: AnyJson,
    /// Name of the parameter; the template reads it as params.NAME.
    pub name: String,
}

/// How many objects of a resource or Runnable are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// How many failed ones, the newest first.
    #[schemars(range(min = 1))]
    pub max_failed_runs: i64,
    /// How many successful ones, the newest first.
    #[schemars(range(min = 1))]
    pub max_successful_runs: i64,
}

impl Default for RetentionPolicy {
    /// Ten of each sort. Source: cartographer `pkg/realizer/realizer.go`.
    fn default() -> Self {
        Self {
            max_failed_runs: 10,
            max_successful_runs: 10,
        }
    }
}

/// What a ClusterSourceTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterSourceTemplate",
    plural = "clustersourcetemplates",
    singular = "clustersourcetemplate",
    shortname = "cst",
    derive = "PartialEq",
    doc = "Stamps an object that provides source code: a URL and a revision."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSourceTemplateSpec {
    /// What all templates have in common.
    #[serde(flatten)]
    pub common: TemplateSpec,
    /// Path in the stamped object of the revision, as a JSONPath without braces, such as
    /// .status.artifact.revision.
    pub revision_path: String,
    /// Path in the stamped object of the URL, as a JSONPath without braces, such as
    /// .status.artifact.url.
    pub url_path: String,
}

/// What a ClusterImageTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterImageTemplate",
    plural = "clusterimagetemplates",
    singular = "clusterimagetemplate",
    shortname = "cit",
    derive = "PartialEq",
    doc = "Stamps an object that provides an image."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterImageTemplateSpec {
    /// What all templates have in common.
    #[serde(flatten)]
    pub common: TemplateSpec,
    /// Path in the stamped object of the image, as a JSONPath without braces, such as
    /// .status.latestImage.
    pub image_path: String,
}

/// What a ClusterConfigTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterConfigTemplate",
    plural = "clusterconfigtemplates",
    singular = "clusterconfigtemplate",
    shortname = "cct",
    derive = "PartialEq",
    doc = "Stamps an object that provides configuration."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterConfigTemplateSpec {
    /// What all templates have in common.
    #[serde(flatten)]
    pub common: TemplateSpec,
    /// Path in the stamped object of the configuration, as a JSONPath without braces, such as
    /// .data.
    pub config_path: String,
}

/// What a ClusterDeploymentTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterDeploymentTemplate",
    plural = "clusterdeploymenttemplates",
    singular = "clusterdeploymenttemplate",
    shortname = "cdt",
    derive = "PartialEq",
    doc = "Stamps an object that deploys what it receives, and hands that on once it is deployed: by observedMatches or observedCompletion, exactly one of them."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeploymentTemplateSpec {
    /// What all templates have in common.
    #[serde(flatten)]
    pub common: TemplateSpec,
    /// Deployed when a field has a value, of a generation that was observed. Not together with
    /// observedMatches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_completion: Option<ObservedCompletion>,
    /// Deployed when the two fields of each pair are equal. Not together with
    /// observedCompletion.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub observed_matches: Vec<ObservedMatch>,
}

/// A pair of fields of a stamped object that must be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedMatch {
    /// Path of what was asked for, such as spec.revision.
    pub input: String,
    /// Path of what was achieved, such as status.revision.
    pub output: String,
}

/// Fields of a stamped object that say how a deployment ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedCompletion {
    /// The deployment has failed when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<CompletionCondition>,
    /// The deployment has succeeded when this holds.
    pub succeeded: CompletionCondition,
}

/// A field and the value it must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompletionCondition {
    /// Path of the field, as a JSONPath without braces.
    pub key: String,
    /// The value; only strings are compared.
    pub value: String,
}

/// What a ClusterTemplate consists of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "carto.run",
    version = "v1alpha1",
    kind = "ClusterTemplate",
    plural = "clustertemplates",
    singular = "clustertemplate",
    shortname = "ct",
    derive = "PartialEq",
    doc = "Stamps an object that provides nothing to other templates."
)]
pub struct ClusterTemplateSpec {
    /// What all templates have in common.
    #[serde(flatten)]
    pub common: TemplateSpec,
}

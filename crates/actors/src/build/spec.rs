//! `Image` and `Build` as we read them, in both served versions.

use carto_artifacts::digest::Digest;
use kube::api::DynamicObject;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::names::IDENTITY;

/// kpack's labels and annotations (pkg/apis/build/v1alpha2/image_builds.go).
pub(super) const BUILD_NUMBER: &str = "image.kpack.io/buildNumber";
pub(super) const IMAGE: &str = "image.kpack.io/image";
pub(super) const IMAGE_GENERATION: &str = "image.kpack.io/imageGeneration";
pub(super) const REASON: &str = "image.kpack.io/reason";
pub(super) const BUILD_NEEDED: &str = "image.kpack.io/additionalBuildNeeded";
pub(super) const BUILDER_NAME: &str = "image.kpack.io/builderName";
pub(super) const BUILDER_KIND: &str = "image.kpack.io/builderKind";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImageSpec {
    pub(super) tag: String,
    pub(super) additional_tags: Vec<String>,
    pub(super) builder: BuilderRef,
    service_account_name: Option<String>,
    /// The same in v1alpha1.
    service_account: Option<String>,
    pub(super) source: Source,
    pub(super) build: ImageBuild,
    pub(super) default_process: Option<String>,
    pub(super) image_tagging_strategy: Option<String>,
    pub(super) failed_build_history_limit: Option<usize>,
    pub(super) success_build_history_limit: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BuilderRef {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImageBuild {
    pub(super) env: Vec<EnvVar>,
    pub(super) services: Vec<Value>,
    pub(super) cnb_bindings: Vec<Value>,
    pub(super) build_timeout: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EnvVar {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) git: Option<GitSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) blob: Option<BlobSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registry: Option<RegistrySource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_path: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GitSource {
    pub(super) url: String,
    pub(super) revision: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) initialize_submodules: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BlobSource {
    pub(super) url: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) strip_components: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RegistrySource {
    pub(super) image: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) image_pull_secrets: Vec<NameRef>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NameRef {
    pub(super) name: String,
}

impl ImageSpec {
    pub(super) fn service_account(&self) -> &str {
        self.service_account_name
            .as_deref()
            .or(self.service_account.as_deref())
            .unwrap_or("default")
    }

    pub(super) fn builder(&self) -> BuilderRef {
        let kind = if self.builder.kind.is_empty() {
            "ClusterBuilder"
        } else {
            &self.builder.kind
        };
        BuilderRef {
            kind: kind.to_owned(),
            name: self.builder.name.clone(),
        }
    }

    /// Hash of what a build depends on, with the source as it was resolved. Tags are not part of it.
    pub(super) fn identity(&self, source: &Source) -> String {
        let facts = json!({
            "source": source,
            "builder": self.builder(),
            "env": self.build.env,
            "services": self.build.services,
            "bindings": self.build.cnb_bindings,
            "process": self.default_process,
        });
        // Label values end at 63 characters; 160 bits are plenty.
        Digest::of(facts.to_string().as_bytes()).hex()[..40].to_owned()
    }
}

/// A Build as we wrote it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BuildSpec {
    pub(super) tags: Vec<String>,
    pub(super) service_account_name: String,
    pub(super) source: Source,
    pub(super) env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_process: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) active_deadline_seconds: Option<u64>,
}

impl BuildSpec {
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .find(|variable| variable.name == name)
            .map(|variable| variable.value.as_str())
    }
}

/// What is known of a Build object.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) name: String,
    pub(super) number: u64,
    pub(super) identity: String,
    pub(super) reason: String,
    pub(super) generation: i64,
    pub(super) asked_again: bool,
    pub(super) source: Source,
    /// `None` while it runs.
    pub(super) succeeded: Option<bool>,
    pub(super) message: String,
    pub(super) image: Option<String>,
}

impl Build {
    pub(super) fn of(object: &DynamicObject) -> Build {
        let label = |key: &str| object.labels().get(key).cloned().unwrap_or_default();
        let conditions = object
            .data
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        let succeeded = conditions.and_then(|all| all.iter().find(|c| c["type"] == "Succeeded"));
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        Build {
            name: object.name_any(),
            number: label(BUILD_NUMBER).parse().unwrap_or_default(),
            identity: label(IDENTITY),
            reason: object
                .annotations()
                .get(REASON)
                .cloned()
                .unwrap_or_default(),
            generation: label(IMAGE_GENERATION).parse().unwrap_or_default(),
            asked_again: object.annotations().contains_key(BUILD_NEEDED),
            source: serde_json::from_value(object.data["spec"]["source"].clone())
                .unwrap_or_default(),
            succeeded: match succeeded.and_then(|c| c["status"].as_str()) {
                Some("True") => Some(true),
                Some("False") => Some(false),
                _ => None,
            },
            message: text(succeeded.and_then(|c| c.get("message"))),
            image: object
                .data
                .pointer("/status/latestImage")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

/// Whether the object belongs to this owner, by identity and not by name.
pub(super) fn is_owned_by<K: Resource>(object: &K, uid: &str) -> bool {
    object
        .meta()
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.uid == uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(value: Value) -> ImageSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn both_versions_name_their_account() {
        assert_eq!(
            image(json!({"serviceAccount": "old"})).service_account(),
            "old"
        );
        assert_eq!(
            image(json!({"serviceAccountName": "new"})).service_account(),
            "new"
        );
        assert_eq!(image(json!({})).service_account(), "default");
    }

    #[test]
    fn identity_is_of_what_matters_and_not_of_tags() {
        let spec = |tag: &str, env: &str| {
            image(json!({"tag": tag, "build": {"env": [{"name": "A", "value": env}]}}))
        };
        let source = |url: &str| Source {
            blob: Some(BlobSource {
                url: url.into(),
                ..BlobSource::default()
            }),
            ..Source::default()
        };
        let identity = spec("a", "1").identity(&source("u"));
        assert_eq!(spec("b", "1").identity(&source("u")), identity);
        assert_ne!(spec("a", "2").identity(&source("u")), identity);
        assert_ne!(spec("a", "1").identity(&source("v")), identity);
        assert_eq!(identity.len(), 40);
    }
}

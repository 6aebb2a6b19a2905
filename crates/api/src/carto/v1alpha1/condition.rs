//! Conditions, with the constraints of `metav1.Condition`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of the current state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// When status, reason or message last changed.
    pub last_transition_time: Time,
    /// Explanation for people; may be empty.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// The metadata.generation that this condition is about. Carto leaves it out; the status has
    /// one observedGeneration for all conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Why, in one CamelCase word that scripts may compare.
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    )]
    pub reason: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Which aspect, in CamelCase.
    #[serde(rename = "type")]
    #[schemars(
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub type_: String,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    #[allow(
        missing_docs,
        reason = "a doc comment here would turn the enumeration into oneOf"
    )]
    True,
    #[allow(
        missing_docs,
        reason = "a doc comment here would turn the enumeration into oneOf"
    )]
    False,
    #[allow(
        missing_docs,
        reason = "a doc comment here would turn the enumeration into oneOf"
    )]
    Unknown,
}

impl ConditionStatus {
    /// Returns the word as it stands in YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

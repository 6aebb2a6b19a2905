//! Health rules of templates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json::{AnyObject, null_as_default};

/// How the health of a stamped object is judged; one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthRule {
    /// The object is healthy as soon as it exists. Write it as {}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_healthy: Option<AnyObject>,
    /// The object is healthy by conditions and fields: unhealthy when one of the unhealthy
    /// requirements is met, healthy when all of the healthy ones are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_match: Option<MultiMatch>,
    /// The object is as healthy as its condition of this type says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_condition_type: Option<String>,
}

/// Judges health by conditions and fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MultiMatch {
    /// When all of these are met, the object is healthy.
    pub healthy: HealthMatchRule,
    /// When one of these is met, the object is unhealthy.
    pub unhealthy: HealthMatchRule,
}

/// Requirements on conditions and fields of a stamped object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthMatchRule {
    /// Requirements on its conditions.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub match_conditions: Vec<MatchConditionRequirement>,
    /// Requirements on its fields.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub match_fields: Vec<MatchFieldRequirement>,
}

/// A requirement on a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchConditionRequirement {
    /// The status it must have.
    pub status: String,
    /// Type of the condition.
    #[serde(rename = "type")]
    pub type_: String,
}

/// A requirement on a field, and where to find an explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchFieldRequirement {
    /// Path of the field from the root of the stamped object, as a JSONPath without braces, such
    /// as status.phase.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Path of a field that explains the state to people; shown when the requirement is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_path: Option<String>,
    /// In, NotIn, Exists or DoesNotExist.
    #[schemars(extend("enum" = ["In", "NotIn", "Exists", "DoesNotExist"]))]
    pub operator: String,
    /// For In and NotIn: the values, at least one; only strings are compared. For Exists and
    /// DoesNotExist: none.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub values: Vec<String>,
}

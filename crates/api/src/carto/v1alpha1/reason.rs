//! Reasons of conditions. They are API: scripts compare them.
//!
//! Source: cartographer `pkg/apis/v1alpha1/conditions.go`, `workload.go`, `deliverable.go`,
//! `runnable.go`, `cluster_supply_chain.go`, `cluster_delivery.go`. A blueprint's own `Ready`
//! reason may be copied to an owner's `SupplyChainReady` or `DeliveryReady`.

/// All is well (`Ready`, `SupplyChainReady`, `DeliveryReady`, `TemplatesReady`,
/// `RunTemplateReady`).
pub const READY: &str = "Ready";
/// Nothing is known yet.
pub const UNKNOWN: &str = "Unknown";

/// A Workload has no label at all.
pub const WORKLOAD_LABELS_MISSING: &str = "WorkloadLabelsMissing";
/// No supply chain matches.
pub const SUPPLY_CHAIN_NOT_FOUND: &str = "SupplyChainNotFound";
/// Several supply chains match equally well.
pub const MULTIPLE_SUPPLY_CHAIN_MATCHES: &str = "MultipleSupplyChainMatches";
/// A Deliverable has no label at all.
pub const DELIVERABLE_LABELS_MISSING: &str = "DeliverableLabelsMissing";
/// No delivery matches.
pub const DELIVERY_NOT_FOUND: &str = "DeliveryNotFound";
/// Several deliveries match equally well.
pub const MULTIPLE_DELIVERY_MATCHES: &str = "MultipleDeliveryMatches";

/// Stamped, and outputs read.
pub const RESOURCE_SUBMISSION_COMPLETE: &str = "ResourceSubmissionComplete";
/// A template could not be read.
pub const TEMPLATE_OBJECT_RETRIEVAL_FAILURE: &str = "TemplateObjectRetrievalFailure";
/// An output path gives nothing yet.
pub const MISSING_VALUE_AT_PATH: &str = "MissingValueAtPath";
/// A template cannot be rendered.
pub const TEMPLATE_STAMP_FAILURE: &str = "TemplateStampFailure";
/// The API server refused a stamped object.
pub const TEMPLATE_REJECTED_BY_API_SERVER: &str = "TemplateRejectedByAPIServer";
/// Anything else that went wrong.
pub const UNKNOWN_ERROR: &str = "UnknownError";
/// The options of a resource cannot be evaluated.
pub const RESOLVE_TEMPLATE_OPTIONS_ERROR: &str = "ResolveTemplateOptionsError";
/// Not exactly one option of a resource matches.
pub const TEMPLATE_OPTIONS_MATCH_ERROR: &str = "TemplateOptionsMatchError";
/// A resource hands an input on instead of stamping; or that input is missing.
pub const PASS_THROUGH: &str = "PassThrough";
/// A deployment has not completed yet.
pub const CONDITION_NOT_MET: &str = "ConditionNotMet";
/// A deployment has failed.
pub const FAILED_CONDITION_MET: &str = "FailedConditionMet";

/// The service account does not exist or cannot be read.
pub const SERVICE_ACCOUNT_ERROR: &str = "ServiceAccountError";
/// No token for the service account.
pub const SERVICE_ACCOUNT_TOKEN_ERROR: &str = "ServiceAccountTokenError";
/// No client for the service account, on an owner.
pub const RESOURCE_REALIZER_BUILDER_ERROR: &str = "ResourceRealizerBuilderError";
/// No client for the service account, on a Runnable.
pub const CLIENT_BUILDER_ERROR: &str = "ClientBuilderError";
/// Listing what was stamped failed.
pub const FAILED_TO_LIST_CREATED_OBJECTS: &str = "FailedToListCreatedObjects";

/// A blueprint names templates that do not exist.
pub const TEMPLATES_NOT_FOUND: &str = "TemplatesNotFound";

/// Healthy, since there are outputs and no rule.
pub const OUTPUTS_AVAILABLE: &str = "OutputsAvailable";
/// Healthy by rule, or since a ClusterTemplate without a rule was stamped.
pub const ALWAYS_HEALTHY: &str = "AlwaysHealthy";
/// There is no resource to judge.
pub const NO_RESOURCE: &str = "NoResource";
/// There is no rule, and no outputs yet.
pub const OUTPUT_NOT_AVAILABLE: &str = "OutputNotAvailable";
/// There is no object to judge.
pub const NO_STAMPED_OBJECT: &str = "NoStampedObject";
/// Neither the healthy nor an unhealthy rule is met.
pub const NO_MATCHES_FULFILLED: &str = "NoMatchesFulfilled";
/// Judged by a condition of the object.
pub const MATCHED_CONDITION: &str = "MatchedCondition";
/// Judged by a field of the object.
pub const MATCHED_FIELD: &str = "MatchedField";
/// Of `ResourcesHealthy`, always.
pub const HEALTHY_CONDITION_RULE: &str = "HealthyConditionRule";
/// Ending of the reason that `singleConditionType` gives: `Succeeded` → `SucceededCondition`.
pub const SINGLE_CONDITION_SUFFIX: &str = "Condition";

/// The run template of a Runnable cannot be read.
pub const RUN_TEMPLATE_NOT_FOUND: &str = "RunTemplateNotFound";
/// The API server refused the object of a Runnable.
pub const STAMPED_OBJECT_REJECTED_BY_API_SERVER: &str = "StampedObjectRejectedByAPIServer";
/// An output of a Runnable cannot be read.
pub const OUTPUT_PATH_NOT_SATISFIED: &str = "OutputPathNotSatisfied";
/// Of `StampedObjectCondition`, when the object has a `Succeeded` condition.
pub const SUCCEEDED_CONDITION: &str = "SucceededCondition";

/// The selector of a blueprint cannot be evaluated. Of Carto; the original says nothing.
pub const SELECTOR_INVALID: &str = "SelectorInvalid";
/// An input that the template uses is not there yet. Of Carto; the original stamps and fails.
pub const INPUT_NOT_AVAILABLE: &str = "InputNotAvailable";
/// Somebody keeps changing fields that the template sets. Of Carto; the original fights on.
pub const FIELD_CONFLICT: &str = "FieldConflict";
/// Of `Pruned`: the object waits for its finalizers.
pub const DELETING: &str = "Deleting";
/// Of `Pruned`: the object stays until the resources that may replace it are stamped.
pub const REPLACEMENT_PENDING: &str = "ReplacementPending";
/// Of `Pruned`: the service account may not delete the object.
pub const DELETE_FORBIDDEN: &str = "DeleteForbidden";
/// Of `Pruned`: deleting the object failed.
pub const DELETE_FAILED: &str = "DeleteFailed";

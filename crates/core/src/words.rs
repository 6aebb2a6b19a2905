//! Condition types, reasons, labels and annotation keys: the words of the API.
//!
//! Source: cartographer pkg/apis/v1alpha1/conditions.go, pkg/controllers/workload_reconciler.go.

/// `apiVersion` of every kind of ours.
pub const API_VERSION: &str = "carto.run/v1alpha1";

/// Prefix of all label and annotation keys of ours.
pub const LABEL_PREFIX: &str = "carto.run/";
/// Annotation on every stamped object: digest of the stamp.
pub const STAMP_DIGEST: &str = "carto.run/stamp-digest";

/// Label keys.
pub mod label {
    /// Name of the Workload.
    pub const WORKLOAD_NAME: &str = "carto.run/workload-name";
    /// Namespace of the Workload.
    pub const WORKLOAD_NAMESPACE: &str = "carto.run/workload-namespace";
    /// Name of the Deliverable.
    pub const DELIVERABLE_NAME: &str = "carto.run/deliverable-name";
    /// Namespace of the Deliverable.
    pub const DELIVERABLE_NAMESPACE: &str = "carto.run/deliverable-namespace";
    /// Name of the `ClusterSupplyChain`.
    pub const SUPPLY_CHAIN_NAME: &str = "carto.run/supply-chain-name";
    /// Name of the `ClusterDelivery`.
    pub const DELIVERY_NAME: &str = "carto.run/delivery-name";
    /// Name of the resource within the blueprint.
    pub const RESOURCE_NAME: &str = "carto.run/resource-name";
    /// Kind of the template.
    pub const TEMPLATE_KIND: &str = "carto.run/template-kind";
    /// Name of the template.
    pub const TEMPLATE_NAME: &str = "carto.run/cluster-template-name";
    /// Lifecycle of the template.
    pub const LIFECYCLE: &str = "carto.run/template-lifecycle";
    /// Name of the Runnable.
    pub const RUNNABLE_NAME: &str = "carto.run/runnable-name";
    /// Name of the `ClusterRunTemplate`.
    pub const RUN_TEMPLATE_NAME: &str = "carto.run/run-template-name";
}

/// Condition types.
pub mod kind {
    /// The summary, on everything.
    pub const READY: &str = "Ready";
    /// Workload: a supply chain is selected and ready.
    pub const SUPPLY_CHAIN_READY: &str = "SupplyChainReady";
    /// Deliverable: a delivery is selected and ready.
    pub const DELIVERY_READY: &str = "DeliveryReady";
    /// Owner: all resources are submitted.
    pub const RESOURCES_SUBMITTED: &str = "ResourcesSubmitted";
    /// Owner: all resources are healthy.
    pub const RESOURCES_HEALTHY: &str = "ResourcesHealthy";
    /// Resource: its object is submitted and its outputs are read.
    pub const RESOURCE_SUBMITTED: &str = "ResourceSubmitted";
    /// Resource: its object is healthy.
    pub const HEALTHY: &str = "Healthy";
    /// Resource that is no longer needed: its object is gone. Only seen while it is not.
    pub const PRUNED: &str = "Pruned";
    /// Blueprint: all templates exist.
    pub const TEMPLATES_READY: &str = "TemplatesReady";
    /// Runnable: the template could be stamped.
    pub const RUN_TEMPLATE_READY: &str = "RunTemplateReady";
    /// Runnable: the stamped object's `Succeeded` condition.
    pub const STAMPED_OBJECT: &str = "StampedObjectCondition";
}

/// Condition reasons.
pub mod reason {
    /// All is well; also the reason of every True summary.
    pub const READY: &str = "Ready";
    /// Nothing is known.
    pub const UNKNOWN: &str = "Unknown";
    /// The Workload has no labels.
    pub const WORKLOAD_LABELS_MISSING: &str = "WorkloadLabelsMissing";
    /// No supply chain selects the Workload.
    pub const SUPPLY_CHAIN_NOT_FOUND: &str = "SupplyChainNotFound";
    /// Several supply chains select the Workload.
    pub const MULTIPLE_SUPPLY_CHAINS: &str = "MultipleSupplyChainMatches";
    /// The Deliverable has no labels.
    pub const DELIVERABLE_LABELS_MISSING: &str = "DeliverableLabelsMissing";
    /// No delivery selects the Deliverable.
    pub const DELIVERY_NOT_FOUND: &str = "DeliveryNotFound";
    /// Several deliveries select the Deliverable.
    pub const MULTIPLE_DELIVERIES: &str = "MultipleDeliveryMatches";
    /// A selector cannot be evaluated.
    pub const SELECTOR_INVALID: &str = "SelectorInvalid";
    /// Everything is submitted.
    pub const COMPLETE: &str = "ResourceSubmissionComplete";
    /// A template cannot be read.
    pub const TEMPLATE_RETRIEVAL: &str = "TemplateObjectRetrievalFailure";
    /// An output path gives nothing (yet).
    pub const MISSING_VALUE: &str = "MissingValueAtPath";
    /// An input that the template uses is not there yet.
    pub const INPUT_NOT_AVAILABLE: &str = "InputNotAvailable";
    /// A template cannot be stamped.
    pub const STAMP_FAILURE: &str = "TemplateStampFailure";
    /// The API refused the stamped object.
    pub const REJECTED: &str = "TemplateRejectedByAPIServer";
    /// Others keep changing the fields that the template sets.
    pub const FIELD_CONFLICT: &str = "FieldConflict";
    /// Something else.
    pub const UNKNOWN_ERROR: &str = "UnknownError";
    /// An option's selector cannot be evaluated.
    pub const RESOLVE_OPTIONS: &str = "ResolveTemplateOptionsError";
    /// Not exactly one option matches.
    pub const OPTIONS_MATCH: &str = "TemplateOptionsMatchError";
    /// The resource passes an input through.
    pub const PASS_THROUGH: &str = "PassThrough";
    /// A deployment is not complete yet.
    pub const CONDITION_NOT_MET: &str = "ConditionNotMet";
    /// A deployment failed.
    pub const FAILED_CONDITION_MET: &str = "FailedConditionMet";
    /// The service account is missing.
    pub const SERVICE_ACCOUNT: &str = "ServiceAccountError";
    /// Templates of a blueprint are missing.
    pub const TEMPLATES_NOT_FOUND: &str = "TemplatesNotFound";
    /// Outputs are there.
    pub const OUTPUTS_AVAILABLE: &str = "OutputsAvailable";
    /// Nothing could make it unhealthy.
    pub const ALWAYS_HEALTHY: &str = "AlwaysHealthy";
    /// Outputs are not there.
    pub const OUTPUT_NOT_AVAILABLE: &str = "OutputNotAvailable";
    /// There is no object.
    pub const NO_STAMPED_OBJECT: &str = "NoStampedObject";
    /// Neither healthy nor unhealthy.
    pub const NO_MATCHES: &str = "NoMatchesFulfilled";
    /// A condition decided.
    pub const MATCHED_CONDITION: &str = "MatchedCondition";
    /// A field decided.
    pub const MATCHED_FIELD: &str = "MatchedField";
    /// Health of an owner.
    pub const HEALTHY_RULE: &str = "HealthyConditionRule";
    /// The run template is missing.
    pub const RUN_TEMPLATE_NOT_FOUND: &str = "RunTemplateNotFound";
    /// The API refused the run.
    pub const RUN_REJECTED: &str = "StampedObjectRejectedByAPIServer";
    /// An output of a run is missing.
    pub const OUTPUT_PATH: &str = "OutputPathNotSatisfied";
    /// Runs cannot be listed.
    pub const LIST_FAILED: &str = "FailedToListCreatedObjects";
    /// The run says whether it succeeded.
    pub const SUCCEEDED: &str = "SucceededCondition";
    /// An object that is no longer needed waits for its finalizers.
    pub const DELETING: &str = "Deleting";
    /// An object that is no longer needed waits for the resources that replace it.
    pub const REPLACEMENT_PENDING: &str = "ReplacementPending";
    /// The account may not delete an object that is no longer needed.
    pub const DELETE_FORBIDDEN: &str = "DeleteForbidden";
    /// Deleting an object that is no longer needed failed.
    pub const DELETE_FAILED: &str = "DeleteFailed";
}

/// Event reasons.
pub mod event {
    /// An object was created or changed.
    pub const APPLIED: &str = "StampedObjectApplied";
    /// An object was deleted.
    pub const REMOVED: &str = "StampedObjectRemoved";
    /// Outputs changed.
    pub const OUTPUT_CHANGED: &str = "ResourceOutputChanged";
    /// Health changed.
    pub const HEALTH_CHANGED: &str = "ResourceHealthyStatusChanged";
}

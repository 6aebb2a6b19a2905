//! Reasons of the events on owners and Runnables.
//!
//! Source: cartographer `pkg/events/event.go`.

/// An object was created or changed.
pub const STAMPED_OBJECT_APPLIED: &str = "StampedObjectApplied";
/// An object was deleted: it is no longer needed, or it is past its retention.
pub const STAMPED_OBJECT_REMOVED: &str = "StampedObjectRemoved";
/// The outputs of a resource or Runnable differ from before.
pub const RESOURCE_OUTPUT_CHANGED: &str = "ResourceOutputChanged";
/// The health of a resource differs from before.
pub const RESOURCE_HEALTHY_STATUS_CHANGED: &str = "ResourceHealthyStatusChanged";

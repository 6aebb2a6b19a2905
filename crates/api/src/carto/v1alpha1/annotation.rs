//! Keys of the annotations on stamped objects.

/// Digest of what an object was stamped from: the memory that keeps a restart from stamping, or
/// running, anything twice.
pub const STAMP_DIGEST: &str = "carto.run/stamp-digest";

/// On objects without a namespace: the service account, as `NAMESPACE/NAME`, in whose name the object was stamped and
/// is deleted when its owner is gone. Kubernetes collects no object without a namespace whose owner has one.
pub const SERVICE_ACCOUNT: &str = "carto.run/service-account";

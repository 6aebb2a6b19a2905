//! Keys of the annotations on stamped objects.

/// Digest of what an object was stamped from: the memory that keeps a restart from stamping, or
/// running, anything twice.
pub const STAMP_DIGEST: &str = "carto.run/stamp-digest";

//! Merging Kubernetes objects: server-side apply, strategic merge patch and JSON merge patch.
//!
//! Everything here is a pure function over [`serde_json::Value`]. The crate knows nothing of HTTP,
//! storage, clocks or particular kinds; what a list or a map means comes from a [`smd::Schema`], which is
//! built from an `OpenAPI` document or from the schema of a custom resource definition.
//!
//! * [`smd`]: `apply` and `update` with field managers, conflicts, pruning.
//! * [`managed`]: `metadata.managedFields`, and what one manager owns as a value.
//! * [`strategic`]: strategic merge patch with all its directives.
//! * [`json_merge`]: RFC 7386.
//! * [`fieldpath`]: paths, sets of paths and their `FieldsV1` text.
//!
//! Source: the behaviour, error texts and orderings follow
//! `sigs.k8s.io/structured-merge-diff` v6.3 and `k8s.io/apimachinery` v0.36
//! (`pkg/util/managedfields`, `pkg/util/strategicpatch`, `pkg/util/jsonmergepatch`).
#![deny(missing_docs)]

pub mod fieldpath;
pub mod go;
pub mod json_merge;
pub mod managed;
pub mod order;
pub mod schema;
pub mod smd;
pub mod strategic;
pub mod typed;

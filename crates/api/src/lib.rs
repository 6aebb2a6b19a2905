//! Rust types of every kind Carto serves, and the only source of its custom resource definitions.
//!
//! The types follow Cartographer's API `carto.run/v1alpha1`, so that existing YAML applies
//! unedited (source: cartographer `config/crd/bases`, v0.8.10). What users write (`spec`) is read
//! tolerantly: unknown fields are ignored, closed sets of words stay strings with an enumeration
//! in the schema. What Carto writes (`status`) is strict.
//!
//! The schemas carry no CEL rules on purpose. Cartographer's own test suite, and installations
//! without its webhook, rely on the API server accepting, say, a health rule without a branch or
//! a parameter with neither value nor default; refusing those would break a drop-in replacement.
//! The rules live in `carto_core::validate` instead, which every entrance shares.
//!
//! Doc comments of fields become the text of `kubectl explain`.
#![deny(missing_docs)]

#[expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "these comments become the text of `kubectl explain`, where back quotes are noise"
)]
#[expect(
    clippy::duplicated_attributes,
    reason = "several printer columns have the same type"
)]
pub mod carto;
mod crds;
pub mod json;
mod schema;

pub use crds::{DefinitionFile, crds, crds_json, crds_yaml, definition_files};

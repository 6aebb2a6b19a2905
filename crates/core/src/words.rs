//! The words of the API, in short.

pub(crate) use carto_api::carto::v1alpha1::annotation::{SERVICE_ACCOUNT, STAMP_DIGEST};
pub(crate) use carto_api::carto::v1alpha1::{
    API_VERSION, condition_type, event_reason, label, reason,
};

/// Prefix of all label and annotation keys of ours.
pub(crate) const LABEL_PREFIX: &str = "carto.run/";

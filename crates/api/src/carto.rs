//! The API group `carto.run`.

pub mod v1alpha1;

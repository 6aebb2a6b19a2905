//! Rust types of every kind Carto serves, and the only source of its custom resource definitions.

//! OCI images: built from scratch, kept, served, pulled, pushed and unpacked.
//!
//! - [`registry`]: blobs, manifests and tags on disk; [`routes`]: the same as a distribution API;
//! - [`image`]: layers and images with the same bytes for the same input;
//! - [`client`]: foreign registries, with [`credentials`];
//! - [`rootfs`]: an image as a folder that a process can run in.
//!
//! Formats follow opencontainers/image-spec 1.1, the API opencontainers/distribution-spec 1.1.

pub mod client;
pub mod credentials;
pub mod image;
pub mod manifest;
pub mod name;
pub mod registry;
pub mod rootfs;
pub mod routes;

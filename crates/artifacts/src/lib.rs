//! Source and image artifacts: git, reproducible tarballs, OCI images, the embedded registry.
//!
//! A leaf: knows folders, processes and HTTP, and nothing of Kubernetes. What it serves (artifacts, the registry) it
//! offers as an `axum` router and as [`listen::serve`], so that its users need not know the web framework.
//!
//! - [`git`]: references resolved and trees fetched with the `git` binary, in a hardened environment;
//! - [`archive`], [`ignore`]: trees as `.tar.gz` with the same bytes every time;
//! - [`store`], [`serve`]: artifacts on disk and over HTTP;
//! - [`oci`]: images from scratch, a registry, and a client for foreign ones.

pub mod archive;
pub mod digest;
pub mod download;
pub mod git;
pub mod ignore;
pub mod listen;
pub mod oci;
pub mod pull;
pub mod serve;
pub mod store;

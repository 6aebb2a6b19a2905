//! Adapters for source and image artifacts: git, tarballs, OCI images, an embedded registry.

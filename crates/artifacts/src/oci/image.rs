//! Images from scratch: layers of files, a configuration, a manifest; equal input gives equal digests.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::archive::{self, ArchiveError, Limits, plain_header};
use crate::digest::{Digest, Hashing};
use crate::ignore::Ignore;
use crate::oci::manifest::{
    CONFIG, Descriptor, Execution, History, ImageConfig, LAYER, LAYER_GZIP, Layers, MANIFEST,
    Manifest, Platform,
};
use crate::oci::registry::{Registry, RegistryError};

/// The time that build tools give to reproducible images.
pub const CREATED: &str = "1980-01-01T00:00:01Z";

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImageError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// A layer that is stored, and the words for the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Of the stored bytes.
    pub descriptor: Descriptor,
    /// Of the unpacked archive.
    pub diff_id: Digest,
    /// How it came about.
    pub created_by: String,
}

/// A single file of a layer.
#[derive(Debug, Clone)]
pub struct LayerFile<'a> {
    /// Without the leading slash.
    pub path: &'a str,
    /// Where its content is.
    pub source: &'a Path,
    /// Whether it can be run.
    pub executable: bool,
}

/// An image that is stored under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Of the manifest.
    pub digest: Digest,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
}

/// Stores a layer of single files, uncompressed: meant for large binaries that are used again and again.
pub fn files_layer(
    registry: &Registry,
    files: &[LayerFile<'_>],
    created_by: &str,
) -> Result<Layer, ImageError> {
    let (digest, size) = registry.write_blob(|out| {
        let mut tar = tar::Builder::new(out);
        let mut made = std::collections::BTreeSet::new();
        for file in files {
            for folder in parents(file.path) {
                if made.insert(folder.clone()) {
                    let mut header = plain_header(tar::EntryType::Directory, 0, true);
                    tar.append_data(&mut header, &folder, io::empty())?;
                }
            }
            let content = File::open(file.source)?;
            let mut header = plain_header(
                tar::EntryType::Regular,
                content.metadata()?.len(),
                file.executable,
            );
            tar.append_data(&mut header, file.path, content)?;
        }
        tar.finish()
    })?;
    let descriptor = Descriptor {
        media_type: LAYER.to_owned(),
        digest: digest.clone(),
        size,
        platform: None,
    };
    Ok(Layer {
        descriptor,
        diff_id: digest,
        created_by: created_by.to_owned(),
    })
}

fn parents(path: &str) -> Vec<String> {
    path.match_indices('/')
        .map(|(at, _)| format!("{}/", &path[..at]))
        .collect()
}

/// Stores a layer with the tree below `source` as the folder `prefix` (no slashes at its ends), compressed.
pub fn tree_layer(
    registry: &Registry,
    source: &Path,
    prefix: &str,
    ignore: &Ignore,
    created_by: &str,
) -> Result<Layer, ImageError> {
    let mut diff_id = None;
    let mut failed = None;
    let stored = registry.write_blob(|out| {
        let gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(255)
            .write(out, Compression::fast());
        let mut hashing = Hashing::new(gzip);
        if let Err(error) =
            archive::pack_tar(source, prefix, ignore, Limits::default(), &mut hashing)
        {
            failed = Some(error);
            return Err(io::Error::other("the tree cannot be archived"));
        }
        let (gzip, digest, _) = hashing.finish();
        diff_id = Some(digest);
        gzip.finish()?.flush()
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let (digest, size) = stored?;
    let diff_id = diff_id.unwrap_or_else(|| digest.clone());
    let descriptor = Descriptor {
        media_type: LAYER_GZIP.to_owned(),
        digest,
        size,
        platform: None,
    };
    Ok(Layer {
        descriptor,
        diff_id,
        created_by: created_by.to_owned(),
    })
}

/// Stores an image of `layers` (lowest first) as `repository:tag` for each tag.
pub fn build(
    registry: &Registry,
    repository: &str,
    tags: &[&str],
    layers: &[Layer],
    execution: Execution,
) -> Result<Built, ImageError> {
    let manifest = assemble(registry, layers, execution)?;
    let mut digest = Digest::of(&manifest);
    registry.put_manifest(repository, digest.as_str(), MANIFEST, &manifest)?;
    for tag in tags {
        digest = registry.put_manifest(repository, tag, MANIFEST, &manifest)?;
    }
    Ok(Built { digest, manifest })
}

fn assemble(
    registry: &Registry,
    layers: &[Layer],
    execution: Execution,
) -> Result<Vec<u8>, ImageError> {
    let platform = Platform::current();
    let history = |layer: &Layer| History {
        created_by: layer.created_by.clone(),
        created: Some(CREATED.to_owned()),
        empty_layer: false,
    };
    let config = ImageConfig {
        architecture: platform.architecture,
        os: platform.os,
        created: Some(CREATED.to_owned()),
        config: execution,
        rootfs: Layers {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|l| l.diff_id.clone()).collect(),
        },
        history: layers.iter().map(history).collect(),
    };
    let config = to_json(&config)?;
    let (digest, size) = registry.put_blob(config.as_slice())?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: Descriptor {
            media_type: CONFIG.to_owned(),
            digest,
            size,
            platform: None,
        },
        layers: layers
            .iter()
            .map(|layer| layer.descriptor.clone())
            .collect(),
        annotations: std::collections::BTreeMap::new(),
    };
    to_json(&manifest)
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec(value).map_err(|error| RegistryError::BadManifest(error.to_string()).into())
}

/// Whether a file may be run.
pub fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::oci::manifest::Document;

    fn site(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("css")).unwrap();
        fs::write(dir.path().join("index.html"), text).unwrap();
        fs::write(dir.path().join("css/a.css"), "a").unwrap();
        dir
    }

    fn built(registry: &Registry, text: &str) -> Built {
        let dir = site(text);
        let binary = LayerFile {
            path: "usr/bin/server",
            source: &dir.path().join("index.html"),
            executable: true,
        };
        let layers = [
            files_layer(registry, &[binary], "server").unwrap(),
            tree_layer(registry, dir.path(), "site", &Ignore::nothing(), "site").unwrap(),
        ];
        let execution = Execution {
            entrypoint: vec!["/usr/bin/server".into()],
            ..Execution::default()
        };
        build(registry, "dev/app", &["latest"], &layers, execution).unwrap()
    }

    #[test]
    fn equal_input_gives_equal_images() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(dir.path().to_owned()).unwrap();
        let first = built(&registry, "one");
        assert_eq!(built(&registry, "one"), first);
        assert_ne!(built(&registry, "two").digest, first.digest);
        let Document::Image(manifest) = Document::parse(&first.manifest).unwrap() else {
            panic!()
        };
        assert_eq!(manifest.layers.len(), 2);
        let (_, _, config) = registry.image(&first.digest).unwrap();
        assert_eq!(config.config.entrypoint, ["/usr/bin/server"]);
        assert_eq!(config.rootfs.diff_ids[0], manifest.layers[0].digest);
        assert_ne!(config.rootfs.diff_ids[1], manifest.layers[1].digest);
        assert_eq!(registry.tags("dev/app").unwrap(), ["latest"]);
    }
}

//! Blobs, manifests and tags on disk.
//!
//! `blobs/sha256/<hex>` holds all content, shared by all repositories; `repositories/<name>/_manifests/<hex>` holds the
//! media type of a manifest, `repositories/<name>/_tags/<tag>` the digest of one; `uploads/` what is still arriving.
//! Everything appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hashing};
use crate::listen::write_whole;
use crate::oci::manifest::{Document, ImageConfig, Manifest, Platform};
use crate::oci::name::{is_repository, is_tag};

/// A manifest larger than this is refused, as by other registries.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Uploads under way at once.
const MAX_UPLOADS: usize = 256;

/// A folder of images.
#[derive(Debug, Clone)]
pub struct Registry {
    root: PathBuf,
}

/// A manifest as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Of `bytes`.
    pub digest: Digest,
    /// As given when it was stored.
    pub media_type: String,
    /// Unchanged.
    pub bytes: Vec<u8>,
}

/// Why the registry did not do it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum RegistryError {
    #[error("'{0}' is not a name of a repository")]
    Name(String),
    #[error("'{0}' is neither a tag nor a digest")]
    Reference(String),
    #[error("repository '{repository}' has no manifest '{reference}'")]
    NoManifest {
        repository: String,
        reference: String,
    },
    #[error("blob {0} is not stored")]
    NoBlob(Digest),
    #[error("upload '{0}' is not under way")]
    NoUpload(String),
    #[error("too many uploads are under way")]
    TooManyUploads,
    #[error("the content has digest {actual}, not {expected}")]
    DigestMismatch { expected: Digest, actual: Digest },
    #[error("the manifest cannot be understood: {0}")]
    BadManifest(String),
    #[error("the image is for other machines than {0}")]
    NoPlatform(String),
    #[error("cannot {what} in the image store '{}'", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Registry {
    /// Opens (and makes) the folder, and forgets uploads that a crash cut off.
    pub fn open(root: PathBuf) -> io::Result<Registry> {
        match fs::remove_dir_all(root.join("uploads")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for folder in ["uploads", "blobs/sha256", "repositories"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Registry { root })
    }

    fn failed<'a>(&'a self, what: &'static str) -> impl Fn(io::Error) -> RegistryError + 'a {
        move |source| RegistryError::Io {
            what,
            path: self.root.clone(),
            source,
        }
    }

    /// The folder itself, for notes beside the content.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the content of a blob lies, there or not.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// The size of a blob that is stored.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.blob_path(digest))
            .ok()
            .map(|meta| meta.len())
    }

    /// A small blob as a whole.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        match fs::read(self.blob_path(digest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(RegistryError::NoBlob(digest.clone()))
            }
            read => read.map_err(self.failed("read")),
        }
    }

    /// Stores what `source` holds.
    pub fn put_blob(&self, mut source: impl Read) -> Result<(Digest, u64), RegistryError> {
        self.write_blob(|out| io::copy(&mut source, out).map(drop))
    }

    /// Stores what `write` writes.
    pub fn write_blob(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(Digest, u64), RegistryError> {
        let failed = self.failed("store a blob");
        let aside = tempfile::Builder::new()
            .prefix("blob-")
            .tempfile_in(self.root.join("uploads"))
            .map_err(&failed)?;
        let mut hashing = Hashing::new(io::BufWriter::with_capacity(1 << 16, aside));
        write(&mut hashing)
            .and_then(|()| hashing.flush())
            .map_err(&failed)?;
        let (buffered, digest, size_bytes) = hashing.finish();
        let aside = buffered
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        self.keep_blob(aside, &digest)?;
        Ok((digest, size_bytes))
    }

    fn keep_blob(
        &self,
        aside: tempfile::NamedTempFile,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        let failed = self.failed("store a blob");
        let target = self.blob_path(digest);
        if target.exists() {
            return Ok(());
        }
        aside.as_file().sync_all().map_err(&failed)?;
        aside
            .persist(target)
            .map(drop)
            .map_err(|error| failed(error.error))
    }

    /// A file for content that arrives from elsewhere; give it to [`Registry::adopt`].
    pub fn staging(&self) -> Result<tempfile::NamedTempFile, RegistryError> {
        let staged = tempfile::Builder::new()
            .prefix("blob-")
            .tempfile_in(self.root.join("uploads"));
        staged.map_err(self.failed("store a blob"))
    }

    /// Takes a staged file in, if its content is what was expected.
    pub fn adopt(
        &self,
        staged: tempfile::NamedTempFile,
        expected: &Digest,
    ) -> Result<(), RegistryError> {
        let actual = self.digest_of(staged.path())?;
        if actual != *expected {
            return Err(RegistryError::DigestMismatch {
                expected: expected.clone(),
                actual,
            });
        }
        self.keep_blob(staged, expected)
    }

    fn digest_of(&self, path: &Path) -> Result<Digest, RegistryError> {
        let failed = self.failed("read");
        let mut hashing = Hashing::new(io::sink());
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(&failed)?);
        io::copy(&mut file, &mut hashing).map_err(&failed)?;
        Ok(hashing.finish().1)
    }

    fn repository(&self, name: &str) -> Result<PathBuf, RegistryError> {
        if is_repository(name) {
            Ok(self.root.join("repositories").join(name))
        } else {
            Err(RegistryError::Name(name.to_owned()))
        }
    }

    /// Stores a manifest under its digest and, when `reference` is a tag, under the tag.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let folder = self.repository(repository)?;
        let digest = Digest::of(bytes);
        let tag = match reference.parse::<Digest>() {
            Ok(expected) if expected == digest => None,
            Ok(expected) => {
                return Err(RegistryError::DigestMismatch {
                    expected,
                    actual: digest,
                });
            }
            Err(_) if is_tag(reference) => Some(reference),
            Err(_) => return Err(RegistryError::Reference(reference.to_owned())),
        };
        self.check_manifest(bytes)?;
        let failed = self.failed("store a manifest");
        self.put_blob(bytes)?;
        write_whole(
            &folder.join("_manifests").join(digest.hex()),
            media_type.as_bytes(),
        )
        .map_err(&failed)?;
        if let Some(tag) = tag {
            write_whole(&folder.join("_tags").join(tag), digest.as_str().as_bytes())
                .map_err(&failed)?;
        }
        Ok(digest)
    }

    fn check_manifest(&self, bytes: &[u8]) -> Result<(), RegistryError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(RegistryError::BadManifest(format!(
                "it is larger than {MAX_MANIFEST_BYTES} bytes"
            )));
        }
        let document = Document::parse(bytes)
            .map_err(|error| RegistryError::BadManifest(error.to_string()))?;
        let needed: Vec<&Digest> = match &document {
            Document::Image(image) => std::iter::once(&image.config)
                .chain(&image.layers)
                .map(|d| &d.digest)
                .collect(),
            Document::Index(index) => index.manifests.iter().map(|d| &d.digest).collect(),
        };
        match needed
            .into_iter()
            .find(|digest| self.blob_size(digest).is_none())
        {
            Some(missing) => Err(RegistryError::NoBlob(missing.clone())),
            None => Ok(()),
        }
    }

    /// What a tag or digest of a repository is.
    pub fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<StoredManifest, RegistryError> {
        let folder = self.repository(repository)?;
        let missing = || RegistryError::NoManifest {
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        };
        let digest: Digest = match reference.parse() {
            Ok(digest) => digest,
            Err(_) if is_tag(reference) => {
                let noted = fs::read_to_string(folder.join("_tags").join(reference))
                    .map_err(|_| missing())?;
                noted.trim().parse().map_err(|_| missing())?
            }
            Err(_) => return Err(RegistryError::Reference(reference.to_owned())),
        };
        let media_type = fs::read_to_string(folder.join("_manifests").join(digest.hex()))
            .map_err(|_| missing())?;
        let bytes = self.read_blob(&digest)?;
        Ok(StoredManifest {
            digest,
            media_type,
            bytes,
        })
    }

    /// Forgets a tag, or a manifest with all tags that point to it. Content stays for other images.
    pub fn delete_manifest(&self, repository: &str, reference: &str) -> Result<(), RegistryError> {
        let found = self.manifest(repository, reference)?;
        let folder = self.repository(repository)?;
        let failed = self.failed("delete a manifest");
        if is_tag(reference) {
            return fs::remove_file(folder.join("_tags").join(reference)).map_err(failed);
        }
        for tag in self.tags(repository)? {
            if self
                .manifest(repository, &tag)
                .is_ok_and(|tagged| tagged.digest == found.digest)
            {
                fs::remove_file(folder.join("_tags").join(tag)).map_err(&failed)?;
            }
        }
        fs::remove_file(folder.join("_manifests").join(found.digest.hex())).map_err(failed)
    }

    /// The tags of a repository, in order; an unknown one has none.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        let mut tags = names(&self.repository(repository)?.join("_tags"));
        tags.sort_unstable();
        Ok(tags)
    }

    /// Whether anything was ever stored under this name.
    pub fn has_repository(&self, repository: &str) -> bool {
        self.repository(repository)
            .is_ok_and(|folder| folder.join("_manifests").is_dir())
    }

    /// The names of all repositories, in order.
    pub fn repositories(&self) -> Vec<String> {
        let root = self.root.join("repositories");
        let (mut found, mut open) = (Vec::new(), vec![String::new()]);
        while let Some(prefix) = open.pop() {
            for name in names(&root.join(&prefix)) {
                if name == "_manifests" {
                    found.push(prefix.clone());
                } else if !name.starts_with('_') {
                    open.push(if prefix.is_empty() {
                        name
                    } else {
                        format!("{prefix}/{name}")
                    });
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// The image for this machine behind a manifest: its digest, manifest and configuration.
    pub fn image(&self, digest: &Digest) -> Result<(Digest, Manifest, ImageConfig), RegistryError> {
        let bad = |error: serde_json::Error| RegistryError::BadManifest(error.to_string());
        let platform = Platform::current();
        let (digest, manifest) = match Document::parse(&self.read_blob(digest)?).map_err(bad)? {
            Document::Image(manifest) => (digest.clone(), manifest),
            Document::Index(index) => {
                let entry = index.pick(&platform).ok_or_else(|| {
                    RegistryError::NoPlatform(format!("{}/{}", platform.os, platform.architecture))
                })?;
                match Document::parse(&self.read_blob(&entry.digest)?).map_err(bad)? {
                    Document::Image(manifest) => (entry.digest.clone(), manifest),
                    Document::Index(_) => {
                        return Err(RegistryError::BadManifest(
                            "an index within an index".into(),
                        ));
                    }
                }
            }
        };
        let config =
            serde_json::from_slice(&self.read_blob(&manifest.config.digest)?).map_err(bad)?;
        Ok((digest, manifest, config))
    }

    /// Begins an upload and returns its name.
    pub fn begin_upload(&self) -> Result<String, RegistryError> {
        if names(&self.root.join("uploads")).len() >= MAX_UPLOADS {
            return Err(RegistryError::TooManyUploads);
        }
        let id = uuid::Uuid::new_v4().to_string();
        File::create(self.root.join("uploads").join(&id))
            .map_err(self.failed("begin an upload"))?;
        Ok(id)
    }

    /// The file of an upload under way.
    pub fn upload_path(&self, id: &str) -> Result<PathBuf, RegistryError> {
        let sound = uuid::Uuid::parse_str(id).is_ok_and(|parsed| parsed.to_string() == id);
        let path = self.root.join("uploads").join(id);
        if sound && path.is_file() {
            Ok(path)
        } else {
            Err(RegistryError::NoUpload(id.to_owned()))
        }
    }

    /// Ends an upload: its content becomes a blob if it is what was expected, and is gone if not.
    pub fn finish_upload(&self, id: &str, expected: &Digest) -> Result<(), RegistryError> {
        let path = self.upload_path(id)?;
        let failed = self.failed("finish an upload");
        let actual = self.digest_of(&path)?;
        if actual != *expected {
            fs::remove_file(&path).map_err(&failed)?;
            return Err(RegistryError::DigestMismatch {
                expected: expected.clone(),
                actual,
            });
        }
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(&failed)?;
        fs::rename(&path, self.blob_path(expected)).map_err(&failed)
    }

    /// Gives an upload up.
    pub fn cancel_upload(&self, id: &str) -> Result<(), RegistryError> {
        fs::remove_file(self.upload_path(id)?).map_err(self.failed("cancel an upload"))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::manifest::MANIFEST;

    fn registry() -> (tempfile::TempDir, Registry) {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(dir.path().to_owned()).unwrap();
        (dir, registry)
    }

    fn manifest(registry: &Registry) -> Vec<u8> {
        let (digest, size) = registry.put_blob(b"{}".as_slice()).unwrap();
        serde_json::json!({"schemaVersion": 2, "layers": [],
            "config": {"mediaType": "x", "digest": digest, "size": size}})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn a_manifest_is_found_by_tag_and_by_digest() {
        let (_dir, registry) = registry();
        let bytes = manifest(&registry);
        let digest = registry
            .put_manifest("dev/app", "v1", MANIFEST, &bytes)
            .unwrap();
        for reference in ["v1", digest.as_str()] {
            let found = registry.manifest("dev/app", reference).unwrap();
            assert_eq!((&found.digest, &found.bytes), (&digest, &bytes));
        }
        assert_eq!(registry.tags("dev/app").unwrap(), ["v1"]);
        assert_eq!(registry.repositories(), ["dev/app"]);
        registry
            .delete_manifest("dev/app", digest.as_str())
            .unwrap();
        assert!(registry.manifest("dev/app", "v1").is_err());
    }

    #[test]
    fn a_manifest_needs_its_blobs_and_its_digest() {
        let (_dir, registry) = registry();
        let missing = Digest::of(b"missing");
        let bytes = serde_json::json!({"schemaVersion": 2, "layers": [],
            "config": {"mediaType": "x", "digest": missing, "size": 1}});
        let error = registry
            .put_manifest("a", "v1", MANIFEST, bytes.to_string().as_bytes())
            .unwrap_err();
        assert_eq!(error.to_string(), format!("blob {missing} is not stored"));
        let sound = manifest(&registry);
        assert!(
            registry
                .put_manifest("a", missing.as_str(), MANIFEST, &sound)
                .is_err()
        );
        assert!(
            registry
                .put_manifest("../a", "v1", MANIFEST, &sound)
                .is_err()
        );
        assert!(
            registry
                .put_manifest("a", "../v1", MANIFEST, &sound)
                .is_err()
        );
        assert!(
            registry
                .put_manifest("a", "v1", MANIFEST, b"no json")
                .is_err()
        );
    }

    #[test]
    fn uploads_end_as_what_they_claim_or_not_at_all() {
        let (dir, registry) = registry();
        let id = registry.begin_upload().unwrap();
        fs::write(registry.upload_path(&id).unwrap(), "content").unwrap();
        assert!(registry.finish_upload(&id, &Digest::of(b"other")).is_err());
        assert!(registry.upload_path(&id).is_err());
        let id = registry.begin_upload().unwrap();
        fs::write(registry.upload_path(&id).unwrap(), "content").unwrap();
        registry
            .finish_upload(&id, &Digest::of(b"content"))
            .unwrap();
        assert_eq!(
            registry.read_blob(&Digest::of(b"content")).unwrap(),
            b"content"
        );
        let cut_off = registry.begin_upload().unwrap();
        let again = Registry::open(dir.path().to_owned()).unwrap();
        assert!(again.upload_path(&cut_off).is_err());
        assert!(again.upload_path("../../etc/passwd").is_err());
    }
}

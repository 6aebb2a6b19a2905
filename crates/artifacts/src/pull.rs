//! Pulls an image and unpacks its root file system, once per digest.
//!
//! A folder that is there is complete, because it gets its name only when everything is in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    archive::ArchiveError,
    digest::Digest,
    oci::{
        client::{Client, ClientError},
        credentials::Keychain,
        manifest::{Execution, ImageConfig, Manifest},
        name::{ImageName, ParseNameError},
        registry::{Registry, RegistryError},
        rootfs,
    },
};

/// Images that were pulled, and what became of them.
#[derive(Debug)]
pub struct Images {
    folder: PathBuf,
    blobs: Registry,
    client: Client,
}

/// An unpacked image.
#[derive(Debug, Clone)]
pub struct Image {
    /// Of its manifest for this machine.
    pub digest: Digest,
    /// Its root file system. Shared by all who run the image: not to be written to.
    pub root: PathBuf,
    /// How it wants to be run.
    pub config: Execution,
}

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The reference cannot be read.
    #[error(transparent)]
    Name(#[from] ParseNameError),
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] ClientError),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] RegistryError),
    /// It cannot be unpacked.
    #[error("cannot unpack the image '{image}'")]
    Unpack {
        /// As given.
        image: String,
        /// Why.
        source: ArchiveError,
    },
    /// Its documents cannot be understood.
    #[error("cannot understand the image '{image}': {source}")]
    Document {
        /// As given.
        image: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The disk.
    #[error("cannot use '{}'", .folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Images {
    /// Keeps images below `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        let blobs = Registry::open(folder.join("store"))?;
        Ok(Self {
            folder,
            blobs,
            client: Client::new(),
        })
    }

    /// Pulls the image named by `reference` and unpacks it, unless it is there.
    ///
    /// # Errors
    /// See [`PullError`]; nothing half unpacked stays behind under the image's name.
    pub async fn pull(&self, reference: &str, keys: &Keychain) -> Result<Image, PullError> {
        let name: ImageName = reference.parse()?;
        // What was pulled by digest before needs no registry.
        if let Some(image) = name
            .digest
            .as_ref()
            .and_then(|digest| self.unpacked(digest))
        {
            return Ok(image);
        }
        let pulled = self.client.pull(&name, keys, &self.blobs).await?;
        if let Some(image) = self.unpacked(&pulled.digest) {
            return Ok(image);
        }
        let (blobs, folder) = (self.blobs.clone(), self.folder.clone());
        let (image, digest) = (reference.to_owned(), pulled.digest.clone());
        let unpacking = move || unpack(&blobs, &folder, &image, &digest);
        tokio::task::spawn_blocking(unpacking)
            .await
            .map_err(|error| self.disk(io::Error::other(error)))??;
        self.unpacked(&pulled.digest)
            .ok_or_else(|| self.disk(io::Error::other("what was unpacked is gone")))
    }

    fn disk(&self, source: io::Error) -> PullError {
        PullError::Disk {
            folder: self.folder.clone(),
            source,
        }
    }

    fn unpacked(&self, digest: &Digest) -> Option<Image> {
        let place = self.folder.join(digest.hex());
        let config = serde_json::from_slice(&fs::read(place.join("config.json")).ok()?).ok()?;
        Some(Image {
            digest: digest.clone(),
            root: place.join("root"),
            config,
        })
    }
}

fn unpack(blobs: &Registry, folder: &Path, image: &str, digest: &Digest) -> Result<(), PullError> {
    let disk = |source| PullError::Disk {
        folder: folder.to_owned(),
        source,
    };
    let document = |source| PullError::Document {
        image: image.to_owned(),
        source,
    };
    let manifest: Manifest = serde_json::from_slice(&blobs.read_blob(digest)?).map_err(document)?;
    let config: ImageConfig =
        serde_json::from_slice(&blobs.read_blob(&manifest.config.digest)?).map_err(document)?;
    let aside = tempfile::Builder::new()
        .prefix(".pull-")
        .tempdir_in(folder)
        .map_err(disk)?;
    let root = aside.path().join("root");
    fs::create_dir(&root).map_err(disk)?;
    rootfs::unpack(blobs, &manifest, &root).map_err(|source| PullError::Unpack {
        image: image.to_owned(),
        source,
    })?;
    let note = serde_json::to_vec(&config.config).map_err(document)?;
    fs::write(aside.path().join("config.json"), note).map_err(disk)?;
    let place = folder.join(digest.hex());
    match fs::rename(aside.keep(), &place) {
        Ok(()) => Ok(()),
        // Somebody else unpacked the same image meanwhile.
        Err(_) if place.join("config.json").is_file() => Ok(()),
        Err(error) => Err(disk(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_reference_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::open(folder.path().to_owned()).unwrap();
        let error = images
            .pull("Not A Reference", &Keychain::new())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("is not a name of an image"),
            "{error}"
        );
    }
}

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
        manifest::{Descriptor, Execution, ImageConfig, Manifest},
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
    let unreadable = |source| PullError::Unpack {
        image: image.to_owned(),
        source,
    };
    let manifest: Manifest = serde_json::from_slice(&blobs.read_blob(digest)?).map_err(document)?;
    let config: ImageConfig =
        serde_json::from_slice(&blobs.read_blob(&manifest.config.digest)?).map_err(document)?;
    let note = serde_json::to_vec(&config.config).map_err(document)?;
    let (below, last) = match manifest.layers.split_last() {
        Some((last, below)) => (below, std::slice::from_ref(last)),
        None => (&[][..], &[][..]),
    };
    let base = if below.is_empty() {
        None
    } else {
        Some(base(blobs, folder, below).map_err(|failed| match failed {
            Failed::Layer(source) => unreadable(source),
            Failed::Disk(source) => disk(source),
        })?)
    };
    let aside = tempfile::Builder::new()
        .prefix(".pull-")
        .tempdir_in(folder)
        .map_err(disk)?;
    let root = aside.path().join("root");
    fs::create_dir(&root).map_err(disk)?;
    if let Some(base) = base {
        rootfs::link_tree(&base, &root).map_err(disk)?;
    }
    rootfs::unpack_layers(blobs, last, &root).map_err(unreadable)?;
    fs::write(aside.path().join("config.json"), note).map_err(disk)?;
    take_place(aside, &folder.join(digest.hex())).map_err(disk)
}

/// Why layers are not unpacked.
enum Failed {
    Layer(ArchiveError),
    Disk(io::Error),
}

/// All layers of an image but the last, unpacked once: from one commit to the next only the last one changes.
fn base(blobs: &Registry, folder: &Path, layers: &[Descriptor]) -> Result<PathBuf, Failed> {
    let chain: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let name = Digest::of(chain.join(" ").as_bytes());
    let bases = folder.join("bases");
    let place = bases.join(name.hex());
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(&bases).map_err(Failed::Disk)?;
    let aside = tempfile::Builder::new()
        .prefix(".unpack-")
        .tempdir_in(&bases)
        .map_err(Failed::Disk)?;
    rootfs::unpack_layers(blobs, layers, aside.path()).map_err(Failed::Layer)?;
    take_place(aside, &place).map_err(Failed::Disk)?;
    Ok(place)
}

/// Gives a folder its name when everything is in it.
fn take_place(aside: tempfile::TempDir, place: &Path) -> io::Result<()> {
    match fs::rename(aside.path(), place) {
        Ok(()) => {
            // It has another name now: there is nothing left to remove.
            let _moved = aside.keep();
            Ok(())
        }
        // Somebody else unpacked the same meanwhile.
        Err(_) if place.is_dir() => Ok(()),
        Err(error) => Err(error),
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

    #[test]
    fn images_share_what_lies_below_their_last_layer_and_do_not_touch_it() {
        use std::os::unix::fs::MetadataExt;

        use crate::oci::image::{self, LayerFile};

        let folder = tempfile::tempdir().unwrap();
        let blobs = Registry::open(folder.path().join("store")).unwrap();
        let layer = |files: &[(&str, &str)]| {
            let sources: Vec<_> = files
                .iter()
                .map(|(name, text)| {
                    let source = folder
                        .path()
                        .join(format!("{}.src", name.replace('/', "-")));
                    fs::write(&source, text).unwrap();
                    ((*name).to_owned(), source)
                })
                .collect();
            let files: Vec<LayerFile<'_>> = sources
                .iter()
                .map(|(path, source)| LayerFile {
                    path,
                    source,
                    executable: false,
                })
                .collect();
            image::files_layer(&blobs, &files, "test").unwrap()
        };
        let base = layer(&[("bin/server", "large"), ("site/page", "none")]);
        let mut roots = Vec::new();
        for page in ["one", "two"] {
            let layers = [base.clone(), layer(&[("site/page", page)])];
            let built = image::build(&blobs, "app", &[page], &layers, Execution::default());
            let digest = built.unwrap().digest;
            unpack(&blobs, folder.path(), "app", &digest).unwrap();
            unpack(&blobs, folder.path(), "app", &digest).unwrap();
            roots.push(folder.path().join(digest.hex()).join("root"));
        }
        let read = |root: &Path| fs::read_to_string(root.join("site/page")).unwrap();
        assert_eq!(
            (read(&roots[0]), read(&roots[1])),
            ("one".into(), "two".into())
        );
        let inode = |root: &Path| fs::metadata(root.join("bin/server")).unwrap().ino();
        assert_eq!(inode(&roots[0]), inode(&roots[1]));
        let left = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        let aside = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".pull"));
        assert_eq!(aside.count(), 0);
    }
}

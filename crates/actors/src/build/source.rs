//! Brings the source of a build into a folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use carto_artifacts::archive::{self, Limits};
use carto_artifacts::download;
use carto_artifacts::git::{Remote, Resolved};
use carto_artifacts::oci::name::ImageName;
use carto_artifacts::oci::rootfs;

use super::BuildActor;
use super::spec::{BlobSource, BuildSpec, GitSource, RegistrySource};
use crate::credentials::{Credentials, secret_keys};
use crate::logs::LogWriter;
use crate::shell::{blocking, chain};

/// Longest time a source may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Why a build failed, in words for its condition.
pub(super) type Problem = String;

/// Fetches into `folder` (made here), and returns the folder that is to be built.
pub(super) async fn fetch(
    actor: &BuildActor,
    spec: &BuildSpec,
    namespace: &str,
    credentials: &Credentials,
    folder: &Path,
    log: &LogWriter,
) -> Result<PathBuf, Problem> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make '{}': {error}", folder.display()))?;
    let source = &spec.source;
    if let Some(blob) = &source.blob {
        log.say(&format!("fetching {}", blob.url));
        fetch_blob(actor, blob, folder).await?;
    } else if let Some(git) = &source.git {
        log.say(&format!("fetching {} at {}", git.url, git.revision));
        fetch_git(actor, git, credentials, folder).await?;
    } else if let Some(image) = &source.registry {
        log.say(&format!("fetching {}", image.image));
        fetch_image(actor, image, namespace, credentials, folder).await?;
    } else {
        return Err("the build has no source".to_owned());
    }
    below(folder, source.sub_path.as_deref().unwrap_or_default())
}

/// The folder `sub_path` of the source, which must be inside of it.
fn below(folder: &Path, sub_path: &str) -> Result<PathBuf, Problem> {
    let root = folder.canonicalize().map_err(|error| error.to_string())?;
    let found = root.join(sub_path.trim_start_matches('/')).canonicalize();
    match found {
        Ok(found) if found.starts_with(&root) && found.is_dir() => Ok(found),
        _ => Err(format!(
            "the source has no folder '{sub_path}' (spec.source.subPath)"
        )),
    }
}

async fn fetch_blob(actor: &BuildActor, blob: &BlobSource, folder: &Path) -> Result<(), Problem> {
    // Our own archives need no way over the network.
    let stored = actor
        .store
        .path_of_url(&blob.url)
        .and_then(|path| actor.store.file(path));
    let strip = blob.strip_components;
    let target = folder.to_owned();
    let url = blob.url.clone();
    let unpack = move |file: File| archive::unpack(file, &target, strip, Limits::default());
    let unpacked = match stored {
        Some(path) => {
            let file = File::open(&path)
                .map_err(|error| format!("cannot read '{}': {error}", path.display()))?;
            blocking(move || unpack(file)).await
        }
        None => {
            let file = download::to_file(&url, TIMEOUT, Limits::default().size_bytes)
                .await
                .map_err(|error| chain(&error))?;
            blocking(move || unpack(file)).await
        }
    };
    let unpacked = unpacked.map_err(|error| error.to_string())?;
    unpacked.map_err(|error| format!("cannot unpack {}: {}", blob.url, chain(&error)))
}

async fn fetch_git(
    actor: &BuildActor,
    git: &GitSource,
    credentials: &Credentials,
    folder: &Path,
) -> Result<(), Problem> {
    let entries = credentials.for_git(&git.url);
    let remote =
        Remote::new(&git.url, &secret_keys(&entries)).map_err(|error| error.to_string())?;
    let resolved = Resolved {
        reference: None,
        commit: git.revision.clone(),
        absolute: false,
    };
    let client = actor.git.with_timeout(TIMEOUT);
    let checkout = client
        .checkout(&remote, &resolved, folder, git.initialize_submodules)
        .await;
    checkout.map_err(|error| format!("cannot fetch {}: {}", remote.address(), chain(&error)))?;
    fs::remove_dir_all(folder.join(".git")).map_err(|error| error.to_string())
}

async fn fetch_image(
    actor: &BuildActor,
    source: &RegistrySource,
    namespace: &str,
    credentials: &Credentials,
    folder: &Path,
) -> Result<(), Problem> {
    let name: ImageName = source
        .image
        .parse()
        .map_err(|error: carto_artifacts::oci::name::ParseNameError| error.to_string())?;
    let names: Vec<String> = source
        .image_pull_secrets
        .iter()
        .map(|secret| secret.name.clone())
        .collect();
    let own = Credentials::named(&actor.client, namespace, &names)
        .await
        .map_err(|error| error.to_string())?;
    let (mut keys, _) = own.keychain();
    if names.is_empty() {
        keys = credentials.keychain().0;
    }
    let pulled = actor
        .registries
        .pull(&name, &keys, &actor.registry)
        .await
        .map_err(|error| chain(&error))?;
    let (registry, target) = (actor.registry.clone(), folder.to_owned());
    let unpacked = blocking(move || {
        let (_, manifest, _) = registry
            .image(&pulled.digest)
            .map_err(|error| chain(&error))?;
        rootfs::unpack(&registry, &manifest, &target).map_err(|error| chain(&error))
    });
    unpacked.await.map_err(|error| error.to_string())?
}

//! An image for tests: a shell, a few programs and the file server, taken from this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use carto_artifacts::oci::client::Client;
use carto_artifacts::oci::credentials::Keychain;
use carto_artifacts::oci::image::{self, LayerFile};
use carto_artifacts::oci::manifest::{Execution, MANIFEST};
use carto_artifacts::oci::name::ImageName;
use carto_artifacts::oci::registry::{Registry, StoredManifest};

/// Programs inside, beside `/app/serve`.
const PROGRAMS: [&str; 4] = ["sh", "cat", "mkdir", "sleep"];

/// What serves a folder: `/app/serve static-server --root DIR`, on `$PORT`.
pub(crate) const SERVE: &str = "exec /app/serve static-server --root";

fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap()
}

/// The loader and the libraries of a program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| word.starts_with('/'))
    });
    words.map(PathBuf::from).collect()
}

/// Where each file of the image is inside, and on this machine.
fn contents() -> Vec<(String, PathBuf)> {
    let serve = PathBuf::from(env!("CARGO_BIN_EXE_carto-actors-internal"));
    let mut files = vec![("app/serve".to_owned(), serve.clone())];
    let mut needed: BTreeSet<PathBuf> = libraries(&serve).into_iter().collect();
    for name in PROGRAMS {
        let program = on_path(name);
        needed.extend(libraries(&program));
        files.push((format!("bin/{name}"), program));
    }
    files.extend(needed.into_iter().map(|path| {
        let inside = path.display().to_string();
        (inside.trim_start_matches('/').to_owned(), path)
    }));
    files
}

/// Copies the files of the image into a folder.
pub(crate) fn files(folder: &Path) {
    for (inside, source) in contents() {
        let target = folder.join(inside);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(source, target).unwrap();
    }
}

/// Stores the image in a folder of its own, and returns its manifest.
pub(crate) fn build(store: &Registry, command: &[&str]) -> StoredManifest {
    let files = contents();
    let layer: Vec<LayerFile<'_>> = files
        .iter()
        .map(|(path, source)| LayerFile {
            path,
            source,
            executable: true,
        })
        .collect();
    let layer = image::files_layer(store, &layer, "test").unwrap();
    let execution = Execution {
        entrypoint: command.iter().map(|word| (*word).to_owned()).collect(),
        env: vec!["FROM_IMAGE=yes".to_owned()],
        ..Execution::default()
    };
    let built = image::build(store, "test", &["latest"], &[layer], execution).unwrap();
    StoredManifest {
        digest: built.digest,
        media_type: MANIFEST.to_owned(),
        bytes: built.manifest,
    }
}

/// Builds the image and pushes it to a registry; its name by digest.
pub(crate) async fn push(folder: &Path, tag: &str, keys: &Keychain) -> String {
    let store = Registry::open(folder.join("image-store")).unwrap();
    let manifest = build(&store, &["/bin/sh", "-c"]);
    let name: ImageName = tag.parse().unwrap();
    Client::new()
        .push(&name, &[], keys, &manifest, &store)
        .await
        .unwrap();
    name.at(&manifest.digest)
}

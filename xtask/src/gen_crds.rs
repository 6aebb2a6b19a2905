//! Writes the custom resource definitions to `config/crd`, one file each: what reviewers see and
//! what users without a toolchain apply.

use std::{fs, path::Path};

use anyhow::bail;

const FOLDER: &str = "config/crd";

/// Writes the files; with `check` only compares and fails on a difference.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder)?;
    let mut stale = Vec::new();
    let mut wanted = Vec::new();
    for file in carto_api::definition_files() {
        let (path, text) = (folder.join(file.name), file.text);
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            stale.push(path.display().to_string());
            if !check {
                fs::write(&path, text)?;
            }
        }
        wanted.push(path);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !wanted.contains(&path) {
            stale.push(path.display().to_string());
            if !check {
                fs::remove_file(&path)?;
            }
        }
    }
    if check && !stale.is_empty() {
        bail!(
            "not what `cargo xtask gen-crds` writes: {}",
            stale.join(", ")
        );
    }
    println!(
        "gen-crds: {} files, {} changed",
        wanted.len(),
        if check { 0 } else { stale.len() }
    );
    Ok(())
}

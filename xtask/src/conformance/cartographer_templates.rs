//! Cartographer's own tests of templates, unedited, through `carto test`.
//!
//! Every folder without folders in it is a test there as here; the count is checked against the
//! folders, so that a test that is not found does not pass.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::Summary;

/// Runs all tests below `tests/templates`.
///
/// # Errors
/// Sources without such tests, or a binary that cannot be built or run.
pub(super) fn run(dir: &Path, carto: Option<&Path>) -> anyhow::Result<Summary> {
    let folder = dir.join("tests/templates");
    let expected = leaves(&folder)?;
    let mut command = match carto {
        Some(carto) => Command::new(carto),
        None => {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["run", "--quiet", "--bin", "carto", "--"]);
            cargo
        }
    };
    let output = command
        .arg("test")
        .arg(&folder)
        .output()
        .context("cannot run carto test")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut summary = Summary::default();
    for test in &expected {
        let passed = format!("PASS: {}", test.display());
        let result = if said.lines().any(|line| line == passed) {
            Ok(())
        } else {
            Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
        };
        summary.count(&test.display().to_string(), result);
    }
    Ok(summary)
}

/// The folders below `folder` that have no folders in them.
fn leaves(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    if folders.is_empty() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut all = Vec::new();
    for folder in folders {
        all.extend(leaves(&folder)?);
    }
    all.sort();
    Ok(all)
}

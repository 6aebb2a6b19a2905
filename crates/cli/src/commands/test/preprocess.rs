//! Manifests that are ytt templates themselves, filled in with values of the test.

use std::path::{Path, PathBuf};

use carto_ytt::workspace::{File, NoHost, Options, run};
use serde_json::Value;

use super::case::Failure;

/// Reads the objects of a file or a flat folder, each file through ytt when there are `values`.
pub(super) fn objects(path: &Path, values: Option<&Path>) -> Result<Vec<Value>, Failure> {
    if !path.is_dir() {
        return file(path, values);
    }
    let entries = std::fs::read_dir(path).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<PathBuf>, _>>()
    });
    let mut entries = entries.map_err(|error| unreadable(path, &error))?;
    entries.sort();
    let mut objects = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_file()) {
        objects.extend(file(entry, values)?);
    }
    Ok(objects)
}

fn file(path: &Path, values: Option<&Path>) -> Result<Vec<Value>, Failure> {
    let text = match values {
        Some(values) => filled(path, values)?,
        None => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
    };
    carto_yaml::decode_all(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// As `ytt --ignore-unknown-comments -f PATH -f VALUES`.
fn filled(path: &Path, values: &Path) -> Result<String, Failure> {
    let read = |path: &Path| {
        let contents = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok::<_, Failure>(File::new(name, contents))
    };
    let files = vec![read(path)?, read(values)?];
    let options = Options {
        ignore_unknown_comments: true,
        ..Options::default()
    };
    let output = run(files, &options, &NoHost).map_err(|error| {
        let text = error.to_cli_string();
        Failure(format!("cannot preprocess {}: {text}", path.display()))
    })?;
    Ok(output.text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure(format!("cannot read {}: {error}", path.display()))
}

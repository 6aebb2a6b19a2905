//! Manifests as users name them: files, folders, the standard input.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use carto_core::validate::{self, Reading};
use serde_json::Value;

use crate::error::CommandError;

/// Deepest folder that is searched.
const MAX_DEPTH: usize = 32;

/// One file, read.
pub(crate) struct Manifest {
    /// What messages call it.
    pub(crate) name: String,
    /// Its objects, and where everything stands.
    pub(crate) reading: Reading,
}

/// Reads files; of folders every .yaml, .yml and .json below them, in the order of names; `-` is
/// the standard input.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Manifest>, CommandError> {
    let mut manifests = Vec::new();
    for path in paths {
        collect(path, 0, &mut manifests)?;
    }
    Ok(manifests)
}

/// Reads files as [`read_all`] does and returns their objects; lists are taken apart.
///
/// # Errors
/// The first file that is no YAML, with line and column.
pub(crate) fn objects(paths: &[PathBuf]) -> Result<Vec<Value>, CommandError> {
    let mut objects = Vec::new();
    for Manifest { name, reading } in read_all(paths)? {
        if let Some(broken) = reading.broken {
            let place = broken.place;
            let text = format!("{name}:{}:{}: {}", place.line, place.column, broken.message);
            return Err(CommandError::user(text));
        }
        for object in reading.objects {
            unpack(object.value, &mut objects);
        }
    }
    Ok(objects)
}

/// Takes a list apart as kubectl does.
fn unpack(mut object: Value, objects: &mut Vec<Value>) {
    let is_list = object["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => objects.extend(items),
        Some(items) => {
            object["items"] = items;
            objects.push(object);
        }
        None => objects.push(object),
    }
}

fn collect(path: &Path, depth: usize, manifests: &mut Vec<Manifest>) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::user(format!("cannot read {}: {error}", path.display()))
    };
    let mut add = |name: String, text: &str| {
        manifests.push(Manifest {
            name,
            reading: validate::read(text),
        });
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        add("stdin".to_owned(), &text);
        return Ok(());
    }
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(failed)?;
        add(path.display().to_string(), &text);
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(CommandError::user(format!(
            "{} is nested too deep",
            path.display()
        )));
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(failed)?;
    entries.sort();
    for entry in entries {
        if is_manifest(&entry) || entry.is_dir() {
            collect(&entry, depth + 1, manifests)?;
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}

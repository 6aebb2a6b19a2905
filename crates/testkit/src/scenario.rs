//! Scenarios: what people do to a cluster, as data, and what the cluster looks like afterwards.
//!
//! A scenario is one YAML file (`tests/scenarios/README.md` describes it). [`World`] follows what
//! happens in an API, [`play`] performs a scenario there and returns what it saw each time things
//! had settled, as [`Facts`] without what differs from run to run; [`compare`] names the gaps
//! between two homes. The same scenario is played on the embedded home by the ordinary tests and,
//! beside the original, on two real API servers by `cargo xtask conformance cartographer`.

mod compare;
mod facts;
mod kinds;
mod play;
mod world;

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde_json::Value;

pub use compare::{Gap, NOTHING, compare, unexplained};
pub use facts::{Facts, render};
pub use play::{Pace, PlayError, look, play};
pub use world::{Identity, World, WorldError};

/// One scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the file without its ending; namespace of what is namespaced, and the part before
    /// the first dot of the names of what is not. Stands where the file says `ID`.
    #[serde(skip)]
    pub id: String,
    /// Where it was read.
    #[serde(skip)]
    pub file: PathBuf,
    /// What it shows, in a sentence.
    pub about: String,
    /// Whether the accounts of its namespace may do everything.
    #[serde(default)]
    pub accounts: Accounts,
    /// Why the original is not asked: it crashes, or never comes to rest.
    #[serde(default)]
    pub without_original: Option<String>,
    /// Where Carto differs from the original on purpose.
    #[serde(default)]
    pub differs: Vec<Difference>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// What service accounts may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accounts {
    /// Everything.
    #[default]
    Trusted,
    /// What the scenario binds.
    Untrusted,
}

/// Where and why Carto's facts are not the original's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The finding or decision that it follows from, such as `7.1 #5`.
    pub finding: String,
    /// Object and path of the facts, `*` for any text.
    pub at: String,
    /// What the original shows there, `*` for any text, `(nothing)` when it shows nothing.
    #[serde(default)]
    pub original: Option<String>,
    /// What Carto shows there, in the same way.
    #[serde(default)]
    pub carto: Option<String>,
    /// What Carto does instead, in a few words.
    pub why: String,
    /// Whether it need not be seen: the original wakes all owners when any blueprint changes, and
    /// then does late what it would not do by itself.
    #[serde(default)]
    pub sometimes: bool,
}

/// One thing that somebody does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Applies objects; `apiVersion` and `metadata.namespace` may be left out.
    Apply(Vec<Value>),
    /// Sets the status of an object, as its controller does.
    Status(Change),
    /// Merges a patch into an object, as `kubectl edit` does.
    Merge(Change),
    /// Deletes an object, `Kind/name`.
    Delete(String),
    /// Waits until nothing moves any more, and looks.
    Settle,
    /// Waits until the clock shows another second: times of creation are in seconds.
    NextSecond,
}

/// A change of an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// `Kind/name`; a generated name is written `prefix-#2`, the second of that prefix.
    pub object: String,
    /// What is merged.
    pub set: Value,
}

/// Why scenarios cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not YAML.
    #[error("{}: {source}", .path.display())]
    Yaml {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: carto_yaml::Error,
    },
    /// Not a scenario.
    #[error("{}: {source}", .path.display())]
    Shape {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Two files have one name.
    #[error("two scenarios are named {0}: they would share a namespace")]
    Twice(String),
}

/// Reads every scenario below a folder, in the order of their ids.
///
/// # Errors
/// The first file that is no scenario.
pub fn read_all(folder: &Path) -> Result<Vec<Scenario>, ReadError> {
    let mut scenarios = Vec::new();
    for file in yaml_files(folder, 1)? {
        scenarios.push(read(&file)?);
    }
    scenarios.sort_by(|a, b| a.id.cmp(&b.id));
    let twice = scenarios.windows(2).find(|pair| pair[0].id == pair[1].id);
    match twice {
        Some(pair) => Err(ReadError::Twice(pair[0].id.clone())),
        None => Ok(scenarios),
    }
}

/// Reads the objects of a YAML file.
///
/// # Errors
/// A file that cannot be read or is not YAML.
pub fn read_documents(file: &Path) -> Result<Vec<Value>, ReadError> {
    let path = || file.to_owned();
    let text = fs::read_to_string(file).map_err(|source| ReadError::File {
        path: path(),
        source,
    })?;
    carto_yaml::decode_all(&text).map_err(|source| ReadError::Yaml {
        path: path(),
        source,
    })
}

/// Reads the differences that every scenario may show.
///
/// # Errors
/// A file that is not a list of differences.
pub fn read_differences(file: &Path) -> Result<Vec<Difference>, ReadError> {
    let mut documents = read_documents(file)?;
    let list = documents.pop().unwrap_or_default();
    serde_json::from_value(list).map_err(|source| ReadError::Shape {
        path: file.to_owned(),
        source,
    })
}

fn read(file: &Path) -> Result<Scenario, ReadError> {
    let id = file.file_stem().unwrap_or_default().to_string_lossy();
    let document = read_documents(file)?.into_iter().next().unwrap_or_default();
    let read = serde_json::from_value(named(document, &id));
    let mut scenario: Scenario = read.map_err(|source| ReadError::Shape {
        path: file.to_owned(),
        source,
    })?;
    scenario.id = id.into_owned();
    file.clone_into(&mut scenario.file);
    Ok(scenario)
}

/// The files of the folders below `folder`; those directly in it are about all scenarios.
fn yaml_files(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::File {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files.extend(yaml_files(&path, 0)?);
        } else if depth == 0 && path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Puts the id of the scenario where it says `ID`.
fn named(value: Value, id: &str) -> Value {
    match value {
        Value::String(text) => Value::String(with_id(&text, id)),
        Value::Array(items) => items.into_iter().map(|item| named(item, id)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (with_id(&key, id), named(value, id)))
            .collect(),
        other => other,
    }
}

/// Replaces `ID` where it is a word.
fn with_id(text: &str, id: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("ID") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let start = text.len() - rest.len() + at;
        let word = !text[..start].ends_with(inside) && !after.starts_with(inside);
        out.push_str(before);
        out.push_str(if word { id } else { "ID" });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_named_difference_covers_whatever_may_happen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
        let scenarios = read_all(&folder).expect("the scenarios can be read");
        for scenario in scenarios {
            let vague = scenario.differs.iter().find(|differs| differs.is_vague());
            assert!(vague.is_none(), "{}: {vague:?}", scenario.id);
        }
    }

    #[test]
    fn the_id_replaces_words_only() {
        assert_eq!(
            with_id("ID.chain in ID, not IDs or GRID", "x"),
            "x.chain in x, not IDs or GRID"
        );
        assert_eq!(with_id("IDID", "x"), "IDID");
    }
}

//! Data values from flags, files and the environment.
//!
//! Source: ytt pkg/cmd/template/data_values_flags.go, data_values_file.go.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::collect::{SymlinkOptions, files_from_paths};
use super::envelope::Envelope;
use super::file::FileType;
use super::host::Host;
use crate::annotation::{Annotation, Annotations, name};
use crate::node::{Common, Document, Map, MapItem, Node, ReadOptions, Value, read};
use crate::overlay::{annotate_for_plain_merge, annotations_for_replacement};
use crate::position::Position;
use crate::star;

/// Data values as they were given, kind by kind; each later kind takes precedence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataValueFlags {
    /// Files or directories of plain YAML: `[@library:]path`.
    pub files: Vec<String>,
    /// Prefixes of environment variables that hold text.
    pub env: Vec<String>,
    /// Prefixes of environment variables that hold YAML.
    pub env_yaml: Vec<String>,
    /// `[@library:]a.b=text`.
    pub texts: Vec<String>,
    /// `[@library:]a.b=yaml`.
    pub yaml: Vec<String>,
    /// `[@library:]a.b=path` of a file that holds the text.
    pub text_files: Vec<String>,
}

/// Reads flags into overlays: those for the root library, and those for others.
///
/// # Errors
/// A flag or file that cannot be understood.
pub(crate) fn overlays(
    flags: &DataValueFlags,
    strict: bool,
    symlinks: &SymlinkOptions,
    host: &dyn Host,
) -> Result<(Vec<Envelope>, Vec<Envelope>), String> {
    let reader = Reader {
        strict,
        symlinks,
        host,
    };
    let mut all = Vec::new();
    let from_file = |problem: String| format!("Extracting data value from file: {problem}");
    for file in &flags.files {
        all.extend(reader.values_file(file).map_err(from_file)?);
    }
    for (prefixes, is_yaml) in [(&flags.env, false), (&flags.env_yaml, true)] {
        for prefix in prefixes {
            all.extend(reader.env(prefix, is_yaml).map_err(|problem| {
                format!("Extracting data values from env under prefix '{prefix}': {problem}")
            })?);
        }
    }
    for (settings, is_yaml) in [(&flags.texts, false), (&flags.yaml, true)] {
        for setting in settings {
            let overlay = reader.setting(setting, is_yaml);
            let overlay =
                overlay.map_err(|problem| format!("Extracting data value from KV: {problem}"))?;
            all.push(overlay);
        }
    }
    for setting in &flags.text_files {
        all.push(reader.text_file(setting).map_err(from_file)?);
    }
    Ok(all
        .into_iter()
        .partition(|envelope| !envelope.is_for_another_library()))
}

struct Reader<'a> {
    strict: bool,
    symlinks: &'a SymlinkOptions,
    host: &'a dyn Host,
}

impl Reader<'_> {
    fn values_file(&self, given: &str) -> Result<Vec<Envelope>, String> {
        let (library, path) = library_and_rest(given)?;
        let files = files_from_paths(&[path.to_owned()], self.symlinks, self.host)
            .map_err(|problem| format!("Find files '{path}': {problem}"))?;
        let mut envelopes = Vec::new();
        for file in files {
            // A directory may hold other files as well.
            if file.is_implied() && file.file_type() != FileType::Yaml {
                continue;
            }
            let options = ReadOptions {
                without_comments: false,
                strict: self.strict,
            };
            let contents = file
                .contents()
                .map_err(|problem| format!("Reading file '{}': {problem}", file.path()))?;
            let set = read(contents, file.path(), options).map_err(|problem| {
                let description = file.description();
                format!("Unmarshaling YAML data values file '{description}': {problem}")
            })?;
            for document in set.items.borrow().iter() {
                if document.value.borrow().is_null() {
                    continue;
                }
                let node = Node::Document(Rc::clone(document));
                annotate_for_plain_merge(&node)
                    .map_err(|problem| format!("Checking data values file '{path}': {problem}"))?;
                envelopes.push(Envelope::addressed(Rc::clone(document), library)?);
            }
        }
        Ok(envelopes)
    }

    fn env(&self, prefix: &str, is_yaml: bool) -> Result<Vec<Envelope>, String> {
        let (library, prefix) = library_and_key(prefix)?;
        let flag = if is_yaml {
            "data-values-env-yaml"
        } else {
            "data-values-env"
        };
        let mut envelopes = Vec::new();
        for variable in self.host.environment() {
            let Some((name, text)) = variable.split_once('=') else {
                let expected = "Expected env variable to be key-value pair (format: key=value)";
                return Err(expected.to_owned());
            };
            let key = name
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix('_'));
            let Some(key) = key else { continue };
            let value = self.value(text, is_yaml).map_err(|problem| {
                format!("Extracting data value from env variable '{name}': {problem}")
            })?;
            let keys: Vec<&str> = key.split("__").collect();
            let document = overlay(&keys, value, &format!("({flag} arg) {prefix}"), &variable);
            envelopes.push(Envelope::addressed(document, library)?);
        }
        Ok(envelopes)
    }

    fn setting(&self, setting: &str, is_yaml: bool) -> Result<Envelope, String> {
        let Some((given_key, text)) = setting.split_once('=') else {
            return Err("Expected format key=value".to_owned());
        };
        let value = self
            .value(text, is_yaml)
            .map_err(|problem| format!("Deserializing value for key '{given_key}': {problem}"))?;
        let (library, key) = library_and_key(given_key)?;
        let flag = if is_yaml {
            "data-value-yaml"
        } else {
            "data-value"
        };
        let keys: Vec<&str> = key.split('.').collect();
        let document = overlay(&keys, value, &format!("({flag} arg)"), setting);
        Envelope::addressed(document, library)
    }

    fn text_file(&self, setting: &str) -> Result<Envelope, String> {
        let Some((given_key, path)) = setting.split_once('=') else {
            return Err("Expected format key=/file/path".to_owned());
        };
        let files = files_from_paths(&[path.to_owned()], self.symlinks, self.host)
            .map_err(|problem| format!("Finding file '{path}': {problem}"))?;
        let [file] = files.as_slice() else {
            return Err(format!(
                "Expected '{path}' to be a file, but is a directory"
            ));
        };
        let contents = file
            .contents()
            .map_err(|_| format!("Reading file '{path}'"))?;
        let (library, key) = library_and_key(given_key)?;
        let description = format!("(data-value-file arg) {key}={path}");
        let keys: Vec<&str> = key.split('.').collect();
        let value = Value::text(star::Str::from(contents));
        let shown = String::from_utf8_lossy(contents);
        Envelope::addressed(overlay(&keys, value, &description, &shown), library)
    }

    fn value(&self, text: &str, is_yaml: bool) -> Result<Value, String> {
        if !is_yaml {
            return Ok(Value::text(text));
        }
        let options = ReadOptions {
            without_comments: false,
            strict: self.strict,
        };
        let set = read(text.as_bytes(), "", options)
            .map_err(|problem| format!("Deserializing YAML value: {problem}"))?;
        let first = set.items.borrow().first().cloned();
        Ok(first
            .map(|document| document.value.borrow().clone())
            .unwrap_or_default())
    }
}

/// A reference to a library in front of `:`, and what follows.
fn library_and_rest(given: &str) -> Result<(&str, &str), String> {
    match given.split_once(':') {
        Some(("@", _)) => Err("Expected library ref to not be empty".to_owned()),
        Some((library, rest)) if library.starts_with('@') => Ok((library, rest)),
        _ => Ok(("", given)),
    }
}

/// The same for keys, in which there may be no further `:`.
fn library_and_key(given: &str) -> Result<(&str, &str), String> {
    let (library, key) = library_and_rest(given)?;
    if key.contains(':') {
        return Err(format!(
            "Expected at most one library-key separator ':' in '{key}'"
        ));
    }
    Ok((library, key))
}

/// A document that sets one value: every key on the way may be missing, and the value is
/// replaced as a whole.
fn overlay(keys: &[&str], value: Value, description: &str, shown: &str) -> Rc<Document> {
    let position = Position::Described {
        file: Arc::from(description),
        line: 1,
        text: Arc::from(shown),
    };
    let mut value = value;
    for (index, key) in keys.iter().enumerate().rev() {
        let item = MapItem {
            common: Common::at(position.clone()),
            key: RefCell::new(Value::text(*key)),
            value: RefCell::new(value),
        };
        let is_leaf = index + 1 == keys.len();
        item.common.set_annotations(if is_leaf {
            annotations_for_replacement()
        } else {
            missing_ok()
        });
        let map = Map {
            items: RefCell::new(vec![Rc::new(item)]),
            ..Map::default()
        };
        value = Value::map(map);
        value.as_node().into_iter().for_each(Node::close);
    }
    Rc::new(Document {
        common: Common::at(position),
        value: RefCell::new(value),
        ..Document::default()
    })
}

fn missing_ok() -> Annotations {
    let mut annotations = Annotations::default();
    let annotation = Annotation {
        args: Rc::from([]),
        kwargs: Rc::from([("missing_ok".to_owned(), star::Value::Bool(true))]),
        position: Position::Unknown,
    };
    annotations.set(Arc::from(name::OVERLAY_MATCH), annotation);
    annotations
}

//! YAML as kubectl and ytt read and write it: YAML 1.1 scalars, comments, positions.
//!
//! Both programs use descendants of libyaml through go-yaml version 2, and people see its quirks:
//! which plain words are booleans, which line an error names, how a string is quoted on the way
//! out. This crate follows go-yaml (`gopkg.in/yaml.v2` and ytt's fork of it in
//! `pkg/yamlmeta/internal/yaml.v2`) in all of that, and adds what the originals lack: bounds on
//! nesting and on alias expansion.
//!
//! * [`parse`] gives the documents of a stream as trees that keep comments, positions, the order
//!   of keys and duplicate keys.
//! * [`decode_all`] and [`decode_strict`] give the JSON view that Kubernetes works with.
//! * [`emit`] prints values in the three styles that users compare: ytt's, `kubectl -o yaml`'s
//!   and that of `gopkg.in/yaml.v3`.
//!
//! Nothing here reads files, clocks or the environment.
//!
//! ```
//! let text = "name: web # the name\nenabled: yes\nport: '80'\n";
//!
//! // The view of Kubernetes: `yes` is true, and what is quoted is text.
//! let documents = carto_yaml::decode_all(text)?;
//! assert_eq!(documents, [serde_json::json!({"name": "web", "enabled": true, "port": "80"})]);
//! assert_eq!(carto_yaml::emit::k8s(&documents[0]), "enabled: true\nname: web\nport: \"80\"\n");
//!
//! // The tree with comments and positions.
//! let documents = carto_yaml::parse(text)?;
//! assert_eq!(documents[0].comments[0].text, " the name");
//! let carto_yaml::Value::Map(entries) = &documents[0].root.value else { unreachable!() };
//! assert_eq!(entries[2].key.line, 3);
//!
//! // Problems are those of go-yaml, with the line.
//! let error = carto_yaml::decode_all("a: [1\nb: 2\n").unwrap_err();
//! assert!(error.to_string().starts_with("yaml: line "), "{error}");
//! # Ok::<(), carto_yaml::Error>(())
//! ```
#![deny(missing_docs)]

mod compose;
pub mod emit;
mod error;
mod json;
pub mod number;
mod parser;
mod raw;
mod reader;
mod resolve;
mod scan;
mod strict;
mod timestamp;
mod tree;

pub use error::{Error, Place};
pub use json::{Decoded, DuplicateKey, decode_all, decode_strict};
pub use resolve::{Scalar, resolve_plain};
pub use tree::{Comment, Document, MapEntry, Node, SeqItem, Value};

/// How [`parse_with`] reads a stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Accepts only scalars that no other YAML reader would take for another type.
    ///
    /// Source: ytt `--strict`, pkg/yamlmeta/internal/yaml.v2/strict_scalar_resolve.go.
    pub strict_scalars: bool,
    /// Bounds on what one stream may cost.
    pub limits: Limits,
}

/// Bounds on what reading one stream may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of collections, aliases expanded.
    pub max_depth: usize,
    /// Bytes of text that aliases may add to a document.
    pub max_alias_bytes: usize,
    /// Values that aliases may add to a document.
    pub max_alias_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // 250 levels fit a two megabyte stack with room to spare; no real object comes near
        // (serde_json stops at 128). The byte bound closes what the ratio of go-yaml leaves open:
        // many aliases of one large string. The bound on values keeps a short text from becoming a
        // tree of tens of megabytes.
        Self {
            max_depth: 250,
            max_alias_bytes: 16 << 20,
            max_alias_nodes: 100_000,
        }
    }
}

/// Reads every document of a stream, with default [`Options`].
///
/// # Errors
/// The first problem of the stream, in go-yaml's words.
pub fn parse(text: &str) -> Result<Vec<Document>, Error> {
    parse_with(text.as_bytes(), &Options::default())
}

/// Reads every document of a stream of bytes.
///
/// Shape: bytes that are not UTF-8, and control characters, are errors; UTF-16 is recognised by
/// its byte order mark.
///
/// # Errors
/// The first problem of the stream, in go-yaml's words.
pub fn parse_with(bytes: &[u8], options: &Options) -> Result<Vec<Document>, Error> {
    let input = reader::Input::new(bytes);
    let mut parser = parser::Parser::new(&input, options.limits.max_depth);
    let mut documents = Vec::new();
    while let Some(raw) = parser.next_document()? {
        documents.push(compose::compose(raw, options)?);
    }
    Ok(documents)
}

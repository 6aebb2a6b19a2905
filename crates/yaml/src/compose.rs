//! From raw documents to trees: scalars typed, aliases expanded within a budget, merges done.
//!
//! Source: go-yaml decode.go with `SetForceMapSlice` as ytt uses it; the alias ratio is the one of
//! go-yaml 2.4, which ytt's older fork lacks.

use crate::error::Error;
use crate::raw::{RawDocument, RawId, RawKind, RawNode};
use crate::resolve::{Scalar, decode_binary, is_binary, resolve_plain, resolve_tagged};
use crate::tree::{Document, MapEntry, Node, SeqItem, Value};
use crate::{Limits, Options, strict};

pub(crate) fn compose(mut raw: RawDocument<'_>, options: &Options) -> Result<Document, Error> {
    let comments = std::mem::take(&mut raw.comments);
    let mut composer = Composer {
        expansion: Expansion::new(&raw, options.limits),
        options,
    };
    let root = composer.node(raw.root)?;
    Ok(Document {
        line: raw.line + 1,
        root,
        comments,
    })
}

struct Composer<'a> {
    expansion: Expansion<'a>,
    options: &'a Options,
}

impl Composer<'_> {
    fn node(&mut self, id: RawId) -> Result<Node, Error> {
        let raw = self.expansion.enter(id)?;
        let value = match &raw.kind {
            RawKind::Scalar { .. } => scalar_value(raw, self.options.strict_scalars)?,
            RawKind::Alias { target, .. } => {
                let Node { value, .. } = self.node(*target)?;
                value
            }
            RawKind::Seq(items) => {
                let mut values = Vec::with_capacity(items.len());
                for &(line, item) in items {
                    values.push(SeqItem {
                        line: line + 1,
                        value: self.node(item)?,
                    });
                }
                Value::Seq(values)
            }
            RawKind::Map(entries) => Value::Map(self.entries(entries)?),
        };
        self.expansion.leave(id);
        Ok(Node {
            line: raw.line + 1,
            column: raw.column + 1,
            value,
        })
    }

    fn entries(&mut self, entries: &[(RawId, RawId)]) -> Result<Vec<MapEntry>, Error> {
        let mut composed = Vec::with_capacity(entries.len());
        for &(key, value) in entries {
            if self.expansion.raw.nodes[key].is_merge() {
                composed.extend(self.merged(value)?);
            } else {
                let key = self.node(key)?;
                composed.push(MapEntry {
                    key,
                    value: self.node(value)?,
                });
            }
        }
        Ok(composed)
    }

    /// The entries that `<<` stands for. Of a list only the first mapping counts: the original
    /// decodes the list backwards into one and the same variable.
    fn merged(&mut self, id: RawId) -> Result<Vec<MapEntry>, Error> {
        let mut entries = Vec::new();
        for source in self.expansion.merge_sources(id)?.into_iter().rev() {
            if let Value::Map(found) = self.node(source)?.value {
                entries = found;
            }
        }
        Ok(entries)
    }
}

fn scalar_value(raw: &RawNode<'_>, strict_scalars: bool) -> Result<Value, Error> {
    let failed = |problem: String| Error::silent(problem, raw.line, raw.column);
    let (text, scalar) = match typed_scalar(raw).map_err(failed)? {
        TypedScalar::Typed(text, scalar) => (text, scalar),
        TypedScalar::Binary(bytes) => {
            return Ok(match String::from_utf8(bytes) {
                Ok(text) => Value::String(text),
                Err(error) => Value::Bytes(error.into_bytes()),
            });
        }
    };
    let untagged = raw.tag.as_deref().is_none_or(str::is_empty);
    let implicit = matches!(raw.kind, RawKind::Scalar { implicit: true, .. });
    if strict_scalars && implicit && untagged {
        strict::check(text, &scalar).map_err(failed)?;
    }
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Int(value),
        Scalar::Uint(value) => Value::Uint(value),
        Scalar::Float(value) => Value::Float(value),
        Scalar::String | Scalar::Timestamp => Value::String(text.to_owned()),
    })
}

/// A scalar's text and type, or the bytes of a `!!binary`.
pub(crate) enum TypedScalar<'a> {
    Typed(&'a str, Scalar),
    Binary(Vec<u8>),
}

pub(crate) fn typed_scalar<'a>(raw: &'a RawNode<'_>) -> Result<TypedScalar<'a>, String> {
    let RawKind::Scalar { text, implicit } = &raw.kind else {
        unreachable!("only scalars are typed")
    };
    let scalar = match raw.tag.as_deref() {
        None | Some("") if *implicit => resolve_plain(text),
        None | Some("") => Scalar::String,
        Some(tag) if is_binary(tag) => return decode_binary(text).map(TypedScalar::Binary),
        Some(tag) => resolve_tagged(tag, text)?,
    };
    Ok(TypedScalar::Typed(text, scalar))
}

/// Keeps the cost of aliases within bounds while a document is walked.
pub(crate) struct Expansion<'a> {
    pub(crate) raw: &'a RawDocument<'a>,
    limits: Limits,
    depth: usize,
    alias_depth: usize,
    /// Nodes visited, and those of them under an alias.
    visited: usize,
    visited_in_alias: usize,
    alias_bytes: usize,
    /// Aliases that are being expanded.
    open: Vec<RawId>,
}

impl<'a> Expansion<'a> {
    pub(crate) fn new(raw: &'a RawDocument<'a>, limits: Limits) -> Self {
        Self {
            raw,
            limits,
            depth: 0,
            alias_depth: 0,
            visited: 0,
            visited_in_alias: 0,
            alias_bytes: 0,
            open: Vec::new(),
        }
    }

    /// Begins a node; [`Expansion::leave`] ends it.
    pub(crate) fn enter(&mut self, id: RawId) -> Result<&'a RawNode<'a>, Error> {
        let raw = &self.raw.nodes[id];
        let failed = |problem: String| Error::silent(problem, raw.line, raw.column);
        self.depth += 1;
        if self.depth > self.limits.max_depth {
            return Err(failed(format!(
                "exceeded max depth of {}",
                self.limits.max_depth
            )));
        }
        self.visited += 1;
        if self.alias_depth > 0 {
            self.visited_in_alias += 1;
            if let RawKind::Scalar { text, .. } = &raw.kind {
                self.alias_bytes += text.len();
            }
        }
        let is_too_much = self.alias_bytes > self.limits.max_alias_bytes
            || self.visited_in_alias > self.limits.max_alias_nodes;
        if is_too_much || self.is_excessive() {
            return Err(failed("document contains excessive aliasing".to_owned()));
        }
        if let RawKind::Alias { name, .. } = &raw.kind {
            if self.open.contains(&id) {
                return Err(failed(format!("anchor '{name}' value contains itself")));
            }
            self.open.push(id);
            self.alias_depth += 1;
        }
        Ok(raw)
    }

    pub(crate) fn leave(&mut self, id: RawId) {
        self.depth -= 1;
        if let RawKind::Alias { .. } = self.raw.nodes[id].kind {
            self.open.pop();
            self.alias_depth -= 1;
        }
    }

    /// The mappings that a merge key's value names, in order.
    pub(crate) fn merge_sources(&self, id: RawId) -> Result<Vec<RawId>, Error> {
        let raw = &self.raw.nodes[id];
        let sources = match &raw.kind {
            RawKind::Seq(items) => items.iter().map(|(_, item)| *item).collect(),
            _ => vec![id],
        };
        let is_map = |id: &RawId| match &self.raw.nodes[*id].kind {
            RawKind::Alias { target, .. } => {
                matches!(self.raw.nodes[*target].kind, RawKind::Map(_))
            }
            kind => matches!(kind, RawKind::Map(_)),
        };
        if sources.iter().all(is_map) {
            return Ok(sources);
        }
        let problem = "map merge requires map or sequence of maps as the value";
        Err(Error::silent(problem, raw.line, raw.column))
    }

    /// go-yaml's rule: nearly all of a small document may come from aliases, a tenth of a large one.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn is_excessive(&self) -> bool {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        if self.visited_in_alias <= 100 || self.visited <= 1000 {
            return false;
        }
        let visited = self.visited as f64;
        let allowed = 0.99 - 0.89 * ((visited - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
        self.visited_in_alias as f64 / visited > allowed
    }
}

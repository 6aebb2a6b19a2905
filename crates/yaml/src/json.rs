//! The JSON view of YAML: what Kubernetes makes of a manifest.
//!
//! Source: sigs.k8s.io/yaml, which decodes with go-yaml version 2 into Go maps and converts the
//! result to JSON. Keys become strings; of duplicate keys the last wins.

use serde_json::{Map, Number, Value};

use crate::Limits;
use crate::compose::{Expansion, TypedScalar, typed_scalar};
use crate::error::Error;
use crate::number;
use crate::parser::Parser;
use crate::raw::{RawId, RawKind};
use crate::reader::Input;
use crate::resolve::Scalar;

/// A document's value and the keys that occurred more than once in one mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The value; of duplicate keys it holds the last.
    pub value: Value,
    /// In order of appearance.
    pub duplicates: Vec<DuplicateKey>,
}

/// A key that its mapping already had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// Line of the value, counted from one.
    pub line: usize,
    /// The key.
    pub key: String,
}

impl std::fmt::Display for DuplicateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "line {}: key {:?} already set in map",
            self.line, self.key
        )
    }
}

/// Reads a stream into JSON values. Documents without content are left out.
///
/// # Errors
/// Text that is not YAML, and values that JSON cannot express.
pub fn decode_all(text: &str) -> Result<Vec<Value>, Error> {
    Ok(decode_strict(text)?
        .into_iter()
        .map(|decoded| decoded.value)
        .collect())
}

/// Reads a stream into JSON values and reports duplicate keys. Documents without content are left
/// out.
///
/// # Errors
/// Text that is not YAML, and values that JSON cannot express.
pub fn decode_strict(text: &str) -> Result<Vec<Decoded>, Error> {
    let limits = Limits::default();
    let input = Input::new(text.as_bytes());
    let mut parser = Parser::new(&input, limits.max_depth);
    let mut decoded = Vec::new();
    while let Some(raw) = parser.next_document()? {
        let expansion = Expansion::new(&raw, limits);
        let mut decoder = Decoder {
            expansion,
            duplicates: Vec::new(),
        };
        let value = decoder.value(raw.root)?;
        if !value.is_null() {
            decoded.push(Decoded {
                value,
                duplicates: decoder.duplicates,
            });
        }
    }
    Ok(decoded)
}

struct Decoder<'a> {
    expansion: Expansion<'a>,
    duplicates: Vec<DuplicateKey>,
}

impl Decoder<'_> {
    fn value(&mut self, id: RawId) -> Result<Value, Error> {
        let raw = self.expansion.enter(id)?;
        let value = match &raw.kind {
            RawKind::Scalar { .. } => self.scalar(id)?,
            RawKind::Alias { target, .. } => self.value(*target)?,
            RawKind::Seq(items) => Value::Array(
                items
                    .iter()
                    .map(|(_, item)| self.value(*item))
                    .collect::<Result<_, _>>()?,
            ),
            RawKind::Map(entries) => {
                let mut map = Map::new();
                self.fill(&mut map, entries)?;
                Value::Object(map)
            }
        };
        self.expansion.leave(id);
        Ok(value)
    }

    fn fill(
        &mut self,
        map: &mut Map<String, Value>,
        entries: &[(RawId, RawId)],
    ) -> Result<(), Error> {
        for &(key, value) in entries {
            if self.expansion.raw.nodes[key].is_merge() {
                // Earlier sources win over later ones, and all of them over what stands before.
                for source in self.expansion.merge_sources(value)?.into_iter().rev() {
                    if let Value::Object(merged) = self.value(source)? {
                        map.extend(merged);
                    }
                }
                continue;
            }
            let key = self.key(key)?;
            let line = self.expansion.raw.nodes[value].line + 1;
            let value = self.value(value)?;
            if map.contains_key(&key) {
                self.duplicates.push(DuplicateKey {
                    line,
                    key: key.clone(),
                });
            }
            map.insert(key, value);
        }
        Ok(())
    }

    fn scalar(&self, id: RawId) -> Result<Value, Error> {
        let raw = &self.expansion.raw.nodes[id];
        let failed = |problem: String| Error::silent(problem, raw.line, raw.column);
        let (text, scalar) = match typed_scalar(raw).map_err(failed)? {
            TypedScalar::Typed(text, scalar) => (text, scalar),
            // Go's JSON encoder replaces what is not UTF-8.
            TypedScalar::Binary(bytes) => {
                return Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()));
            }
        };
        Ok(match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => value.into(),
            Scalar::Uint(value) => value.into(),
            Scalar::Float(value) => json_number(value).map(Value::Number).ok_or_else(|| {
                failed(format!(
                    "json: unsupported value: {}",
                    number::format_float(value)
                ))
            })?,
            Scalar::String | Scalar::Timestamp => Value::String(text.to_owned()),
        })
    }

    fn key(&mut self, id: RawId) -> Result<String, Error> {
        let raw = self.expansion.enter(id)?;
        let unsupported = |problem: &str| Err(Error::silent(problem, raw.line, raw.column));
        let key = match &raw.kind {
            RawKind::Alias { target, .. } => self.key(*target)?,
            RawKind::Map(_) => {
                return unsupported(
                    "invalid map key: a mapping (are quotes missing around braces?)",
                );
            }
            RawKind::Seq(_) => return unsupported("invalid map key: a sequence"),
            RawKind::Scalar { .. } => {
                let failed = |problem: String| Error::silent(problem, raw.line, raw.column);
                match typed_scalar(raw).map_err(failed)? {
                    TypedScalar::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    TypedScalar::Typed(text, scalar) => match scalar {
                        Scalar::Null => return unsupported("invalid map key: null"),
                        Scalar::Bool(value) => value.to_string(),
                        Scalar::Int(value) => value.to_string(),
                        Scalar::Uint(value) => value.to_string(),
                        Scalar::Float(value) => float_key(value),
                        Scalar::String | Scalar::Timestamp => text.to_owned(),
                    },
                }
            }
        };
        self.expansion.leave(id);
        Ok(key)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the original prints keys in single precision"
)]
fn float_key(value: f64) -> String {
    // What is too large for single precision is infinite.
    match number::format_float32(value as f32).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        finite => finite.to_owned(),
    }
}

/// The number that JSON text of `value` is read back as: whole numbers are integers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the bounds are checked before"
)]
fn json_number(value: f64) -> Option<Number> {
    let whole = value.fract() == 0.0 && value >= i64::MIN as f64 && value < i64::MAX as f64;
    if whole {
        Some((value as i64).into())
    } else {
        Number::from_f64(value)
    }
}

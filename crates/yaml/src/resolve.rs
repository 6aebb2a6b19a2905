//! The type of a scalar: YAML 1.1 as go-yaml version 2 understands it.
//!
//! Source: go-yaml resolve.go.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::number::{self, Integer};
use crate::timestamp::is_timestamp;

const LONG_PREFIX: &str = "tag:yaml.org,2002:";

/// A typed scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer that only fits 64 bits without sign.
    Uint(u64),
    /// A floating point number.
    Float(f64),
    /// Text, which is the scalar as written.
    String,
    /// Text that has the shape of a date or time.
    Timestamp,
}

impl Scalar {
    /// The type in tag form, as it appears in messages.
    pub(crate) fn short_tag(&self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::String => "!!str",
            Self::Timestamp => "!!timestamp",
        }
    }
}

/// Types a plain scalar without a tag.
pub fn resolve_plain(text: &str) -> Scalar {
    resolve_hinted(text, true)
}

/// Types a scalar that has a tag.
///
/// Shape: the tag in long form (`tag:yaml.org,2002:int`) or a private one, which makes text.
pub(crate) fn resolve_tagged(tag: &str, text: &str) -> Result<Scalar, String> {
    let Some(wanted @ ("bool" | "int" | "float" | "null" | "timestamp")) =
        tag.strip_prefix(LONG_PREFIX)
    else {
        return Ok(Scalar::String);
    };
    let found = resolve_hinted(text, wanted == "timestamp");
    match (wanted, &found) {
        // A Go `int` becomes a float; an unsigned one does not.
        #[expect(clippy::cast_precision_loss, reason = "as in the original")]
        ("float", Scalar::Int(value)) => Ok(Scalar::Float(*value as f64)),
        _ if found.short_tag()[2..] == *wanted => Ok(found),
        _ => Err(format!(
            "cannot decode {} `{text}` as a !!{wanted}",
            found.short_tag()
        )),
    }
}

fn resolve_hinted(text: &str, timestamps: bool) -> Scalar {
    let Some(&first) = text.as_bytes().first() else {
        return Scalar::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            word(text).unwrap_or(Scalar::String)
        }
        b'.' => word(text)
            .or_else(|| number::parse_float(text).map(Scalar::Float))
            .unwrap_or(Scalar::String),
        b'+' | b'-' | b'0'..=b'9' => word(text).unwrap_or_else(|| numeral(text, timestamps)),
        _ => Scalar::String,
    }
}

fn word(text: &str) -> Option<Scalar> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn numeral(text: &str, timestamps: bool) -> Scalar {
    if timestamps && is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let without_separators;
    let plain = if text.contains('_') {
        without_separators = text.replace('_', "");
        &without_separators
    } else {
        text
    };
    match number::parse_integer(plain) {
        Some(Integer::Signed(value)) => Scalar::Int(value),
        Some(Integer::Unsigned(value)) => Scalar::Uint(value),
        None => number::parse_float(plain).map_or(Scalar::String, Scalar::Float),
    }
}

/// Decodes the text of a `!!binary` scalar.
pub(crate) fn decode_binary(text: &str) -> Result<Vec<u8>, String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    LENIENT
        .decode(packed)
        .map_err(|_| "!!binary value contains invalid base64 data".to_owned())
}

/// Whether a tag is `!!binary`.
pub(crate) fn is_binary(tag: &str) -> bool {
    tag == "tag:yaml.org,2002:binary"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_have_the_types_of_yaml_1_1() {
        for (text, expect) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("null", Scalar::Null),
            ("nULL", Scalar::String),
            ("y", Scalar::Bool(true)),
            ("On", Scalar::Bool(true)),
            ("NO", Scalar::Bool(false)),
            ("yEs", Scalar::String),
            ("1", Scalar::Int(1)),
            ("1_000", Scalar::Int(1000)),
            ("0x1F", Scalar::Int(31)),
            ("010", Scalar::Int(8)),
            ("08", Scalar::Float(8.0)),
            ("1e3", Scalar::Float(1000.0)),
            ("-.5", Scalar::Float(-0.5)),
            (".5", Scalar::Float(0.5)),
            ("1:30", Scalar::String),
            ("18446744073709551615", Scalar::Uint(u64::MAX)),
            ("2001-12-14", Scalar::Timestamp),
            ("<<", Scalar::String),
            ("-", Scalar::String),
            ("=", Scalar::String),
            (".inf", Scalar::Float(f64::INFINITY)),
        ] {
            assert_eq!(resolve_plain(text), expect, "{text:?}");
        }
    }

    #[test]
    fn a_tag_that_contradicts_the_text_is_an_error() {
        let tag = |name: &str| format!("{LONG_PREFIX}{name}");
        assert_eq!(resolve_tagged(&tag("float"), "1"), Ok(Scalar::Float(1.0)));
        assert_eq!(resolve_tagged(&tag("str"), "1"), Ok(Scalar::String));
        assert_eq!(resolve_tagged("!own", "1"), Ok(Scalar::String));
        assert_eq!(
            resolve_tagged(&tag("int"), "a"),
            Err("cannot decode !!str `a` as a !!int".to_owned())
        );
    }
}

//! Strict scalars: only what every YAML reader types alike.
//!
//! Source: ytt pkg/yamlmeta/internal/yaml.v2/strict_scalar_resolve.go; the spelling of the
//! messages is the original's.

use crate::number::{self, Integer};
use crate::resolve::Scalar;

/// Checks a plain, untagged scalar whose lenient type is `native`.
pub(crate) fn check(text: &str, native: &Scalar) -> Result<(), String> {
    let strict = conservative(text)?;
    if strict.short_tag() != native.short_tag() {
        return Err(format!(
            "Strict parsing: Found '{text}' ambigious (could be {} or {})",
            strict.short_tag(),
            native.short_tag()
        ));
    }
    Ok(())
}

fn conservative(text: &str) -> Result<Scalar, String> {
    match text {
        "" => return Ok(Scalar::Null),
        "true" => return Ok(Scalar::Bool(true)),
        "false" => return Ok(Scalar::Bool(false)),
        _ => {}
    }
    if is_integer(text) {
        return match number::parse_integer(text) {
            Some(Integer::Signed(value)) => Ok(Scalar::Int(value)),
            Some(Integer::Unsigned(value)) => Ok(Scalar::Uint(value)),
            // What is said is what the second attempt, without a sign, says.
            None => {
                let problem = if text.starts_with('-') {
                    "invalid syntax"
                } else {
                    "value out of range"
                };
                Err(format!(
                    "Strict parsing: Parsing int '{text}': \
                     strconv.ParseUint: parsing \"{text}\": {problem}"
                ))
            }
        };
    }
    if is_float(text) {
        return number::parse_float(text).map(Scalar::Float).ok_or_else(|| {
            format!(
                "Strict parsing: Parsing float '{text}': \
                 strconv.ParseFloat: parsing \"{text}\": value out of range"
            )
        });
    }
    let unquoted = |what: &str| {
        Err(format!(
            "Strict parsing: Strings with {what} must be explicitly quoted: '{text}'"
        ))
    };
    if text.contains(char::is_whitespace) {
        return unquoted("whitespace");
    }
    if text.contains(':') {
        return unquoted("colon");
    }
    if text.contains("---") {
        return unquoted("triple-dash");
    }
    Ok(Scalar::String)
}

/// `-?(0|[1-9][0-9]*)`
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits && (digits == "0" || !digits.starts_with('0'))
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => is_integer(whole) && digits(fraction),
        None => is_integer(mantissa),
    };
    whole_ok && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::resolve_plain;

    fn problem(text: &str) -> Option<String> {
        check(text, &resolve_plain(text)).err()
    }

    #[test]
    fn unambiguous_scalars_pass() {
        for text in ["", "true", "1", "-12", "1.5e3", "word", "2001-12-14T00"] {
            assert_eq!(problem(text), None, "{text:?}");
        }
    }

    #[test]
    fn ambiguous_scalars_are_refused() {
        for (text, expect) in [
            (
                "yes",
                "Strict parsing: Found 'yes' ambigious (could be !!str or !!bool)",
            ),
            (
                "0x1",
                "Strict parsing: Found '0x1' ambigious (could be !!str or !!int)",
            ),
            (
                "~",
                "Strict parsing: Found '~' ambigious (could be !!str or !!null)",
            ),
            (
                "a b",
                "Strict parsing: Strings with whitespace must be explicitly quoted: 'a b'",
            ),
            (
                "a:b",
                "Strict parsing: Strings with colon must be explicitly quoted: 'a:b'",
            ),
            (
                "a---b",
                "Strict parsing: Strings with triple-dash must be explicitly quoted: 'a---b'",
            ),
        ] {
            assert_eq!(problem(text).as_deref(), Some(expect));
        }
    }
}

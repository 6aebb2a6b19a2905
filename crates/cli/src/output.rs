//! Small text layout for people, and objects as data.

use std::time::Duration;

use serde_json::Value;

use crate::{env::Env, error::CommandError};

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML documents
    #[default]
    Yaml,
    /// One JSON document: the object, or a List of several
    Json,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// For people
    #[default]
    Text,
    /// As a JSON document
    Json,
    /// As a YAML document
    Yaml,
}

/// Prints objects as kubectl would.
pub(crate) fn objects(env: &Env, format: Format, objects: &[Value]) -> Result<(), CommandError> {
    match format {
        Format::Yaml => {
            for object in objects {
                env.out("---\n")?;
                env.out(&carto_yaml::emit::k8s(object))?;
            }
            Ok(())
        }
        Format::Json => match objects {
            [only] => json(env, only),
            several => {
                let list = serde_json::json!({
                    "apiVersion": "v1", "kind": "List", "items": several,
                });
                json(env, &list)
            }
        },
    }
}

/// Prints an answer that is data.
pub(crate) fn document(env: &Env, shape: Shape, value: &Value) -> Result<(), CommandError> {
    match shape {
        Shape::Json => json(env, value),
        Shape::Yaml | Shape::Text => Ok(env.out(&carto_yaml::emit::k8s(value))?),
    }
}

fn json(env: &Env, value: &Value) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CommandError::internal(error.to_string()))?;
    Ok(env.out(&format!("{text}\n"))?)
}

/// A reason with its message; the message alone says it where there is one.
pub(crate) fn sentence(reason: &str, message: &str) -> String {
    let message = message.trim_end();
    if message.is_empty() {
        reason.to_owned()
    } else {
        format!("{message} ({reason})")
    }
}

/// What changes between two texts, as `diff -u` prints it, without the lines that name files.
pub(crate) fn unified(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(3).to_string();
    text.replace("\\ No newline at end of file\n", "")
}

/// A duration as people read it in a time line: `0.4 ms`, `38 ms`, `1.24 s`, `62 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else if millis < 1_000.0 {
        format!("{millis:.0} ms")
    } else if millis < 10_000.0 {
        format!("{:.2} s", millis / 1e3)
    } else {
        format!("{:.0} s", millis / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_at_most() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (431, "0.4 ms"),
            (38_400, "38 ms"),
            (1_240_000, "1.24 s"),
            (61_700_000, "62 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }
}

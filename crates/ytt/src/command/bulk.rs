//! Files in and out as one JSON object.
//!
//! Source: ytt pkg/cmd/template/bulk_input.go.

use serde_json::Value;

use crate::error::Error;
use crate::library::json::syntax_error;
use crate::print::{push_json_bytes, push_json_string};
use crate::workspace::{File, Output};

/// Reads `{"files": [{"name": …, "data": …}]}`.
pub(super) fn read(text: &str) -> Result<Vec<File>, String> {
    let parsed: Value = serde_json::from_str(text)
        .map_err(|error| syntax_error(text).unwrap_or_else(|| error.to_string()))?;
    let mut files = Vec::new();
    for file in parsed
        .get("files")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let field = |name| file.get(name).and_then(Value::as_str).unwrap_or_default();
        files.push(File::new(field("name"), field("data")));
    }
    Ok(files)
}

/// Writes the same, or `{"errors": …}`.
pub(super) fn write(result: &Result<Output, Error>) -> String {
    let mut out = String::from("{");
    match result {
        Err(error) => {
            out.push_str("\"errors\":");
            push_json_string(&mut out, error.message());
        }
        Ok(output) if output.files.is_empty() => {}
        Ok(output) => {
            out.push_str("\"files\":[");
            for (index, file) in output.files.iter().enumerate() {
                out.push_str(if index == 0 {
                    "{\"name\":"
                } else {
                    ",{\"name\":"
                });
                push_json_string(&mut out, &file.path);
                out.push_str(",\"data\":");
                push_json_bytes(&mut out, &file.contents);
                out.push('}');
            }
            out.push(']');
        }
    }
    out.push('}');
    out
}

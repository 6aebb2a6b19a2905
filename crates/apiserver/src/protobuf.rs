//! Objects of requests in protobuf.
//!
//! `kubectl create` and other typed clients send built-in objects as `k8s\0` and a `runtime.Unknown` message around the
//! message of the kind. The Go types say which number and form each field has, so no descriptors are needed. Replies are
//! JSON, which all of these clients accept.
//!
//! Source: apimachinery pkg/runtime/serializer/protobuf and pkg/runtime/generated.proto, v0.36; the encoding itself:
//! protobuf.dev, "Encoding".

mod read;

use serde_json::{Map, Value, json};

use crate::builtin::{components, normalise, types};

/// What every message begins with.
const MAGIC: &[u8] = b"k8s\0";
/// Deeper messages are refused; schemas in definitions are the deepest that occur.
const DEPTH_MAX: usize = 100;

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtobufError {
    /// Not the envelope of Kubernetes.
    #[error("provided data does not appear to be a protobuf message, expected prefix {MAGIC:?}")]
    Prefix,
    /// The bytes are not a message.
    #[error("the message is damaged: {0}")]
    Damaged(&'static str),
    /// A value that the field cannot hold.
    #[error("{0}")]
    Value(String),
    /// A kind that has no form in protobuf here.
    #[error("no kind \"{kind}\" is registered for version \"{api_version}\" in protobuf")]
    Kind {
        /// Version named in the envelope.
        api_version: String,
        /// Kind named in the envelope.
        kind: String,
    },
}

/// Reads one object, in the form in which it would have been sent as JSON: zero values that Go leaves out are left out.
///
/// # Errors
/// Bytes that are no message, and kinds that are not built in.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let body = body.strip_prefix(MAGIC).ok_or(ProtobufError::Prefix)?;
    let envelope = read::envelope(body)?;
    let ty =
        struct_of(&envelope.api_version, &envelope.kind).ok_or_else(|| ProtobufError::Kind {
            api_version: envelope.api_version.clone(),
            kind: envelope.kind.clone(),
        })?;
    let mut fields = Map::new();
    read::message(types::get(ty), envelope.raw, &mut fields, 0)?;
    fields.insert("apiVersion".to_owned(), json!(envelope.api_version));
    fields.insert("kind".to_owned(), json!(envelope.kind));
    let mut object = Value::Object(fields);
    normalise(ty, &mut object).map_err(ProtobufError::Value)?;
    Ok(object)
}

fn struct_of(api_version: &str, kind: &str) -> Option<types::StructId> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let suffix = format!(".{kind}");
    let is_it = |schema: &Value| {
        let own = schema
            .get("x-kubernetes-group-version-kind")
            .and_then(Value::as_array);
        own.into_iter().flatten().any(|own| {
            let is =
                |name: &str, wanted: &str| own.get(name).and_then(Value::as_str) == Some(wanted);
            is("group", group) && is("version", version) && is("kind", kind)
        })
    };
    components()
        .iter()
        .find(|(name, schema)| name.ends_with(&suffix) && is_it(schema))
        .and_then(|(name, _)| types::id(name))
}

#[cfg(test)]
mod tests;

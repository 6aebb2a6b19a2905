//! Bytes to objects and back: JSON and YAML with duplicate keys reported, and protobuf requests.

mod json;

use bytes::Bytes;
use serde_json::Value;

use crate::error::ApiError;

pub(crate) const JSON: &str = "application/json";
pub(crate) const YAML: &str = "application/yaml";
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Media types of objects in requests.
pub(crate) const ACCEPTED: &[&str] = &[JSON, YAML, PROTOBUF];

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Protobuf,
}

/// An object read from a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) value: Value,
    /// Problems that strict decoding reports, as `duplicate field "spec.size"`; the last one wins.
    pub(crate) duplicates: Vec<String>,
}

impl Format {
    /// The format that a content type names; without one, JSON.
    pub(crate) fn of(content_type: Option<&str>) -> Option<Self> {
        let Some(content_type) = content_type else {
            return Some(Self::Json);
        };
        match content_type.split(';').next().unwrap_or_default().trim() {
            "" | JSON => Some(Self::Json),
            YAML => Some(Self::Yaml),
            PROTOBUF => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// Reads one object; `kind` is the one expected, for messages.
    pub(crate) fn decode(self, body: &Bytes, kind: &str) -> Result<Decoded, ApiError> {
        match self {
            Self::Json => json::decode(body).map_err(|error| unrecognized(kind, &error, body)),
            Self::Yaml => yaml(body).map_err(|error| unrecognized(kind, &error, body)),
            Self::Protobuf => protobuf(body, kind),
        }
    }
}

/// Bytes of a bad body repeated in the message.
const SHOWN: usize = 300;

fn unrecognized(kind: &str, error: &str, body: &[u8]) -> ApiError {
    let text = if body.is_empty() {
        "<empty>".to_owned()
    } else {
        String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned()
    };
    let more = if body.len() > SHOWN { " ..." } else { "" };
    ApiError::BadRequest(format!(
        "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; \
         {error} ({text}{more})"
    ))
}

fn yaml(body: &[u8]) -> Result<Decoded, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("yaml: {error}"))?;
    // Every JSON text is YAML, and by far the most bodies of this type are JSON.
    if text.trim_start().starts_with('{')
        && let Ok(decoded) = json::decode(body)
    {
        return Ok(decoded);
    }
    let mut documents = carto_yaml::decode_strict(text).map_err(|error| error.to_string())?;
    if documents.len() > 1 {
        return Err(format!(
            "yaml: one object is expected, found {}",
            documents.len()
        ));
    }
    let document = documents
        .pop()
        .ok_or_else(|| "yaml: there is no object".to_owned())?;
    let duplicates = document
        .duplicates
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(Decoded {
        value: document.value,
        duplicates,
    })
}

fn protobuf(body: &[u8], kind: &str) -> Result<Decoded, ApiError> {
    let value = crate::protobuf::decode(body).map_err(|error| {
        ApiError::BadRequest(format!(
            "the object provided is unrecognized (must be of type {kind}): {error}"
        ))
    })?;
    Ok(Decoded {
        value,
        duplicates: vec![],
    })
}

/// What Go says of a text that is not base64.
pub(crate) fn bad_base64(error: &base64::DecodeError, text: &str) -> String {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol};
    let at = match error {
        InvalidByte(at, _) => *at,
        InvalidLastSymbol(at, _) => *at,
        _ => text.len() / 4 * 4,
    };
    format!("illegal base64 data at input byte {at}")
}

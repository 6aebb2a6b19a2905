//! The `FieldsV1` form of field sets.
//!
//! Each node is a JSON object: `f:name`, `k:{"key":"value"}`, `v:scalar` and `i:index` lead to what is below,
//! `.` says that the node itself is a member. Elements of unknown types are dropped, as a later version may
//! know them.
//!
//! Source: structured-merge-diff fieldpath/serialize.go and serialize-pe.go, v6.3.

use serde_json::{Map, Value};

use super::{element::PathElement, set::Set};
use crate::go;

/// Why a text is not a field set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The set or a node of it is not a JSON object.
    #[error("expected an object of fields, got {0}")]
    NotAnObject(String),
    /// An element is shorter than its type prefix.
    #[error("key must be 2 characters long: {0}")]
    TooShort(String),
    /// An element has no colon after its type.
    #[error("missing colon: {0}")]
    MissingColon(String),
    /// The content of an element does not parse.
    #[error("parsing key as path element: {element}: {reason}")]
    Content {
        /// The element as written.
        element: String,
        /// What the parser said.
        reason: String,
    },
}

impl PathElement {
    /// Parses one element; `Ok(None)` means a type this version does not know.
    ///
    /// # Errors
    /// When there is no type prefix, or the content does not parse.
    pub fn decode(text: &str) -> Result<Option<Self>, DecodeError> {
        let bytes = text.as_bytes();
        if bytes.len() < 2 {
            return Err(DecodeError::TooShort(text.to_owned()));
        }
        if bytes[1] != b':' {
            return Err(DecodeError::MissingColon(text.to_owned()));
        }
        let content = &text[2..];
        let fail = |reason: String| DecodeError::Content {
            element: text.to_owned(),
            reason,
        };
        match bytes[0] {
            b'f' => Ok(Some(Self::Field(content.to_owned()))),
            b'v' => {
                let value: Value =
                    serde_json::from_str(content).map_err(|e| fail(e.to_string()))?;
                Ok(Some(Self::Value(value)))
            }
            b'k' => {
                let fields: Map<String, Value> =
                    serde_json::from_str(content).map_err(|e| fail(e.to_string()))?;
                Ok(Some(Self::key(fields)))
            }
            b'i' => content
                .parse()
                .map(|index| Some(Self::Index(index)))
                .map_err(|e: std::num::ParseIntError| fail(e.to_string())),
            _ => Ok(None),
        }
    }

    /// Returns the text of this element inside `FieldsV1`.
    pub fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let mut out = String::from("k:{");
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    go::push_json_string(&mut out, name);
                    out.push(':');
                    out.push_str(&go::json(value));
                }
                out.push('}');
                out
            }
            Self::Value(value) => format!("v:{}", go::json(value)),
            Self::Index(index) => format!("i:{index}"),
        }
    }
}

impl Set {
    /// Reads a `fieldsV1` value.
    ///
    /// # Errors
    /// When a node is not an object or an element does not parse.
    pub fn decode(fields: &Value) -> Result<Self, DecodeError> {
        let (set, _) = decode_node(fields)?;
        Ok(set.unwrap_or_default())
    }

    /// Returns the `fieldsV1` value.
    pub fn encode(&self) -> Value {
        Value::Object(self.encode_node(false))
    }

    fn encode_node(&self, include_self: bool) -> Map<String, Value> {
        let mut out = Map::new();
        if include_self {
            out.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for element in &self.members {
            if !self.children.contains_key(element) {
                out.insert(element.encode(), Value::Object(Map::new()));
            }
        }
        for (element, child) in &self.children {
            let is_member = self.members.contains(element);
            out.insert(
                element.encode(),
                Value::Object(child.encode_node(is_member)),
            );
        }
        out
    }

    /// Returns the `fieldsV1` text in the order in which the original writes it: fields, keys, values,
    /// indexes, each sorted by value, so that port 443 comes before port 8080.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.push_text(false, &mut out);
        out
    }

    fn push_text(&self, include_self: bool, out: &mut String) {
        out.push('{');
        let mut first = true;
        let mut separate = |out: &mut String| {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
        };
        if include_self {
            separate(out);
            out.push_str("\".\":{}");
        }
        let mut elements: Vec<&PathElement> =
            self.members.iter().chain(self.children.keys()).collect();
        elements.sort();
        elements.dedup();
        for element in elements {
            separate(out);
            go::push_json_string(out, &element.encode());
            out.push(':');
            match self.children.get(element) {
                Some(child) => child.push_text(self.members.contains(element), out),
                None => out.push_str("{}"),
            }
        }
        out.push('}');
    }
}

/// Returns the set below a node, and whether the node itself is a member: it is when it says so or when
/// nothing is below it.
fn decode_node(fields: &Value) -> Result<(Option<Set>, bool), DecodeError> {
    let Value::Object(fields) = fields else {
        return match fields {
            Value::Null => Ok((None, true)),
            other => Err(DecodeError::NotAnObject(go::json(other))),
        };
    };
    let mut set: Option<Set> = None;
    let mut is_member = false;
    for (key, below) in fields {
        if key == "." {
            is_member = true;
            continue;
        }
        let Some(element) = PathElement::decode(key)? else {
            continue;
        };
        let (child, child_is_member) = decode_node(below)?;
        let set = set.get_or_insert_default();
        if child_is_member {
            set.members.insert(element.clone());
        }
        if let Some(child) = child {
            set.children.insert(element, child);
        }
    }
    let is_member = is_member || set.is_none();
    Ok((set, is_member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check_round_trip(text: &str) {
        let value: Value = serde_json::from_str(text).expect("fixture is JSON");
        let set = Set::decode(&value).expect("fixture is a field set");
        assert_eq!(set.encode(), value);
        assert_eq!(set.to_text(), text);
    }

    #[test]
    fn texts_survive_a_round_trip() {
        for text in [
            "{}",
            r#"{"f:a":{}}"#,
            r#"{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:replicas":{}}}"#,
            r#"{"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}}}"#,
            r#"{"f:ports":{"k:{\"port\":443}":{},"k:{\"port\":8080}":{}}}"#,
            r#"{"f:finalizers":{".":{},"v:\"a/b\"":{},"v:\"c/d\"":{}}}"#,
            r#"{"f:set":{"v:1":{},"v:1.5":{},"v:true":{}}}"#,
            r#"{"f:list":{"i:2":{},"i:10":{}}}"#,
            r#"{"f:html":{"v:\"a\\u003cb\"":{}}}"#,
        ] {
            check_round_trip(text);
        }
    }

    #[test]
    fn elements_of_unknown_types_are_dropped() {
        let set = Set::decode(&json!({"f:a": {}, "q:what": {"f:b": {}}})).expect("decodes");
        assert_eq!(set.encode(), json!({"f:a": {}}));
    }

    #[test]
    fn damaged_elements_are_refused() {
        for (fields, message) in [
            (json!({"f": {}}), "key must be 2 characters long: f"),
            (json!({"fa": {}}), "missing colon: fa"),
            (json!([]), "expected an object of fields, got []"),
            (
                json!({"i:x": {}}),
                "parsing key as path element: i:x: invalid digit found in string",
            ),
        ] {
            assert_eq!(
                Set::decode(&fields).expect_err("refused").to_string(),
                message
            );
        }
    }
}

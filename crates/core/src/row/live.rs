//! An object as it comes from an API server, with its managed fields as text: they are a third of an object and more,
//! and no tree of them is needed to read a row.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A live object.
///
/// Reads from JSON text by serde_json only (see [`RawValue`]).
#[derive(Clone, Debug)]
pub struct Live {
    object: Value,
    /// `metadata.managedFields`, which is not in the tree.
    managed: Option<Box<RawValue>>,
}

impl Live {
    /// The object without its managed fields.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// The same, to be completed.
    pub fn object_mut(&mut self) -> &mut Value {
        &mut self.object
    }

    /// The object without its managed fields.
    pub fn into_object(self) -> Value {
        self.object
    }

    /// The object as it came.
    pub fn whole(&self) -> Value {
        let mut object = self.object.clone();
        let managed = self
            .managed
            .as_ref()
            .and_then(|text| serde_json::from_str(text.get()).ok());
        if let Some(managed) = managed
            && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert(MANAGED.to_owned(), managed);
        }
        object
    }

    /// The text of the managed fields; empty when there are none.
    pub(super) fn managed(&self) -> &str {
        self.managed.as_deref().map_or("", RawValue::get)
    }
}

const MANAGED: &str = "managedFields";

impl From<Value> for Live {
    fn from(mut object: Value) -> Self {
        let managed = object
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
            .and_then(|metadata| metadata.remove(MANAGED));
        let text = managed.and_then(|managed| serde_json::value::to_raw_value(&managed).ok());
        Self {
            object,
            managed: text,
        }
    }
}

impl<'de> Deserialize<'de> for Live {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut managed = None;
        let fields = Fields {
            depth: Depth::Object,
            managed: &mut managed,
        };
        let object = deserializer.deserialize_map(fields)?;
        Ok(Self { object, managed })
    }
}

/// Where a map is.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Object,
    Metadata,
}

struct Fields<'a> {
    depth: Depth,
    managed: &'a mut Option<Box<RawValue>>,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = match (self.depth, key.as_str()) {
                (Depth::Object, "metadata") => map.next_value_seed(Fields {
                    depth: Depth::Metadata,
                    managed: &mut *self.managed,
                })?,
                (Depth::Metadata, MANAGED) => {
                    *self.managed = Some(map.next_value()?);
                    continue;
                }
                _ => map.next_value()?,
            };
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_but_the_managed_fields_of_the_object_itself_is_left_out() {
        let managed = json!([{"manager": "m", "fieldsV1": {"f:spec": {"k:{\"a\":1}": {}}}}]);
        let object = |managed: Option<&Value>| {
            let mut object = json!({
                "kind": "K", "metadata": {"name": "n", "labels": {"managedFields": "label"}},
                "spec": {"metadata": {"managedFields": [1]}, "n": 1.5, "none": null}, "managedFields": 1,
            });
            if let Some(managed) = managed {
                object["metadata"]["managedFields"] = managed.clone();
            }
            object
        };
        let whole = object(Some(&managed));
        let read: Live = serde_json::from_str(&whole.to_string()).unwrap();
        assert_eq!(read.object, object(None));
        assert_eq!(read.managed(), managed.to_string());
        assert_eq!(read.whole(), whole);
        assert_eq!(Live::from(whole.clone()).whole(), whole);
        for bare in [
            json!({}),
            json!({"metadata": null}),
            json!({"metadata": {}}),
        ] {
            let read: Live = serde_json::from_str(&bare.to_string()).unwrap();
            assert_eq!(read.object, bare);
            assert_eq!(read.whole(), bare);
            assert_eq!(read.managed(), "");
        }
        assert!(serde_json::from_str::<Live>("[]").is_err());
    }
}

//! Objects without their managed fields, which are passed over as text: they are a third of an object and more.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object that has no `metadata.managedFields`, whatever was written.
#[derive(Debug)]
pub(super) struct Unmanaged(pub(super) Value);

impl<'de> Deserialize<'de> for Unmanaged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Fields(Depth::Object))
            .map(Self)
    }
}

/// Where a map is.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Object,
    Metadata,
}

struct Fields(Depth);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields {
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
            let value = match (self.0, key.as_str()) {
                (Depth::Object, "metadata") => map.next_value_seed(Fields(Depth::Metadata))?,
                (Depth::Metadata, "managedFields") => {
                    map.next_value::<IgnoredAny>()?;
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
        let text = object(Some(&managed)).to_string();
        let read: Unmanaged = serde_json::from_str(&text).unwrap();
        assert_eq!(read.0, object(None));
        for bare in [
            json!({}),
            json!({"metadata": null}),
            json!({"metadata": {}}),
        ] {
            let read: Unmanaged = serde_json::from_str(&bare.to_string()).unwrap();
            assert_eq!(read.0, bare);
        }
        assert!(serde_json::from_str::<Unmanaged>("[]").is_err());
    }
}

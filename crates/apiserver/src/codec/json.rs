//! JSON that remembers duplicate keys.
//!
//! `serde_json` lets the last of two equal keys win in silence; so does Kubernetes, except that it tells.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Decoded;

/// Duplicates reported of one body; more would be noise.
const REPORTED: usize = 100;

pub(super) fn decode(body: &[u8]) -> Result<Decoded, String> {
    let mut found = Found {
        duplicates: vec![],
        path: vec![],
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Seed(&mut found)
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => {
                "json parse error: unexpected end of JSON input".to_owned()
            }
            _ => format!("json parse error: {error}"),
        })?;
    Ok(Decoded {
        value,
        duplicates: found.duplicates,
    })
}

struct Found {
    duplicates: Vec<String>,
    path: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl Found {
    fn report(&mut self, key: &str) {
        if self.duplicates.len() == REPORTED {
            return;
        }
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if !path.is_empty() {
            path.push('.');
        }
        self.duplicates
            .push(format!("duplicate field \"{path}{key}\""));
    }
}

struct Seed<'a>(&'a mut Found);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        loop {
            self.0.path.push(Step::Index(list.len()));
            let item = items.next_element_seed(Seed(self.0))?;
            self.0.path.pop();
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                self.0.report(&key);
            }
            self.0.path.push(Step::Key(key.clone()));
            let value = entries.next_value_seed(Seed(self.0))?;
            self.0.path.pop();
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_of_two_wins_and_is_told() {
        let decoded =
            decode(br#"{"a":1,"spec":{"size":3,"size":4,"ports":[{"x":1},{"y":1,"y":2}]},"a":2}"#)
                .unwrap();
        assert_eq!(
            decoded.value,
            json!({"a": 2, "spec": {"size": 4, "ports": [{"x": 1}, {"y": 2}]}})
        );
        assert_eq!(
            decoded.duplicates,
            [
                "duplicate field \"spec.size\"",
                "duplicate field \"spec.ports[1].y\"",
                "duplicate field \"a\""
            ]
        );
    }

    #[test]
    fn all_kinds_of_values_are_read_as_serde_json_reads_them() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x",{}],"b":1e3}"#;
        let expect: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            decode(text.as_bytes()).unwrap(),
            Decoded {
                value: expect,
                duplicates: vec![]
            }
        );
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        assert!(
            decode(b"{bad")
                .unwrap_err()
                .starts_with("json parse error: ")
        );
        assert!(decode(b"{} x").is_err());
        assert!(
            decode("[".repeat(1000).as_bytes()).is_err(),
            "nesting has a bound"
        );
    }
}

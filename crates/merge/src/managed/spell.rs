//! What one manager applied, read from the text of `metadata.managedFields`.
//!
//! Every object that comes from an API server brings its managed fields along, often the larger half of it, and of most
//! of them nobody reads more than who wrote what. So no tree is built of them.
//!
//! A `fieldsV1` alone leaves one thing open: a map of which only the map itself is owned is written as one that is owned
//! whole, `{}`. [`Written::applied`] looks at the object and at the other managers to tell them apart.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fieldpath::PathElement;

use super::owns::may_be;

/// The list in an object, as it was written.
#[derive(Debug, Default)]
pub struct Written<'a>(Vec<WrittenEntry<'a>>);

/// One entry of it. What is left out is empty.
#[derive(Debug, Deserialize)]
pub struct WrittenEntry<'a> {
    /// Who writes.
    #[serde(borrow, default)]
    pub manager: Cow<'a, str>,
    /// `Apply` or `Update`.
    #[serde(borrow, default)]
    pub operation: Cow<'a, str>,
    /// Which subresource was written to.
    #[serde(borrow, default)]
    pub subresource: Cow<'a, str>,
    #[serde(borrow, default, rename = "fieldsV1")]
    fields: Option<&'a RawValue>,
}

impl<'a> Written<'a> {
    /// Reads the JSON text of a list; one that cannot be read has no entries.
    pub fn read(text: &'a str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[WrittenEntry<'a>] {
        &self.0
    }

    /// Returns the `fieldsV1` of what `manager` applied to `object` itself, with the maps that are owned whole spelled
    /// out; `None` when it owns nothing.
    ///
    /// Shape: where others own something below a field that ours names without more, nothing below is ours; else all
    /// that is there is. An object without its values (of which only metadata was asked for) leaves such fields as they
    /// are. Names come in the order in which they were written.
    ///
    /// Cost: one walk over the owned fields and the lists they lie in; the other managers' fields are read where ours
    /// leave something open.
    pub fn applied(&self, object: &Value, manager: &str) -> Option<String> {
        let is_ours = |entry: &WrittenEntry<'_>| {
            entry.manager == manager && entry.operation == "Apply" && entry.subresource.is_empty()
        };
        let ours = self.0.iter().position(is_ours)?;
        let text = self.0[ours].fields?.get();
        let mut spelling = Spelling {
            out: String::with_capacity(text.len()),
            path: Vec::new(),
            others: Others {
                entries: &self.0,
                ours,
                read: OnceCell::new(),
            },
        };
        let fields = Fields {
            live: Some(object),
            spelling: &mut spelling,
        };
        let is_owned = fields.deserialize(&mut serde_json::Deserializer::from_str(text));
        is_owned.ok()?.then_some(spelling.out)
    }
}

/// What is written, and where.
struct Spelling<'a> {
    out: String,
    /// Keys from the root of the object.
    path: Vec<String>,
    others: Others<'a>,
}

/// What the other managers own.
struct Others<'a> {
    entries: &'a [WrittenEntry<'a>],
    ours: usize,
    read: OnceCell<Vec<Value>>,
}

impl Others<'_> {
    /// Whether one of them owns something below a path.
    fn own_below(&self, path: &[String]) -> bool {
        let roots = self.read.get_or_init(|| {
            let entries = self.entries.iter().enumerate();
            entries
                .filter(|(at, _)| *at != self.ours)
                .filter_map(|(_, entry)| serde_json::from_str(entry.fields?.get()).ok())
                .collect()
        });
        roots.iter().any(|root| {
            let below = path.iter().try_fold(root, |fields, key| fields.get(key));
            below
                .and_then(Value::as_object)
                .is_some_and(|below| !below.is_empty())
        })
    }
}

impl Spelling<'_> {
    /// Writes what a field that is named without more stands for; `false` if that is nothing.
    fn whole(&mut self, live: Option<&Value>) -> bool {
        // Nobody can own anything below a value that has no parts.
        let has_parts = live.is_none_or(|live| live.is_object() || live.is_array());
        if has_parts && self.others.own_below(&self.path) {
            return false;
        }
        match live {
            // A map that lost all of its fields; `{}` would mean whatever is in it.
            Some(Value::Object(map)) if map.is_empty() => self.out.push_str("{\".\":{}}"),
            Some(live) => shape(&mut self.out, live),
            None => self.out.push_str("{}"),
        }
        true
    }
}

/// Writes the fields of a value that is owned whole; lists stay so.
fn shape(out: &mut String, value: &Value) {
    out.push('{');
    for (n, (name, value)) in value.as_object().into_iter().flatten().enumerate() {
        if n > 0 {
            out.push(',');
        }
        quoted(out, &format!("f:{name}"));
        out.push(':');
        shape(out, value);
    }
    out.push('}');
}

fn quoted(out: &mut String, text: &str) {
    if text
        .bytes()
        .all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\'))
    {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// One level of fields; gives back whether anything of it is owned, and was written.
struct Fields<'s, 'a, 'v> {
    live: Option<&'v Value>,
    spelling: &'s mut Spelling<'a>,
}

/// A name that is copied only where it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Fields<'_, '_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_, '_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of owned fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { live, spelling } = self;
        let Some(mut key) = map.next_key::<Name<'de>>()? else {
            return Ok(spelling.whole(live));
        };
        spelling.out.push('{');
        let mut is_first = true;
        loop {
            let begin = spelling.out.len();
            if !is_first {
                spelling.out.push(',');
            }
            quoted(&mut spelling.out, &key.0);
            spelling.out.push(':');
            let is_owned = if key.0 == "." {
                map.next_value::<IgnoredAny>()?;
                spelling.out.push_str("{}");
                true
            } else {
                let live = live.and_then(|live| member(live, &key.0));
                spelling.path.push(key.0.into_owned());
                let is_owned = map.next_value_seed(Fields { live, spelling })?;
                spelling.path.pop();
                is_owned
            };
            if is_owned {
                is_first = false;
            } else {
                spelling.out.truncate(begin);
            }
            match map.next_key()? {
                Some(next) => key = next,
                None => break,
            }
        }
        spelling.out.push('}');
        Ok(true)
    }
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(name) = key.strip_prefix("f:") {
        return value.get(name);
    }
    let element = PathElement::decode(key).ok().flatten()?;
    let items = value.as_array()?;
    items
        .iter()
        .enumerate()
        .find(|(index, item)| may_be(&element, *index, item))
        .map(|(_, item)| item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::owns;
    use super::*;

    /// What `carto` owns of an object with its managed fields.
    fn applied(object: &Value, manager: &str) -> Option<Value> {
        let text = object["metadata"]["managedFields"].to_string();
        let fields = Written::read(&text).applied(object, manager)?;
        Some(serde_json::from_str(&fields).expect("it is JSON"))
    }

    #[test]
    fn only_what_was_applied_to_the_object_itself_counts() {
        let entry = |operation: &str, subresource: &str, field: &str| json!({"manager": "carto", "operation": operation, "subresource": subresource, "fieldsV1": {field: {}}});
        let object = json!({"metadata": {"managedFields": [
            entry("Update", "", "f:a"), entry("Apply", "status", "f:b"), entry("Apply", "", "f:c"),
        ]}});
        assert_eq!(applied(&object, "carto"), Some(json!({"f:c": {}})));
        assert_eq!(applied(&object, "kubectl"), None);
    }

    fn of(data: Value, others: Value) -> Value {
        json!({"data": data, "metadata": {"managedFields": [
            {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:data": {}}},
            {"manager": "somebody", "operation": "Update", "fieldsV1": others},
        ]}})
    }

    #[test]
    fn a_map_is_owned_whole_or_only_as_such() {
        let sent = json!({"data": {"a": "b"}});
        let still_ours = |object: &Value| {
            applied(object, "carto").is_some_and(|fields| owns(&fields, &sent, true))
        };
        // Atomic: nobody can have something below.
        assert!(still_ours(&of(json!({"a": "b"}), json!({"f:data": {}}))));
        assert!(still_ours(&of(
            json!({"a": "b", "default": 1}),
            json!({"f:status": {"f:x": {}}})
        )));
        // All of its fields were taken, or removed.
        assert!(!still_ours(&of(
            json!({"a": "c"}),
            json!({"f:data": {"f:a": {}}})
        )));
        assert!(!still_ours(&of(json!({}), json!({}))));
    }

    #[test]
    fn without_values_what_is_open_is_not_taken_for_granted() {
        let mut object = of(Value::Null, json!({}));
        object.as_object_mut().unwrap().remove("data");
        let fields = applied(&object, "carto").unwrap();
        assert_eq!(fields, json!({"f:data": {}}));
        assert!(owns(&fields, &json!({"data": "text"}), false));
        assert!(!owns(&fields, &json!({"data": {"a": "b"}}), false));
        assert!(owns(
            &json!({"f:data": {"f:a": {}}}),
            &json!({"data": {"a": "b"}}),
            false
        ));
    }

    #[test]
    fn what_others_own_below_a_field_is_not_spelled_out_and_leaves_no_trace() {
        let object = json!({"a": {"x": 1}, "b": {"x\"y": [{"n": 1}], "z": 2}, "c": 3,
        "list": [{"name": "one", "v": {"w": 1}}, {"name": "two"}],
        "metadata": {"managedFields": [
            {"manager": "somebody", "operation": "Update", "fieldsV1": {"f:a": {"f:x": {}}}},
            {"manager": "carto", "operation": "Apply", "fieldsV1": {
                "f:a": {}, "f:b": {}, "f:c": {}, "f:gone": {},
                "f:list": {".": {}, "k:{\"name\":\"one\"}": {}},
            }},
        ]}});
        assert_eq!(
            applied(&object, "carto"),
            Some(json!({
                "f:b": {"f:x\"y": {}, "f:z": {}}, "f:c": {}, "f:gone": {},
                "f:list": {".": {}, "k:{\"name\":\"one\"}": {"f:name": {}, "f:v": {"f:w": {}}}},
            }))
        );
    }

    #[test]
    fn what_is_no_list_of_entries_owns_nothing() {
        for text in [
            "null",
            "[1]",
            "{}",
            "[{\"manager\":\"carto\",\"operation\":\"Apply\"}]",
            "[",
        ] {
            let written = Written::read(text);
            assert_eq!(written.applied(&json!({}), "carto"), None, "{text}");
        }
    }
}

//! Data values given as JSON, as the template sees them.
//!
//! Each value passes through JSON text, as Go writes it, and through a reader of YAML 1.1. What
//! that changes is done here directly: whole numbers become integers, maps are in order of their
//! keys, control characters are refused.

//!
//! The values are shared with whoever gave them, and a field becomes a value of the language when
//! the template looks at it: most templates look at a few fields of a large object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use carto_yaml::number::{Integer, format_json_float, parse_integer};
use serde_json::{Map, Number, Value as Json};

use crate::bridge::{MAX_DEPTH, nested_too_deeply};
use crate::error::Error;
use crate::print::push_json_string;
use crate::star::{Fields, Str, Struct, Value};

/// Data values by their names; cheap to clone, and to pass to many templates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    entries: BTreeMap<Arc<str>, Arc<Json>>,
}

impl Values {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; replaces the one of the same name.
    pub fn insert(&mut self, name: &str, value: impl Into<Arc<Json>>) {
        self.entries.insert(name.into(), value.into());
    }

    /// Whether every name is one level: no flag would split or redirect it.
    pub(super) fn are_direct(&self) -> bool {
        self.entries
            .keys()
            .all(|name| !name.contains(['.', ':', '=', '@']))
    }

    /// The values as arguments of `--data-value-yaml`.
    pub(super) fn as_flags(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|(name, value)| {
                let mut flag = format!("{name}=");
                push_json(&mut flag, value);
                flag
            })
            .collect()
    }

    /// Checks that all values can be read; gives the names of those that reading changes.
    pub(super) fn check(&self) -> Result<Vec<Arc<str>>, Error> {
        let mut changed = Vec::new();
        for (name, value) in &self.entries {
            if check(value, 0).map_err(|problem| problem.of(name))? == Reading::Changes {
                changed.push(Arc::clone(name));
            }
        }
        Ok(changed)
    }

    /// The values as `data.values`.
    pub(super) fn to_struct(&self) -> Result<Value, Error> {
        let given = Given {
            changed: self.check()?,
            values: self.clone(),
        };
        Ok(Value::Struct(Rc::new(Struct::unread(given))))
    }
}

impl From<Map<String, Json>> for Values {
    fn from(values: Map<String, Json>) -> Self {
        values.into_iter().collect()
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<Json>>> FromIterator<(N, V)> for Values {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(values: T) -> Self {
        let entries = values.into_iter();
        Self {
            entries: entries
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// Data values that were checked.
#[derive(Debug)]
struct Given {
    values: Values,
    /// Names of those that are converted at once, because reading changes them.
    changed: Vec<Arc<str>>,
}

impl Fields for Given {
    fn count(&self) -> usize {
        self.values.entries.len()
    }

    fn names(&self) -> Vec<Str> {
        let names = self.values.entries.keys();
        names.map(|name| Str::from(&**name)).collect()
    }

    fn make(&self, name: &[u8]) -> Option<Value> {
        let name = std::str::from_utf8(name).ok()?;
        let root = self.values.entries.get(name)?;
        if self.changed.iter().any(|changed| **changed == *name) {
            return Some(convert(root));
        }
        let whole = Part {
            root: Arc::clone(root),
            place: None,
        };
        Some(whole.into_value(root))
    }
}

enum Problem {
    Unreadable(String),
    TooDeep,
}

impl Problem {
    fn of(self, name: &str) -> Error {
        match self {
            Self::Unreadable(problem) => Error::new(format!(
                "Extracting data value from KV: Deserializing value for key '{name}': \
                 Deserializing YAML value: yaml: {problem}"
            )),
            Self::TooDeep => nested_too_deeply().into(),
        }
    }
}

/// What a reader of YAML makes of the strings of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    Keeps,
    Changes,
}

fn check(value: &Json, depth: u32) -> Result<Reading, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::TooDeep);
    }
    let mut reading = Reading::Keeps;
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
        Json::String(text) => reading = check_text(text)?,
        Json::Array(items) => {
            for item in items {
                reading = reading.max(check(item, depth + 1)?);
            }
        }
        Json::Object(map) => {
            for (key, value) in map {
                reading = reading.max(check_text(key)?);
                reading = reading.max(check(value, depth + 1)?);
            }
        }
    }
    Ok(reading)
}

fn check_text(text: &str) -> Result<Reading, Problem> {
    Ok(match readable(text)? {
        Cow::Borrowed(_) => Reading::Keeps,
        Cow::Owned(_) => Reading::Changes,
    })
}

/// The whole value, which was checked.
fn convert(value: &Json) -> Value {
    match value {
        Json::Array(items) => Value::list(items.iter().map(convert).collect()),
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let fields = entries.into_iter();
            let fields = fields.map(|(key, value)| (text_of(key), convert(value)));
            Value::Struct(Rc::new(Struct::new(fields.collect())))
        }
        scalar => of_scalar(scalar),
    }
}

/// A part of a data value that was checked.
#[derive(Debug, Clone)]
struct Part {
    root: Arc<Json>,
    /// Where in it; the root itself when absent.
    place: Option<Rc<Place>>,
}

#[derive(Debug)]
struct Place {
    above: Option<Rc<Place>>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Item(usize),
}

impl Place {
    fn find<'a>(place: Option<&Rc<Self>>, root: &'a Json) -> Option<&'a Json> {
        let Some(place) = place else {
            return Some(root);
        };
        let above = Self::find(place.above.as_ref(), root)?;
        match &place.step {
            Step::Key(key) => above.get(key),
            Step::Item(at) => above.get(at),
        }
    }
}

impl Part {
    fn below(&self, step: Step) -> Self {
        Self {
            root: Arc::clone(&self.root),
            place: Some(Rc::new(Place {
                above: self.place.clone(),
                step,
            })),
        }
    }

    fn object(&self) -> Option<&Map<String, Json>> {
        Place::find(self.place.as_ref(), &self.root)?.as_object()
    }

    /// The value of the language for `value`, which is what this part is.
    fn into_value(self, value: &Json) -> Value {
        match value {
            Json::Object(_) => Value::Struct(Rc::new(Struct::unread(self))),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let convert = |(at, item)| self.value_below(item, || Step::Item(at));
                Value::list(items.map(convert).collect())
            }
            scalar => of_scalar(scalar),
        }
    }

    fn value_below(&self, value: &Json, step: impl FnOnce() -> Step) -> Value {
        match value {
            Json::Object(_) | Json::Array(_) => self.below(step()).into_value(value),
            scalar => of_scalar(scalar),
        }
    }
}

impl Fields for Part {
    fn count(&self) -> usize {
        self.object().map_or(0, Map::len)
    }

    fn names(&self) -> Vec<Str> {
        let keys = self.object().into_iter().flat_map(Map::keys);
        let mut names: Vec<_> = keys.map(|key| text_of(key)).collect();
        names.sort();
        names
    }

    fn make(&self, name: &[u8]) -> Option<Value> {
        let name = std::str::from_utf8(name).ok()?;
        let value = self.object()?.get(name)?;
        Some(self.value_below(value, || Step::Key(name.to_owned())))
    }
}

fn of_scalar(value: &Json) -> Value {
    match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::Str(text_of(text)),
        Json::Null | Json::Array(_) | Json::Object(_) => Value::None,
    }
}

/// A string that was checked.
fn text_of(text: &str) -> Str {
    readable(text).map_or_else(|_| Str::from(text), Str::from)
}

/// Whether a value can be read at all.
pub(super) fn is_readable(value: &Json) -> bool {
    check(value, 0).is_ok()
}

fn from_number(number: &Number) -> Value {
    if let Some(value) = number.as_i64() {
        return Value::Int(value);
    }
    if let Some(value) = number.as_u64() {
        return Value::from_big(value.into());
    }
    let value = number.as_f64().unwrap_or_default();
    match parse_integer(&format_json_float(value)) {
        Some(Integer::Signed(value)) => Value::Int(value),
        Some(Integer::Unsigned(value)) => Value::from_big(value.into()),
        None => Value::Float(value),
    }
}

/// The text as a reader of YAML sees it between double quotes.
fn readable(text: &str) -> Result<Cow<'_, str>, Problem> {
    // The common case; of ASCII only the delete character is neither readable nor escaped.
    if text.bytes().all(|byte| byte < 0x7F) {
        return Ok(Cow::Borrowed(text));
    }
    let unreadable = |c: char| matches!(c, '\x7F' | '\u{80}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}');
    if text.contains(unreadable) {
        return Err(control());
    }
    if !text.contains('\u{85}') {
        return Ok(Cow::Borrowed(text));
    }
    // A next-line character is a line break for YAML, which folds it.
    let mut quoted = String::new();
    push_json_string(&mut quoted, text);
    let documents =
        carto_yaml::parse(&quoted).map_err(|error| Problem::Unreadable(error.problem().into()))?;
    match documents
        .into_iter()
        .next()
        .map(|document| document.root.value)
    {
        Some(carto_yaml::Value::String(text)) => Ok(Cow::Owned(text)),
        _ => Err(control()),
    }
}

fn control() -> Problem {
    Problem::Unreadable("control characters are not allowed".to_owned())
}

/// A value as Go's `encoding/json` writes it.
fn push_json(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => out.push_str(&format_json_float(value)),
            None => out.push_str(&number.to_string()),
        },
        Json::String(text) => push_json_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json(out, item);
            }
            out.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json_string(out, key);
                out.push(':');
                push_json(out, value);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(value: &Value, name: &str) -> Value {
        match value {
            Value::Struct(value) => value.get(name.as_bytes()).unwrap(),
            other => panic!("{} is no struct", other.type_name()),
        }
    }

    fn names(value: &Value) -> Vec<String> {
        match value {
            Value::Struct(value) => {
                let fields = value.fields().iter();
                fields.map(|(name, _)| name.to_string()).collect()
            }
            other => panic!("{} is no struct", other.type_name()),
        }
    }

    #[test]
    fn a_field_is_one_value_however_often_it_is_looked_at() {
        let values = Values::from_iter([("a", json!({"list": [{"x": 1}], "n": null}))]);
        let values = values.to_struct().unwrap();
        let first = field(&field(&values, "a"), "list");
        assert_eq!(names(&field(&values, "a")), ["list", "n"]);
        let again = field(&field(&values, "a"), "list");
        let (Value::List(first), Value::List(again)) = (first, again) else {
            panic!("both are lists");
        };
        assert!(Rc::ptr_eq(&first, &again), "what a template appends stays");
        let item = first.get(0).unwrap();
        assert!(matches!(field(&item, "x"), Value::Int(1)));
    }

    #[test]
    fn what_reading_changes_is_found_under_its_changed_name() {
        let values = Values::from_iter([("a", json!({"b\u{85}c": "d\u{85}\u{85}e", "b c": 1}))]);
        let a = field(&values.to_struct().unwrap(), "a");
        assert_eq!(names(&a), ["b c"]);
        assert!(matches!(field(&a, "b c"), Value::Str(text) if text == "d\ne"));
    }

    #[test]
    fn values_are_checked_before_anybody_looks_at_them() {
        let deep = (0..300).fold(json!(1), |value, _| json!([value]));
        for (value, words) in [
            (json!({"a": ["\u{7f}"]}), "for key 'v': Deserializing YAML"),
            (json!({"\u{fffe}": 1}), "control characters are not allowed"),
            (deep, "nested deeper than the budget of 250 levels"),
        ] {
            let error = Values::from_iter([("v", value)]).to_struct().unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }
}

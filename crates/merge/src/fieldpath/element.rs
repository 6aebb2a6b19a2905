//! One step of a path, and whole paths.

use std::{cmp::Ordering, fmt};

use serde_json::Value;

use crate::{go, order};

/// One step into an object.
#[derive(Debug, Clone)]
pub enum PathElement {
    /// A field of a map or struct.
    Field(String),
    /// The item of an associative list whose named fields have these values, sorted by name.
    Key(Vec<(String, Value)>),
    /// The item of a set that equals this scalar.
    Value(Value),
    /// The item of a list at this position.
    Index(i64),
}

/// A path from the root of an object; the empty path is the object itself.
pub type Path = Vec<PathElement>;

impl PathElement {
    /// Returns the element for a field called `name`.
    pub fn field(name: impl Into<String>) -> Self {
        Self::Field(name.into())
    }

    /// Returns the element for the list item with these keys, in any order.
    pub fn key(fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by(|l, r| l.0.cmp(&r.0));
        Self::Key(fields)
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

fn compare_keys(left: &[(String, Value)], right: &[(String, Value)]) -> Ordering {
    for ((ln, lv), (rn, rv)) in left.iter().zip(right) {
        match ln.cmp(rn).then_with(|| order::compare(lv, rv)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    left.len().cmp(&right.len())
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(l), Self::Field(r)) => l.cmp(r),
            (Self::Key(l), Self::Key(r)) => compare_keys(l, r),
            (Self::Value(l), Self::Value(r)) => order::compare(l, r),
            (Self::Index(l), Self::Index(r)) => l.cmp(r),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathElement {}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{name}={}", scalar(value))?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={}]", scalar(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Prints a value inside a path: strings quoted, lists and maps without spaces.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => go::number(n),
        Value::String(s) => go::quote(s),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}={}", go::quote(k), scalar(v)))
                .collect();
            format!("{{{}}}", items.join(";"))
        }
    }
}

/// Prints a whole path, for example `.spec.ports[name="http"].port`.
pub fn display(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_print_as_conflicts_show_them() {
        let path = [
            PathElement::field("spec"),
            PathElement::field("ports"),
            PathElement::key([
                ("protocol".to_owned(), json!("TCP")),
                ("containerPort".to_owned(), json!(80)),
            ]),
            PathElement::field("finalizers"),
            PathElement::Value(json!("a/b")),
            PathElement::Index(3),
        ];
        assert_eq!(
            display(&path),
            r#".spec.ports[containerPort=80,protocol="TCP"].finalizers[="a/b"][3]"#
        );
    }

    #[test]
    fn fields_come_before_keys_before_values_before_indexes() {
        let ordered = [
            PathElement::field("a"),
            PathElement::field("b"),
            PathElement::key([("port".to_owned(), json!(443))]),
            PathElement::key([("port".to_owned(), json!(8080))]),
            PathElement::Value(json!(1)),
            PathElement::Value(json!("x")),
            PathElement::Index(0),
        ];
        for pair in ordered.windows(2) {
            assert!(
                pair[0] < pair[1],
                "{} should come before {}",
                pair[0],
                pair[1]
            );
        }
    }
}

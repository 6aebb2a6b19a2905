//! Structs: values with named attributes.

use super::super::text::Str;
use super::Value;
use super::release::release;
use std::collections::BTreeMap;

/// A struct, or a value of a library that is one with a type of its own.
#[derive(Debug)]
pub struct Struct {
    kind: StructKind,
    fields: Vec<(Str, Value)>,
    /// Positions by name, once there are too many to look through.
    index: Option<BTreeMap<Str, usize>>,
}

/// Up to this many fields are found fastest by looking through them.
const MAX_SCANNED: usize = 16;

/// The type of a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructKind {
    /// An ordinary struct.
    Plain,
    /// A type of a library.
    Named {
        /// Name of the type, as `type(x)` gives it.
        type_name: &'static str,
        /// Name of the type in the original's own language.
        go_type: &'static str,
        /// What converting a value of the type says after its name.
        hint: &'static str,
    },
}

impl StructKind {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Plain => "struct",
            Self::Named { type_name, .. } => type_name,
        }
    }

    pub(crate) fn go_type(self) -> &'static str {
        match self {
            Self::Plain => "*core.StarlarkStruct",
            Self::Named { go_type, .. } => go_type,
        }
    }
}

impl Struct {
    /// A struct of these fields; of equal names the last value counts, at the place of the first.
    pub fn new(fields: Vec<(Str, Value)>) -> Self {
        Self::of_kind(StructKind::Plain, fields)
    }

    /// A struct of some type.
    pub fn of_kind(kind: StructKind, fields: Vec<(Str, Value)>) -> Self {
        if fields.len() > MAX_SCANNED {
            return Self::indexed(kind, fields);
        }
        let mut kept: Vec<(Str, Value)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            match kept.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => kept.push((name, value)),
            }
        }
        Self {
            kind,
            fields: kept,
            index: None,
        }
    }

    fn indexed(kind: StructKind, fields: Vec<(Str, Value)>) -> Self {
        let mut kept: Vec<(Str, Value)> = Vec::with_capacity(fields.len());
        let mut index = BTreeMap::new();
        for (name, value) in fields {
            if let Some(&at) = index.get(&name) {
                let (_, old): &mut (Str, Value) = &mut kept[at];
                *old = value;
            } else {
                index.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
        Self {
            kind,
            fields: kept,
            index: Some(index),
        }
    }

    /// Its type.
    pub fn kind(&self) -> StructKind {
        self.kind
    }

    /// What converting it says, if its type does not convert.
    pub fn conversion_hint(&self) -> Option<String> {
        match self.kind {
            StructKind::Plain => None,
            StructKind::Named {
                type_name, hint, ..
            } => Some(format!("{type_name} {hint}")),
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of a field.
    pub fn get(&self, name: &[u8]) -> Option<&Value> {
        if let Some(index) = &self.index {
            return index.get(name).map(|at| &self.fields[*at].1);
        }
        let (_, value) = self
            .fields
            .iter()
            .find(|(known, _)| known.as_bytes() == name)?;
        Some(value)
    }

    /// Its fields, in order.
    pub fn fields(&self) -> &[(Str, Value)] {
        &self.fields
    }

    pub(crate) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.fields)
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }
}

impl Drop for Struct {
    fn drop(&mut self) {
        // Most structs hold scalars only; those need no care.
        if self.fields.iter().any(|(_, value)| value.may_refer()) {
            let values = self.take();
            release(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_names_counts_at_the_place_of_the_first() {
        for extra in [0, MAX_SCANNED] {
            let mut fields: Vec<(Str, Value)> = vec![
                ("a".into(), Value::Int(1)),
                ("b".into(), Value::Int(2)),
                ("a".into(), Value::Int(3)),
            ];
            fields.extend((0..extra).map(|at| (Str::from(format!("x{at}")), Value::None)));
            let value = Struct::new(fields);
            assert_eq!(value.len(), 2 + extra);
            assert!(matches!(value.get(b"a"), Some(Value::Int(3))));
            assert_eq!(value.fields()[0].0, "a");
        }
    }
}

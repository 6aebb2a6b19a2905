//! Structs: values with named attributes.

use super::super::text::Str;
use super::Value;
use super::release::release;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

/// A struct, or a value of a library that is one with a type of its own.
#[derive(Debug)]
pub struct Struct {
    kind: StructKind,
    /// All fields; those of `unread` once somebody wants them all.
    table: OnceCell<Table>,
    unread: Option<Box<Unread>>,
}

#[derive(Debug, Default)]
struct Table {
    /// In order.
    fields: Vec<(Str, Value)>,
    /// Positions by name, once there are too many to look through.
    index: Option<BTreeMap<Str, usize>>,
}

/// Fields that are made when they are first looked at.
pub trait Fields: fmt::Debug {
    /// How many there are.
    fn count(&self) -> usize;

    /// Their names, each once, in order.
    fn names(&self) -> Vec<Str>;

    /// Makes the value of a field.
    fn make(&self, name: &[u8]) -> Option<Value>;
}

#[derive(Debug)]
struct Unread {
    source: Box<dyn Fields>,
    /// Those that were made. A value that is changed later stays the one that was given out.
    made: RefCell<BTreeMap<Str, Value>>,
}

impl Unread {
    fn get(&self, name: &[u8]) -> Option<Value> {
        let known = self.made.borrow().get(name).cloned();
        known.or_else(|| {
            let value = self.source.make(name)?;
            let name = Str::from(name);
            self.made.borrow_mut().insert(name, value.clone());
            Some(value)
        })
    }

    fn all(&self) -> Table {
        let mut made = self.made.take();
        let names = self.source.names().into_iter();
        let fields = names.filter_map(|name| {
            let value = made.remove(&name).or_else(|| self.source.make(&name))?;
            Some((name, value))
        });
        Table::of_distinct(fields.collect())
    }
}

impl Table {
    fn of_distinct(fields: Vec<(Str, Value)>) -> Self {
        let index = (fields.len() > MAX_SCANNED).then(|| {
            let names = fields.iter().enumerate();
            names.map(|(at, (name, _))| (name.clone(), at)).collect()
        });
        Self { fields, index }
    }

    /// A table of these fields; of equal names the last value counts, at the place of the first.
    fn new(fields: Vec<(Str, Value)>) -> Self {
        let mut kept: Vec<(Str, Value)> = Vec::with_capacity(fields.len());
        if fields.len() <= MAX_SCANNED {
            for (name, value) in fields {
                match kept.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, old)) => *old = value,
                    None => kept.push((name, value)),
                }
            }
            return Self {
                fields: kept,
                index: None,
            };
        }
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
            fields: kept,
            index: Some(index),
        }
    }

    fn get(&self, name: &[u8]) -> Option<&Value> {
        let found = match &self.index {
            Some(index) => self.fields.get(*index.get(name)?),
            None => self.fields.iter().find(|(known, _)| **known == *name),
        };
        found.map(|(_, value)| value)
    }
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
        Self {
            kind,
            table: Table::new(fields).into(),
            unread: None,
        }
    }

    /// An ordinary struct whose fields are made when they are first looked at.
    pub fn unread(source: impl Fields + 'static) -> Self {
        Self {
            kind: StructKind::Plain,
            table: OnceCell::new(),
            unread: Some(Box::new(Unread {
                source: Box::new(source),
                made: RefCell::default(),
            })),
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
        match (self.table.get(), &self.unread) {
            (None, Some(unread)) => unread.source.count(),
            _ => self.fields().len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    pub fn get(&self, name: &[u8]) -> Option<Value> {
        match (self.table.get(), &self.unread) {
            (None, Some(unread)) => unread.get(name),
            _ => self.table().get(name).cloned(),
        }
    }

    /// Its fields, in order.
    pub fn fields(&self) -> &[(Str, Value)] {
        &self.table().fields
    }

    fn table(&self) -> &Table {
        let all = || self.unread.as_deref().map(Unread::all).unwrap_or_default();
        self.table.get_or_init(all)
    }

    pub(crate) fn take(&mut self) -> Vec<Value> {
        let made = self.unread.take().map(|unread| unread.made.take());
        let fields = self.table.take().unwrap_or_default().fields;
        let fields = fields.into_iter().chain(made.into_iter().flatten());
        fields.map(|(_, value)| value).collect()
    }

    /// Whether something that exists refers to further values.
    fn may_refer(&self) -> bool {
        let made = self.unread.as_ref().map(|unread| unread.made.borrow());
        let mut fields = self.table.get().into_iter().flat_map(|table| &table.fields);
        fields.any(|(_, value)| value.may_refer())
            || made.is_some_and(|made| made.values().any(Value::may_refer))
    }
}

impl Drop for Struct {
    fn drop(&mut self) {
        // Most structs hold scalars only; those need no care.
        if self.may_refer() {
            release(self.take());
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

    #[derive(Debug)]
    struct Letters(RefCell<Vec<String>>);

    impl Fields for std::rc::Rc<Letters> {
        fn count(&self) -> usize {
            2
        }

        fn names(&self) -> Vec<Str> {
            vec!["a".into(), "b".into()]
        }

        fn make(&self, name: &[u8]) -> Option<Value> {
            let name = String::from_utf8_lossy(name).into_owned();
            let known = ["a", "b"].contains(&name.as_str());
            self.0.borrow_mut().push(name);
            known.then(|| Value::list(Vec::new()))
        }
    }

    #[test]
    fn an_unread_field_is_made_once_and_only_when_it_is_wanted() {
        let letters = std::rc::Rc::new(Letters(RefCell::default()));
        let value = Struct::unread(std::rc::Rc::clone(&letters));
        assert_eq!(value.len(), 2);
        assert!(letters.0.borrow().is_empty());
        let (Some(Value::List(b)), None) = (value.get(b"b"), value.get(b"c")) else {
            panic!("b is a field and c is not");
        };
        assert_eq!(*letters.0.borrow(), ["b", "c"]);
        let names: Vec<_> = value
            .fields()
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(*letters.0.borrow(), ["b", "c", "a"]);
        assert!(
            matches!(value.get(b"b"), Some(Value::List(again)) if std::rc::Rc::ptr_eq(&b, &again))
        );
    }
}

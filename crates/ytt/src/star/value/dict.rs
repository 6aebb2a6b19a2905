//! Dicts and sets: hash tables that keep the order of insertion.

use super::super::error::{Error, fail};
use super::Value;
use super::release::release;
use indexmap::{Equivalent, IndexMap};
use num_bigint::BigInt;
use num_traits::FromPrimitive as _;
use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};

/// A value that can be a key; making one checks that.
#[derive(Debug, Clone)]
pub(crate) struct Key(Value);

/// Most values that one key may consist of: nested tuples can share parts, and their number
/// grows beyond all bounds.
const MAX_KEY_PARTS: usize = 10_000;

impl Key {
    pub(crate) fn new(value: Value) -> Result<Self, Error> {
        check(&value)?;
        Ok(Self(value))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn into_value(self) -> Value {
        self.0
    }
}

/// Checks that a value can be a key.
fn check(value: &Value) -> Result<(), Error> {
    let Value::Tuple(tuple) = value else {
        return check_plain(value);
    };
    let mut parts: Vec<Value> = tuple.to_vec();
    let mut count = parts.len();
    while let Some(part) = parts.pop() {
        if let Value::Tuple(tuple) = &part {
            count += tuple.len() + 1;
            parts.extend(tuple.iter().rev().cloned());
        } else {
            check_plain(&part)?;
        }
        if count > MAX_KEY_PARTS {
            return Err(Error::budget(format!(
                "a key consists of more than {MAX_KEY_PARTS} values"
            )));
        }
    }
    Ok(())
}

fn check_plain(value: &Value) -> Result<(), Error> {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) => {
            fail!("unhashable type: {}", value.type_name())
        }
        Value::Struct(_) => fail!("unhashable type: struct"),
        Value::Range(_) | Value::Elems(_) => fail!("unhashable: {}", value.type_name()),
        Value::Custom(value) => Err(Error::new(value.hash_error())),
        _ => Ok(()),
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

/// A value to look up; it is known to be hashable.
struct Probe<'a>(&'a Value);

impl Hash for Probe<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.0, state);
    }
}

impl Equivalent<Key> for Probe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        same(self.0, &key.0)
    }
}

/// Text to look up.
struct TextProbe<'a>(&'a [u8]);

impl Hash for TextProbe<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_text(self.0, state);
    }
}

impl Equivalent<Key> for TextProbe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(&key.0, Value::Str(text) if text.as_bytes() == self.0)
    }
}

fn hash_text<H: Hasher>(text: &[u8], state: &mut H) {
    state.write(text);
    state.write_u8(0xff);
}

/// Hashes equal values equally: a float with an integer's value as that integer.
fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::None => state.write_u8(1),
        Value::Bool(value) => state.write_u8(2 + u8::from(*value)),
        Value::Int(value) => state.write_i64(*value),
        Value::Big(value) => value.hash(state),
        Value::Float(value) => hash_float(*value, state),
        Value::Str(text) => hash_text(text, state),
        Value::Tuple(tuple) => {
            state.write_usize(tuple.len());
            for part in tuple.iter() {
                hash(part, state);
            }
        }
        // By identity; the type and name tell apart well enough.
        Value::Function(function) => state.write(function.name().as_bytes()),
        Value::Native(native) => state.write(native.name.as_bytes()),
        Value::Method(method) => state.write(method.native.name.as_bytes()),
        Value::Closure(closure) => state.write(closure.name().as_bytes()),
        _ => {}
    }
}

fn hash_float<H: Hasher>(value: f64, state: &mut H) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a truncated value is not equal"
    )]
    let small = value as i64;
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "compared against the original value"
    )]
    let exact = small as f64 == value && small != i64::MAX;
    if exact {
        state.write_i64(small);
        return;
    }
    match BigInt::from_f64(value).filter(|_| value.fract() == 0.0) {
        Some(big) => big.hash(state),
        None => state.write_u64(value.to_bits()),
    }
}

/// Whether two hashable values are equal.
fn same(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::Str(x), Value::Str(y)) => x == y,
        (Value::None, Value::None) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Tuple(x), Value::Tuple(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| same(x, y))
        }
        _ => super::super::compare::same_atom(x, y),
    }
}

/// A dict. It can be changed until it is frozen, except while it is iterated over.
#[derive(Debug, Default)]
pub struct Dict {
    table: Table<Value>,
}

/// A set.
#[derive(Debug, Default)]
pub struct Set {
    table: Table<()>,
}

#[derive(Debug)]
struct Table<V> {
    entries: RefCell<IndexMap<Key, V>>,
    frozen: Cell<bool>,
    iterations: Cell<u32>,
    watched: Cell<bool>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            entries: RefCell::default(),
            frozen: Cell::new(false),
            iterations: Cell::new(0),
            watched: Cell::new(false),
        }
    }
}

impl<V> Table<V> {
    fn check(&self, verb: &str) -> Result<(), Error> {
        if self.frozen.get() {
            fail!("cannot {verb} frozen hash table");
        }
        if self.iterations.get() > 0 {
            fail!("cannot {verb} hash table during iteration");
        }
        Ok(())
    }

    fn begin_iteration(&self) {
        self.iterations.set(self.iterations.get().saturating_add(1));
    }

    fn end_iteration(&self) {
        self.iterations.set(self.iterations.get().saturating_sub(1));
    }
}

impl Dict {
    /// A dict of these entries; of equal keys the last one counts, at the place of the first.
    ///
    /// # Errors
    /// When a key cannot be one.
    pub fn from_entries(entries: impl IntoIterator<Item = (Value, Value)>) -> Result<Self, Error> {
        let dict = Self::default();
        for (key, value) in entries {
            dict.insert(key, value)?;
        }
        Ok(dict)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.entries.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
    ///
    /// # Errors
    /// When the key cannot be one.
    pub fn get(&self, key: &Value) -> Result<Option<Value>, Error> {
        check(key)?;
        Ok(self.table.entries.borrow().get(&Probe(key)).cloned())
    }

    /// The value under a string.
    pub fn get_str(&self, key: &[u8]) -> Option<Value> {
        self.table.entries.borrow().get(&TextProbe(key)).cloned()
    }

    /// Sets a key; gives whether it is new.
    ///
    /// # Errors
    /// When the key cannot be one, and when the dict is frozen or iterated over.
    pub fn insert(&self, key: Value, value: Value) -> Result<bool, Error> {
        self.table.check("insert into")?;
        let key = Key::new(key)?;
        let old = self.table.entries.borrow_mut().insert(key, value);
        Ok(old.is_none())
    }

    /// Removes a key; gives its value and how many entries moved up.
    ///
    /// # Errors
    /// When the key cannot be one, and when the dict is frozen or iterated over.
    pub(crate) fn remove(&self, key: &Value) -> Result<Option<(Value, usize)>, Error> {
        self.table.check("delete from")?;
        check(key)?;
        let mut entries = self.table.entries.borrow_mut();
        let Some((at, _, value)) = entries.shift_remove_full(&Probe(key)) else {
            return Ok(None);
        };
        Ok(Some((value, entries.len() - at)))
    }

    /// Removes every entry.
    ///
    /// # Errors
    /// When the dict is frozen or iterated over.
    pub(crate) fn remove_all(&self) -> Result<(), Error> {
        self.table.check("clear")?;
        self.clear();
        Ok(())
    }

    /// The entry at a position.
    pub fn entry(&self, at: usize) -> Option<(Value, Value)> {
        let entries = self.table.entries.borrow();
        entries
            .get_index(at)
            .map(|(key, value)| (key.value().clone(), value.clone()))
    }

    /// The key at a position.
    pub(crate) fn key(&self, at: usize) -> Option<Value> {
        self.table
            .entries
            .borrow()
            .get_index(at)
            .map(|(key, _)| key.value().clone())
    }

    /// All entries, in order.
    pub fn items(&self) -> Vec<(Value, Value)> {
        let entries = self.table.entries.borrow();
        entries
            .iter()
            .map(|(key, value)| (key.value().clone(), value.clone()))
            .collect()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Value> {
        self.table
            .entries
            .borrow()
            .keys()
            .map(|key| key.value().clone())
            .collect()
    }

    /// All values, in order.
    pub fn values(&self) -> Vec<Value> {
        self.table.entries.borrow().values().cloned().collect()
    }

    /// Makes it immutable; gives whether it was not before.
    pub(crate) fn freeze(&self) -> bool {
        !self.table.frozen.replace(true)
    }

    pub(crate) fn begin_iteration(&self) {
        self.table.begin_iteration();
    }

    pub(crate) fn end_iteration(&self) {
        self.table.end_iteration();
    }

    /// Notes that the thread watches this dict; gives whether it did not before.
    pub(crate) fn watch(&self) -> bool {
        !self.table.watched.replace(true)
    }

    /// Empties it, whatever its state.
    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut *self.table.entries.borrow_mut());
        release(values_of(entries));
    }

    /// Takes out what it refers to.
    pub(crate) fn take(&mut self) -> Vec<Value> {
        let entries = std::mem::take(self.table.entries.get_mut());
        if entries.is_empty() {
            Vec::new()
        } else {
            values_of(entries)
        }
    }
}

fn values_of(entries: IndexMap<Key, Value>) -> Vec<Value> {
    entries
        .into_iter()
        .flat_map(|(key, value)| [key.into_value(), value])
        .collect()
}

impl Drop for Dict {
    fn drop(&mut self) {
        let values = self.take();
        release(values);
    }
}

impl Set {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.table.entries.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has an element.
    ///
    /// # Errors
    /// When the element cannot be one.
    pub fn has(&self, value: &Value) -> Result<bool, Error> {
        check(value)?;
        Ok(self.table.entries.borrow().contains_key(&Probe(value)))
    }

    /// Adds an element.
    ///
    /// # Errors
    /// When the element cannot be one, and when the set is frozen or iterated over.
    pub fn insert(&self, value: Value) -> Result<(), Error> {
        self.table.check("insert into")?;
        self.table.entries.borrow_mut().insert(Key::new(value)?, ());
        Ok(())
    }

    /// The element at a position.
    pub(crate) fn item(&self, at: usize) -> Option<Value> {
        self.table
            .entries
            .borrow()
            .get_index(at)
            .map(|(key, ())| key.value().clone())
    }

    /// All elements, in order.
    pub fn items(&self) -> Vec<Value> {
        self.table
            .entries
            .borrow()
            .keys()
            .map(|key| key.value().clone())
            .collect()
    }

    /// Makes it immutable.
    pub(crate) fn freeze(&self) -> bool {
        !self.table.frozen.replace(true)
    }

    pub(crate) fn begin_iteration(&self) {
        self.table.begin_iteration();
    }

    pub(crate) fn end_iteration(&self) {
        self.table.end_iteration();
    }
}

//! Values that the host brings along.

use super::super::error::Error;
use super::super::text::Str;
use super::Value;
use std::any::Any;

/// What looking up a key found.
#[derive(Debug)]
pub enum Access {
    /// The value does not map keys to values.
    Unsupported,
    /// There is no such key.
    Missing,
    /// The value under the key.
    Found(Value),
}

/// A type of values that the host brings along: YAML fragments, modules and the like.
///
/// Every method but the first four has a default that says: not for this type. What a value can
/// do decides which operations of the language take it, as the optional interfaces of a value do
/// in the original (starlark-go starlark/value.go).
#[expect(clippy::len_without_is_empty, reason = "a length is optional here")]
pub trait Custom: 'static {
    /// The value itself, to be asked for its Rust type.
    fn as_any(&self) -> &dyn Any;

    /// Name of the type, as `type(x)` gives it.
    fn type_name(&self) -> &str;

    /// Name of the type in the original's own language, which some of its messages show.
    fn go_type(&self) -> &str;

    /// The value as `str(x)` and `repr(x)` print it.
    fn to_text(&self) -> String;

    /// Whether it counts as true.
    fn truth(&self) -> bool {
        true
    }

    /// How many elements it has, if it is a sequence.
    fn len(&self) -> Option<usize> {
        None
    }

    /// Its elements, if it can be iterated over; keys if it is a mapping.
    fn iterate(&self) -> Option<Box<dyn Iterator<Item = Value>>> {
        None
    }

    /// The value under a key, for `x[key]` and `key in x`.
    ///
    /// # Errors
    /// Whatever is wrong with the key; `in` takes it for a missing key.
    fn get(&self, _key: &Value) -> Result<Access, Error> {
        Ok(Access::Unsupported)
    }

    /// Its keys and values if it is a mapping, for `**x`, `dict(x)` and `d.update(x)`.
    ///
    /// # Errors
    /// When this very value is none although its type is.
    fn items(&self) -> Result<Option<Vec<(Value, Value)>>, Error> {
        Ok(None)
    }

    /// An attribute or method.
    fn attr(&self, _name: &str) -> Option<Value> {
        None
    }

    /// Names of its attributes, in an order of its own; none if it has no attributes at all.
    fn attr_names(&self) -> Option<Vec<Str>> {
        None
    }

    /// Why its keys cannot be assigned to, if there is more to say than that it has none.
    fn set_key_error(&self) -> Option<String> {
        None
    }

    /// Why it cannot be sliced, if there is more to say than that it is no sequence.
    fn slice_error(&self) -> Option<Error> {
        None
    }

    /// Why two values of this type cannot be compared; without, they compare by identity.
    fn compare_error(&self) -> Option<String> {
        None
    }

    /// Why it cannot be a key.
    fn hash_error(&self) -> String {
        format!("unhashable type: {}", self.type_name())
    }

    /// Why it does not become YAML, with advice.
    fn conversion_hint(&self) -> Option<String> {
        None
    }

    /// Gives up every value it refers to; called when it is about to be dropped.
    ///
    /// Types that refer to values of the language should implement it: it keeps the release of a
    /// deep structure from using the stack.
    fn release(&mut self, _out: &mut Vec<Value>) {}
}

//! Arguments of functions of the engine, and the texts that wrong ones give.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/unpack.go.

use super::error::{Error, fail};
use super::text::Str;
use super::value::Value;

/// What a function of the engine is called with.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    /// Name of the function.
    pub name: &'a str,
    /// The value that a method is called on.
    pub receiver: Option<&'a Value>,
    /// Values that a function of the host keeps.
    pub captured: &'a [Value],
    /// Positional arguments.
    pub positional: &'a [Value],
    /// Named arguments.
    pub named: &'a [(Str, Value)],
}

impl<'a> Args<'a> {
    /// Arguments of a call that the host makes.
    pub fn new(name: &'a str, positional: &'a [Value], named: &'a [(Str, Value)]) -> Self {
        Self {
            name,
            receiver: None,
            captured: &[],
            positional,
            named,
        }
    }

    /// Positional argument `at`.
    pub fn get(&self, at: usize) -> Option<&'a Value> {
        self.positional.get(at)
    }

    /// The value of a named argument.
    pub fn named(&self, name: &str) -> Option<&'a Value> {
        self.named
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// The value that a method is called on.
    pub(crate) fn receiver(&self) -> &'a Value {
        const NONE: &Value = &Value::None;
        self.receiver.unwrap_or(NONE)
    }

    /// Checks that there are only positional arguments, between `min` and `max` of them.
    ///
    /// # Errors
    /// Otherwise.
    pub fn check(&self, min: usize, max: usize) -> Result<(), Error> {
        let (name, count) = (self.name, self.positional.len());
        if !self.named.is_empty() {
            fail!("{name}: unexpected keyword arguments");
        }
        if count < min {
            let at_least = if min < max { "at least " } else { "" };
            fail!("{name}: got {count} arguments, want {at_least}{min}");
        }
        if count > max {
            let at_most = if max > min { "at most " } else { "" };
            fail!("{name}: got {count} arguments, want {at_most}{max}");
        }
        Ok(())
    }

    /// Fails unless there are no named arguments, in the words of functions that count for
    /// themselves.
    ///
    /// # Errors
    /// When there are.
    pub(crate) fn refuse_named(&self) -> Result<(), Error> {
        if self.named.is_empty() {
            return Ok(());
        }
        fail!("{} does not accept keyword arguments", self.name)
    }

    /// Positional argument `at`, which must be what `unpack` takes.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn positional<T>(
        &self,
        at: usize,
        unpack: impl FnOnce(&'a Value) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(at) else {
            return Ok(None);
        };
        match unpack(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_catchable() => {
                fail!(
                    "{}: for parameter {}: {}",
                    self.name,
                    at + 1,
                    error.message()
                )
            }
            Err(error) => Err(error),
        }
    }

    /// A string at `at`; absent arguments are empty.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn string(&self, at: usize) -> Result<&'a [u8], Error> {
        Ok(self.positional(at, unpack_string)?.unwrap_or_default())
    }

    /// A 32 bit integer at `at`, or `default`.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn int(&self, at: usize, default: i64) -> Result<i64, Error> {
        Ok(self.positional(at, unpack_int)?.unwrap_or(default))
    }

    /// Assigns arguments to named parameters; those ending in `?`, and what follows them, may be
    /// absent.
    ///
    /// # Errors
    /// When there are too many, too few, or some that are unknown or given twice.
    pub(crate) fn unpack<const N: usize>(
        &self,
        params: [(&str, fn(&Value) -> Result<(), Error>); N],
    ) -> Result<[Option<&'a Value>; N], Error> {
        let fn_name = self.name;
        let name_of = |at: usize| params[at].0.trim_end_matches('?');
        let mut values = [None; N];
        if self.positional.len() > N {
            fail!(
                "{fn_name}: got {} arguments, want at most {N}",
                self.positional.len()
            );
        }
        let check = |at: usize, value: &Value| match (params[at].1)(value) {
            Err(error) if error.is_catchable() => {
                fail!(
                    "{fn_name}: for parameter {}: {}",
                    name_of(at),
                    error.message()
                )
            }
            other => other,
        };
        for (at, value) in self.positional.iter().enumerate() {
            check(at, value)?;
            values[at] = Some(value);
        }
        for (name, value) in self.named {
            // The original prints names here as it prints strings: quoted.
            let quoted = super::format::quote(name);
            let Some(at) = (0..N).find(|at| *name == name_of(*at)) else {
                fail!("{fn_name}: unexpected keyword argument {quoted}");
            };
            if values[at].is_some() {
                fail!("{fn_name}: got multiple values for keyword argument {quoted}");
            }
            match (params[at].1)(value) {
                Err(error) if error.is_catchable() => {
                    fail!("{fn_name}: for parameter {quoted}: {}", error.message())
                }
                other => other?,
            }
            values[at] = Some(value);
        }
        for at in self.positional.len()..N {
            if params[at].0.ends_with('?') {
                break;
            }
            if values[at].is_none() {
                fail!("{fn_name}: missing argument for {}", name_of(at));
            }
        }
        Ok(values)
    }
}

/// Takes a string.
pub(crate) fn unpack_string(value: &Value) -> Result<&[u8], Error> {
    match value {
        Value::Str(text) => Ok(text),
        other => fail!("got {}, want string", other.type_name()),
    }
}

/// Takes an integer of 32 bits.
pub(crate) fn unpack_int(value: &Value) -> Result<i64, Error> {
    let number = match value {
        Value::Int(number) => *number,
        Value::Big(number) => fail!("{number} out of range"),
        other => fail!("got {}, want int", other.type_name()),
    };
    if i32::try_from(number).is_err() {
        fail!("{number} out of range");
    }
    Ok(number)
}

/// Takes a boolean.
pub(crate) fn unpack_bool(value: &Value) -> Result<bool, Error> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => fail!("got {}, want bool", other.type_name()),
    }
}

/// Takes what can be called.
pub(crate) fn unpack_callable(value: &Value) -> Result<&Value, Error> {
    if value.is_callable() {
        Ok(value)
    } else {
        fail!("got {}, want callable", value.type_name())
    }
}

/// Takes what can be iterated over.
pub(crate) fn unpack_iterable(value: &Value) -> Result<&Value, Error> {
    let iterable = match value {
        Value::List(_)
        | Value::Tuple(_)
        | Value::Dict(_)
        | Value::Set(_)
        | Value::Range(_)
        | Value::Elems(_)
        | Value::Struct(_) => true,
        Value::Custom(custom) => custom.iterate().is_some(),
        _ => false,
    };
    if iterable {
        Ok(value)
    } else {
        fail!("got {}, want iterable", value.type_name())
    }
}

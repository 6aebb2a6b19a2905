//! Arguments of library functions, and the texts that wrong ones give.
//!
//! Source: ytt pkg/template/core/args.go, starlark_value.go.

use crate::star::{Args, Error, Str, Value};

/// The one argument.
pub(super) fn one<'a>(args: &Args<'a>) -> Result<&'a Value, Error> {
    match args.positional {
        [value] => Ok(value),
        _ => Err(Error::new("expected exactly one argument")),
    }
}

/// The one argument, in the words of functions that count.
pub(super) fn one_counted<'a>(args: &Args<'a>) -> Result<&'a Value, Error> {
    match args.positional {
        [value] => Ok(value),
        more => Err(Error::new(format!("got {} arguments, want 1", more.len()))),
    }
}

/// No argument at all.
pub(super) fn none(args: &Args<'_>) -> Result<(), Error> {
    if args.positional.is_empty() {
        Ok(())
    } else {
        Err(Error::new("expected no argument"))
    }
}

/// The one argument, a string, in the words of the language's own functions.
pub(super) fn one_string(args: &Args<'_>) -> Result<Str, Error> {
    args.check(1, 1)?;
    match &args.positional[0] {
        Value::Str(text) => Ok(text.clone()),
        other => Err(Error::new(format!(
            "{}: for parameter 1: got {}, want string",
            args.name,
            other.type_name()
        ))),
    }
}

/// A string.
pub(super) fn string(value: &Value) -> Result<&Str, Error> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(Error::new(format!(
            "expected a string, but was {}",
            other.type_name()
        ))),
    }
}

/// A string as text; bytes that are not UTF-8 become replacement characters.
pub(super) fn text(value: &Value) -> Result<std::borrow::Cow<'_, str>, Error> {
    Ok(string(value)?.to_text())
}

/// A named argument that is a boolean.
pub(super) fn flag(args: &Args<'_>, name: &str, default: bool) -> Result<bool, Error> {
    match args.named(name) {
        None => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(Error::new(format!(
            "expected starlark.Bool, but was {}",
            other.go_type()
        ))),
    }
}

/// The named argument `indent`, between 0 and 8.
pub(super) fn indent(args: &Args<'_>) -> Result<usize, Error> {
    let value = match args.named("indent") {
        None => 0,
        Some(Value::Int(value)) => *value,
        Some(Value::Big(_)) => return Err(Error::new("expected int64 value")),
        Some(_) => return Err(Error::new("expected starlark.Int")),
    };
    match usize::try_from(value) {
        Ok(value) if value <= 8 => Ok(value),
        _ => Err(Error::new("indent value must be between 0 and 8")),
    }
}

/// Fails when there are named arguments besides these.
pub(super) fn only_named(args: &Args<'_>, known: &[&str]) -> Result<(), Error> {
    for (name, _) in args.named {
        if !known.iter().any(|known| *name == *known) {
            return Err(Error::new(format!("invalid argument name: {name}")));
        }
    }
    Ok(())
}

/// A number.
pub(super) fn number(value: &Value) -> Result<f64, Error> {
    value
        .number_to_float()
        .ok_or_else(|| Error::new(format!("expected float value, but was {}", value.go_type())))
}

//! `@ytt:assert`.
//!
//! Most checks are small functions of the language itself: their failures show a frame of their
//! own. Source: ytt pkg/yttlibrary/assert.go.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::arguments::{one_counted, string};
use super::yaml;
use crate::star::{
    Args, Closure, Error, ErrorKind, Native, Program, Source, Str, Struct, StructKind, Thread,
    Value,
};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("equals", Native::wrapping("assert.equals", equals)),
    ("fail", Native::wrapping("assert.fail", fail)),
    ("try_to", Native::wrapping("assert.try_to", try_to)),
    ("min", Native::wrapping("assert.min", make_min)),
    ("min_len", Native::wrapping("assert.min_len", make_min_len)),
    ("max", Native::wrapping("assert.max", make_max)),
    ("max_len", Native::wrapping("assert.max_len", make_max_len)),
    (
        "not_null",
        Native::wrapping("assert.not_null", make_not_null),
    ),
    (
        "one_not_null",
        Native::wrapping("assert.one_not_null", make_one_not_null),
    ),
    ("one_of", Native::wrapping("assert.one_of", make_one_of)),
];

/// A check that is written in the language.
struct Check {
    /// Name of the file that its frame shows.
    name: &'static str,
    code: &'static str,
    /// Names of what it is given.
    given: &'static [&'static str],
    program: OnceLock<Arc<Program>>,
}

impl Check {
    const fn new(name: &'static str, code: &'static str, given: &'static [&'static str]) -> Self {
        Self {
            name,
            code,
            given,
            program: OnceLock::new(),
        }
    }

    /// The check as a function.
    fn function(&self, thread: &mut Thread, given: Vec<Value>) -> Result<Value, Error> {
        let program = self.program.get_or_init(|| {
            let source = Arc::new(Source::of_code(self.name, self.code));
            let program = Program::of_expression(source, self.given);
            Arc::new(program.expect("a literal program that tests compile"))
        });
        program.eval(thread, given)
    }
}

static MIN: Check = Check::new(
    "assert.min",
    r#"lambda val: yaml.decode(yaml.encode(val)) >= yaml.decode(yaml.encode(min)) or fail("value < {}".format(yaml.decode(yaml.encode(min))))"#,
    &["min", "yaml"],
);

static MAX: Check = Check::new(
    "assert.max",
    r#"lambda val: yaml.decode(yaml.encode(val)) <= yaml.decode(yaml.encode(max)) or fail("value > {}".format(yaml.decode(yaml.encode(max))))"#,
    &["max", "yaml"],
);

static MIN_LEN: Check = Check::new(
    "assert.min_len",
    r#"lambda sequence: True if len(sequence) >= minimum else fail ("length = {}".format(len(sequence)))"#,
    &["minimum"],
);

static MAX_LEN: Check = Check::new(
    "assert.max_len",
    r#"lambda sequence: True if len(sequence) <= maximum else fail ("length = {}".format(len(sequence)))"#,
    &["maximum"],
);

static NOT_NULL: Check = Check::new(
    "assert.not_null",
    r#"lambda value: value != None or fail("value is null")"#,
    &[],
);

static ONE_OF: Check = Check::new(
    "assert.one_of",
    r#"lambda val: yaml.decode(yaml.encode(val)) in yaml.decode(yaml.encode(enum)) or fail("not one of allowed values")"#,
    &["enum", "yaml"],
);

/// The check that a value is at least `bound`.
pub(crate) fn min(thread: &mut Thread, bound: &Value) -> Result<Value, Error> {
    MIN.function(thread, vec![bound.clone(), yaml::module()])
}

/// The check that a value is at most `bound`.
pub(crate) fn max(thread: &mut Thread, bound: &Value) -> Result<Value, Error> {
    MAX.function(thread, vec![bound.clone(), yaml::module()])
}

/// The check that a sequence is at least so long.
pub(crate) fn min_len(thread: &mut Thread, length: &Value) -> Result<Value, Error> {
    MIN_LEN.function(thread, vec![length.clone()])
}

/// The check that a sequence is at most so long.
pub(crate) fn max_len(thread: &mut Thread, length: &Value) -> Result<Value, Error> {
    MAX_LEN.function(thread, vec![length.clone()])
}

/// The check that a value is not null.
pub(crate) fn not_null(thread: &mut Thread) -> Result<Value, Error> {
    NOT_NULL.function(thread, Vec::new())
}

/// The check that a value is one of a sequence.
pub(crate) fn one_of(thread: &mut Thread, allowed: &Value) -> Result<Value, Error> {
    ONE_OF.function(thread, vec![allowed.clone(), yaml::module()])
}

/// The check that of these keys of a map, or of all, exactly one has a value.
pub(crate) fn one_not_null(_: &mut Thread, keys: Option<&Value>) -> Result<Value, Error> {
    let captured = keys.into_iter().cloned().collect();
    let closure = Closure::with_captured("assert.one_not_null", captured, |thread, args| {
        check_one_not_null(thread, args.captured.first(), args.positional)
    });
    Ok(Value::Closure(Rc::new(closure)))
}

/// A value with a check.
fn assertion(check: Value) -> Value {
    let kind = StructKind::Named {
        type_name: "@ytt:assert.assertion",
        go_type: "*yttlibrary.Assertion",
        hint: "does not encode (did you mean to call check()?)",
    };
    Value::Struct(Rc::new(Struct::of_kind(
        kind,
        vec![(Str::from("check"), check)],
    )))
}

fn make_min(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    min(thread, one_counted(args)?).map(assertion)
}

fn make_max(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    max(thread, one_counted(args)?).map(assertion)
}

/// The one argument, a length.
fn length(args: &Args<'_>) -> Result<Value, Error> {
    let value = one_counted(args)?;
    value.number_to_int().ok_or_else(|| {
        Error::new(format!(
            "expected value to be an number, but was {}",
            value.type_name()
        ))
    })
}

fn make_min_len(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    min_len(thread, &length(args)?).map(assertion)
}

fn make_max_len(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    max_len(thread, &length(args)?).map(assertion)
}

/// With an argument, checks it at once.
fn make_not_null(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    if args.positional.len() > 1 {
        let count = args.positional.len();
        return Err(Error::new(format!("got {count} arguments, want at most 1")));
    }
    let check = not_null(thread)?;
    if args.positional.is_empty() {
        return Ok(assertion(check));
    }
    thread.call(&check, args.positional, &[])
}

fn make_one_not_null(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let keys = match args.positional {
        [] | [Value::Bool(true)] => None,
        [Value::Bool(false)] => return Err(Error::new("one_not_null() cannot be False")),
        [keys] if keys.is_sequence() => Some(keys),
        [other] => {
            return Err(Error::new(format!(
                "expected a sequence of keys, but was a '{}'",
                other.type_name()
            )));
        }
        more => return Err(Error::new(format!("got {} arguments, want 1", more.len()))),
    };
    one_not_null(thread, keys).map(assertion)
}

fn make_one_of(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let allowed = match args.positional {
        [] => return Err(Error::new("got 0 arguments, want at least 1")),
        [one] => one.clone(),
        more => Value::tuple(more.to_vec()),
    };
    if !allowed.is_sequence() {
        return Err(Error::new(format!(
            "expected a sequence, but was a '{}'",
            allowed.type_name()
        )));
    }
    one_of(thread, &allowed).map(assertion)
}

/// A value as it is after it was printed and read.
fn printed_and_read(thread: &Thread, value: &Value) -> Result<Value, Error> {
    let text = yaml::encode(thread, value)?;
    yaml::decode(thread, &Str::from(text))
}

fn check_one_not_null(
    thread: &Thread,
    keys: Option<&Value>,
    positional: &[Value],
) -> Result<Value, Error> {
    let [value] = positional else {
        let count = positional.len();
        return Err(Error::new(format!("check: got {count} arguments, want 1")));
    };
    let value = printed_and_read(thread, value)?;
    let Value::Dict(dict) = &value else {
        return Err(Error::new(format!(
            "check: value must be a map or dict, but was '{}'",
            value.type_name()
        )));
    };
    let keys = match keys {
        None => dict.keys(),
        Some(keys) => {
            let keys = keys.elements().unwrap_or_default();
            let keys = keys.iter().map(|key| printed_and_read(thread, key));
            keys.collect::<Result<_, _>>()?
        }
    };
    let mut set = Vec::new();
    for key in keys {
        let found = dict.get(&key).map_err(|_| {
            Error::new(format!(
                "check: unexpected error while looking up key {} in dict {}",
                key.to_repr(),
                value.to_repr()
            ))
        })?;
        if !matches!(found, None | Some(Value::None)) {
            set.push(key);
        }
    }
    match set.len() {
        0 if dict.is_empty() => Err(Error::new("check: value is empty")),
        0 => Err(Error::new("check: all values are null")),
        1 => Ok(Value::Bool(true)),
        _ => Err(Error::new(format!(
            "check: {} are not null",
            Value::list(set).to_repr()
        ))),
    }
}

fn equals(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let [expected, actual] = args.positional else {
        let count = args.positional.len();
        return Err(Error::new(format!("got {count} arguments, want 2")));
    };
    for value in [expected, actual] {
        if value.is_callable() {
            return Err(Error::new(format!(
                "expected argument not to be a function, but was {}",
                value.go_type()
            )));
        }
    }
    let wanted = yaml::encode(thread, expected)?;
    let found = yaml::encode(thread, actual)?;
    if wanted == found {
        return Ok(Value::None);
    }
    Err(Error::new(format!(
        "Not equal:\n(expected type: {})\n{wanted}\n\n(was type: {})\n{found}",
        expected.type_name(),
        actual.type_name()
    )))
}

fn fail(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let message = string(one_counted(args)?)?;
    Err(Error::of_parts(&[b"fail: ", message]))
}

/// Calls a function; gives its result, or the text of its failure.
fn try_to(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let function = one_counted(args)?;
    if !function.is_callable() {
        return Err(Error::new(format!(
            "expected argument to be a function, but was {}",
            function.go_type()
        )));
    }
    let (value, failure) = match thread.call(function, &[], &[]) {
        Ok(value) => (value, Value::None),
        Err(error) if error.kind() == ErrorKind::Failure => {
            (Value::None, Value::str(error.message_bytes()))
        }
        Err(error) => return Err(error),
    };
    Ok(Value::tuple(vec![value, failure]))
}

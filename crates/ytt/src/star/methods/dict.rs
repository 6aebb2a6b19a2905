//! Methods of dicts.

use super::super::access;
use super::super::args::Args;
use super::super::budget::ENTRY_BYTES;
use super::super::error::{Error, fail};
use super::super::format::quote;
use super::super::iter::Iter;
use super::super::ops::collect;
use super::super::thread::Thread;
use super::super::value::{Dict, Native, Value};
use super::named;
use std::collections::BTreeSet;
use std::rc::Rc;

pub(super) const METHODS: &[Native] = &[
    Native::new("clear", clear),
    Native::new("get", get),
    Native::new("items", items),
    Native::new("keys", keys),
    Native::new("pop", pop),
    Native::new("popitem", popitem),
    Native::new("setdefault", setdefault),
    Native::new("update", update),
    Native::new("values", values),
];

fn receiver(args: &Args<'_>) -> Result<Rc<Dict>, Error> {
    match args.receiver() {
        Value::Dict(dict) => Ok(Rc::clone(dict)),
        other => fail!("{}: got {}, want dict", args.name, other.type_name()),
    }
}

fn clear(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(0, 0)?;
    // Here the original does not put its name in front.
    dict.remove_all()?;
    Ok(Value::None)
}

fn get(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(1, 2)?;
    let found = named(args.name, dict.get(&args.positional[0]))?;
    Ok(found
        .or_else(|| args.get(1).cloned())
        .unwrap_or(Value::None))
}

fn items(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.allocate_values(dict.len() * 4)?;
    let pairs = dict
        .items()
        .into_iter()
        .map(|(key, value)| Value::tuple(vec![key, value]));
    Ok(Value::list(pairs.collect()))
}

fn keys(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.allocate_values(dict.len())?;
    Ok(Value::list(dict.keys()))
}

fn values(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(0, 0)?;
    thread.budget.allocate_values(dict.len())?;
    Ok(Value::list(dict.values()))
}

fn pop(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(1, 2)?;
    match named(args.name, dict.remove(&args.positional[0]))? {
        Some((value, moved)) => {
            thread.budget.work(moved / 2)?;
            Ok(value)
        }
        None => match args.get(1) {
            Some(default) => Ok(default.clone()),
            None => fail!("pop: missing key"),
        },
    }
}

/// Removes the first entry.
fn popitem(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(0, 0)?;
    let Some(key) = dict.key(0) else {
        fail!("popitem: empty dict")
    };
    let removed = named(args.name, dict.remove(&key))?;
    let (value, moved) = removed.unwrap_or((Value::None, 0));
    thread.budget.work(moved / 2)?;
    Ok(Value::tuple(vec![key, value]))
}

fn setdefault(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    args.check(1, 2)?;
    let key = &args.positional[0];
    if let Some(value) = named(args.name, dict.get(key))? {
        return Ok(value);
    }
    let value = args.get(1).cloned().unwrap_or(Value::None);
    thread.budget.allocate(ENTRY_BYTES)?;
    thread.watch_dict(&dict, key);
    thread.watch_dict(&dict, &value);
    named(args.name, dict.insert(key.clone(), value.clone()))?;
    Ok(value)
}

fn update(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let dict = receiver(args)?;
    if args.positional.len() > 1 {
        fail!(
            "update: got {} arguments, want at most 1",
            args.positional.len()
        );
    }
    named("update", update_dict(thread, &dict, args))?;
    Ok(Value::None)
}

/// Sets entries of a mapping or pairs, then named arguments.
pub(crate) fn update_dict(
    thread: &mut Thread,
    dict: &Rc<Dict>,
    args: &Args<'_>,
) -> Result<(), Error> {
    if let Some(updates) = args.get(0) {
        match access::items(updates)? {
            Some(entries) => {
                for (key, value) in entries {
                    set(thread, dict, key, value)?;
                }
            }
            None => update_pairs(thread, dict, updates)?,
        }
    }
    let before = dict.len();
    for (name, value) in args.named {
        set(thread, dict, Value::Str(name.clone()), value.clone())?;
    }
    if dict.len() < before + args.named.len() {
        let mut seen = BTreeSet::new();
        if let Some((name, _)) = args.named.iter().find(|(name, _)| !seen.insert(name)) {
            fail!("duplicate keyword arg: {}", quote(name));
        }
    }
    Ok(())
}

fn set(thread: &mut Thread, dict: &Rc<Dict>, key: Value, value: Value) -> Result<(), Error> {
    thread.budget.step()?;
    thread.budget.allocate(ENTRY_BYTES)?;
    thread.watch_dict(dict, &key);
    thread.watch_dict(dict, &value);
    dict.insert(key, value)?;
    Ok(())
}

fn update_pairs(thread: &mut Thread, dict: &Rc<Dict>, updates: &Value) -> Result<(), Error> {
    let Some(iter) = Iter::begin(updates) else {
        fail!("got {}, want iterable", updates.type_name())
    };
    for (at, pair) in iter.enumerate() {
        let kind = pair.type_name();
        let Some(parts) = Iter::begin(&pair) else {
            fail!("dictionary update sequence element #{at} is not iterable ({kind})")
        };
        match pair.len() {
            None => fail!("dictionary update sequence element #{at} has unknown length ({kind})"),
            Some(2) => {}
            Some(len) => {
                fail!("dictionary update sequence element #{at} has length {len}, want 2")
            }
        }
        let mut parts = collect(thread, parts)?.into_iter();
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            set(thread, dict, key, value)?;
        }
    }
    Ok(())
}

//! Methods of lists.

use super::super::access::{checked_position, indices};
use super::super::args::{Args, unpack_iterable};
use super::super::compare::equal;
use super::super::error::{Error, fail};
use super::super::ops::extend;
use super::super::thread::Thread;
use super::super::value::{List, Native, Value};
use super::named;
use std::rc::Rc;

pub(super) const METHODS: &[Native] = &[
    Native::new("append", append),
    Native::new("clear", clear),
    Native::new("extend", extend_method),
    Native::new("index", index),
    Native::new("insert", insert),
    Native::new("pop", pop),
    Native::new("remove", remove),
];

fn receiver(args: &Args<'_>) -> Result<Rc<List>, Error> {
    match args.receiver() {
        Value::List(list) => Ok(Rc::clone(list)),
        other => fail!("{}: got {}, want list", args.name, other.type_name()),
    }
}

fn append(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(1, 1)?;
    thread.budget.allocate(size_of::<Value>() * 2)?;
    let value = args.positional[0].clone();
    thread.watch_list(&list, &value);
    named(args.name, list.change("append to"))?.push(value);
    Ok(Value::None)
}

fn clear(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(0, 0)?;
    drop(named(args.name, list.change("clear"))?);
    list.clear();
    Ok(Value::None)
}

fn extend_method(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(1, 1)?;
    let values = args.positional(0, unpack_iterable)?;
    drop(named(args.name, list.change("extend"))?);
    if let Some(values) = values {
        extend(thread, &list, values)?;
    }
    Ok(Value::None)
}

fn index(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(1, 3)?;
    let none = Value::None;
    let items = list.borrow();
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (from, to) = named(
        args.name,
        indices(
            args.get(1).unwrap_or(&none),
            args.get(2).unwrap_or(&none),
            len,
        ),
    )?;
    for at in from..to {
        let item = &items[usize::try_from(at).unwrap_or(0)];
        if named(args.name, equal(thread, item, &args.positional[0]))? {
            return Ok(Value::Int(at));
        }
    }
    fail!("{}: value not in list", args.name)
}

fn insert(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(2, 2)?;
    let at = args.int(0, 0)?;
    let len = i64::try_from(list.borrow().len()).unwrap_or(i64::MAX);
    let at = if at < 0 { at + len } else { at }.clamp(0, len);
    let at = usize::try_from(at).unwrap_or(0);
    thread.budget.allocate(size_of::<Value>() * 2)?;
    let value = args.positional[1].clone();
    thread.watch_list(&list, &value);
    let mut items = named(args.name, list.change("insert into"))?;
    thread.budget.work((items.len() - at) / 8)?;
    items.insert(at, value);
    Ok(Value::None)
}

fn pop(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(0, 1)?;
    let len = list.borrow().len();
    let last = i64::try_from(len).unwrap_or(i64::MAX) - 1;
    let at = args.int(0, last)?;
    let at = named(args.name, checked_position(at, len, "list"))?;
    thread.budget.work((len - at) / 8)?;
    let mut items = named(args.name, list.change("pop from"))?;
    Ok(items.remove(at))
}

fn remove(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let list = receiver(args)?;
    args.check(1, 1)?;
    drop(named(args.name, list.change("remove from"))?);
    let mut found = None;
    for (at, item) in list.borrow().iter().enumerate() {
        if named(args.name, equal(thread, item, &args.positional[0]))? {
            found = Some(at);
            break;
        }
    }
    let Some(at) = found else {
        fail!("remove: element not found")
    };
    let removed = {
        let mut items = named(args.name, list.change("remove from"))?;
        thread.budget.work((items.len() - at) / 8)?;
        items.remove(at)
    };
    drop(removed);
    Ok(Value::None)
}

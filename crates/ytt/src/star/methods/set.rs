//! Methods of sets.

use super::super::args::{Args, unpack_iterable};
use super::super::error::{Error, fail};
use super::super::iter::Iter;
use super::super::ops::collect;
use super::super::thread::Thread;
use super::super::value::{Native, Set, Value};
use super::named;
use std::rc::Rc;

pub(super) const METHODS: &[Native] = &[Native::new("union", union)];

fn union(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let Value::Set(set) = args.receiver() else {
        fail!("union: receiver is no set")
    };
    args.check(0, 1)?;
    let others = args.positional(0, unpack_iterable)?;
    // Without an argument the original crashes.
    let others = match others.and_then(Iter::begin) {
        Some(iter) => collect(thread, iter)?,
        None => Vec::new(),
    };
    thread
        .budget
        .allocate_values((set.len() + others.len()) * 3)?;
    let result = Set::default();
    for item in set.items().into_iter().chain(others) {
        named(args.name, result.insert(item))?;
    }
    Ok(Value::Set(Rc::new(result)))
}

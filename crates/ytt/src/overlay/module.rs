//! The module `@ytt:overlay`.
//!
//! Source: ytt pkg/yttlibrary/overlay/api.go.

use std::rc::Rc;

use super::compare::compare;
use super::{Documents, apply};
use crate::bridge::{as_bool, as_int, as_string, to_tree};
use crate::fragment::Fragment;
use crate::node::{Value as Tree, plain_to_nodes};
use crate::position::Position;
use crate::star::{Args, Closure, Error, Native, NativeFn, Thread, Value};

/// The members of the module.
pub(crate) fn members() -> Vec<(&'static str, Value)> {
    [
        ("apply", &APPLY),
        ("index", &INDEX),
        ("all", &ALL),
        ("map_key", &MAP_KEY),
        ("subset", &SUBSET),
        ("and_op", &AND_OP),
        ("or_op", &OR_OP),
        ("not_op", &NOT_OP),
    ]
    .into_iter()
    .map(|(name, native)| (name, Value::Native(native)))
    .collect()
}

static APPLY: Native = Native::new("overlay.apply", overlay_apply);
static INDEX: Native = Native::new("overlay.index", overlay_index);
static ALL: Native = Native::new("overlay.all", overlay_all);
static MAP_KEY: Native = Native::new("overlay.map_key", overlay_map_key);
static SUBSET: Native = Native::new("overlay.subset", overlay_subset);
static AND_OP: Native = Native::new("overlay.and_op", overlay_and);
static OR_OP: Native = Native::new("overlay.or_op", overlay_or);
static NOT_OP: Native = Native::new("overlay.not_op", overlay_not);

/// Runs `function`; an error begins with the name of the function that was called.
fn wrapped(thread: &mut Thread, args: &Args<'_>, function: NativeFn) -> Result<Value, Error> {
    function(thread, args).map_err(|error| error.within(args.name))
}

fn overlay_apply(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |thread, args| {
        let Some((first, rest)) = args.positional.split_first() else {
            return Err(Error::new("expected exactly at least argument"));
        };
        let budget = Rc::clone(thread.budget());
        let mut result = to_tree(first, &budget)?;
        for right in rest {
            let right = to_tree(right, &budget)?;
            result = apply(&result, &right, Documents::Annotated, thread)?;
        }
        Ok(Fragment::new(result, budget).into_value())
    })
}

fn overlay_index(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        let wanted = as_int(only_argument(args)?)?;
        Ok(matcher(
            "overlay.index_matcher",
            Vec::new(),
            move |_, args| Ok(as_int(&args.positional[0])? == wanted),
        ))
    })
}

fn overlay_all(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        three_arguments(args)?;
        Ok(Value::Bool(true))
    })
}

fn overlay_map_key(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        map_key_matcher(only_argument(args)?)
    })
}

/// Matches maps that have the same value under a key.
pub(super) fn map_key_matcher(key: &Value) -> Result<Value, Error> {
    let key = Tree::text(as_string(key)?.clone());
    Ok(matcher(
        "overlay.map_key_matcher",
        Vec::new(),
        move |thread, args| {
            let old = to_tree(&args.positional[1], thread.budget())?;
            let new = to_tree(&args.positional[2], thread.budget())?;
            Ok(value_under(&key, &old)?.leaf_equal(&value_under(&key, &new)?))
        },
    ))
}

fn value_under(key: &Tree, value: &Tree) -> Result<Tree, Error> {
    let Some(map) = value.as_map() else {
        let found = value.type_name();
        return Err(Error::new(format!(
            "Expected value to be map, but was {found}"
        )));
    };
    let items = map.items.borrow();
    let item = items.iter().find(|item| item.key.borrow().deep_equal(key));
    item.map(|item| item.value.borrow().clone()).ok_or_else(|| {
        Error::new(format!(
            "Expected to find map item with key '{}', but did not",
            key.go_string()
        ))
    })
}

fn overlay_subset(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        let expected = only_argument(args)?.clone();
        Ok(matcher(
            "overlay.subset_matcher",
            vec![expected],
            |thread, args| {
                let budget = thread.budget();
                let nodes = |value: &Value| {
                    plain_to_nodes(&to_tree(value, budget)?, &Position::Unknown, budget)
                };
                let left = nodes(&args.positional[1])?;
                let right = nodes(&args.captured[0])?;
                Ok(compare(&left, &right, budget)?.is_none())
            },
        ))
    })
}

fn overlay_and(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        let matchers = at_least_one_argument(args)?;
        Ok(matcher("overlay.and_op", matchers, |thread, args| {
            for matcher in args.captured {
                if !holds(thread, matcher, args)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }))
    })
}

fn overlay_or(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        let matchers = at_least_one_argument(args)?;
        Ok(matcher("overlay.or_op", matchers, |thread, args| {
            for matcher in args.captured {
                if holds(thread, matcher, args)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }))
    })
}

fn overlay_not(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    wrapped(thread, args, |_, args| {
        let inner = only_argument(args)?.clone();
        // The original gives this matcher the name of another one.
        Ok(matcher("overlay.or_op", vec![inner], |thread, args| {
            Ok(!holds(thread, &args.captured[0], args)?)
        }))
    })
}

fn holds(thread: &mut Thread, matcher: &Value, args: &Args<'_>) -> Result<bool, Error> {
    as_bool(&thread.call(matcher, args.positional, args.named)?)
}

/// A function that is called with index or key, left value and right value.
fn matcher(
    name: &'static str,
    captured: Vec<Value>,
    function: impl Fn(&mut Thread, &Args<'_>) -> Result<bool, Error> + 'static,
) -> Value {
    let checked = move |thread: &mut Thread, args: &Args<'_>| {
        three_arguments(args)
            .and_then(|()| function(thread, args))
            .map(Value::Bool)
            .map_err(|error| error.within(name))
    };
    Value::Closure(Rc::new(Closure::with_captured(name, captured, checked)))
}

fn only_argument<'a>(args: &Args<'a>) -> Result<&'a Value, Error> {
    match args.positional {
        [only] => Ok(only),
        _ => Err(Error::new("expected exactly one argument")),
    }
}

fn at_least_one_argument(args: &Args<'_>) -> Result<Vec<Value>, Error> {
    if args.positional.is_empty() {
        return Err(Error::new("expected at least one argument"));
    }
    Ok(args.positional.to_vec())
}

fn three_arguments(args: &Args<'_>) -> Result<(), Error> {
    if args.positional.len() == 3 {
        return Ok(());
    }
    Err(Error::new("expected exactly 3 arguments"))
}

//! The annotations `overlay/replace`, `overlay/insert` and `overlay/assert`.
//!
//! Source: ytt pkg/yttlibrary/overlay/replace_annotation.go, insert_annotation.go,
//! assert_annotation.go.

use std::rc::Rc;

use super::compare::compare;
use super::expects::unknown_kwarg;
use super::item::Item;
use crate::annotation::name;
use crate::bridge::{MAX_DEPTH, as_bool, from_tree, to_tree, too_deep};
use crate::node::{Common, DeepCopy, Scalar, Value as Tree, plain_to_nodes};
use crate::position::Position;
use crate::star::{Error, Thread, Value};

/// How the new value is made: by a function of the user, or as it stands.
pub(super) struct Via(Option<Value>);

impl Via {
    fn of(annotation: &str, value: &Value) -> Result<Self, Error> {
        if value.is_callable() {
            return Ok(Self(Some(value.clone())));
        }
        Err(Error::new(format!(
            "Expected '{annotation}' annotation keyword argument 'via' to be function, but was {}",
            value.go_type()
        )))
    }

    /// The value to put in the place of `old`, which may be absent.
    pub(super) fn value<T: Item>(
        &self,
        old: Option<&T>,
        new: &T,
        thread: &mut Thread,
    ) -> Result<Tree, Error> {
        let budget = Rc::clone(thread.budget());
        let new = new.value().borrow().deep_copy(&budget)?;
        let Some(via) = &self.0 else { return Ok(new) };
        let old = match old {
            Some(old) => old.value().borrow().deep_copy(&budget)?,
            None => Tree::NULL,
        };
        let args = [from_tree(&old, &budget)?, from_tree(&new, &budget)?];
        let value = to_tree(&thread.call(via, &args, &[])?, &budget)?;
        if value.depth() > MAX_DEPTH {
            return Err(too_deep(&budget));
        }
        Ok(value)
    }
}

pub(super) struct Replace {
    pub(super) via: Via,
    /// Whether the item is added when nothing matches.
    pub(super) or_add: bool,
}

impl Replace {
    pub(super) fn of(item: &Common) -> Result<Self, Error> {
        let mut replace = Self {
            via: Via(None),
            or_add: false,
        };
        for (kwarg, value) in item.annotations().kwargs(name::OVERLAY_REPLACE).iter() {
            match kwarg.as_str() {
                "via" => replace.via = Via::of(name::OVERLAY_REPLACE, value)?,
                "or_add" => replace.or_add = as_bool(value)?,
                _ => return Err(unknown_kwarg(name::OVERLAY_REPLACE, kwarg)),
            }
        }
        Ok(replace)
    }
}

pub(super) struct Insert {
    pub(super) via: Via,
    pub(super) before: bool,
    pub(super) after: bool,
}

impl Insert {
    pub(super) fn of(item: &Common) -> Result<Self, Error> {
        let kwargs = item.annotations().kwargs(name::OVERLAY_INSERT);
        if kwargs.is_empty() {
            return Err(Error::new(format!(
                "Expected '{}' annotation to have \
                 at least one keyword argument (before=..., after=...)",
                name::OVERLAY_INSERT
            )));
        }
        let mut insert = Self {
            via: Via(None),
            before: false,
            after: false,
        };
        for (kwarg, value) in kwargs.iter() {
            match kwarg.as_str() {
                "before" => insert.before = as_bool(value)?,
                "after" => insert.after = as_bool(value)?,
                "via" => insert.via = Via::of(name::OVERLAY_INSERT, value)?,
                _ => return Err(unknown_kwarg(name::OVERLAY_INSERT, kwarg)),
            }
        }
        Ok(insert)
    }
}

pub(super) struct Assert {
    via: Option<Value>,
}

impl Assert {
    pub(super) fn of(item: &Common) -> Result<Self, Error> {
        let mut via = None;
        for (kwarg, value) in item.annotations().kwargs(name::OVERLAY_ASSERT).iter() {
            match kwarg.as_str() {
                "via" => via = Some(value.clone()),
                _ => return Err(unknown_kwarg(name::OVERLAY_ASSERT, kwarg)),
            }
        }
        Ok(Self { via })
    }

    /// Checks the item of the left tree against that of the right one.
    pub(super) fn check<T: Item>(
        &self,
        left: &T,
        right: &T,
        thread: &mut Thread,
    ) -> Result<(), Error> {
        let budget = Rc::clone(thread.budget());
        let left = left.value().borrow().deep_copy(&budget)?;
        let right = right.value().borrow().deep_copy(&budget)?;
        let Some(via) = &self.via else {
            let left = plain_to_nodes(&left, &Position::Unknown, &budget)?;
            let right = plain_to_nodes(&right, &Position::Unknown, &budget)?;
            return match compare(&left, &right, &budget)? {
                None => Ok(()),
                Some(explanation) => Err(Error::new(format!(
                    "Expected objects to equal, but did not: {explanation}"
                ))),
            };
        };
        if !via.is_callable() {
            return Err(Error::new(format!(
                "Expected '{}' annotation keyword argument 'via' to be function, but was {}",
                name::OVERLAY_ASSERT,
                via.go_type()
            )));
        }
        let args = [from_tree(&left, &budget)?, from_tree(&right, &budget)?];
        match thread.call(via, &args, &[])? {
            Value::None | Value::Bool(true) => Ok(()),
            Value::Bool(false) => Err(Error::new(
                "Expected via invocation to return true, but was false",
            )),
            other => verdict(&to_tree(&other, &budget)?),
        }
    }
}

/// Reads a pair of success and message.
fn verdict(value: &Tree) -> Result<(), Error> {
    let pair = match value {
        Tree::List(items) => match items.as_slice() {
            [
                Tree::Scalar(Scalar::Bool(success)),
                Tree::Scalar(Scalar::Str(message)),
            ] => Some((*success, message.to_text())),
            _ => None,
        },
        _ => None,
    };
    match pair {
        Some((true, _)) => Ok(()),
        Some((false, message)) => Err(Error::new(format!(
            "Expected via invocation to return true, but was false with message: {message}"
        ))),
        None => Err(Error::new(
            "Expected via invocation to return NoneType, \
             Bool or Tuple(Bool,String), but returned neither of those",
        )),
    }
}

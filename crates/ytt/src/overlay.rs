//! Overlays: one tree changes another.
//!
//! The left tree is changed in place, as in the original; items of the right tree are copied
//! before they are put into the left one. Source: ytt pkg/yttlibrary/overlay.

mod annotation;
mod compare;
mod expects;
mod item;
mod matching;
pub(crate) mod module;
mod plain;

use std::rc::Rc;

use crate::annotation::{Annotations, name};
use crate::bridge::{MAX_DEPTH, too_deep};
use crate::node::{DeepCopy, DocumentSet, Node, Value, plain_to_nodes, walk};
use crate::position::Position;
use crate::star::{Budget, Error, Thread};
use expects::ChildDefaults;
use item::{Item, Lists};

pub(crate) use plain::{annotate_for_plain_merge, annotations_for_replacement};

/// What an item of the right tree does to the left one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Merge,
    Remove,
    Replace,
    Insert,
    Append,
    Assert,
}

const OPERATIONS: [(&str, Operation); 6] = [
    (name::OVERLAY_MERGE, Operation::Merge),
    (name::OVERLAY_REMOVE, Operation::Remove),
    (name::OVERLAY_REPLACE, Operation::Replace),
    (name::OVERLAY_INSERT, Operation::Insert),
    (name::OVERLAY_APPEND, Operation::Append),
    (name::OVERLAY_ASSERT, Operation::Assert),
];

fn operation(annotations: &Annotations) -> Result<Operation, Error> {
    let mut found = OPERATIONS.iter().filter(|(name, _)| annotations.has(name));
    match (found.next(), found.next()) {
        (None, _) => Ok(Operation::Merge),
        (Some((_, operation)), None) => Ok(*operation),
        (Some(_), Some(_)) => Err(Error::new("Expected to find only one overlay operation")),
    }
}

/// How documents are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Documents {
    /// By their annotations.
    Annotated,
    /// There is exactly one on each side.
    ExactlyOne,
}

/// Lays `right` over `left`, which is changed, and gives the result.
///
/// # Errors
/// What does not match, with the path to it.
pub(crate) fn apply(
    left: &Value,
    right: &Value,
    documents: Documents,
    thread: &mut Thread,
) -> Result<Value, Error> {
    let budget = Rc::clone(thread.budget());
    let left = plain_to_nodes(left, &Position::Unknown, &budget)?;
    let right = plain_to_nodes(right, &Position::Unknown, &budget)?;
    Overlay { documents, thread }.apply(&left, &right, &ChildDefaults::default())?;
    if let Value::Node(node) = &left {
        walk(node, &budget, &mut |node| {
            node.common().change_annotations(|annotations| {
                annotations.remove_namespace("overlay");
            });
            Ok::<_, Error>(())
        })?;
        check_depth(&left, 0, &budget)?;
    }
    Ok(left)
}

/// Lays `right` over several document sets, which are changed.
///
/// # Errors
/// What does not match, with the path to it.
pub(crate) fn apply_to_sets(
    left: &[Rc<DocumentSet>],
    right: &Rc<DocumentSet>,
    thread: &mut Thread,
) -> Result<(), Error> {
    let budget = Rc::clone(thread.budget());
    for set in left.iter().chain([right]) {
        let set = Value::Node(Node::DocumentSet(Rc::clone(set)));
        plain_to_nodes(&set, &Position::Unknown, &budget)?;
    }
    Overlay {
        documents: Documents::Annotated,
        thread,
    }
    .apply_documents(left, right, &ChildDefaults::default())?;
    for set in left {
        check_depth(&Value::Node(Node::DocumentSet(Rc::clone(set))), 0, &budget)?;
    }
    Ok(())
}

/// Counts the levels anew: functions of the user may have put anything anywhere.
fn check_depth(value: &Value, level: u32, budget: &Budget) -> Result<(), Error> {
    let Value::Node(node) = value else {
        return Ok(());
    };
    if level > 2 * MAX_DEPTH {
        return Err(too_deep(budget));
    }
    budget.work(1)?;
    for child in node.values() {
        check_depth(&child, level + 1, budget)?;
    }
    node.close();
    Ok(())
}

struct Overlay<'a> {
    documents: Documents,
    thread: &'a mut Thread,
}

impl Overlay<'_> {
    /// Lays `right` over `left`; says whether `right` should take the place of `left`.
    fn apply(
        &mut self,
        left: &Value,
        right: &Value,
        defaults: &ChildDefaults,
    ) -> Result<bool, Error> {
        let mismatch = |expected: &str| {
            Err(Error::new(format!(
                "Expected {expected}, but was {}",
                left.type_name()
            )))
        };
        match right {
            Value::Node(Node::DocumentSet(right)) => {
                let Value::Node(Node::DocumentSet(left)) = left else {
                    return mismatch("document set");
                };
                self.apply_documents(std::slice::from_ref(left), right, defaults)?;
                Ok(false)
            }
            Value::Node(Node::Map(right)) => {
                let Some(left) = left.as_map() else {
                    return mismatch("map");
                };
                let items = right.items.borrow().clone();
                for item in items {
                    let item = self.copy(&item)?;
                    self.apply_item(&Lists::one(&left.items), &*item, defaults)?;
                }
                Ok(false)
            }
            Value::Node(Node::Array(right)) => {
                let Some(left) = left.as_array() else {
                    return mismatch("array");
                };
                let items = right.items.borrow().clone();
                for item in items {
                    let item = self.copy(&item)?;
                    self.apply_item(&Lists::one(&left.items), &*item, defaults)?;
                }
                Ok(false)
            }
            Value::Node(node) => Err(Error::panic(format!("Unexpected {}", node.go_type()))),
            Value::Scalar(_) | Value::Dict(_) | Value::List(_) => Ok(true),
        }
    }

    fn copy<T: DeepCopy>(&self, value: &T) -> Result<T, Error> {
        value.deep_copy(self.thread.budget())
    }

    fn apply_documents(
        &mut self,
        left: &[Rc<DocumentSet>],
        right: &DocumentSet,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        let lists = Lists::new(left.iter().map(|set| &set.items).collect());
        let documents = right.items.borrow().clone();
        for document in documents {
            let document = self.copy(&document)?;
            self.apply_item(&lists, &*document, defaults)?;
        }
        Ok(())
    }

    fn apply_item<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        // The annotations may be asked for again while functions run.
        let annotations = item.common().annotations().clone();
        let applied = operation(&annotations).and_then(|operation| match operation {
            Operation::Merge => self.merge(left, item, defaults),
            Operation::Remove => self.remove(left, item, defaults),
            Operation::Replace => self.replace(left, item, defaults),
            Operation::Insert if T::IN_SEQUENCE => self.insert(left, item, defaults),
            Operation::Append if T::IN_SEQUENCE => left.push_last(self.copy(item)?),
            Operation::Assert => self.assert(left, item, defaults),
            Operation::Insert | Operation::Append => {
                let name = if operation == Operation::Insert {
                    "insert"
                } else {
                    "append"
                };
                Err(Error::new(format!(
                    "Found @overlay/{name} on map item ({}); \
                     only array items can be annotated with @overlay/{name}",
                    item.common().position().compact()
                )))
            }
        });
        applied.map_err(|error| {
            let path = format!("{} on {}: ", item.label(), item.common().position().long());
            error.after(&path)
        })
    }

    fn merge<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        let child_defaults = ChildDefaults::of(item.common(), defaults)?;
        let Some(matches) = self.find_matches(left, item, defaults)? else {
            return Ok(());
        };
        if matches.is_empty() {
            return if T::APPENDS_UNMATCHED {
                left.push_last(self.copy(item)?)
            } else {
                Ok(())
            };
        }
        for place in matches {
            let Some(found) = left.get(place) else {
                continue;
            };
            let current = found.value().borrow().clone();
            let new = item.value().borrow().clone();
            let replaces = current.is_null() || self.apply(&current, &new, &child_defaults)?;
            if replaces {
                // Type, annotations and key of the left item stay.
                found.accept(new, item.common().position());
            }
        }
        Ok(())
    }

    fn remove<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        if let Some(matches) = self.find_matches(left, item, defaults)? {
            left.remove(&matches);
        }
        Ok(())
    }

    fn replace<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        // The annotations of the match are read before those of the replacement.
        let matching = self.matching(item, defaults)?;
        let replacement = annotation::Replace::of(item.common())?;
        let Some(matches) = self.check_matches(left, item, &matching)? else {
            return Ok(());
        };
        for place in &matches {
            let Some(found) = left.get(*place) else {
                continue;
            };
            let value = replacement.via.value(Some(&*found), item, self.thread)?;
            let new = left.with_value(item, value, self.thread.budget())?;
            left.set(*place, new);
        }
        if matches.is_empty() && replacement.or_add {
            let value = replacement.via.value(None, item, self.thread)?;
            left.push_first(left.with_value(item, value, self.thread.budget())?)?;
        }
        Ok(())
    }

    fn insert<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        let Some(matches) = self.find_matches(left, item, defaults)? else {
            return Ok(());
        };
        let insertion = annotation::Insert::of(item.common())?;
        left.rebuild(|place, found, updated| {
            if matches.binary_search(&place).is_err() {
                updated.push(found);
                return Ok(());
            }
            let value = insertion.via.value(Some(&*found), item, self.thread)?;
            // One new item, possibly at two places.
            let new = left.with_value(item, value, self.thread.budget())?;
            if insertion.before {
                updated.push(Rc::clone(&new));
            }
            updated.push(found);
            if insertion.after {
                updated.push(new);
            }
            Ok(())
        })
    }

    fn assert<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<(), Error> {
        let child_defaults = ChildDefaults::of(item.common(), defaults)?;
        let matching = self.matching(item, defaults)?;
        let assertion = annotation::Assert::of(item.common())?;
        let Some(matches) = self.check_matches(left, item, &matching)? else {
            return Ok(());
        };
        for place in matches {
            let Some(found) = left.get(place) else {
                continue;
            };
            assertion.check(&*found, item, self.thread)?;
            let current = found.value().borrow().clone();
            let expected = item.value().borrow().clone();
            self.apply(&current, &expected, &child_defaults)?;
        }
        Ok(())
    }
}

//! Which items of the left tree an overlay item speaks about.
//!
//! Source: ytt pkg/yttlibrary/overlay/map_item_match_annotation.go,
//! array_item_match_annotation.go, document_match_annotation.go.

use std::rc::Rc;

use super::expects::{ChildDefaults, Expects, Miscount, unknown_kwarg};
use super::item::{Item, Kind, Lists, Place};
use super::{Documents, Overlay, module};
use crate::annotation::name;
use crate::bridge::{as_bool, from_tree};
use crate::position::Position;
use crate::star::{Error, Value};

/// What `overlay/match` says about an item.
pub(super) struct Matching {
    by: Option<Value>,
    expects: Expects,
    /// An array item without annotation matches nothing.
    never: bool,
}

impl Overlay<'_> {
    /// Reads the annotation of an item.
    pub(super) fn matching<T: Item>(
        &self,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<Matching, Error> {
        let annotations = item.common().annotations();
        let kwargs = annotations.kwargs(name::OVERLAY_MATCH);
        let annotated = annotations.has(name::OVERLAY_MATCH);
        let exact = self.documents == Documents::ExactlyOne;
        let mut matching = Matching {
            by: None,
            expects: Expects::default(),
            never: false,
        };
        let needs_kwargs = match T::KIND {
            Kind::ArrayItem if !annotated => {
                matching.never = true;
                return Ok(matching);
            }
            Kind::ArrayItem => true,
            Kind::Document => !exact,
            Kind::MapItem => false,
        };
        if needs_kwargs && kwargs.is_empty() {
            return Err(Error::new(format!(
                "Expected '{}' annotation to have \
                 at least one keyword argument (by=..., expects=...)",
                name::OVERLAY_MATCH
            )));
        }
        for (kwarg, value) in kwargs.iter() {
            if kwarg == "by" {
                matching.by = Some(value.clone());
            } else if !matching.expects.take(kwarg, value) {
                return Err(unknown_kwarg(name::OVERLAY_MATCH, kwarg));
            }
        }
        matching.expects.fill_in(defaults);
        Ok(matching)
    }

    /// The places of the items that match; none when the item is to be skipped.
    pub(super) fn find_matches<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        defaults: &ChildDefaults,
    ) -> Result<Option<Vec<Place>>, Error> {
        let matching = self.matching(item, defaults)?;
        self.check_matches(left, item, &matching)
    }

    /// The same for an annotation that was read already.
    pub(super) fn check_matches<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        matching: &Matching,
    ) -> Result<Option<Vec<Place>>, Error> {
        if matching.never {
            return Ok(Some(Vec::new()));
        }
        let found = self.matches(left, item, matching)?;
        let (places, positions): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        match matching.expects.check(&positions, self.thread) {
            Ok(()) => Ok(Some(places)),
            Err(Miscount::Skip) => Ok(None),
            Err(Miscount::Failed(error)) => Err(error),
        }
    }

    fn matches<T: Item>(
        &mut self,
        left: &Lists<'_, T>,
        item: &T,
        matching: &Matching,
    ) -> Result<Vec<(Place, Position)>, Error> {
        let budget = Rc::clone(self.thread.budget());
        budget.work(left.len())?;
        if T::KIND == Kind::Document && self.documents == Documents::ExactlyOne {
            let first = left.items().into_iter().next();
            return Ok(first
                .map(|(at, item)| (at, item.common().position()))
                .into_iter()
                .collect());
        }
        let Some(by) = &matching.by else {
            return match item.key() {
                Some(wanted) => Ok(left.with_key(&wanted)),
                // The original has two blanks in the text for documents.
                None => Err(Error::new(format!(
                    "Expected '{}' annotation keyword argument 'by'{} to be specified",
                    name::OVERLAY_MATCH,
                    if T::KIND == Kind::Document { " " } else { "" }
                ))),
            };
        };
        let by = match by {
            Value::Str(_) if T::KIND != Kind::Document => module::map_key_matcher(by)?,
            by if by.is_callable() => by.clone(),
            other => {
                let accepted = match T::KIND {
                    Kind::Document => "function",
                    Kind::MapItem | Kind::ArrayItem => "either string (for map key) or function",
                };
                return Err(Error::new(format!(
                    "Expected '{}' annotation keyword argument 'by' \
                     to be {accepted}, but was {}",
                    name::OVERLAY_MATCH,
                    other.go_type()
                )));
            }
        };
        let mut found = Vec::new();
        for (index, (at, candidate)) in left.items().into_iter().enumerate() {
            let first = match candidate.key() {
                Some(key) => from_tree(&key, &budget)?,
                None => Value::from_len(index),
            };
            let args = [
                first,
                from_tree(&candidate.value().borrow(), &budget)?,
                from_tree(&item.value().borrow(), &budget)?,
            ];
            if as_bool(&self.thread.call(&by, &args, &[])?)? {
                found.push((at, candidate.common().position()));
            }
        }
        Ok(found)
    }
}

//! Paths into objects, and sets of them.
//!
//! A [`Set`] says which fields somebody owns. It is a tree: each node knows which of its elements are
//! members, and which have members below them; an element can be both. `FieldsV1` is its JSON form.
//!
//! Source: structured-merge-diff fieldpath/, v6.3.

mod codec;
mod element;
mod matcher;
mod set;

pub use codec::DecodeError;
pub use element::{Path, PathElement, display};
pub use matcher::{Filter, Pattern};
pub use set::Set;

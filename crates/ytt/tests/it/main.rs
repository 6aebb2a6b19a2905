//! Tests of the crate as its users see it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod corpus;
mod expressions;
mod fuzz_corpus;
mod hostile;
mod real;
mod templates;

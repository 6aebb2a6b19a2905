//! Integration tests of the merge crate.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod apply;
mod laws;
mod recorded;

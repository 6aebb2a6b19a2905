//! Integration tests of the merge crate.

mod apply;
mod laws;
mod recorded;

//! Claims about expressions and selectors.
//!
//! The files under `tests/fixtures` were captured from the real libraries (client-go and
//! apimachinery v0.36.3) over documents and expressions of our own; maps in sorted order.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod captured;
mod interpolation;
mod laws;
mod reach;
mod selection;

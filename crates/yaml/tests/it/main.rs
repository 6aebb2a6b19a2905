//! Claims about reading and printing YAML, from the outside.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod emitting;
mod json_view;
mod reading;

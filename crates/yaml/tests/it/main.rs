//! Claims about reading and printing YAML, from the outside.

mod emitting;
mod json_view;
mod reading;

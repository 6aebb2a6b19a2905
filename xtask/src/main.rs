//! Builders' tasks.
fn main() {}

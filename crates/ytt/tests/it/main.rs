//! Tests of the crate as its users see it.

mod expressions;
mod hostile;
mod real;

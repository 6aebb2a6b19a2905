//! Tests of the parts together.

mod scenarios;

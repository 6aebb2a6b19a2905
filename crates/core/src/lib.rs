//! The choreography: select, resolve, stamp, observe, plan. Pure: no I/O, no clock, no randomness.
//!
//! One pass over one object is a [`realize::Realization`] (Workload, Deliverable) or one of its
//! siblings. The shell calls `resume`, performs the [`realize::Request`] it gets, hands the
//! [`realize::Reply`] back, and goes on until it holds an [`realize::Outcome`]. Failures of the
//! API are replies like any other; problems of users are conditions. Nothing here returns an
//! error.
#![deny(missing_docs)]

mod condition;
mod go;
mod json;
pub mod key;
pub mod model;
pub mod params;
pub mod realize;
pub mod row;
pub mod validate;
pub mod words;

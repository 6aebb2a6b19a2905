//! The choreography: select, resolve, stamp, observe, plan. Pure: no I/O, no clock, no randomness.
//!
//! One pass over one object is a [`realize::Realization`] (Workload, Deliverable) or one of its
//! siblings. The shell calls `resume`, performs the [`realize::Request`] it gets, hands the
//! [`realize::Reply`] back, and goes on until it holds an [`realize::Outcome`]. Failures of the
//! API are replies like any other; problems of users are conditions. Nothing here returns an
//! error.
#![deny(missing_docs)]

mod apply;
pub mod blueprint;
mod condition;
mod context;
mod digest;
pub mod explain;
mod family;
mod health;
mod hex;
mod inputs;
mod json;
pub mod key;
pub mod model;
pub mod offline;
mod order;
mod outputs;
pub mod params;
pub mod plan;
mod preview;
mod problem;
mod prune;
mod realization;
pub mod realize;
pub mod recall;
mod retention;
pub mod row;
pub mod runnable;
mod stamp;
mod status;
mod task;
pub mod validate;
pub mod view;
mod words;

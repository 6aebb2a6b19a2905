//! The real binary, as a user starts it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod controller;
mod crash;
mod demo;
mod kubectl;
mod process;
mod up;

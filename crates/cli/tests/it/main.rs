//! The real binary, as a user starts it.

mod controller;
mod crash;
mod demo;
mod kubectl;
mod process;
mod up;

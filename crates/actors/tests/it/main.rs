//! The actors against the embedded API, with real repositories, images and processes.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod build;
mod git;
mod home;

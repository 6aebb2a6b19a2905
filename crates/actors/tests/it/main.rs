//! The actors against the embedded API, with real repositories, images and processes.

#![allow(
    clippy::unwrap_used,
    clippy::default_trait_access,
    reason = "these are tests"
)]

mod build;
mod deploy;
mod git;
mod home;
mod image;
mod registry;
mod remotes;
mod supervise;

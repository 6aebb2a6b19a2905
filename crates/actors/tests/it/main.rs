//! The actors against the embedded API, with real repositories, images and processes.

mod build;
mod git;
mod home;

//! The actors against the embedded API, with real repositories, images and processes.

mod git;
mod home;

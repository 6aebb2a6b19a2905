//! The server as its clients see it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod answers;
mod crash;
mod definitions;
mod documents;
mod fixtures;
mod logs;
mod objects;
mod owners;
mod port;
mod raw;
mod rights;
mod watches;
mod writes;

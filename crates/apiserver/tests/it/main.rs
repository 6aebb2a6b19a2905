//! The server as its clients see it.

mod crash;
mod fixtures;
mod objects;
mod port;

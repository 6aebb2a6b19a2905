//! The server as its clients see it.

mod fixtures;
mod objects;
mod port;

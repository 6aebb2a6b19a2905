//! Claims about the definitions that users apply and about the types that read them.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod definitions;
mod reading;

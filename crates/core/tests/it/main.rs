//! Passes of the core against an in-memory API, and the rules about mistakes.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod build;
mod cluster;
mod drive;

mod blueprints;
mod deliverables;
mod findings;
mod foresight;
mod gating;
mod immutable;
mod laws;
mod mistakes;
mod offline;
mod ownership;
mod plan;
mod prune;
mod recall;
mod runnables;
mod scenarios;
mod selection;
mod swap_in;
mod webhook;
mod workloads;
mod written;

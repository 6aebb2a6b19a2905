//! The real binary, as a user starts it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod api;
mod apps;
mod controller;
mod crash;
mod demo;
mod explain;
mod install;
mod kubectl;
mod live;
mod plan;
mod process;
mod render;
mod replicas;
mod template_tests;
mod up;
mod validate;
mod webhook;
mod ytt;

//! Stand-ins for the controllers that a cluster would bring, so that real choreography happens on a laptop:
//! `git` for Flux's source-controller, `build` for kpack, `deploy` for the Deployment controller, kubelet and Service proxy.
//!
//! Each actor is an ordinary client of the API: it watches its own kinds, does real work on this machine and writes
//! status. None knows Carto's kinds, none knows the others, and each can be switched off when the real one is there.
//! Nothing polls, except where Flux itself does (`spec.interval` of a repository that is not on this machine).
//!
//! ```text
//!  GitRepository ─git─▶ artifact (HTTP) ─Image─▶ build ─▶ registry (HTTP) ─Deployment─▶ deploy ─▶ process ◀─ Service proxy
//! ```
//!
//! Use: [`Actors::open`] takes the state folder and binds the addresses that end up in objects (so that a caller can
//! write them into templates first), [`Actors::run`] then works until cancelled. [`internal::main`] must be reachable
//! as a hidden subcommand of the running binary: it is what containers are started through.

pub mod crds;
pub mod internal;
pub mod logs;

mod actors;
mod build;
mod conditions;
mod config;
mod credentials;
mod deploy;
mod events;
mod git;
mod leftovers;
mod names;
mod process;
mod servers;
mod shell;

pub use actors::{Actors, ActorsError, run};
pub use config::{Actor, Config, Internal, Isolate, ParseActorError};
pub use crds::crds;

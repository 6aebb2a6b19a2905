//! The commands: each module has an `Args` struct and `run(args, &Env)`.

pub(crate) mod controller;
pub(crate) mod crds;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod install;
pub(crate) mod internal;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod test;
pub(crate) mod up;
pub(crate) mod validate;
pub(crate) mod ytt;

//! Composition root: one process that holds the embedded API server, the controllers and the
//! laptop's actors, or the controllers alone against any Kubernetes API.
//!
//! It knows which parts make a home and in which order they start and stop; it knows nothing of
//! what they do. The command line is its only user.

mod apply;
mod fetch;
mod home;
mod install;
mod pod_logs;
mod probes;
mod remote;
mod replica;
mod schema_check;
mod serving;
mod webhook;

pub use apply::{ApplyError, apply_yaml};
pub use carto_actors::Actor;
pub use carto_controllers::{
    Controllers, Hop, RunError, Transport,
    metrics::{Distribution, Snapshot, Verb},
};
pub use fetch::fetch;
pub use home::{Home, HomeConfig, StartError};
pub use install::Installation;
pub use remote::{Remote, RemoteError, remote, remote_client, remote_runtime, start_controllers};
pub use replica::{Lease, Replica, ReplicaConfig, ReplicaError, Webhook};
pub use schema_check::SchemaCheck;

/// What the binary does when it starts itself again; `args` are the words after the hidden
/// subcommand `internal`.
pub fn internal(args: Vec<std::ffi::OsString>) -> std::process::ExitCode {
    carto_actors::internal::main(args)
}

/// The custom resource definitions of Carto, and with `actors` of the stand-ins too, as one YAML
/// stream for `kubectl apply`.
pub fn crds_yaml(actors: bool) -> String {
    definitions(actors)
        .iter()
        .map(|crd| format!("---\n{}", carto_yaml::emit::k8s(crd)))
        .collect()
}

/// The same as JSON.
fn definitions(actors: bool) -> Vec<serde_json::Value> {
    let mut crds = carto_api::crds_json();
    if actors {
        let theirs = carto_actors::crds();
        crds.extend(
            theirs
                .iter()
                .map(|crd| serde_json::to_value(crd).expect("a definition is plain data")),
        );
    }
    crds
}

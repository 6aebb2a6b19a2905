//! `carto up`: the embedded home in the foreground.

use std::io;
use std::path::PathBuf;

use carto_server::{Actor, Home, HomeConfig, StartError};
use tokio::signal::unix::{SignalKind, signal};

use crate::{env::Env, error::CommandError};

/// Runs Carto with an embedded Kubernetes API on this machine
///
/// Prints "ready https://127.0.0.1:PORT" when it can be used and writes DIR/kubeconfig.
/// SIGINT and SIGTERM stop it; the folder can be used again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where everything is kept [default: ~/.local/state/carto/home]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Port of the API on 127.0.0.1 [default: the one used last time, else any free one]
    #[arg(long)]
    port: Option<u16>,
    /// Stand-ins to run: a comma-separated list of git, build, deploy; or none
    #[arg(long, value_name = "LIST", default_value = "git,build,deploy")]
    actors: String,
    /// Enforces RBAC for everybody but the administrator of the kubeconfig
    #[arg(long)]
    rbac: bool,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args {
        state,
        port,
        actors,
        rbac,
    } = args;
    let state = state_folder(state, "home", env)?;
    let mut config = HomeConfig::new(state);
    config.port = port;
    config.actors = parse_actors(&actors)?;
    config.rbac = rbac;
    runtime()?.block_on(async {
        let stop = interrupted();
        let home = Home::start(config).await.map_err(start_failed)?;
        env.err(&format!(
            "kubeconfig {}\n",
            home.kubeconfig_path().display()
        ));
        env.out(&format!("ready {}\n", home.url()))?;
        stop.await;
        home.shutdown().await;
        Ok(())
    })
}

fn parse_actors(list: &str) -> Result<Vec<Actor>, CommandError> {
    if list == "none" {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|name| {
            name.trim().parse().map_err(|_unknown| {
                CommandError::user(format!("there is no stand-in \"{}\"", name.trim()))
                    .hint("--actors takes a comma-separated list of git, build and deploy, or none")
            })
        })
        .collect()
}

/// The state folder that was asked for, else `name` in the user's state home.
pub(crate) fn state_folder(
    asked: Option<PathBuf>,
    name: &str,
    env: &Env,
) -> Result<PathBuf, CommandError> {
    let folder = asked
        .or_else(|| env.state_home().map(|home| home.join(name)))
        .ok_or_else(|| {
            CommandError::config("there is no home folder to keep state in")
                .hint("name one: --state DIR")
        })?;
    std::path::absolute(&folder).map_err(CommandError::from)
}

/// The runtime of a command that serves.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| no_threads(&error))
}

/// Says that there is no runtime.
pub(crate) fn no_threads(error: &io::Error) -> CommandError {
    CommandError::config(format!("cannot start worker threads: {error}"))
}

/// Completes at the first SIGINT or SIGTERM. The signals are caught from the call on.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let streams = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [interrupt, terminate] = streams;
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => std::future::pending().await,
        }
    }
}

/// What to tell when the home does not start.
pub(crate) fn start_failed(error: StartError) -> CommandError {
    let hint = error.hint();
    let error = CommandError::config(error.to_string());
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What to tell when the API refuses objects that Carto itself brings.
pub(crate) fn apply_failed(error: carto_server::ApplyError) -> CommandError {
    CommandError::user(format!("cannot apply the sample: {error}"))
}

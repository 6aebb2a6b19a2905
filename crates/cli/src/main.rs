//! The `carto` command: install the TLS provider, parse, run, map to an exit code.

mod args;
mod commands;
mod env;
mod error;
mod live;
mod logging;
mod manifests;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(code) = commands::internal::run_if_asked() {
        return code;
    }
    drop(rustls::crypto::ring::default_provider().install_default());
    let args = args::Cli::parse();
    let env = env::Env::from_process();
    match args.run(&env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(&env),
    }
}
